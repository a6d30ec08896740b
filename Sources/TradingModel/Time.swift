/// A point of wall-clock time: nanoseconds since 1970-01-01T00:00:00Z, leap seconds ignored.
///
/// Used for what is stored and shown. Durations are never taken from it (clocks step); see `MonotonicNanos`.
public struct UnixNanos: RawRepresentable, Hashable, Comparable, Sendable {
    /// Nanoseconds since the epoch; negative before it.
    public var rawValue: Int64

    /// Wraps a nanosecond count.
    @inlinable @inline(__always)
    public init(rawValue: Int64) { self.rawValue = rawValue }

    /// Earlier than.
    @inlinable @inline(__always)
    public static func < (left: UnixNanos, right: UnixNanos) -> Bool { left.rawValue < right.rawValue }
}

/// A point on the machine's monotonic clock (`CLOCK_MONOTONIC`), nanoseconds; only differences mean something.
public struct MonotonicNanos: RawRepresentable, Hashable, Comparable, Sendable {
    /// Nanoseconds since an arbitrary start, the same for all threads of the machine.
    public var rawValue: UInt64

    /// Wraps a nanosecond count.
    @inlinable @inline(__always)
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// Earlier than.
    @inlinable @inline(__always)
    public static func < (left: MonotonicNanos, right: MonotonicNanos) -> Bool { left.rawValue < right.rawValue }

    /// Nanoseconds from `start` to this point, 0 where `start` is later.
    @inlinable @inline(__always)
    public func nanos(since start: MonotonicNanos) -> UInt64 {
        rawValue > start.rawValue ? rawValue &- start.rawValue : 0
    }
}

extension UnixNanos {
    /// Whole milliseconds, rounded down, also before 1970.
    public var millis: Int64 {
        let (quotient, remainder) = rawValue.quotientAndRemainder(dividingBy: 1_000_000)
        return remainder < 0 ? quotient - 1 : quotient
    }
}
