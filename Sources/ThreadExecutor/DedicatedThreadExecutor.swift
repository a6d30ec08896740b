import Synchronization

/// A serial executor whose jobs run on one dedicated thread.
///
/// An actor that returns it from `unownedExecutor` is isolated to that thread. A long job of the actor may keep the
/// thread and give way with `Task.yield()` while `hasPendingJobs` says that others wait; that keeps a hot loop isolated
/// without any cost per iteration. The thread ends after `stop()`, when no job is left; jobs enqueued later run on the
/// enqueueing thread, one at a time, so that an actor can still be asked for its results.
public final class DedicatedThreadExecutor: SerialExecutor, @unchecked Sendable {
    // Unchecked: `state` is behind its mutex, `owner` and `pending` are atomic, the closures are immutable.
    private struct State {
        var jobs: [UnownedJob] = []
        var isStopping = false
        var hasEnded = false
    }

    private let state = Mutex(State())
    private let pending = Atomic<Bool>(false)
    private let owner = Atomic<UInt>(0)
    private let afterEnd = Mutex(())
    private let idle: @Sendable (_ hasWork: () -> Bool) -> Void
    private let wakeUp: @Sendable () -> Void
    private let thread = Mutex<DedicatedThread?>(nil)

    /// Creates the executor and starts its thread.
    ///
    /// - Parameters:
    ///   - idle: called on the thread when there is no job; announces the sleep, asks `hasWork` once more, then sleeps
    ///     until `wakeUp` or a time limit.
    ///   - wakeUp: makes `idle`, or the job that keeps the thread, return soon; called from any thread.
    public init(
        name: String, processor: Int? = nil, idle: @escaping @Sendable (_ hasWork: () -> Bool) -> Void,
        wakeUp: @escaping @Sendable () -> Void
    ) {
        self.idle = idle
        self.wakeUp = wakeUp
        thread.withLock { $0 = DedicatedThread(name: name, processor: processor) { [self] in run() } }
    }

    /// Whether a job waits; one relaxed load, so it may be asked after every batch.
    @inline(__always)
    public var hasPendingJobs: Bool { pending.load(ordering: .relaxed) }

    /// Ends the thread once no job is left, and waits for that. Called once, from another thread.
    public func stop() {
        state.withLock { $0.isStopping = true }
        wakeUp()
        thread.withLock { $0.take() }?.join()
    }

    /// Queues a job and wakes the thread; any thread.
    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let hasEnded = state.withLock { state in
            if !state.hasEnded {
                state.jobs.append(job)
                pending.store(true, ordering: .releasing)
            }
            return state.hasEnded
        }
        guard hasEnded else { return wakeUp() }
        // The thread is gone; the mutex keeps the actor's isolation.
        afterEnd.withLock { _ in
            owner.store(ThreadIdentity.current, ordering: .releasing)
            unsafe job.runSynchronously(on: asUnownedSerialExecutor())
        }
    }

    /// The reference the runtime keeps; the executor must outlive its actor's jobs.
    public func asUnownedSerialExecutor() -> UnownedSerialExecutor { unsafe UnownedSerialExecutor(ordinary: self) }

    /// Whether the caller runs on the executor's thread.
    public func isIsolatingCurrentContext() -> Bool? {
        owner.load(ordering: .acquiring) == ThreadIdentity.current
    }

    /// Traps unless the caller runs on the executor's thread.
    public func checkIsolated() {
        precondition(owner.load(ordering: .acquiring) == ThreadIdentity.current, "not on the executor's thread")
    }

    private func run() {
        owner.store(ThreadIdentity.current, ordering: .releasing)
        while true {
            // One job at a time: a long job gives way only while `hasPendingJobs`, so no other may wait outside the queue.
            let (job, isDone) = state.withLock { state -> (UnownedJob?, Bool) in
                let job = state.jobs.isEmpty ? nil : state.jobs.removeFirst()
                pending.store(!state.jobs.isEmpty, ordering: .releasing)
                state.hasEnded = job == nil && state.isStopping
                return (job, state.hasEnded)
            }
            if isDone { return }
            if let job {
                unsafe job.runSynchronously(on: asUnownedSerialExecutor())
            } else {
                idle { hasPendingJobs || state.withLock { $0.isStopping } }
            }
        }
    }
}
