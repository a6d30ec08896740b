// Public because the compiler lets inlinable code use nothing less; no C type is in a public signature.
public import CSPSCRing

/// The reading end of a ring. Owned by one thread at a time; every call is O(1) and never blocks.
@safe public struct RingConsumer: ~Copyable, @unchecked Sendable {
    // Unchecked: noncopyable, so exactly one thread holds it; moving it to another thread is the hand-over.
    @usableFromInline let raw: UnsafeMutablePointer<spsc_ring>
    private let ring: SPSCRing

    /// Takes the reading end of `ring`.
    public init(_ ring: SPSCRing) {
        self.ring = ring
        unsafe raw = ring.raw
    }

    /// Up to `most` published slots that lie side by side, read as `Record` (trivial, 64 bytes); empty when there are
    /// none. The memory stays valid until `release`.
    @inlinable @inline(__always)
    public func peek<Record: BitwiseCopyable>(
        most: Int, as type: Record.Type = Record.self
    ) -> UnsafeBufferPointer<Record> {
        var slots: UnsafeRawPointer?
        let count = unsafe spsc_ring_peek(raw, UInt64(most), &slots)
        guard count > 0, let first = unsafe slots else { return unsafe UnsafeBufferPointer(start: nil, count: 0) }
        return unsafe UnsafeBufferPointer(
            start: first.assumingMemoryBound(to: Record.self), count: Int(truncatingIfNeeded: count))
    }

    /// Makes the next `peek` show all that is published by now: without it, slots published later are shown only once those
    /// shown before are released.
    public func refresh() { unsafe spsc_ring_refresh(raw) }

    /// Gives the first `count` peeked slots back to the producer.
    @inlinable @inline(__always)
    public func release(count: Int) { unsafe spsc_ring_release(raw, UInt64(count)) }

    /// Slots published and not yet released.
    public var occupancy: Int { unsafe Int(spsc_ring_occupancy(raw)) }
}
