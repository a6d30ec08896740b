internal import Telemetry

/// The counters of one feed. Trivial handles, so counting costs no reference counting.
struct FeedMetrics {
    let receivedBytes: Counter
    let messages: Counter
    let ringStalls: Counter
    let journalStalls: Counter
    let droppedPongs: Counter
    let decode: LatencyHistogram
    let attempts: Counter
    let heldAttempts: Counter
    let silentStreams: Gauge
    let failedStreams: Gauge
    /// Owns the memory behind the handles; kept so that the thread can't outlive it.
    private let registry: MetricsRegistry
    private let outcomes: [Counter]
    private let reconnects: [DisconnectReason: Counter]
    private let violations: [WebSocketViolation: Counter]
    private let failures: [SubscriptionStateMachine.Failure: Counter]

    init(registry: MetricsRegistry, feed: String) {
        self.registry = registry
        receivedBytes = registry.counterPart(
            "tickline_received_bytes_total", help: "Bytes read from feeds.", labels: [("feed", feed)])
        messages = registry.counterPart(
            "tickline_messages_total", help: "Whole messages received.", labels: [("feed", feed)])
        ringStalls = registry.counterPart(
            "tickline_ring_stalls_total", help: "Times reading stopped because the ring was full.",
            labels: [("feed", feed)])
        journalStalls = registry.counterPart(
            "tickline_journal_stalls_total", help: "Milliseconds that reading waited for a journal segment.",
            labels: [("feed", feed)])
        droppedPongs = registry.counter(
            "tickline_dropped_total", help: "What was dropped at a bound.", labels: [("what", "pong")])
        decode = registry.histogram(
            "tickline_stage_seconds", help: "Time spent in a stage of the data path.", labels: [("stage", "decode")])
        attempts = registry.counter(
            "tickline_connection_attempts_total", help: "Connection attempts made.", labels: [("feed", feed)])
        heldAttempts = registry.counter(
            "tickline_connection_attempts_held_total", help: "Times the exchange's limit held an attempt back.",
            labels: [("feed", feed)])
        silentStreams = registry.gauge(
            "tickline_streams_silent", help: "Streams that deliver nothing for longer than they may.",
            labels: [("feed", feed)])
        failedStreams = registry.gauge(
            "tickline_streams_failed", help: "Streams that were refused or are absent, and deliver nothing.",
            labels: [("feed", feed)])
        failures = Dictionary(
            uniqueKeysWithValues: SubscriptionStateMachine.Failure.allCases.map {
                (
                    $0,
                    registry.counter(
                        "tickline_subscription_failures_total",
                        help: "Streams that could not be subscribed, by cause; unlisted counts answers, not streams.",
                        labels: [("reason", $0.rawValue)])
                )
            })
        outcomes = DecodeOutcome.allCases.filter { !$0.hasRecords }.map { outcome in
            outcome.isRefusal
                ? Self.decodeErrors(registry, reason: outcome.label)
                : registry.counter(
                    "tickline_messages_ignored_total", help: "Messages understood that give no record.",
                    labels: [("type", outcome.label)])
        }
        violations = Dictionary(
            uniqueKeysWithValues: WebSocketViolation.allCases.map {
                ($0, Self.decodeErrors(registry, reason: $0.label))
            })
        reconnects = Dictionary(
            uniqueKeysWithValues: DisconnectReason.allCases.map {
                (
                    $0,
                    registry.counter(
                        "tickline_reconnects_total", help: "Connections and attempts that ended, by cause.",
                        labels: [("reason", $0.rawValue)])
                )
            })
    }

    private static func decodeErrors(_ registry: MetricsRegistry, reason: String) -> Counter {
        registry.counter(
            "tickline_decode_errors_total", help: "Messages and frames refused, by reason.",
            labels: [("reason", reason)])
    }

    /// Counts a message that gave no record.
    func count(_ outcome: DecodeOutcome) {
        precondition(!outcome.hasRecords, "records are the engine's to count")
        outcomes[Int(outcome.rawValue) - (DecodeOutcome.allCases.count - outcomes.count)].add()
    }

    /// Counts a breach of the protocol.
    func count(_ violation: WebSocketViolation) { violations[violation]?.add() }

    /// Counts streams that could not be subscribed; a failure that names none counts once.
    func count(_ failure: SubscriptionStateMachine.Failure, streams: Int) {
        failures[failure]?.add(UInt64(max(1, streams)))
    }

    /// Counts an end of a connection.
    func count(_ reason: DisconnectReason) { reconnects[reason]?.add() }
}
