import RingBuffer
import TradingModel

/// Where the writer's records come from: the one place that knows it is a ring.
///
/// The ring is the bounded queue: its slots are given back only by `acknowledge`, after the store has the batch; marks that
/// nothing stands in front of are taken at once. Used by one thread.
struct RecordReader: ~Copyable {
    private let records: RingConsumer
    private var decoder: SlotDecoder
    /// Slots of the batch in hand.
    private(set) var takenSlots = 0
    private var acknowledgedMarks = 0

    /// Reads `records`; `initialWallOffsetNanos` is this process's clock offset.
    init(records: consuming RingConsumer, initialWallOffsetNanos: Int64) {
        self.records = records
        decoder = SlotDecoder(initialWallOffsetNanos: initialWallOffsetNanos)
    }

    /// Slots not acknowledged yet, those of the batch in hand included.
    var waitingSlots: Int { records.occupancy }

    /// Records not acknowledged yet: the slots, and a record of which a part is still to come. Marks count until they are
    /// taken, since only then they are looked at.
    var unwrittenRecords: Int {
        records.occupancy - (decoder.markCount - acknowledgedMarks) + (decoder.holdsPartialRecord ? 1 : 0)
    }

    /// Slots that were no record.
    var unreadableCount: UInt64 { decoder.unreadableCount }

    /// Fills the empty `batch` from at most `mostSlots` slots and returns the receive times of the oldest and newest one;
    /// nil where no slot has one. The batch may stay empty: sessions, marks and parts of a record store nothing yet.
    /// It is never larger than `mostSlots` and one book update that was begun before.
    mutating func take(into batch: inout StoreBatch, mostSlots: Int) -> ClosedRange<MonotonicNanos>? {
        precondition(takenSlots == 0, "a batch is acknowledged before the next one is taken")
        records.refresh()
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

    /// Takes the marks at the front while no batch is in hand: everything before them is stored. They are no records, so
    /// they neither wait for a batch nor for the store.
    mutating func takeLeadingMarks() {
        precondition(takenSlots == 0, "marks behind a batch wait for it")
        records.refresh()
        var nothing = StoreBatch()
        while let slot = unsafe records.peek(most: 1, as: Tick.self).first, slot.kind == RecordKind.mark.rawValue,
            !decoder.holdsPartialRecord
        {
            decoder.decode(slot, into: &nothing)
            records.release(count: 1)
        }
    }

    /// Gives up all that is left, the batch in hand included, and returns how many records it is; marks are none.
    mutating func abandon() -> Int {
        var count = decoder.holdsPartialRecord ? 1 : 0
        while true {
            let slots = unsafe records.peek(most: .max, as: Tick.self)
            guard slots.count > 0 else { return count }
            count += unsafe slots.count { $0.kind != RecordKind.mark.rawValue }
            records.release(count: slots.count)
        }
    }

    /// Gives the slots of the last batch back to the producer.
    mutating func acknowledge() {
        records.release(count: takenSlots)
        takenSlots = 0
    }

    /// How far everything is stored, where marks were reached since the last call; only while no batch is in hand.
    mutating func newProgress() -> StoreProgress? {
        precondition(takenSlots == 0, "what is in hand is not stored")
        guard decoder.markCount != acknowledgedMarks else { return nil }
        acknowledgedMarks = decoder.markCount
        return decoder.progress
    }
}
