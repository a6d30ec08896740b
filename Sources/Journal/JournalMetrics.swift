import Telemetry

/// The keeper's figures; recorded on its thread alone.
struct JournalMetrics: Sendable {
    let syncs: Counter
    let syncSeconds: LatencyHistogram
    let errors: Counter
    let recycled: Counter
    let volatileSegments: Counter
    let unacknowledgedSegments: Counter
    let bytes: Gauge
    let segments: Gauge
    /// Owns the memory behind the handles; kept so that the thread can't outlive it.
    private let registry: MetricsRegistry

    init(_ registry: MetricsRegistry) {
        self.registry = registry
        syncs = registry.counter(
            "tickline_journal_syncs_total", help: "Times that segments were synchronised with the disk.")
        syncSeconds = registry.histogram(
            "tickline_journal_sync_seconds", help: "Duration of such a synchronisation of one segment.")
        errors = registry.counter(
            "tickline_journal_errors_total", help: "File operations of the journal that failed.")
        recycled = registry.counter(
            "tickline_journal_recycled_segments_total", help: "Oldest segments given up for new ones.")
        unacknowledgedSegments = registry.counter(
            "tickline_dropped_total", help: "What was dropped, by what it was.",
            labels: [("what", "unacknowledged_decisions_segment")])
        volatileSegments = registry.counter(
            "tickline_dropped_total", help: "What was dropped, by what it was.",
            labels: [("what", "journal_segment")])
        bytes = registry.gauge("tickline_journal_bytes", help: "Bytes of the journal's files.")
        segments = registry.gauge("tickline_journal_segments", help: "Files of the journal.")
    }
}
