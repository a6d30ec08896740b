import Glibc
public import Logging
public import RingBuffer
import Synchronization
public import Telemetry
import ThreadExecutor
public import TradingModel

/// Writes the engine's records to a store in batches, on a thread of its own, off the critical path.
///
/// The record ring is the bounded queue in front: its slots are released only when the store has acknowledged their
/// batch, so a slow or unreachable store fills the ring and nothing else, and its producer counts what a full ring
/// refused. A batch is written again unchanged until it is acknowledged; the pauses between attempts grow to a limit.
public final class StoreWriter<Store: TradeStore & ~Copyable>: Sendable {
    private enum State {
        case made
        case running(DedicatedThread)
        case stopped
    }

    private let loop: StoreWriterLoop<Store>
    private let signals = StoreWriterSignals()
    private let state = Mutex(State.made)

    /// Takes the ring's reading end and the store; nothing runs before `start`.
    ///
    /// Registers the writer's metrics, so there is one writer per registry. `health` turns ready when the store is
    /// prepared and not ready, with the store's words, while it can't be written. `progress` is told how far everything is
    /// stored, where the producer puts marks behind what it records. `backlog` has what the producer leaves out where the
    /// ring is full; without one that is lost, and counted by the producer.
    public init(
        records: consuming RingConsumer, backlog: (any RecordBacklog)? = nil, store: consuming Store,
        configuration: StoreWriterConfiguration = StoreWriterConfiguration(), metrics: MetricsRegistry,
        health: HealthCheck, logger: Logger, progress: StoreProgressHandler? = nil
    ) {
        loop = StoreWriterLoop(
            reader: RecordReader(
                records: records, backlog: backlog, initialWallOffsetNanos: MonotonicClock.wallOffsetNanos()),
            store: store, configuration: configuration, metrics: StoreWriterMetrics(metrics), health: health,
            logger: logger, signals: signals, progress: progress)
    }

    /// Starts the writer's thread; a second call is our own mistake and traps.
    public func start() {
        state.withLock { state in
            guard case .made = state else { preconditionFailure("a store writer is started once") }
            state = .running(DedicatedThread(name: "store-writer") { [loop] in loop.run() })
        }
    }

    /// Writes what the ring holds, ends the thread and returns how many records are left unwritten. Blocks the caller.
    ///
    /// Call it when the producer has published its last record. It returns within `timeout`: an attempt that is under way
    /// then is left to the store's own time limit, its records count as unwritten (they may arrive yet), and the process
    /// is expected to end. A second call returns the same
    /// count; before `start` it returns 0.
    public func drainAndStop(timeout: Duration) -> Int {
        state.withLock { state in
            if case .running(let thread) = state {
                let (seconds, attoseconds) = timeout.components
                let timeoutNanos = UInt64(max(0, seconds)) * 1_000_000_000 + UInt64(max(0, attoseconds) / 1_000_000_000)
                let deadline = MonotonicNanos(rawValue: MonotonicClock.now().rawValue + timeoutNanos)
                signals.stop(by: deadline)
                while !signals.isFinished, MonotonicClock.now() < deadline { usleep(1_000) }
                // The thread looks at the deadline between attempts and may need a moment to see it.
                if !signals.isFinished { usleep(20_000) }
                if signals.isFinished { thread.join() }
            }
            state = .stopped
            return signals.unwrittenRecords
        }
    }
}
