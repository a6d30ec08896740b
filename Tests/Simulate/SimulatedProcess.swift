import FeedHandler
import Glibc
import Logging
import RingBuffer
import SimulatedSystem
import SimulatedWorld
import StoreWriter
import Synchronization
import Telemetry
import ThreadExecutor
import TicklineNode
import TradingModel

/// One life of the product's process: its own wiring, on simulated threads. It is never taken down but killed.
final class SimulatedProcess: @unchecked Sendable {
    // Unchecked: one simulated thread runs at a time.
    private(set) var pipeline: Pipeline?
    let metrics = MetricsRegistry()
    private var writer: StoreWriter<SimulatedStore>?
    private var folder: DataFolder?
    /// Whether it had to end since earlier ones have filled the journal with signals that Redis did not take.
    private(set) var isRefused = false
    /// Signals that it had to publish before it could take over the last ones.
    private(set) var waitingAtStart: UInt64 = 0
    /// What it could not begin with.
    private(set) var failure: String?
    /// Whether its feeds are started.
    private(set) var isRunning = false

    /// Segments of the journal that had no file so far.
    var segmentsInMemory: UInt64 { inMemory.value }
    private let inMemory: Counter
    /// Times that signals without acknowledgement filled their part of the journal.
    var reserveFullCount: UInt64 { reserveFull.value }
    private let reserveFull: Counter
    /// Slots whose records the store lacks, since the journal does not have them on disk.
    var unstoredSlots: UInt64 { unstored.value }
    private let unstored: Counter

    /// Begins on a thread of its own.
    init(settings: Settings, sizes: JournalSizes, store: @escaping @Sendable () -> SimulatedStore, logger: Logger) {
        inMemory = metrics.counter(
            "tickline_dropped_total", help: "What was dropped, by what it was.", labels: [("what", "journal_segment")])
        unstored = metrics.counter(
            "tickline_dropped_total", help: "What was dropped, by what it was.", labels: [("what", "unstored_slot")])
        reserveFull = metrics.counter(
            "tickline_journal_reserve_full_total",
            help: "Times that the engine had to wait for a segment because unacknowledged signals filled the reserve.")
        _ = DedicatedThread(name: "main") { [self] in
            do { try begin(settings, sizes, store(), logger) } catch { failure = "\(error)" }
            // The process has more to do than its main thread.
            while true { usleep(1_000_000) }
        }
    }

    private func begin(
        _ settings: Settings, _ sizes: JournalSizes, _ store: consuming SimulatedStore, _ logger: Logger
    ) throws {
        let plan = try NodePlan(settings: settings)
        let folder = try DataFolder(path: settings.data)
        let health = HealthRegistry()
        let pipeline = try Pipeline(
            plan: plan, settings: settings, folder: folder, journalSizes: sizes, metrics: metrics, health: health,
            logger: logger)
        guard let records = pipeline.records else { preconditionFailure("a run with a store has a ring to it") }
        let writer = StoreWriter(
            records: RingConsumer(records), backlog: pipeline.journal?.backlog, store: store, metrics: metrics,
            health: health.check("store", roles: []),
            logger: logger, progress: pipeline.journal?.storeProgress)
        (self.folder, self.writer, self.pipeline) = (folder, writer, pipeline)
        let (signals, engine) = (pipeline.signals, pipeline.engine)
        guard takeOver(pipeline, logger) else { return endRefused() }
        writer.start()
        let limit = sim_now_ns() + 2_000_000_000
        while signals.knownSigns == nil, sim_now_ns() < limit { usleep(5_000) }
        if let signs = signals.knownSigns { settle { await engine.adopt(signs) } }
        Task.detached { await engine.run() }
        while sim_is_woken("engine") == false { sim_stand_still() }
        sim_run_only("engine")
        pipeline.fetcher?.start()
        for feed in pipeline.feeds { feed.start() }
        isRunning = true
    }

    /// What `Pipeline.takeOver` does, in simulated time; false where that refuses the start.
    private func takeOver(_ pipeline: Pipeline, _ logger: Logger) -> Bool {
        guard let journal = pipeline.journal else { preconditionFailure("a run here keeps a journal") }
        let (signals, engine) = (pipeline.signals, pipeline.engine)
        func restore() {
            settle {
                do { try await journal.restore(engine, publishes: !signals.takesOverSignals, logger: logger) } catch {
                    preconditionFailure("nobody cancels it")
                }
            }
        }
        let mayBegin = journal.start(signals: { signals.takenSignals })
        waitingAtStart = signals.waitingSignals
        let mayRestore = mayBegin && waitingAtStart == 0
        if mayRestore { restore() }
        signals.start()
        if mayRestore { return true }
        var wait = StartWait(signals, forAll: !mayBegin)
        while !wait.isOver {
            do { try wait.check(nowNanos: sim_now_ns()) } catch { return false }
            usleep(10_000)
        }
        while !mayBegin, !journal.begin() { usleep(1_000) }
        restore()
        return true
    }

    /// Ends with status 1: killed at one of its next calls.
    private func endRefused() {
        isRefused = true
        while true {
            sim_kill_after(1, nil)
            usleep(1_000)
        }
    }

    /// Awaits something that only the engine's thread works on. The simulation stands still while Swift's own threads, which
    /// are not simulated, hand the work over, so that their speed decides nothing.
    private func settle(_ body: @escaping @Sendable () async -> Void) {
        let done = Done()
        while !sim_is_parked("engine") { usleep(50) }
        Task.detached {
            await body()
            done.flag.store(true, ordering: .releasing)
        }
        while !done.flag.load(ordering: .acquiring) {
            if sim_is_woken("engine") { sim_run_only("engine") } else { sim_stand_still() }
        }
    }

    private final class Done: Sendable { let flag = Atomic<Bool>(false) }
}
