internal import Telemetry
internal import TradingModel

/// What the trader counts and measures.
struct TraderMetrics {
    /// From the return of the read that gave the entry to the return of the call that sent its order.
    let signalToOrder: LatencyHistogram
    let holdsLease: Gauge
    let leaseChanges: Counter
    let openOrders: Gauge
    let lag: Gauge
    let pending: Gauge
    let mode: Gauge
    let anomalies: [VenueAnomaly: Counter]
    private let outcomes: [SignalOutcome.Result: Counter]
    private let refusals: [RefusalReason: Counter]
    private let orders: [OrderState: Counter]
    private let registry: MetricsRegistry

    init(_ registry: MetricsRegistry, stream: String) {
        self.registry = registry
        let labels: MetricLabels = [("stream", stream)]
        signalToOrder = registry.histogram(
            "tickline_signal_to_order_seconds",
            help: "From an entry's read to the return of the call that sent its order.")
        holdsLease = registry.gauge(
            "tickline_trader_active", help: "1 while this trader holds the lease.", labels: labels)
        leaseChanges = registry.counter(
            "tickline_trader_takeovers_total", help: "Times this trader got the lease anew.", labels: labels)
        openOrders = registry.gauge("tickline_orders_open", help: "Orders that have not ended.", labels: labels)
        lag = registry.gauge(
            "tickline_trader_lag_entries", help: "Entries that no trader has been handed.", labels: labels)
        pending = registry.gauge(
            "tickline_trader_pending_entries", help: "Entries handed out and not acknowledged.", labels: labels)
        mode = registry.gauge(
            "tickline_trading_mode", help: "Whether trading is on: 0 active, 1 reduce-only, 2 halted.")
        func counters<Label: CaseIterable & RawRepresentable<String> & Hashable>(
            _ name: String, _ label: String, help: String
        ) -> [Label: Counter] {
            Dictionary(
                uniqueKeysWithValues: Label.allCases.map { value in
                    (value, registry.counter(name, help: help, labels: [(label, value.rawValue)]))
                })
        }
        anomalies = counters(
            "tickline_venue_anomalies_total", "anomaly", help: "What the venue said that it should not have said.")
        outcomes = counters(
            "tickline_trader_entries_total", "outcome", help: "Entries of the signal stream, by what was done.")
        refusals = counters(
            "tickline_order_refusals_total", "reason", help: "Orders that were not sent, by the reason.")
        orders = counters("tickline_orders_total", "state", help: "Orders that came to a state.")
    }

    func count(_ result: SignalOutcome.Result) { outcomes[result]?.add() }
    func count(_ refusal: RefusalReason) { refusals[refusal]?.add() }
    func count(_ state: OrderState) { orders[state]?.add() }

    /// What is held and what it has brought, for panels; exactness is the stores' business.
    func show(_ position: Position) {
        let labels = labels(of: position.key)
        func set(_ name: String, _ help: String, _ value: ExactDecimal) {
            registry.gauge(name, help: help, labels: labels).set(value.approximate)
        }
        set("tickline_position_quantity", "What is held, below zero for a short position.", position.quantity)
        set("tickline_position_cost", "What it has cost, in the quote asset.", position.cost)
        set("tickline_realised_profit", "Profit of what was closed, without fees.", position.realisedProfit)
        set(
            "tickline_fees", "Fees in the quote asset.", position.fees[position.quoteAsset, default: .zero])
    }

    /// What a position would bring now, beside what it has brought.
    func show(_ unrealised: ExactDecimal, ofPosition key: StrategyKey) {
        registry.gauge(
            "tickline_unrealised_profit", help: "Profit of what is held at the newest quote, without fees.",
            labels: labels(of: key)
        ).set(unrealised.approximate)
    }

    private func labels(of key: StrategyKey) -> MetricLabels {
        [
            ("exchange", key.instrument.exchange.rawValue), ("symbol", key.instrument.symbol),
            ("strategy", key.strategy),
        ]
    }
}

extension ExactDecimal {
    /// The nearest double, for metrics alone.
    var approximate: Double { Double(description) ?? 0 }
}
