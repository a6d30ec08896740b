/// How long a stream may be silent before it is an alarm.
public struct SilenceLimits: Sendable, Equatable {
    /// From its subscription to its first message; nil: for ever.
    public var firstMillis: UInt64?
    /// From any message to the next one; nil: for ever.
    public var laterMillis: UInt64?

    /// Limits of a stream's first message and of later ones.
    public init(firstMillis: UInt64?, laterMillis: UInt64?) {
        self.firstMillis = firstMillis
        self.laterMillis = laterMillis
    }

    /// Longest limit that can be set: a day.
    public static let mostSeconds: UInt64 = 86_400

    /// Reads what the settings say: seconds, which then limit the first message and later ones alike, or `off`; nil for
    /// anything else.
    init?(parsing text: Substring) {
        if text == "off" {
            self = .off
            return
        }
        guard let seconds = UInt64(text), (1...Self.mostSeconds).contains(seconds) else { return nil }
        self.init(firstMillis: seconds * 1_000, laterMillis: seconds * 1_000)
    }

    /// A stream of which the settings say nothing: it must begin within 4 s; later silence may be that of a quiet market.
    public static let standard = SilenceLimits(firstMillis: 4_000, laterMillis: nil)
    /// No alarm at all.
    public static let off = SilenceLimits(firstMillis: nil, laterMillis: nil)
}

/// Which silence of which stream is an alarm.
public struct SilenceAlarms: Sendable, Equatable {
    /// The limits of streams that `byStream` does not name.
    public var general = SilenceLimits.standard
    /// Limits of single streams, by `SYMBOL@type`.
    public var byStream: [String: SilenceLimits] = [:]

    /// The standard limits for all streams.
    public init() {}

    /// Takes `LIMIT` for all streams or `SYMBOL@type=LIMIT` for one, with the symbol in either case; false where `text` is
    /// neither.
    public mutating func set(_ text: Substring) -> Bool {
        let parts = text.split(separator: "=", omittingEmptySubsequences: false)
        guard parts.count <= 2, let limits = SilenceLimits(parsing: parts[parts.count - 1]) else { return false }
        guard parts.count == 2 else {
            general = limits
            return true
        }
        guard let sign = parts[0].firstIndex(of: "@") else { return false }
        byStream[parts[0][..<sign].uppercased() + parts[0][sign...]] = limits
        return true
    }

    /// The limits of one stream.
    func limits(of stream: StreamName) -> SilenceLimits { byStream[stream.displayName] ?? general }
}
