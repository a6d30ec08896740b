import Dispatch

/// Runs `work`, which may block (a join, a bounded drain), away from Swift's cooperative threads.
func offCooperativePool<Result: Sendable>(_ work: @escaping @Sendable () -> Result) async -> Result {
    await withCheckedContinuation { continuation in
        DispatchQueue.global().async { continuation.resume(returning: work()) }
    }
}
