internal import CThread
public import TradingModel

/// The machine's clocks, read without a system call (vDSO), about 20 ns each.
public enum MonotonicClock {
    /// Now on `CLOCK_MONOTONIC`.
    public static func now() -> MonotonicNanos { MonotonicNanos(rawValue: thread_support_monotonic_ns()) }

    /// Now on the wall clock.
    public static func wallClock() -> UnixNanos { UnixNanos(rawValue: thread_support_realtime_ns()) }

    /// Wall clock minus monotonic clock, nanoseconds; the two reads are some 20 ns apart.
    public static func wallOffsetNanos() -> Int64 {
        thread_support_realtime_ns() &- Int64(bitPattern: thread_support_monotonic_ns())
    }
}

/// Tells the processor that the caller spins.
public func spinPause() { thread_support_spin_pause() }
