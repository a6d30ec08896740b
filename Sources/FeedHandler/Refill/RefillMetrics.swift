internal import Telemetry
internal import TradingModel

/// The counters of refills; all but the registry are trivial handles, written by the fetcher's thread alone.
struct RefillMetrics {
    let ticks: Counter
    /// From the hole's being noticed to the end of its refill.
    let duration: LatencyHistogram
    private let outcomes: [RefillOutcome: Counter]
    private let requests: [Counter]
    /// Owns the memory behind the handles; kept so that the thread can't outlive it.
    private let registry: MetricsRegistry

    /// Label values of `tickline_rest_requests_total`: no answer, then the first digit of the answer's status.
    private static let statusClasses = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"]

    init(registry: MetricsRegistry) {
        self.registry = registry
        ticks = registry.counter(
            "tickline_refilled_ticks_total", help: "Missing ticks that the exchange's history gave.")
        duration = registry.histogram(
            "tickline_refill_seconds", help: "Time from a hole's being noticed to the end of its refill.")
        outcomes = Dictionary(
            uniqueKeysWithValues: RefillOutcome.allCases.map {
                (
                    $0,
                    registry.counter(
                        "tickline_refills_total", help: "Refills of missing ids that ended, by outcome.",
                        labels: [("outcome", $0.name)])
                )
            })
        requests = Self.statusClasses.map {
            registry.counter(
                "tickline_rest_requests_total", help: "Requests to exchanges' REST interfaces, by class of status.",
                labels: [("status", $0)])
        }
    }

    func count(_ outcome: RefillOutcome) { outcomes[outcome]?.add() }

    /// Counts a request; nil where no answer came. What is no HTTP status counts as none.
    func countRequest(status: Int?) {
        let position = (status ?? 0) / 100
        requests[requests.indices.contains(position) ? position : 0].add()
    }
}
