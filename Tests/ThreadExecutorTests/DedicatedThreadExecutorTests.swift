import RingBuffer
import Synchronization
import Testing
import ThreadExecutor

/// An actor with one job that keeps the thread, as the engine's `run` does.
private actor LongRunner {
    nonisolated let executor: DedicatedThreadExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
    private var isStopping = false
    private(set) var turns = 0

    init(_ executor: DedicatedThreadExecutor) { self.executor = executor }

    func run() async {
        while !isStopping {
            turns += 1
            if executor.hasPendingJobs { await Task.yield() }
        }
    }

    func stop() { isStopping = true }
    func touch() {}
}

@Suite struct DedicatedThreadExecutorTests {
    private func executor() -> DedicatedThreadExecutor {
        let parker = Parker()
        return DedicatedThreadExecutor(
            name: "test",
            idle: { hasWork in
                parker.prepare()
                if hasWork() { parker.cancel() } else { parker.wait(timeoutNanos: 10_000_000_000) }
            }, wakeUp: { parker.wake() })
    }

    @Test func `jobs enqueued together with a long one are not stranded behind it`() async {
        for _ in 0..<300 {
            let executor = executor()
            let runner = LongRunner(executor)
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await runner.run() }
                for _ in 0..<4 { group.addTask { await runner.touch() } }
                group.addTask {
                    await runner.touch()
                    await runner.stop()
                }
            }
            executor.stop()
        }
    }

    @Test func `runs jobs on its thread, and on the caller's after it has ended`() async {
        let executor = executor()
        let runner = LongRunner(executor)
        await runner.stop()
        await runner.run()
        executor.stop()
        #expect(await runner.turns == 0)
    }
}
