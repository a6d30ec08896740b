internal import Telemetry
public import TradingModel

/// The engine thread's latency recorders and stall counter.
@usableFromInline
struct EngineRecorder: Sendable {
    /// How long the engine sleeps before it asks a full sink again.
    @usableFromInline static var fullSinkSleepNanos: UInt64 { 1_000_000 }

    private let tickToDecision: LatencyHistogram
    private let tickToSignal: LatencyHistogram
    private let queue: LatencyHistogram
    private let decide: LatencyHistogram
    private let send: LatencyHistogram
    private let stalls: Counter
    private let undecided: Counter

    init(metrics: MetricsRegistry) {
        let stage = "tickline_stage_seconds"
        let help = "Time spent in each stage of the data path."
        tickToDecision = metrics.histogram(
            "tickline_tick_to_decision_seconds",
            help: "From the return of the read that delivered a tick to the strategies' decision on it.")
        tickToSignal = metrics.histogram(
            "tickline_tick_to_signal_seconds",
            help: "From that read to the return of the write that handed the publish command to the socket.")
        queue = metrics.histogram(stage, help: help, labels: [("stage", "queue")])
        decide = metrics.histogram(stage, help: help, labels: [("stage", "decide")])
        send = metrics.histogram(stage, help: help, labels: [("stage", "send")])
        undecided = metrics.counter(
            "tickline_dropped_total",
            help: "Records that were given up because a bound was reached, by what was dropped.",
            labels: [("what", "undecided_tick")])
        stalls = metrics.counter(
            "tickline_engine_stalls_total", help: "Batches cut short because the signal outbox was full.")
    }

    // hot path (HotPathTests)
    @usableFromInline
    func recordDecision(receive: MonotonicNanos, start: MonotonicNanos, decision: MonotonicNanos) {
        tickToDecision.record(nanos: decision.nanos(since: receive))
        queue.record(nanos: start.nanos(since: receive))
        decide.record(nanos: decision.nanos(since: start))
    }

    @usableFromInline
    func recordSignal(receive: MonotonicNanos, decision: MonotonicNanos, sent: MonotonicNanos) {
        tickToSignal.record(nanos: sent.nanos(since: receive))
        send.record(nanos: sent.nanos(since: decision))
    }

    @usableFromInline
    func countUndecided(_ ticks: Int) { undecided.addFromOnlyWriter(UInt64(ticks)) }

    @usableFromInline
    func countStall() { stalls.addFromOnlyWriter() }
}
