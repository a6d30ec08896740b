internal import ThreadExecutor
package import TradingModel

/// Wall clock minus monotonic clock, measured so that a preemption between the two reads can't pass for a clock step.
enum ClockOffset {
    /// The wall clock may lie between two monotonic reads at most this far apart: well below what counts as moved.
    static let mostBracketNanos: UInt64 = 20_000
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

/// Notices a wall clock that moved against the monotonic clock; does not read clocks itself. Owned by one thread.
package struct ClockWatch {
    /// A change of the offset that is worth a session record.
    package static let movedNanos: UInt64 = 100_000
    /// Least time between two looks.
    package static let intervalMillis: UInt64 = 10

    /// Wall clock minus monotonic clock, as last put on record.
    package private(set) var wallOffsetNanos: Int64 = 0
    private var nextLookAt = MonotonicNanos(rawValue: 0)

    /// Starts without a record.
    package init() {}

    /// Takes the offset that a new connection's first record carries.
    package mutating func begin(with offset: Int64) { wallOffsetNanos = offset }

    /// Looks, at most once per interval; true where the clock has moved and the new offset belongs on record. `measure`
    /// gives the offset, nil where it could not be measured well: then the last one stands until the next look.
    @inline(__always)
    package mutating func hasMoved(at now: MonotonicNanos, measure: (MonotonicNanos) -> Int64?) -> Bool {
        guard now >= nextLookAt else { return false }
        nextLookAt = now.adding(millis: Self.intervalMillis)
        guard let offset = measure(now), (offset &- wallOffsetNanos).magnitude > Self.movedNanos else { return false }
        wallOffsetNanos = offset
        return true
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
