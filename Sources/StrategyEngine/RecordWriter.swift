internal import RingBuffer
internal import Telemetry
internal import TradingModel

/// Hands what the engine accepted and decided to the store writer, in the engine's order, without ever waiting.
///
/// The one place where the engine lets go of records. When the ring is nearly full ticks, book updates and klines are
/// refused first and counted, so that decisions and gaps still find room; a refused decision is counted as well. Engine's
/// thread only.
struct RecordWriter: ~Copyable {
    /// Slots that market data may not use: room for 4,096 decisions and their gaps in an outage.
    static let reservedSlots = 12_288

    private var ring: RingProducer?
    private var credit = 0
    private let reservedSlots: Int
    private let droppedTicks: Counter
    private let droppedBooks: Counter
    private let droppedKlines: Counter
    private let droppedDecisions: Counter

    /// Takes the ring's writing end; with nil every record is discarded, for runs without a store.
    init(ring: consuming RingProducer?, capacitySlots: Int, metrics: MetricsRegistry) {
        self.ring = ring
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
        guard ring != nil else { return }
        guard takeCredit(1), ring?.tryWrite(copy tick) == true else { return droppedTicks.addFromOnlyWriter() }
    }

    /// Writes a book update's header where `slots`, header included, find room; the levels then follow by
    /// `append(level:)`. False where nothing was written: the update is counted as dropped.
    mutating func append(header: borrowing Tick, slots: Int) -> Bool {
        guard ring != nil else { return false }
        guard takeCredit(slots), ring?.tryWrite(copy header) == true else {
            droppedBooks.addFromOnlyWriter()
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
        guard ring != nil else { return }
        guard takeCredit(2), write(copy first, copy second) else { return droppedKlines.addFromOnlyWriter() }
    }

    /// Writes a gap or a session.
    mutating func append(record: Tick) {
        guard ring != nil else { return }
        credit = max(0, credit - 1)
        if ring?.tryWrite(record) != true { droppedDecisions.addFromOnlyWriter() }
    }

    /// Writes how far the engine has come, behind all it has recorded; never between the slots of one record.
    ///
    /// Without room the mark is left out, which costs nothing: the next one says more.
    mutating func append(mark: StoreMark) {
        guard ring != nil else { return }
        credit = max(0, credit - 1)
        _ = ring?.tryWrite(mark.slot)
    }

    /// Writes both halves of a decision, or neither.
    mutating func append(decision: borrowing Decision) {
        guard ring != nil else { return }
        credit = max(0, credit - 2)
        let (first, second) = decision.slots
        if !write(first, second) { droppedDecisions.addFromOnlyWriter() }
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

    /// Makes what was appended visible. The store writer polls by time, so nobody is woken.
    mutating func publish() { ring?.publishQuietly() }
}
