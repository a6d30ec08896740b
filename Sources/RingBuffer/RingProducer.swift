// Public because the compiler lets inlinable code use nothing less; no C type is in a public signature.
public import CSPSCRing

/// The writing end of a ring. Owned by one thread at a time; every call is O(1) and never blocks.
@safe public struct RingProducer: ~Copyable, @unchecked Sendable {
    // Unchecked: noncopyable, so exactly one thread holds it; moving it to another thread is the hand-over.
    @usableFromInline let raw: UnsafeMutablePointer<spsc_ring>
    @usableFromInline let parker: UnsafeMutablePointer<spsc_parker>?
    private let ring: SPSCRing
    private let wakes: Parker?

    /// Takes the writing end of `ring`; publishing wakes `parker` where one is given.
    public init(_ ring: SPSCRing, wakes parker: Parker? = nil) {
        self.ring = ring
        wakes = parker
        unsafe raw = ring.raw
        unsafe self.parker = parker?.raw
    }

    /// Claims the next 64-byte slot for writing, nil when the ring is full. It stays invisible until `publish`.
    @inlinable @inline(__always)
    public func tryClaim() -> UnsafeMutableRawPointer? {
        unsafe spsc_ring_try_claim(raw)
    }

    /// Copies `record` into the next slot, false when the ring is full. `Record` must be trivial and at most 64 bytes.
    @inlinable @inline(__always)
    public func tryWrite<Record: BitwiseCopyable>(_ record: Record) -> Bool {
        guard let slot = unsafe spsc_ring_try_claim(raw) else { return false }
        unsafe slot.assumingMemoryBound(to: Record.self).initialize(to: record)
        return true
    }

    /// Copies whole 64-byte slots behind those that are claimed: all of `slots`, or none and false where the ring lacks room.
    /// O(slots).
    @inlinable @inline(__always)
    public func tryAppend(_ slots: UnsafeRawBufferPointer) -> Bool {
        guard let start = slots.baseAddress else { return true }
        return unsafe spsc_ring_try_append(raw, start, UInt64(slots.count / Int(SPSC_RING_SLOT_BYTES))) != 0
    }

    /// Slots claimed since the ring was made, published or not.
    @inlinable @inline(__always)
    public var claimedSlots: UInt64 { unsafe spsc_ring_claimed(raw) }

    /// Slots the ring holds.
    public var capacitySlots: Int { ring.capacitySlots }

    /// Slots that can be claimed now.
    @inlinable @inline(__always)
    public var freeSlots: Int { unsafe Int(truncatingIfNeeded: spsc_ring_free_slots(raw)) }

    /// Gives back the slots claimed last, which must not be published yet.
    @inlinable @inline(__always)
    public func abort(count: Int) { unsafe spsc_ring_abort(raw, UInt64(count)) }

    /// Makes all claimed slots visible at once and wakes the consumer if it is parked.
    @inlinable @inline(__always)
    public func publish() {
        unsafe spsc_ring_publish(raw)
        if let parker = unsafe parker { _ = unsafe spsc_parker_wake(parker) }
    }

    /// Makes all claimed slots visible without waking anyone: for a consumer that polls by time.
    @inlinable @inline(__always)
    public func publishQuietly() { unsafe spsc_ring_publish(raw) }
}
