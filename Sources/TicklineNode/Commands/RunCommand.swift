import Foundation
import Logging
import Monitoring
import Telemetry

/// `tickline run`: the engine against real or simulated feeds.
public enum RunCommand {
    /// Resolves the settings, runs until stopped and prints the summary. Returns the exit status.
    public static func run(flags: [String: [String]], duration: Duration?) async -> Int32 {
        await exitStatus {
            let stop = await StopSignals()
            var resolver = SettingsResolver(flags: flags, environment: ProcessInfo.processInfo.environment)
            let settings = try resolver.resolve()
            try settings.checkFiles(resolver)
            let metrics = MetricsRegistry()
            let logger = makeLogger(level: settings.logLevel, metrics: metrics)
            let node = try Node(
                settings: settings, origin: { resolver.origin($0) }, logger: logger, metrics: metrics)
            for warning in resolver.warnings { logger.warning("\(warning)") }
            try report(await node.run(until: stop, duration: duration), settings: settings)
        }
    }
}

/// Prints the summary on standard error (standard output carries signals alone) and writes it where that was asked for.
func report(_ summary: RunSummary, settings: Settings) throws(SettingsError) {
    printStatus(summary.text)
    guard let path = settings.summaryJSON else { return }
    do {
        try summary.json.write(to: URL(fileURLWithPath: path))
    } catch {
        throw .unwritableFile(path: path, reason: error.localizedDescription)
    }
}

/// The process's logger: JSON lines on standard error.
func makeLogger(level: String, metrics: MetricsRegistry) -> Logger {
    let level = Logger.Level(rawValue: level) ?? .info
    let writer = JSONLogWriter(metrics: metrics)
    return Logger(label: "tickline") { label in JSONLogHandler(label: label, writer: writer, level: level) }
}
