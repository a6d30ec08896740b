import RingBuffer
import TradingModel

/// Where the writer's records come from: the one place that knows it is a ring, or another one while records are caught up
/// with that this one had no room for.
///
/// The ring is the bounded queue: its slots are given back only by `acknowledge`, after the store has the batch; marks that
/// nothing stands in front of are taken at once. Used by one thread.
struct RecordReader: ~Copyable {
    private let records: RingConsumer
    private let backlog: (any RecordBacklog)?
    /// What the backlog has read.
    private let caughtUp: RingConsumer
    private var isCatchingUp = false
    private var decoder: SlotDecoder
    /// Slots of the batch in hand.
    private(set) var takenSlots = 0
    private var acknowledgedMarks = 0

    /// Reads `records`, and what `backlog` has; `initialWallOffsetNanos` is this process's clock offset.
    init(
        records: consuming RingConsumer, backlog: (any RecordBacklog)? = nil, initialWallOffsetNanos: Int64
    ) {
        self.records = records
        self.backlog = backlog
        caughtUp = RingConsumer(backlog?.ring ?? SPSCRing(capacitySlots: 2))
        decoder = SlotDecoder(initialWallOffsetNanos: initialWallOffsetNanos)
    }

    /// Slots not acknowledged yet, those of the batch in hand included; one for all that the backlog has not read.
    var waitingSlots: Int {
        guard isCatchingUp else { return records.occupancy }
        return records.occupancy + caughtUp.occupancy + (backlog?.isBehind == true ? 1 : 0)
    }

    /// Reads on in the backlog up to `most` slots, where what comes next is there; while no batch is in hand.
    mutating func readBacklog(most: Int) {
        precondition(takenSlots == 0, "what is in hand comes first")
        guard let backlog else { return }
        if !isCatchingUp {
            // In this order: an empty ring then has nothing in front of the backlog.
            guard backlog.isNext, records.occupancy == 0 else { return }
            backlog.begin()
            isCatchingUp = true
        }
        if !backlog.read(most: most), caughtUp.occupancy == 0 { isCatchingUp = false }
    }

    /// Records not acknowledged yet: the slots, and a record of which a part is still to come. Marks count until they are
    /// taken, since only then they are looked at.
    var unwrittenRecords: Int {
        waitingSlots - (decoder.markCount - acknowledgedMarks) + (decoder.holdsPartialRecord ? 1 : 0)
    }

    /// Slots that were no record.
    var unreadableCount: UInt64 { decoder.unreadableCount }

    /// Fills the empty `batch` from at most `mostSlots` slots and returns the receive times of the oldest and newest one;
    /// nil where no slot has one. The batch may stay empty: sessions, marks and parts of a record store nothing yet.
    /// It is never larger than `mostSlots` and one book update that was begun before.
    mutating func take(into batch: inout StoreBatch, mostSlots: Int) -> ClosedRange<MonotonicNanos>? {
        precondition(takenSlots == 0, "a batch is acknowledged before the next one is taken")
        refresh()
        let slots = unsafe peek(most: mostSlots)
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
        refresh()
        var nothing = StoreBatch()
        while let slot = unsafe peek(most: 1).first, slot.kind == RecordKind.mark.rawValue,
            !decoder.holdsPartialRecord
        {
            decoder.decode(slot, into: &nothing)
            release(count: 1)
        }
    }

    private func refresh() {
        if isCatchingUp { caughtUp.refresh() } else { records.refresh() }
    }

    private func peek(most: Int) -> UnsafeBufferPointer<Tick> {
        isCatchingUp ? unsafe caughtUp.peek(most: most) : unsafe records.peek(most: most)
    }

    private func release(count: Int) {
        if isCatchingUp { caughtUp.release(count: count) } else { records.release(count: count) }
    }

    /// Gives up all that is left, the batch in hand included, and returns how many records it is; marks are none.
    mutating func abandon() -> Int {
        var count = (decoder.holdsPartialRecord ? 1 : 0) + (isCatchingUp && backlog?.isBehind == true ? 1 : 0)
        while true {
            let slots = unsafe peek(most: .max)
            if slots.isEmpty {
                guard isCatchingUp else { return count }
                isCatchingUp = false
                continue
            }
            count += unsafe slots.count { $0.kind != RecordKind.mark.rawValue }
            release(count: slots.count)
        }
    }

    /// Gives the slots of the last batch back to the producer.
    mutating func acknowledge() {
        release(count: takenSlots)
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
