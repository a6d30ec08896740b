import RingBuffer
import TradingModel

/// Where the writer's records come from: the one place that knows it is a ring.
///
/// The ring is the bounded queue: its slots are given back only by `acknowledge`, after the store has the batch. Nothing
/// is taken from it before a batch is due, because a ring shows what was published later only once what it showed before
/// is released. Used by one thread.
struct RecordReader: ~Copyable {
    private let records: RingConsumer
    private var decoder: SlotDecoder
    private var takenSlots = 0

    /// Reads `records`; `initialWallOffsetNanos` is this process's clock offset.
    init(records: consuming RingConsumer, initialWallOffsetNanos: Int64) {
        self.records = records
        decoder = SlotDecoder(initialWallOffsetNanos: initialWallOffsetNanos)
    }

    /// Slots not acknowledged yet, those of the batch in hand included.
    var waitingSlots: Int { records.occupancy }

    /// Records not acknowledged yet: the slots, and a record of which a part is still to come.
    var unwrittenRecords: Int { records.occupancy + (decoder.holdsPartialRecord ? 1 : 0) }

    /// Slots that were no record.
    var unreadableCount: UInt64 { decoder.unreadableCount }

    /// Fills the empty `batch` from at most `mostSlots` slots and returns the receive times of the oldest and newest one;
    /// nil where no slot has one, as when nothing was published. The batch may stay empty: session records and parts of a record store nothing yet.
    /// It is never larger than `mostSlots` and one book update that was begun before.
    mutating func take(into batch: inout StoreBatch, mostSlots: Int) -> ClosedRange<MonotonicNanos>? {
        precondition(takenSlots == 0, "a batch is acknowledged before the next one is taken")
        let slots = unsafe records.peek(most: mostSlots, as: Tick.self)
        var oldest = UInt64.max
        var newest: UInt64 = 0
        for index in slots.indices {
            let slot = unsafe slots[index]
            decoder.decode(slot, into: &batch)
            guard SlotDecoder.hasReceiveTime(slot) else { continue }
            oldest = min(oldest, slot.receiveMonotonicNanos)
            newest = max(newest, slot.receiveMonotonicNanos)
        }
        takenSlots = slots.count
        guard oldest <= newest else { return nil }
        return MonotonicNanos(rawValue: oldest)...MonotonicNanos(rawValue: newest)
    }

    /// Gives the slots of the last batch back to the producer.
    mutating func acknowledge() {
        records.release(count: takenSlots)
        takenSlots = 0
    }
}
