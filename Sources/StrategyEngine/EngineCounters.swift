internal import Telemetry
internal import TradingModel

/// The engine's counters, by stream (instrument × kind), as plain handles so that counting costs no reference counting.
struct EngineCounters: ~Copyable {
    /// The kinds that are counted, in the order of their index.
    private static let kinds: [RecordKind] = [.trade, .aggregateTrade, .quote, .depth, .partialDepth, .kline]
    /// Their number.
    static let kindCount = 6
    /// From this index on a record takes several slots.
    static let firstSequenceKind = 3
    /// The last of them.
    static let klineIndex = 5

    let accepted: UnsafeMutablePointer<Counter>
    let repeated: UnsafeMutablePointer<Counter>
    let implausible: UnsafeMutablePointer<Counter>
    let outsideBand: UnsafeMutablePointer<Counter>
    let gaps: UnsafeMutablePointer<Counter>
    let missing: UnsafeMutablePointer<Counter>
    /// Slots that are no record, and records of several slots that were broken off.
    let broken: Counter
    private let signals: UnsafeMutablePointer<Counter>
    private let decisions: UnsafeMutablePointer<Counter>

    /// The position of a market event's kind among the kinds, nil for other records and for what follows a first slot.
    @inline(__always)
    static func kindIndex(_ kind: UInt8) -> Int? {
        switch kind {
        case RecordKind.trade.rawValue...RecordKind.quote.rawValue: Int(kind &- RecordKind.trade.rawValue)
        case RecordKind.depth.rawValue: 3
        case RecordKind.partialDepth.rawValue: 4
        case RecordKind.kline.rawValue: klineIndex
        default: nil
        }
    }

    init(catalog: MarketCatalog, metrics: MetricsRegistry) {
        let kinds = Self.kinds
        func table(_ name: String, _ help: String) -> UnsafeMutablePointer<Counter> {
            let table = UnsafeMutablePointer<Counter>.allocate(capacity: catalog.instruments.count * kinds.count)
            for (index, specification) in catalog.instruments.enumerated() {
                for (offset, kind) in kinds.enumerated() {
                    let labels = [
                        ("exchange", specification.instrument.exchange.rawValue),
                        ("symbol", specification.instrument.symbol), ("kind", kind.name),
                    ]
                    (table + index * kinds.count + offset).initialize(
                        to: metrics.counter(name, help: help, labels: labels))
                }
            }
            return table
        }
        accepted = table("tickline_ticks_total", "Ticks accepted: neither repeats nor older than the last.")
        repeated = table(
            "tickline_ticks_repeated_total",
            "Ticks dropped because their id, or a later one, was seen, or refilled ones that nobody waited for.")
        implausible = table(
            "tickline_ticks_implausible_total", "Ticks not taken because their id was too far ahead to be believed.")
        outsideBand = table(
            "tickline_ticks_outside_band_total", "Ticks accepted whose price was too far from the one before.")
        gaps = table(
            "tickline_gaps_total", "Runs of contiguous ids that never arrived; those refilled in time are none.")
        missing = table("tickline_ticks_missing_total", "Ids inside those runs.")
        broken = metrics.counter(
            "tickline_dropped_total",
            help: "Records that were given up because a bound was reached, by what was dropped.",
            labels: [("what", "broken_record")])
        let sides: [Side] = [.sell, .neutral, .buy]
        signals = .allocate(capacity: catalog.instruments.count * sides.count)
        for (index, specification) in catalog.instruments.enumerated() {
            for (offset, side) in sides.enumerated() {
                let labels = [
                    ("exchange", specification.instrument.exchange.rawValue),
                    ("symbol", specification.instrument.symbol), ("signal", "\(side.name)"),
                ]
                // Neutral decisions are never signals; the table keeps its place so that the index is the side.
                let name = "tickline_signals_total"
                (signals + index * sides.count + offset).initialize(
                    to: metrics.counter(
                        name, help: "Signals decided: crossings and new sides after gaps.", labels: labels))
            }
        }
        let reasons: [DecisionReason] = [.cross, .state, .warming, .tie, .gap, .silent]
        decisions = .allocate(capacity: reasons.count + 1)
        let help = "Decisions recorded, by reason."
        // Indexed by raw value, which begins at 1; position 0 is never counted.
        for (index, reason) in ([.cross] + reasons).enumerated() {
            (decisions + index).initialize(
                to: metrics.counter("tickline_decisions_total", help: help, labels: [("reason", "\(reason.name)")]))
        }
    }

    deinit {
        for table in [accepted, repeated, implausible, outsideBand, gaps, missing, signals, decisions] {
            table.deallocate()
        }
    }

    /// Counts a decision and, where it is one, the signal.
    @inline(__always)
    func count(_ decision: borrowing Decision, instrument: Int) {
        decisions[Int(decision.reason.rawValue)].addFromOnlyWriter()
        if decision.isSignal { signals[instrument * 3 + Int(decision.side.rawValue) + 1].addFromOnlyWriter() }
    }
}
