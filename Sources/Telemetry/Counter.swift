import Synchronization

/// A monotonically rising count, shown as a Prometheus counter.
///
/// A trivial handle to memory that its `MetricsRegistry` owns, so using it costs no reference counting; it must not be
/// used after the registry is gone.
public struct Counter: @unchecked Sendable {
    // Unchecked: the only access to the memory is through its atomic operations.
    @usableFromInline let cell: UnsafeMutablePointer<Atomic<UInt64>>

    @usableFromInline init(cell: UnsafeMutablePointer<Atomic<UInt64>>) { self.cell = cell }

    /// Adds from any thread; about 5 ns.
    @inlinable @inline(__always)
    public func add(_ amount: UInt64 = 1) {
        // relaxed: a statistic, it orders nothing.
        cell.pointee.wrappingAdd(amount, ordering: .relaxed)
    }

    /// Adds from the one thread that writes this counter; about 1 ns.
    @inlinable @inline(__always)
    public func addFromOnlyWriter(_ amount: UInt64 = 1) {
        // relaxed load and store: there is one writer, and readers need no order.
        cell.pointee.store(cell.pointee.load(ordering: .relaxed) &+ amount, ordering: .relaxed)
    }

    /// The count now.
    @inlinable
    public var value: UInt64 { cell.pointee.load(ordering: .relaxed) }
}

/// A level that rises and falls, shown as a Prometheus gauge. The same kind of handle as `Counter`.
public struct Gauge: @unchecked Sendable {
    // Unchecked: the only access to the memory is through its atomic operations.
    @usableFromInline let cell: UnsafeMutablePointer<Atomic<UInt64>>

    @usableFromInline init(cell: UnsafeMutablePointer<Atomic<UInt64>>) { self.cell = cell }

    /// Sets the level from any thread.
    @inlinable @inline(__always)
    public func set(_ value: Double) { cell.pointee.store(value.bitPattern, ordering: .relaxed) }

    /// The level now.
    @inlinable
    public var value: Double { Double(bitPattern: cell.pointee.load(ordering: .relaxed)) }
}
