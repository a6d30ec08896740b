internal import Telemetry
internal import TradingModel

/// The engine's counters, by stream (instrument × kind), as plain handles so that counting costs no reference counting.
struct EngineCounters: ~Copyable {
    /// Tick kinds: trade, aggregate trade, quote.
    static let kindCount = 3

    let accepted: UnsafeMutablePointer<Counter>
    let repeated: UnsafeMutablePointer<Counter>
    let implausible: UnsafeMutablePointer<Counter>
    let gaps: UnsafeMutablePointer<Counter>
    let missing: UnsafeMutablePointer<Counter>
    private let signals: UnsafeMutablePointer<Counter>
    private let decisions: UnsafeMutablePointer<Counter>

    /// The position of a tick kind among the kinds, nil for records that are no ticks.
    @inline(__always)
    static func kindIndex(_ kind: UInt8) -> Int? {
        guard kind >= RecordKind.trade.rawValue, kind <= RecordKind.quote.rawValue else { return nil }
        return Int(kind &- RecordKind.trade.rawValue)
    }

    init(catalog: MarketCatalog, metrics: MetricsRegistry) {
        let kinds: [RecordKind] = [.trade, .aggregateTrade, .quote]
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
        repeated = table("tickline_ticks_repeated_total", "Ticks dropped because their id, or a later one, was seen.")
        implausible = table(
            "tickline_ticks_implausible_total", "Ticks not taken because their id was too far ahead to be believed.")
        gaps = table("tickline_gaps_total", "Holes found in contiguous ids.")
        missing = table("tickline_ticks_missing_total", "Ids inside those holes.")
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
        for table in [accepted, repeated, implausible, gaps, missing, signals, decisions] { table.deallocate() }
    }

    /// Counts a decision and, where it is one, the signal.
    @inline(__always)
    func count(_ decision: borrowing Decision, instrument: Int) {
        decisions[Int(decision.reason.rawValue)].addFromOnlyWriter()
        if decision.isSignal { signals[instrument * 3 + Int(decision.side.rawValue) + 1].addFromOnlyWriter() }
    }
}
