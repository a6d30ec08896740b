import Telemetry

/// The keeper's figures; recorded on its thread alone.
struct JournalMetrics: Sendable {
    let syncs: Counter
    let syncSeconds: LatencyHistogram
    let errors: Counter
    let recycled: Counter
    let volatileSegments: Counter
    let reserveFull: Counter
    let reserved: Gauge
    let reservedInUse: Gauge
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
        reserveFull = registry.counter(
            "tickline_journal_reserve_full_total",
            help: "Times that the engine had to wait for a segment because unacknowledged signals filled the reserve.")
        reserved = registry.gauge(
            "tickline_journal_reserved_bytes", help: "Part of the budget that the engine's chain alone may take.")
        reservedInUse = registry.gauge(
            "tickline_journal_reserved_used_bytes",
            help: "Bytes of the engine's segments that may hold signals without acknowledgement.")
        volatileSegments = registry.counter(
            "tickline_dropped_total", help: "What was dropped, by what it was.",
            labels: [("what", "journal_segment")])
        bytes = registry.gauge("tickline_journal_bytes", help: "Bytes of the journal's files.")
        segments = registry.gauge("tickline_journal_segments", help: "Files of the journal.")
    }
}
