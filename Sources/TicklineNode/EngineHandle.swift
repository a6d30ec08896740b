import RingBuffer
import StrategyEngine
import Telemetry
import TradingModel

/// The engine without its sink's type, for the parts that only start and stop it.
package struct EngineHandle: Sendable {
    /// Drains until stopped; returns when the rings are empty.
    package let run: @Sendable () async -> Void
    /// Asks `run` to return once the rings are empty.
    let stop: @Sendable () async -> Void
    /// Makes `run` return at once, leaving what is in the rings.
    let abandon: @Sendable () async -> Void
    /// Hands over the newest published signals.
    package let adopt: @Sendable ([PublishedSign]) async -> Void
    /// Puts it where a checkpoint stands, with what was decided and is not on record; false where it can't be read. See
    /// `SMACrossoverActor.restore`.
    let restore: @Sendable (EngineCheckpoint, [Int?], [Int?], [Decision], Bool) async throws(CancellationError) -> Bool
    /// Ends the thread, after `run` has returned.
    let shutdown: @Sendable () -> Void

    init<Sink: SignalSink & ~Copyable>(_ engine: SMACrossoverActor<Sink>) {
        run = { await engine.run() }
        stop = { await engine.stop() }
        abandon = { await engine.abandon() }
        adopt = { await engine.adopt($0) }
        restore = {
            (checkpoint, instruments, strategies, unrecorded, publishes) async throws(CancellationError) -> Bool in
            try await engine.restore(
                checkpoint, instruments: instruments, strategies: strategies, unrecorded: unrecorded,
                publishes: publishes)
        }
        shutdown = { engine.shutdown() }
    }
}

/// The rings and the parker between feeds, engine and store writer.
struct DataPath: Sendable {
    /// Ticks one feed may be ahead of the engine: 65,536 slots are 4 MiB and 65 ms at a million ticks a second.
    static let feedRingSlots = 1 << 16
    /// Records the store may be behind the engine without a journal: a million slots are 64 MiB, touched only when used.
    static let recordRingSlots = 1 << 20
    /// The same with a journal, which has all beyond: 16 MiB.
    static let journaledRecordRingSlots = 1 << 18

    /// One for each connection: the first of each feed, then the second of each.
    let feeds: [SPSCRing]
    /// What the exchange's history had of missing trades, behind the feeds in the engine's turn; nil where none is asked.
    let history: SPSCRing?
    /// What of them the engine asks for.
    let requests = SPSCRing(capacitySlots: requestSlots)
    let requestsParker = Parker()
    let records: SPSCRing?
    let parker = Parker()

    /// Requests that may wait.
    private static let requestSlots = 4_096

    init(feedCount: Int, hasHistory: Bool, hasStore: Bool, hasJournal: Bool) {
        feeds = (0..<2 * feedCount).map { _ in SPSCRing(capacitySlots: Self.feedRingSlots) }
        history = hasHistory ? SPSCRing(capacitySlots: Self.feedRingSlots) : nil
        let slots = hasJournal ? Self.journaledRecordRingSlots : Self.recordRingSlots
        records = hasStore ? SPSCRing(capacitySlots: slots) : nil
    }

    /// The rings the engine takes from, in its order.
    var engineRings: [SPSCRing] { feeds + (history.map { [$0] } ?? []) }

    /// Shows how full the rings are.
    func register(_ metrics: MetricsRegistry, names: [String]) {
        let help = "Slots published and not yet taken, by ring."
        for (index, name) in names.enumerated() {
            let (first, second) = (feeds[index], feeds[names.count + index])
            metrics.gauge("tickline_ring_occupancy", help: help, labels: [("ring", name)]) {
                Double(first.occupancy + second.occupancy)
            }
        }
        if let history {
            metrics.gauge("tickline_ring_occupancy", help: help, labels: [("ring", "history")]) {
                Double(history.occupancy)
            }
        }
        guard let records else { return }
        metrics.gauge("tickline_ring_occupancy", help: help, labels: [("ring", "records")]) {
            Double(records.occupancy)
        }
    }
}
