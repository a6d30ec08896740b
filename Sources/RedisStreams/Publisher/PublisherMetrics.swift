import Telemetry

/// The publisher's counters, gauges and recorders.
struct PublisherMetrics: Sendable {
    let registry: MetricsRegistry
    let pending: Gauge
    let retainedDropped: Counter
    let published: Counter
    let publishedAlready: Counter
    let duplicates: Counter
    let conflicts: Counter
    let connections: Counter
    let masterChanges: Counter
    let putBack: Counter
    let lost: Counter
    let foreignEntries: Counter
    let refusedFull: Counter
    /// Written by the publisher's thread alone.
    let publisherTickToSignal: LatencyHistogram
    /// Written by the engine's thread alone: signals held back for a flush.
    let engineTickToSignal: LatencyHistogram
    /// Written by the publisher's thread alone.
    let reply: LatencyHistogram

    init(_ registry: MetricsRegistry) {
        self.registry = registry
        pending = registry.gauge("tickline_outbox_pending", help: "Signals Redis has not acknowledged yet.")
        retainedDropped = registry.counter(
            "tickline_outbox_retained_dropped_total",
            help: "Acknowledged signals no longer kept for a failover because the outbox needed room.")
        published = registry.counter("tickline_published_total", help: "Signals Redis has acknowledged.")
        publishedAlready = registry.counter(
            "tickline_published_already_total", help: "Signals not sent because the stream holds them already.")
        duplicates = registry.counter(
            "tickline_publish_duplicates_total", help: "Signals another writer had published first.")
        conflicts = registry.counter(
            "tickline_publish_conflicts_total",
            help: "Signals not sent because the stream holds other content under their id.")
        connections = registry.counter(
            "tickline_redis_connections_total", help: "Connections to Redis that were logged in and synchronised.")
        masterChanges = registry.counter(
            "tickline_redis_master_changes_total", help: "Times sentinels led to another master than before.")
        putBack = registry.counter(
            "tickline_published_again_total", help: "Acknowledged signals put back after Redis had lost them.")
        lost = registry.counter(
            "tickline_stream_losses_total",
            help: "Times Redis had lost acknowledged signals that were too old to be put back.")
        foreignEntries = registry.counter(
            "tickline_stream_foreign_entries_total",
            help: "Entries of the stream that are no signals of this catalogue, seen while reading back.")
        refusedFull = registry.counter(
            "tickline_outbox_refused_total", help: "Signals the full outbox did not take; the engine holds them.")
        let latencyHelp = "From the read that delivered a tick to the write of its signal to Redis."
        publisherTickToSignal = registry.histogram("tickline_tick_to_signal_seconds", help: latencyHelp)
        engineTickToSignal = registry.histogram("tickline_tick_to_signal_seconds", help: latencyHelp)
        reply = registry.histogram(
            "tickline_stage_seconds", help: "Time spent in one stage of the path.", labels: [("stage", "redis_reply")])
    }

    /// Counts an error by its name.
    func countError(_ name: String) {
        registry.counter(
            "tickline_redis_errors_total", help: "Redis errors by their name.", labels: [("error", name)]
        ).add()
    }
}
