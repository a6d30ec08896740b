internal import CSPSCRing

/// Memory of one bounded lock-free ring of 64-byte slots between one producer and one consumer thread.
///
/// Make exactly one `RingProducer` and one `RingConsumer` on it; they keep it alive. Not for many producers, and not for
/// records larger than a slot (write those as several slots of one publish).
@safe public final class SPSCRing: @unchecked Sendable {
    // Unchecked: the memory behind the pointer is shared by design; `spsc_ring.h` states which thread touches which field,
    // and the ends below are noncopyable, so each has one owner.
    let raw: UnsafeMutablePointer<spsc_ring>

    /// Slots the ring holds.
    public let capacitySlots: Int

    /// Allocates an empty ring; `capacitySlots` is a power of two from 2 to 2³⁰, anything else traps.
    public init(capacitySlots: Int) {
        let bytes = spsc_ring_bytes(UInt64(capacitySlots))
        precondition(bytes > 0, "a ring's capacity must be a power of two from 2 to 2^30")
        self.capacitySlots = capacitySlots
        let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: Int(SPSC_RING_PAD_BYTES))
        unsafe raw = memory.assumingMemoryBound(to: spsc_ring.self)
        unsafe spsc_ring_init(raw, UInt64(capacitySlots))
    }

    deinit { unsafe UnsafeMutableRawPointer(raw).deallocate() }

    /// Slots published and not yet released; any thread, a gauge.
    public var occupancy: Int { unsafe Int(spsc_ring_occupancy(raw)) }
}
