/// The weight that requests of one venue have used in this minute, and what follows from too much of it. All clients count
/// as one address.
///
/// [Binance Spot, rest-api.md: LIMITS] The minute is that of the wall clock, as the exchange's is.
struct RequestWeight {
    /// What becomes of a request.
    enum Verdict: Hashable {
        case admitted
        /// 429; seconds until the minute is over.
        case limited(retryAfterSeconds: Int)
        /// 418; the end of the ban as Unix time in milliseconds, and seconds until then.
        case banned(untilMillis: Int64, retryAfterSeconds: Int)
    }

    /// Requests refused within a minute before the address is banned.
    static let refusalsBeforeBan = 10
    /// The exchange bans for two minutes the first time.
    static let banNanos: Int64 = 120 * 1_000_000_000
    private static let minuteNanos: Int64 = 60 * 1_000_000_000

    let limit: Int
    /// Used in this minute, refused requests included.
    private(set) var used = 0
    private var minute: Int64 = 0
    private var refusals = 0
    private var bannedUntilNanos: Int64?

    init(limit: Int) { self.limit = limit }

    /// Counts a request of this weight at a Unix time in nanoseconds.
    mutating func take(_ weight: Int, wallNanos: Int64) -> Verdict {
        if let until = bannedUntilNanos {
            if wallNanos < until { return Self.banned(until, wallNanos) }
            bannedUntilNanos = nil
        }
        if wallNanos / Self.minuteNanos != minute {
            minute = wallNanos / Self.minuteNanos
            used = 0
            refusals = 0
        }
        used += weight
        guard used > limit else { return .admitted }
        refusals += 1
        guard refusals > Self.refusalsBeforeBan else {
            return .limited(retryAfterSeconds: Self.seconds((minute + 1) * Self.minuteNanos - wallNanos))
        }
        let until = wallNanos + Self.banNanos
        bannedUntilNanos = until
        return Self.banned(until, wallNanos)
    }

    private static func banned(_ untilNanos: Int64, _ wallNanos: Int64) -> Verdict {
        .banned(untilMillis: untilNanos / 1_000_000, retryAfterSeconds: seconds(untilNanos - wallNanos))
    }

    /// Whole seconds after which that much time has passed.
    private static func seconds(_ nanos: Int64) -> Int { Int((nanos + 999_999_999) / 1_000_000_000) }
}
