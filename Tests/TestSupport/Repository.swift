import Foundation

/// Folders of the checkout the tests were built from.
public enum Repository {
    /// The repository's root.
    public static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// Whether a missing prerequisite is a failure rather than a skip.
    public static let isCI = ProcessInfo.processInfo.environment["CI"] == "true"
}

/// The recorded market data beside the checkout. Tests that need it carry `.enabled(if: SharedData.shouldRun)`: without
/// the folder they are skipped visibly, and with `CI=true` they run and fail.
public enum SharedData {
    /// `../shared/data`.
    public static let folder = Repository.root.deletingLastPathComponent().appendingPathComponent("shared/data")

    /// True where the data is there, and in CI.
    public static let shouldRun = Repository.isCI || FileManager.default.fileExists(atPath: folder.path)

    /// The path of one file, such as `binance/btcusdt@trade.20240808.ndjson.gz`.
    public static func path(_ name: String) -> String { folder.appendingPathComponent(name).path }
}

/// The scripts beside the checkout that build other people's test suites; rules as for `SharedData`.
public enum SharedTools {
    /// True where the scripts are there, and in CI.
    public static let shouldRun = Repository.isCI || FileManager.default.fileExists(atPath: path("autobahn.sh"))

    /// The path of one script, such as `autobahn.sh`.
    public static func path(_ name: String) -> String {
        Repository.root.deletingLastPathComponent().appendingPathComponent("shared/tools").appendingPathComponent(name)
            .path
    }
}
