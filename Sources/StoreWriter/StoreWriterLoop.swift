import Logging
import RingBuffer
import Synchronization
import Telemetry
import ThreadExecutor
import TradingModel

/// What the writer's thread and the threads that stop it share.
final class StoreWriterSignals: Sendable {
    /// Where the thread sleeps.
    let parker = Parker()
    private let stopByNanos = Atomic<UInt64>(0)
    private let unwritten = Atomic<Int>(0)
    private let hasFinished = Atomic<Bool>(false)

    /// Asks the thread to write what is there and end by then.
    func stop(by deadline: MonotonicNanos) {
        // releasing, paired with the acquire in `stopBy`: what the caller published before is seen by the last reads.
        stopByNanos.store(max(1, deadline.rawValue), ordering: .releasing)
        parker.wake()
    }

    /// The time by which to end, nil while the writer is to run.
    var stopBy: MonotonicNanos? {
        let nanos = stopByNanos.load(ordering: .acquiring)
        return nanos == 0 ? nil : MonotonicNanos(rawValue: nanos)
    }

    /// The thread: how many records are not acknowledged.
    func report(unwritten count: Int) { unwritten.store(count, ordering: .relaxed) }

    /// The thread: its last word. Releasing, paired with the acquire in `isFinished`: the last count is seen with it.
    func finish() { hasFinished.store(true, ordering: .releasing) }

    /// Whether the thread has ended its work.
    var isFinished: Bool { hasFinished.load(ordering: .acquiring) }

    /// Records not acknowledged when the thread last looked.
    var unwrittenRecords: Int { unwritten.load(ordering: .relaxed) }
}

/// The body of the writer's thread: it owns the ring's reading end and the store.
final class StoreWriterLoop<Store: TradeStore & ~Copyable>: @unchecked Sendable {
    // Unchecked: made by the owner, then used by the writer's thread alone; starting the thread is the hand-over.

    /// Long pauses are slept in parts, so that lag and counts stay fresh meanwhile.
    private static var longestSleepNanos: UInt64 { 100_000_000 }

    private var reader: RecordReader
    private var store: Store
    private var machine: BatchStateMachine
    private var limit: BatchLimit
    private var batch = StoreBatch()
    private var newestTaken: MonotonicNanos?
    private var random = SystemRandomNumberGenerator()
    private let configuration: StoreWriterConfiguration
    private let metrics: StoreWriterMetrics
    private let health: HealthCheck
    private let logger: Logger
    private let signals: StoreWriterSignals
    private let progress: StoreProgressHandler?
    private var failingSince: MonotonicNanos?
    private var lastLog: (at: MonotonicNanos, isRefusal: Bool)?

    init(
        reader: consuming RecordReader, store: consuming Store, configuration: StoreWriterConfiguration,
        metrics: StoreWriterMetrics, health: HealthCheck, logger: Logger, signals: StoreWriterSignals,
        progress: StoreProgressHandler?
    ) {
        self.reader = reader
        self.store = store
        self.configuration = configuration
        machine = BatchStateMachine(configuration: configuration)
        limit = BatchLimit(usual: configuration.mostBatchSlots, most: configuration.mostCatchUpSlots)
        self.metrics = metrics
        self.health = health
        self.logger = logger
        self.signals = signals
        self.progress = progress
    }

    /// Runs until it is told to stop and nothing is left, or its time is over.
    func run() {
        var isFinished = false
        while !isFinished {
            if !machine.hasBatch {
                reader.readBacklog(most: limit.slots)
                reader.takeLeadingMarks()
                reportProgress()
            }
            let waiting = reader.waitingSlots
            let now = MonotonicClock.now()
            signals.report(unwritten: reader.unwrittenRecords)
            if !machine.hasBatch { metrics.lag.set(waiting == 0 ? nil : (newestTaken ?? now)) }
            if waiting > 0, newestTaken == nil { newestTaken = now }
            switch machine.next(waitingRecords: waiting, now: now, stopBy: signals.stopBy) {
            case .prepare: prepare()
            case .write: write()
            case .wait(let nanos): sleep(nanos: min(nanos, Self.longestSleepNanos))
            case .finish: isFinished = true
            }
        }
        signals.report(unwritten: reader.abandon())
        store.close()
        health.report(isReady: false, reason: "stopped")
        signals.finish()
    }

    private func prepare() {
        do {
            try store.prepare()
            machine.prepared()
            if !machine.hasBatch { recovered() }
        } catch {
            failed(error)
        }
    }

    private func write() {
        if batch.count == 0 {
            if let times = reader.take(into: &batch, mostSlots: limit.slots) {
                metrics.lag.set(times.lowerBound)
                newestTaken = times.upperBound
            }
            metrics.unreadable(total: reader.unreadableCount)
        }
        guard batch.count > 0 else { return release() }
        do {
            #if TICKLINE_PLANTED_BUGS
                if PlantedBug.planted == .acknowledgeUnwritten {
                    reader.acknowledge()
                    reportProgress()
                }
            #endif
            let start = MonotonicClock.now()
            let receipt = try store.write(batch)
            let now = MonotonicClock.now()
            metrics.acknowledged(batch, receipt, now: now)
            if machine.failedAttempts == 0 {
                limit.acknowledged(slots: reader.takenSlots, nanos: now.nanos(since: start))
            }
            if receipt.refused > 0 {
                logger.error("the store refused records for good", metadata: ["records": "\(receipt.refused)"])
            }
            release()
            recovered()
        } catch {
            failed(error)
        }
    }

    /// Empties the batch and gives its slots back. What remains is at least as new as what was taken.
    private func release() {
        batch.removeAll()
        reader.acknowledge()
        reportProgress()
        let waiting = reader.waitingSlots
        if waiting == 0 { newestTaken = nil }
        machine.acknowledged(now: MonotonicClock.now(), waitingRecords: waiting)
    }

    private func reportProgress() {
        guard let progress, let reached = reader.newProgress() else { return }
        progress(reached)
    }

    private func failed(_ error: TradeStoreError) {
        let now = MonotonicClock.now()
        let isRefusal = if case .refused = error { true } else { false }
        machine.failed(now: now, isRefusal: isRefusal, jitter: Double.random(in: 0...1, using: &random))
        limit.reset()
        metrics.failed(error)
        health.report(isReady: false, reason: error.description)
        failingSince = failingSince ?? now
        if let lastLog, lastLog.isRefusal == isRefusal,
            now.nanos(since: lastLog.at) < nanos(millis: configuration.logIntervalMillis)
        {
            return
        }
        lastLog = (now, isRefusal)
        logger.warning(
            "the store can't be written, records wait",
            metadata: [
                "error": "\(error)", "waiting": "\(reader.waitingSlots)", "attempt": "\(machine.failedAttempts)",
            ])
    }

    private func recovered() {
        health.report(isReady: true, reason: "ready")
        guard let since = failingSince else { return }
        let seconds = Double(MonotonicClock.now().nanos(since: since)) / 1e9
        logger.notice("the store is written again", metadata: ["seconds": "\(seconds)"])
        failingSince = nil
        lastLog = nil
    }

    /// Sleeps until the time is over or a stop is asked for.
    private func sleep(nanos: UInt64) {
        let wasStopping = signals.stopBy != nil
        signals.parker.prepare()
        // Asked again after the announcement: a stop either is seen here or wakes the thread.
        guard wasStopping || signals.stopBy == nil else { return signals.parker.cancel() }
        signals.parker.wait(timeoutNanos: nanos)
    }
}
