internal import RingBuffer
internal import Telemetry
internal import TradingModel

/// Hands what the engine accepted and decided to the store writer, in the engine's order, without ever waiting.
///
/// The one place where the engine lets go of records. With a journal, what finds no room in the ring is left to the
/// store writer to read there (`RecordDetour`), from the end of the batch before on. Without one, when the ring is nearly
/// full ticks, book updates and klines are refused first and counted, so that decisions and gaps still find room; a refused
/// decision is counted as well. Engine's thread only.
struct RecordWriter: ~Copyable {
    /// Slots that market data may not use: room for 4,096 decisions and their gaps in an outage.
    static let reservedSlots = 12_288

    private var ring: RingProducer?
    /// Where records go that find no room; nil: nowhere.
    private let detour: RecordDetour?
    /// Whether there is a ring and it is written.
    private var isOpen: Bool
    /// Slots that were visible when the ring was published last, and how far the engine was then.
    private var publishedSlots: UInt64 = 0
    private var published = RecordDetour.Place(sequence: 0, takenSlots: 0)
    private var credit = 0
    private let reservedSlots: Int
    private let droppedTicks: Counter
    private let droppedBooks: Counter
    private let droppedKlines: Counter
    private let droppedDecisions: Counter

    /// Takes the ring's writing end; with nil every record is discarded, for runs without a store.
    init(
        ring: consuming RingProducer?, capacitySlots: Int, detour: RecordDetour? = nil, metrics: MetricsRegistry
    ) {
        publishedSlots = ring?.claimedSlots ?? 0
        isOpen = ring != nil && detour?.isTaken != true
        self.ring = ring
        self.detour = detour
        reservedSlots = min(Self.reservedSlots, capacitySlots / 4)
        let help = "Records that were given up because a bound was reached, by what was dropped."
        droppedTicks = metrics.counter("tickline_dropped_total", help: help, labels: [("what", "store_tick")])
        droppedBooks = metrics.counter("tickline_dropped_total", help: help, labels: [("what", "store_book")])
        droppedKlines = metrics.counter("tickline_dropped_total", help: help, labels: [("what", "store_kline")])
        droppedDecisions = metrics.counter("tickline_dropped_total", help: help, labels: [("what", "store_decision")])
    }

    // hot path (HotPathTests)
    /// Writes an accepted tick.
    mutating func append(tick: borrowing Tick) {
        guard isOpen else { return }
        guard takeCredit(1), ring?.tryWrite(copy tick) == true else { return refuse(droppedTicks) }
    }

    /// Writes a book update's header where `slots`, header included, find room; the levels then follow by
    /// `append(level:)`. False where nothing was written: the update is the journal's, or counted as dropped.
    mutating func append(header: borrowing Tick, slots: Int) -> Bool {
        guard isOpen else { return false }
        guard takeCredit(slots), ring?.tryWrite(copy header) == true else {
            refuse(droppedBooks)
            return false
        }
        return true
    }

    /// Writes levels for which `append(header:slots:)` found room; nothing else is written in between.
    mutating func append(level: borrowing Tick) {
        guard ring?.tryWrite(copy level) == true else { preconditionFailure("the header made sure of room") }
    }

    /// Takes back a book update of which `slots`, header included, were written.
    mutating func abort(slots: Int) { ring?.abort(count: slots) }

    /// Writes both halves of a kline, or neither.
    mutating func append(kline first: borrowing Tick, _ second: borrowing Tick) {
        guard isOpen else { return }
        guard takeCredit(2), write(copy first, copy second) else { return refuse(droppedKlines) }
    }

    /// Writes a gap or a session.
    mutating func append(record: Tick) {
        guard isOpen else { return }
        credit = max(0, credit - 1)
        if ring?.tryWrite(record) != true { refuse(droppedDecisions) }
    }

    /// Writes both halves of a decision, or neither.
    mutating func append(decision: borrowing Decision) {
        guard isOpen else { return }
        credit = max(0, credit - 2)
        let (first, second) = decision.slots
        if !write(first, second) { refuse(droppedDecisions) }
    }

    /// A record found no room.
    private mutating func refuse(_ dropped: Counter) {
        // Not bound to a name: that would count a reference.
        guard detour != nil else { return dropped.addFromOnlyWriter() }
        leave()
    }

    /// Leaves what was recorded since the end of the last batch, and all that follows, to the journal.
    private mutating func leave() {
        abortUnpublished()
        isOpen = false
        detour?.begin(behind: published)
    }

    /// Takes back what is not visible yet.
    mutating func abortUnpublished() {
        guard let claimed = ring?.claimedSlots else { return }
        ring?.abort(count: Int(claimed - publishedSlots))
        credit = 0
    }

    private mutating func write(_ first: Tick, _ second: Tick) -> Bool {
        guard ring?.tryWrite(first) == true else { return false }
        guard ring?.tryWrite(second) == true else {
            ring?.abort(count: 1)
            return false
        }
        return true
    }

    /// Whether market data may use so many more slots. The ring is asked only when what it said last is used up.
    private mutating func takeCredit(_ slots: Int) -> Bool {
        if credit < slots {
            credit = max(0, (ring?.freeSlots ?? 0) - reservedSlots)
            guard credit >= slots else { return false }
        }
        credit -= slots
        return true
    }

    /// Tells how far the journal is before anything is recorded.
    mutating func begin(at place: RecordDetour.Place) { published = place }

    /// Makes what was appended visible, behind it how far the engine has come: at the end of an event. The store writer
    /// polls by time, so nobody is woken.
    ///
    /// Without room, and without a detour, the mark is left out, which costs nothing: the next one says more.
    mutating func publish(_ mark: StoreMark, takenSlots: UInt64) {
        guard ring != nil else { return }
        let place = RecordDetour.Place(sequence: mark.sequence, takenSlots: takenSlots)
        credit = max(0, credit - 1)
        if isOpen, ring?.tryWrite(mark.slot) != true, detour != nil { leave() }
        if isOpen {
            publish()
            published = place
        } else if detour?.reach(place) == true {
            isOpen = true
            published = place
        }
    }

    /// Makes what was appended visible.
    mutating func publish() {
        guard let claimed = ring?.claimedSlots else { return }
        ring?.publishQuietly()
        publishedSlots = claimed
    }
}
