/// How signals are written to the stream.
public enum PublishMode: Sendable, Equatable {
    /// A plain `XADD`: exactly once with one writer on the stream.
    case append
    /// A script that remembers ids: exactly once with any number of writers.
    case once
}

/// What the stream is trimmed to, and how often.
public struct StreamTrimSettings: Sendable, Equatable {
    /// Above this multiple of `mostEntries` entries go even if a group has not acknowledged them.
    public static let forcedFactor = 10

    /// Seconds an entry is kept at least unless there are too many; default 7 days.
    public var mostAgeSeconds: Int
    /// Entries the stream is trimmed to; default 1,000,000.
    public var mostEntries: Int
    /// Groups whose unacknowledged entries are kept; empty means every group there is. A named group that does not exist
    /// yet keeps everything, since it will start at 0.
    public var groups: [String]
    /// Milliseconds from one trim to the next.
    public var intervalMillis: Int

    /// Creates settings.
    public init(
        mostAgeSeconds: Int = 7 * 86_400, mostEntries: Int = 1_000_000, groups: [String] = [],
        intervalMillis: Int = 10_000
    ) {
        self.mostAgeSeconds = mostAgeSeconds
        self.mostEntries = mostEntries
        self.groups = groups
        self.intervalMillis = intervalMillis
    }
}

/// Settings of a `SignalPublisher`.
public struct SignalPublisherConfiguration: Sendable {
    /// The longest stream key, so that a command has a bound.
    public static let mostStreamKeyBytes = 512

    /// The server.
    public var endpoint: RedisEndpoint
    /// The stream's key.
    public var streamKey: String
    /// How signals are written.
    public var mode: PublishMode
    /// Newest entries read at the start; what is among them is not sent again.
    public var tailEntries: Int
    /// Signals kept: unacknowledged ones, and acknowledged ones for `retentionMillis`. A power of two from 16 to 2²⁰.
    public var outboxCapacity: Int
    /// Milliseconds a connection may take.
    public var connectTimeoutMillis: Int
    /// Milliseconds without any reply, while one is due, after which the connection counts as lost.
    public var replyTimeoutMillis: Int
    /// Milliseconds between attempts: the first and the longest delay, both with jitter of −50 % to 0.
    public var reconnectDelayMillis: ClosedRange<Int>
    /// Milliseconds between attempts where somebody has to act first (wrong password, memory full).
    public var refusedDelayMillis: Int
    /// Milliseconds an acknowledged signal is kept, because a failover may undo it.
    public var retentionMillis: Int
    /// Milliseconds to wait where the old connection may not be killed.
    public var unkillableWaitMillis: Int
    /// Trimming; nil for none.
    public var trim: StreamTrimSettings?

    /// Creates settings with their defaults.
    public init(endpoint: RedisEndpoint, streamKey: String = "trade_signals_stream", mode: PublishMode = .append) {
        self.endpoint = endpoint
        self.streamKey = streamKey
        self.mode = mode
        tailEntries = 10_000
        outboxCapacity = 16_384
        connectTimeoutMillis = 1_000
        replyTimeoutMillis = 2_000
        reconnectDelayMillis = 50...800
        refusedDelayMillis = 1_000
        retentionMillis = 60_000
        unkillableWaitMillis = 1_000
        trim = StreamTrimSettings()
    }

    /// Checks the ranges.
    ///
    /// - Throws: `invalidSetting` naming the first setting outside its range.
    func validate() throws(RedisStreamsError) {
        guard (1...Self.mostStreamKeyBytes).contains(streamKey.utf8.count) else {
            throw .invalidSetting("the stream key must have 1 to \(Self.mostStreamKeyBytes) bytes (--signal-stream)")
        }
        guard (16...1 << 20).contains(outboxCapacity), outboxCapacity & (outboxCapacity - 1) == 0 else {
            throw .invalidSetting("outbox capacity \(outboxCapacity) is no power of two from 16 to 1048576")
        }
        guard (1...1_000_000).contains(tailEntries) else {
            throw .invalidSetting("tail entries \(tailEntries) are not in 1...1000000")
        }
        for (name, millis) in [
            ("connect timeout", connectTimeoutMillis), ("reply timeout", replyTimeoutMillis),
            ("reconnect delay", reconnectDelayMillis.lowerBound), ("refused delay", refusedDelayMillis),
            ("retention", retentionMillis), ("trim interval", trim?.intervalMillis ?? 1),
        ] where !(1...3_600_000).contains(millis) {
            throw .invalidSetting("\(name) \(millis) ms is not in 1...3600000")
        }
        if let trim, trim.mostEntries < 1 || trim.mostAgeSeconds < 1 {
            throw .invalidSetting("the stream's trim age and count must be at least 1")
        }
    }

    /// The hash that remembers ids in `.once` mode: in the stream's cluster slot, so a hash tag in the key is kept.
    ///
    /// A tag is what lies between the first `{` and the next `}` where that is not empty (Redis Cluster specification).
    var identifierKey: String {
        if let open = streamKey.firstIndex(of: "{") {
            let behind = streamKey[streamKey.index(after: open)...]
            if let close = behind.firstIndex(of: "}"), close != behind.startIndex { return "\(streamKey):ids" }
        }
        return "{\(streamKey)}:ids"
    }
}
