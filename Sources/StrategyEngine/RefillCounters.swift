internal import Telemetry
internal import TradingModel

/// Why missing ids are no longer waited for.
enum GiveUpReason: Int, CaseIterable {
    /// The exchange's history does not have all of them.
    case incomplete
    /// The exchange refuses the request.
    case refused
    /// The exchange's request limit leaves no time.
    case rateLimited
    /// Network, or an answer that could not be read.
    case failed
    /// They did not come in time.
    case timeout
    /// The ticks behind the hole found no more room, or there were too many holes.
    case overflow
    /// There was no room for the request.
    case unasked

    init(_ outcome: RefillOutcome) {
        self =
            switch outcome {
            case .complete: .incomplete
            case .refused: .refused
            case .rateLimited: .rateLimited
            case .failed: .failed
            }
    }
}

/// The counters of streams on hold, as plain handles like those of `EngineCounters`.
struct RefillCounters: ~Copyable {
    private static let sources = RefillSource.allCases
    /// Their number, which elsewhere would make an array.
    private static let sourceCount = 3
    /// By instrument and `RefillSource`.
    private let refilled: UnsafeMutablePointer<Counter>
    private let givenUp: UnsafeMutablePointer<Counter>
    let requests: Counter
    let held: Gauge

    init(catalog: MarketCatalog, metrics: MetricsRegistry) {
        refilled = .allocate(capacity: catalog.instruments.count * Self.sources.count)
        for (index, specification) in catalog.instruments.enumerated() {
            for (offset, source) in Self.sources.enumerated() {
                let labels = [
                    ("exchange", specification.instrument.exchange.rawValue),
                    ("symbol", specification.instrument.symbol), ("kind", specification.averageSource.name),
                    ("source", source.name),
                ]
                (refilled + index * Self.sources.count + offset).initialize(
                    to: metrics.counter(
                        "tickline_ticks_refilled_total",
                        help: "Ticks that were missing at first and came in time, by where they came from.",
                        labels: labels))
            }
        }
        givenUp = .allocate(capacity: GiveUpReason.allCases.count)
        for reason in GiveUpReason.allCases {
            (givenUp + reason.rawValue).initialize(
                to: metrics.counter(
                    "tickline_refills_given_up_total",
                    help: "Holes of which missing ids are no longer waited for, by reason.",
                    labels: [("reason", "\(reason)")]))
        }
        requests = metrics.counter(
            "tickline_refill_requests_total", help: "Holes whose ids were asked for in the exchange's history.")
        held = metrics.gauge("tickline_held_ticks", help: "Ticks that wait for missing ids before them.")
    }

    deinit {
        refilled.deallocate()
        givenUp.deallocate()
    }

    func count(refilled source: RefillSource, instrument: Int) {
        refilled[instrument * Self.sourceCount + Int(source.rawValue) - 1].addFromOnlyWriter()
    }

    func count(_ reason: GiveUpReason) { givenUp[reason.rawValue].addFromOnlyWriter() }
}
