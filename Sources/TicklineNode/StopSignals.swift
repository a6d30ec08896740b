import Glibc
import UnixSignals

/// SIGTERM and SIGINT: the first drains and stops, a second ends the process at once with 128 + its number.
struct StopSignals: Sendable {
    /// What SIGUSR1 does, where anything.
    var userSignal: (@Sendable () -> Void)?

    /// Calls `onFirst` at the first stop signal and goes on watching; returns when cancelled.
    func watch(onFirst: @escaping @Sendable () async -> Void) async {
        var isStopping = false
        for await signal in await UnixSignalsSequence(trapping: .sigterm, .sigint, .sigusr1) {
            if signal == .sigusr1 {
                userSignal?()
                continue
            }
            if isStopping { _exit(128 + signal.rawValue) }
            isStopping = true
            await onFirst()
        }
    }

    /// Returns at the first stop signal or after `limit`.
    func wait(atMost limit: Duration?) async {
        await withTaskGroup(of: Void.self) { group in
            let (stopped, stop) = AsyncStream<Void>.makeStream()
            group.addTask { await watch { stop.finish() } }
            if let limit {
                group.addTask {
                    try? await Task.sleep(for: limit)  // A cancelled sleep means the stop came first.
                    stop.finish()
                }
            }
            for await _ in stopped {}
            group.cancelAll()
        }
    }
}
