package import TradingModel

/// Notices that the feed's thread stood still for seconds: the process was stopped, or the machine was suspended or
/// starved. What waits in the connection then is old news that would look new, for its receive time is that of its reading.
///
/// Does not read clocks itself; waiting for room in the ring is no standstill, for what it holds back was received before.
/// Owned by one thread.
package struct StandstillWatch {
    /// Longer than a busy machine keeps a thread waiting, and shorter than a reader may take a price for a new one.
    package static let mostNanos: UInt64 = 3_000_000_000

    private var aliveAt = MonotonicNanos(rawValue: 0)
    /// Until then the thread may be asleep.
    private var quietUntil = MonotonicNanos(rawValue: 0)

    /// Starts with a new connection.
    package init() {}

    /// The thread does something.
    @inline(__always)
    package mutating func isAlive(at now: MonotonicNanos) {
        aliveAt = now
        quietUntil = now
    }

    /// The thread is about to wait for something to happen, at most that long; below 0 without a limit.
    package mutating func willSleep(at now: MonotonicNanos, atMostMillis limit: Int32) {
        aliveAt = now
        quietUntil = limit < 0 ? MonotonicNanos(rawValue: .max) : now.adding(millis: UInt64(limit))
    }

    /// How long the thread stood still until `now`, where that was too long.
    @inline(__always)
    package func standstillNanos(until now: MonotonicNanos) -> UInt64? {
        now.nanos(since: quietUntil) > Self.mostNanos ? now.nanos(since: aliveAt) : nil
    }
}
