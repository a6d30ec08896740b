internal import ThreadExecutor
internal import TradingModel

/// Wall clock minus monotonic clock, measured so that a preemption between the two reads can't pass for a clock step.
enum ClockOffset {
    /// The wall clock may lie between two monotonic reads at most this far apart: well below what counts as moved.
    static let mostBracketNanos: UInt64 = 20_000
    /// A change of the offset that is worth a session record.
    static let movedNanos: UInt64 = 100_000
    /// Least time between two looks.
    static let checkIntervalMillis: UInt64 = 10

    /// The offset, given a monotonic time just read; nil where the reads lie too far apart.
    static func measure(after start: MonotonicNanos) -> Int64? {
        let wall = MonotonicClock.wallClock()
        let bracket = MonotonicClock.now().nanos(since: start)
        guard bracket <= mostBracketNanos else { return nil }
        return wall.rawValue - Int64(start.rawValue + bracket / 2)
    }

    /// The offset, tried a few times; on a machine too busy for that the plain difference.
    static func measure() -> Int64 {
        for _ in 0..<16 {
            if let offset = measure(after: MonotonicClock.now()) { return offset }
        }
        return MonotonicClock.wallOffsetNanos()
    }
}

/// Lets one log line through per interval and counts the rest.
struct LogLimiter {
    private static let intervalMillis: UInt64 = 10_000
    private var nextAt = MonotonicNanos(rawValue: 0)
    private var suppressed = 0

    /// nil: stay silent. Otherwise the number of lines kept back since the last one.
    mutating func allow(at now: MonotonicNanos) -> Int? {
        guard now >= nextAt else {
            suppressed += 1
            return nil
        }
        nextAt = now.adding(millis: Self.intervalMillis)
        defer { suppressed = 0 }
        return suppressed
    }
}
