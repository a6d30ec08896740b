import Synchronization
import Telemetry
import ThreadExecutor
import TradingModel

/// The writer's figures, recorded on its thread alone; the lag is computed when it is asked for.
struct StoreWriterMetrics: Sendable {
    /// Receive time of the oldest record that is not stored, 0 when all are; shared with the scraping thread.
    final class Lag: Sendable {
        private let oldestNanos = Atomic<UInt64>(0)

        // relaxed: a statistic, it orders nothing.
        func set(_ oldest: MonotonicNanos?) { oldestNanos.store(oldest?.rawValue ?? 0, ordering: .relaxed) }

        var seconds: Double {
            let oldest = oldestNanos.load(ordering: .relaxed)
            guard oldest > 0 else { return 0 }
            return Double(MonotonicClock.now().nanos(since: MonotonicNanos(rawValue: oldest))) / 1e9
        }
    }

    private let registry: MetricsRegistry
    private let duplicates: Counter
    private let refused: Counter
    private let batches: Counter
    private let unavailable: Counter
    private let refusals: Counter
    private let unreadable: Counter
    private let stage: LatencyHistogram
    let lag = Lag()

    init(_ registry: MetricsRegistry) {
        self.registry = registry
        duplicates = registry.counter(
            "tickline_store_duplicates_total", help: "Records that the store already had.")
        refused = registry.counter(
            "tickline_store_refused_total", help: "Records set aside because the store refuses them for good.")
        batches = registry.counter("tickline_store_batches_total", help: "Batches the store acknowledged.")
        unavailable = Self.errors(registry, "unavailable")
        refusals = Self.errors(registry, "refused")
        unreadable = registry.counter(
            "tickline_dropped_total", help: "What was dropped, by what it was.",
            labels: [("what", "unreadable_record")])
        stage = registry.histogram(
            "tickline_stage_seconds", help: "Time from the receive of a record to the end of a stage.",
            labels: [("stage", "store")])
        registry.gauge(
            "tickline_store_lag_seconds", help: "Age of the oldest record that is not stored, 0 when all are."
        ) { [lag] in lag.seconds }
    }

    private static func errors(_ registry: MetricsRegistry, _ error: String) -> Counter {
        registry.counter(
            "tickline_store_errors_total", help: "Attempts to prepare or write that failed.",
            labels: [("error", error)])
    }

    func failed(_ error: TradeStoreError) {
        switch error {
        case .unavailable: unavailable.addFromOnlyWriter()
        case .refused: refusals.addFromOnlyWriter()
        }
    }

    func acknowledged(_ batch: borrowing StoreBatch, _ receipt: StoreReceipt, now: MonotonicNanos) {
        batches.addFromOnlyWriter()
        duplicates.addFromOnlyWriter(UInt64(receipt.duplicates))
        refused.addFromOnlyWriter(UInt64(receipt.refused))
        for (collection, count) in receipt.inserted where count > 0 {
            registry.counter(
                "tickline_store_documents_total", help: "New documents, by collection.",
                labels: [("collection", collection)]
            ).addFromOnlyWriter(UInt64(count))
        }
        // Refilled ticks, and what was decided on them, have no receive time to count from.
        for tick in batch.ticks where !tick.tick.isRefilled {
            stage.record(nanos: now.nanos(since: MonotonicNanos(rawValue: tick.tick.receiveMonotonicNanos)))
        }
        for decision in batch.decisions where decision.receiveMonotonic.rawValue != 0 {
            stage.record(nanos: now.nanos(since: decision.receiveMonotonic))
        }
        for book in batch.books {
            stage.record(nanos: now.nanos(since: MonotonicNanos(rawValue: book.header.receiveMonotonicNanos)))
        }
        for kline in batch.klines { stage.record(nanos: now.nanos(since: kline.kline.receiveMonotonic)) }
    }

    /// Raises the count of unreadable slots to `total`.
    func unreadable(total: UInt64) {
        let known = unreadable.value
        if total > known { unreadable.addFromOnlyWriter(total - known) }
    }
}
