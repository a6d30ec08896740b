import Foundation

/// A condition that never came true.
public struct ConditionTimeout: Error, CustomStringConvertible {
    /// What was waited for.
    public let description: String

    /// Creates the error, for waits that `waitUntil` cannot express.
    public init(description: String) { self.description = description }
}

/// Polls `condition` every 5 ms until it is true.
///
/// - Throws: `ConditionTimeout` after `timeout`, or what `condition` throws.
public func waitUntil(
    _ what: String, timeout: Duration = .seconds(20), _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + timeout
    while try await !condition() {
        guard ContinuousClock.now < deadline else {
            throw ConditionTimeout(description: "not within \(timeout): \(what)")
        }
        try await Task.sleep(for: .milliseconds(5))
    }
}

/// A folder of the test's own under the system's temporary folder, removed by `remove()`.
public struct TemporaryFolder: Sendable {
    /// Where it is.
    public let url: URL

    /// Makes the folder.
    public init(_ name: String = "tickline") throws {
        url = FileManager.default.temporaryDirectory.appendingPathComponent("\(name)-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    /// Its path.
    public var path: String { url.path }

    /// Deletes the folder and what is in it; what is already gone is fine.
    public func remove() { try? FileManager.default.removeItem(at: url) }
}

/// Runs `body`, which may block, away from the threads that tests share.
public func onThread<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
        Thread { continuation.resume(with: Swift.Result { try body() }) }.start()
    }
}
