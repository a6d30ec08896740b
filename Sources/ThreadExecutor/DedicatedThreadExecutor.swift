import Synchronization

/// A serial executor whose jobs run on one dedicated thread, between the slices of a loop the owner supplies.
///
/// An actor that returns it from `unownedExecutor` is isolated to that thread. The thread's owner calls
/// `runPendingJobs()` regularly and `bind()` once at its start. Jobs enqueued after the thread has stopped run on the
/// thread that calls `drainAfterStop()`, so an actor can still be asked for its results.
public final class DedicatedThreadExecutor: SerialExecutor, @unchecked Sendable {
    // Unchecked: `jobs` is behind the mutex, `owner` is atomic, `wakeUp` is set once before the thread starts.
    private let jobs = Mutex<[UnownedJob]>([])
    private let pending = Atomic<Bool>(false)
    private let owner = Atomic<UInt>(0)
    private let wakeUp: @Sendable () -> Void

    /// Creates an executor; `wakeUp` must make the owning thread return to `runPendingJobs` soon, from any thread.
    public init(wakeUp: @escaping @Sendable () -> Void) { self.wakeUp = wakeUp }

    /// Makes the calling thread the one jobs run on.
    public func bind() { owner.store(ThreadIdentity.current, ordering: .releasing) }

    /// Whether a job waits; one relaxed load, so it may be asked after every batch.
    @inline(__always)
    public var hasPendingJobs: Bool { pending.load(ordering: .relaxed) }

    /// Runs what waits now; only on the bound thread, and never from inside isolated code.
    public func runPendingJobs() {
        guard pending.load(ordering: .acquiring) else { return }
        let batch = jobs.withLock { waiting in
            pending.store(false, ordering: .releasing)
            let batch = waiting
            waiting.removeAll(keepingCapacity: true)
            return batch
        }
        for job in batch { unsafe job.runSynchronously(on: asUnownedSerialExecutor()) }
    }

    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        jobs.withLock {
            $0.append(job)
            pending.store(true, ordering: .releasing)
        }
        wakeUp()
    }

    public func asUnownedSerialExecutor() -> UnownedSerialExecutor { unsafe UnownedSerialExecutor(ordinary: self) }

    public func isIsolatingCurrentContext() -> Bool? {
        owner.load(ordering: .acquiring) == ThreadIdentity.current
    }

    public func checkIsolated() {
        precondition(owner.load(ordering: .acquiring) == ThreadIdentity.current, "not on the executor's thread")
    }
}
