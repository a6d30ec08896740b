import Glibc
import UnixSignals

/// SIGTERM and SIGINT: the first drains and stops, a second ends the process at once with 128 + its number.
public struct StopSignals: Sendable {
    private let signals: UnixSignalsSequence

    /// Traps the signals; what arrives before anybody watches is kept. Make it before anything else that takes time.
    public init() async { signals = await UnixSignalsSequence(trapping: .sigterm, .sigint) }

    /// Calls `onFirst` with the first stop signal's number and goes on watching; returns when cancelled.
    func watch(onFirst: @Sendable (_ signal: Int32) async -> Void) async {
        var isStopping = false
        for await signal in signals {
            if isStopping { _exit(128 + signal.rawValue) }
            isStopping = true
            await onFirst(signal.rawValue)
        }
    }

    /// Returns at the first stop signal or after `limit`.
    func wait(atMost limit: Duration?) async {
        await withTaskGroup(of: Void.self) { group in
            let (stopped, stop) = AsyncStream<Void>.makeStream()
            group.addTask { await watch { _ in stop.finish() } }
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
