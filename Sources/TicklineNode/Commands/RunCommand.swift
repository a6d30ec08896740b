import Foundation
import Logging
import Monitoring
import Telemetry

/// `tickline run`: the engine against real or simulated feeds.
public enum RunCommand {
    /// Resolves the settings, runs until stopped and prints the summary. Returns the exit status.
    public static func run(flags: [SettingKey: [String]], duration: Duration?) async -> Int32 {
        await exitStatus {
            var resolver = SettingsResolver(flags: flags, environment: ProcessInfo.processInfo.environment)
            let settings = try resolver.resolve()
            let metrics = MetricsRegistry()
            let logger = makeLogger(level: settings.logLevel, metrics: metrics)
            for warning in resolver.warnings { logger.warning("\(warning)") }
            let node = try Node(settings: settings, logger: logger, metrics: metrics)
            printSummary(try await node.run(duration: duration))
        }
    }
}

/// Standard error carries logs and the summary; standard output carries signals alone.
func printSummary(_ summary: RunSummary) {
    FileHandle.standardError.write(Data((summary.text + "\n").utf8))
}

/// The process's logger: JSON lines on standard error.
func makeLogger(level: String, metrics: MetricsRegistry) -> Logger {
    let level = Logger.Level(rawValue: level) ?? .info
    let writer = JSONLogWriter(metrics: metrics)
    return Logger(label: "tickline") { label in JSONLogHandler(label: label, writer: writer, level: level) }
}
