internal import TradingModel

/// Ticks that wait behind a hole or inside one, of all instruments, found by (instrument, id).
///
/// A hash table whose memory is taken at creation; each call is O(1) on average and allocates nothing. The ids of one
/// stream lie close together, so they share no bucket.
struct HoldBuffer: ~Copyable {
    /// Ticks that can wait: 1 MiB, and at 5,000 trades a second what comes in 3 s.
    static let capacitySlots = 16_384
    private static let none: Int32 = -1

    private let ticks: UnsafeMutablePointer<Tick>
    /// The next slot of the same bucket, or of the free slots.
    private let nextSlots: UnsafeMutablePointer<Int32>
    private let buckets: UnsafeMutablePointer<Int32>
    private var firstFree: Int32
    private let capacity: Int
    /// Ticks that wait.
    private(set) var count = 0

    /// An empty buffer; of no capacity where nothing is ever held.
    init(isUsed: Bool) {
        capacity = isUsed ? Self.capacitySlots : 0
        ticks = .allocate(capacity: capacity)
        nextSlots = .allocate(capacity: capacity)
        buckets = .allocate(capacity: capacity)
        for slot in 0..<capacity {
            nextSlots[slot] = slot + 1 < capacity ? Int32(slot + 1) : Self.none
            buckets[slot] = Self.none
        }
        firstFree = isUsed ? 0 : Self.none
    }

    deinit {
        ticks.deallocate()
        nextSlots.deallocate()
        buckets.deallocate()
    }

    var isFull: Bool { firstFree == Self.none }

    private func bucket(_ instrument: UInt32, _ id: UInt64) -> Int {
        Int(truncatingIfNeeded: id &+ UInt64(instrument) &* 0x9E37_79B9) & (Self.capacitySlots - 1)
    }

    /// Keeps a tick. Asking `isFull` and `contains` first is the caller's affair.
    mutating func insert(_ tick: borrowing Tick) {
        precondition(!isFull, "a slot is always left free")
        let slot = Int(firstFree)
        let bucket = bucket(tick.instrument, tick.id)
        firstFree = nextSlots[slot]
        (ticks + slot).initialize(to: copy tick)
        nextSlots[slot] = buckets[bucket]
        buckets[bucket] = Int32(slot)
        count += 1
    }

    func contains(_ instrument: UInt32, _ id: UInt64) -> Bool {
        var slot = buckets[bucket(instrument, id)]
        while slot != Self.none {
            if ticks[Int(slot)].id == id, ticks[Int(slot)].instrument == instrument { return true }
            slot = nextSlots[Int(slot)]
        }
        return false
    }

    /// Takes a tick out; nil where it is not there.
    mutating func remove(_ instrument: UInt32, _ id: UInt64) -> Tick? {
        var link = buckets + bucket(instrument, id)
        while link.pointee != Self.none {
            let slot = Int(link.pointee)
            if ticks[slot].id == id, ticks[slot].instrument == instrument {
                link.pointee = nextSlots[slot]
                nextSlots[slot] = firstFree
                firstFree = Int32(slot)
                count -= 1
                return ticks[slot]
            }
            link = nextSlots + slot
        }
        return nil
    }

    /// Writes the ticks bucket by bucket, by rising instrument and id within each: equal for equal content, whatever came first.
    func write(to checkpoint: inout CheckpointWriter) {
        guard count > 0 else { return }
        for bucket in 0..<capacity {
            // Buckets are short: the ids of one stream share none.
            var written: (UInt32, UInt64)?
            while let slot = next(in: bucket, behind: written) {
                checkpoint.write(plain: ticks + slot, count: 1)
                written = (ticks[slot].instrument, ticks[slot].id)
            }
        }
    }

    private func next(in bucket: Int, behind written: (UInt32, UInt64)?) -> Int? {
        var least: Int?
        var slot = buckets[bucket]
        while slot != Self.none {
            let key = (ticks[Int(slot)].instrument, ticks[Int(slot)].id)
            if written.map({ $0 < key }) ?? true, least.map({ key < (ticks[$0].instrument, ticks[$0].id) }) ?? true {
                least = Int(slot)
            }
            slot = nextSlots[Int(slot)]
        }
        return least
    }
}
