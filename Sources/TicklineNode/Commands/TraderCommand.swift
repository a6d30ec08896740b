import Execution
import FeedHandler
import Foundation
import Logging
import Monitoring
import ServiceLifecycle
import Telemetry

/// `tickline trader`: trades on the signal stream, or on the signals of a data folder's journal, on paper.
public enum TraderCommand {
    /// Resolves the settings and trades until stopped, or for `duration`. Returns the exit status.
    public static func run(flags: [String: [String]], duration: Duration?) async -> Int32 {
        await exitStatus {
            let stop = await StopSignals()
            var resolver = SettingsResolver(flags: flags, environment: ProcessInfo.processInfo.environment)
            let settings = try resolver.resolve()
            try settings.checkFiles(resolver)
            let metrics = MetricsRegistry()
            let logger = makeLogger(level: settings.logLevel, metrics: metrics)
            for warning in resolver.warnings { logger.warning("\(warning)") }
            let redis = try NodePlan.redis(settings, resolver.origin)
            let feeds: [FeedPlan]
            do { feeds = try FeedPlan.plans(parsing: settings.feeds) } catch {
                throw SettingsError.conflict("\(error)")
            }
            let folder = try TraderFolder(data: settings.data)
            let health = HealthRegistry()
            ProcessMetrics.register(in: metrics, version: TicklineVersion.current)
            let plan = try TradingPlan(settings, feeds: feeds, holder: folder.name)
            let tradingSwitch = TradingSwitch()
            let trading = try TradingService(
                plan, settings: settings, redis: redis, folder: folder, tradingSwitch: tradingSwitch,
                metrics: metrics, health: health, logger: logger)
            let monitoring = MonitoringServer(
                listeners: [
                    MonitoringListener(role: .trader, host: settings.traderHTTP.host, port: settings.traderHTTP.port)
                ], metrics: metrics, health: health, logger: logger,
                trading: TradingService.control(settings, tradingSwitch))
            _ = try await monitoring.start()
            var quiet = logger
            quiet.logLevel = .error
            let group = ServiceGroup(
                configuration: ServiceGroupConfiguration(
                    services: [MonitoringService(server: monitoring), trading], logger: quiet))
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { await stop.watch { _ in await group.triggerGracefulShutdown() } }
                if let duration {
                    tasks.addTask {
                        try await Task.sleep(for: duration)
                        await group.triggerGracefulShutdown()
                    }
                }
                defer { tasks.cancelAll() }
                try await group.run()
            }
        }
    }
}
