internal import RingBuffer
internal import Telemetry
internal import TradingModel

/// Hands what the engine accepted and decided to the store writer, in the engine's order, without ever waiting.
///
/// The one place where the engine lets go of records. When the ring is nearly full ticks are refused first and counted,
/// so that decisions and gaps still find room; a refused decision is counted as well. Engine's thread only.
struct RecordWriter: ~Copyable {
    /// Slots that ticks may not use: room for 4,096 decisions and their gaps in an outage.
    static let reservedSlots = 12_288

    private var ring: RingProducer?
    private var tickCredit = 0
    private let reservedSlots: Int
    private let droppedTicks: Counter
    private let droppedDecisions: Counter

    /// Takes the ring's writing end; with nil every record is discarded, for runs without a store.
    init(ring: consuming RingProducer?, capacitySlots: Int, metrics: MetricsRegistry) {
        self.ring = ring
        reservedSlots = min(Self.reservedSlots, capacitySlots / 4)
        let help = "Records that were given up because a bound was reached, by what was dropped."
        droppedTicks = metrics.counter("tickline_dropped_total", help: help, labels: [("what", "store_tick")])
        droppedDecisions = metrics.counter("tickline_dropped_total", help: help, labels: [("what", "store_decision")])
    }

    // hot path (HotPathTests)
    /// Writes an accepted tick.
    mutating func append(tick: borrowing Tick) {
        guard ring != nil else { return }
        if tickCredit == 0 {
            tickCredit = max(0, (ring?.freeSlots ?? 0) - reservedSlots)
            guard tickCredit > 0 else { return droppedTicks.addFromOnlyWriter() }
        }
        tickCredit -= 1
        if ring?.tryWrite(copy tick) != true { droppedTicks.addFromOnlyWriter() }
    }

    /// Writes a gap or a session.
    mutating func append(record: Tick) {
        guard ring != nil else { return }
        tickCredit = max(0, tickCredit - 1)
        if ring?.tryWrite(record) != true { droppedDecisions.addFromOnlyWriter() }
    }

    /// Writes both halves of a decision, or neither.
    mutating func append(decision: borrowing Decision) {
        guard ring != nil else { return }
        tickCredit = max(0, tickCredit - 2)
        let (first, second) = decision.slots
        guard ring?.tryWrite(first) == true else { return droppedDecisions.addFromOnlyWriter() }
        if ring?.tryWrite(second) != true {
            ring?.abort(count: 1)
            droppedDecisions.addFromOnlyWriter()
        }
    }

    /// Makes what was appended visible. The store writer polls by time, so nobody is woken.
    mutating func publish() { ring?.publishQuietly() }
}
