import Execution
import FeedHandler
import Foundation
import Logging
import MongoStore
import Monitoring
import RingBuffer
import SQLiteStore
import ServiceLifecycle
import StoreWriter
import Telemetry
import ThreadExecutor
import TradingModel

/// One engine process: everything between the feeds and the stream, wired from settings.
public struct Node: Sendable {
    private let settings: Settings
    private let logger: Logger
    private let metrics: MetricsRegistry
    private let monitoring: MonitoringServer
    private let services: [any Service]
    /// Held until the process ends.
    private let folder: DataFolder?
    private let journal: NodeJournal?
    /// See `Pipeline.takeOver`.
    private let takeOver: @Sendable () async throws -> Void

    /// Builds the parts; nothing is started and no connection made.
    ///
    /// - Parameter origin: where a setting came from, by its flag, for refusals.
    /// - Throws: `SettingsError` for settings that make no sense together.
    public init(
        settings: Settings, origin: (String) -> SettingOrigin, logger: Logger, metrics: MetricsRegistry
    ) throws(SettingsError) {
        let plan = try NodePlan(settings: settings, origin: origin)
        try Self.check(settings.idle, feeds: plan.feeds.count)
        let health = HealthRegistry()
        AllocatorMetrics.register(metrics)
        ProcessMetrics.register(in: metrics, version: TicklineVersion.current)
        let keepsFiles = settings.store == .sqlite || settings.journal == .on
        folder = keepsFiles ? try DataFolder(path: settings.data) : nil
        let pipeline = try Pipeline(
            plan: plan, settings: settings, folder: folder, metrics: metrics, health: health, logger: logger)
        let (journal, signals, engine) = (pipeline.journal, pipeline.signals, pipeline.engine)
        let listeners: [(HealthRole, ListenAddress)] = [
            (.collector, settings.collectorHTTP), (.processor, settings.processorHTTP), (.trader, settings.traderHTTP),
        ]
        let tradingSwitch = TradingSwitch()
        monitoring = MonitoringServer(
            listeners: listeners.map { MonitoringListener(role: $0, host: $1.host, port: $1.port) }, metrics: metrics,
            health: health, logger: logger,
            trading: settings.trader == .on ? TradingService.control(settings, tradingSwitch) : nil)

        // In starting order; see Services.swift.
        var services: [any Service] = [MonitoringService(server: monitoring)]
        if let journal { services.append(JournalService(journal: journal)) }
        if let records = pipeline.records {
            services.append(
                try storing(
                    RingConsumer(records), backlog: journal?.backlog, folder: settings.store == .sqlite ? folder : nil,
                    catalog: journal?.recordCatalog ?? plan.catalog, settings: settings,
                    progress: journal?.storeProgress, metrics: metrics,
                    health: health.check("store", roles: [.collector, .processor]), logger: logger))
        }
        services.append(
            DrainingService(
                // Taking over has started it.
                start: {}, drainAndStop: { await signals.drainAndStop(within: $0) },
                limit: .seconds(1), leftBehind: "signals not acknowledged at the end are lost to the stream",
                logger: logger))
        services.append(EngineService(engine: engine, logger: logger))
        if let fetcher = pipeline.fetcher { services.append(RefillService(fetcher: fetcher)) }
        services.append(
            FeedService(
                feeds: pipeline.feeds, publishedSignsWithin: { await signals.publishedSigns(within: $0) },
                engine: engine,
                logger: logger))
        if settings.trader == .on {
            guard plan.redis != nil || settings.journal == .on else {
                throw .conflict("a trader without Redis reads the journal: give --redis, or leave --journal on")
            }
            let folder = try TraderFolder(data: settings.data)
            services.append(
                try TradingService(
                    try TradingPlan(settings, feeds: plan.feeds, holder: folder.name), settings: settings,
                    redis: plan.redis, folder: folder, tradingSwitch: tradingSwitch, metrics: metrics,
                    health: health, logger: logger))
        }
        self.services = services
        self.journal = journal
        takeOver = { try await pipeline.takeOver(logger: logger) }
        self.settings = settings
        self.logger = logger
        self.metrics = metrics
    }

    /// The longest a stop may take.
    private static let stopLimit = Duration.milliseconds(4_700)

    /// Runs until a stop signal or until `duration` has passed, drains, and returns what was done.
    ///
    /// - Parameter onListening: told the listeners' addresses (collector, processor, trader) once they are open.
    /// - Throws: `MonitoringError` where a listener can't be opened, `OverfullJournal`, or what a service failed with.
    public func run(
        until stop: StopSignals, duration: Duration? = nil, onListening: ([ListenAddress]) -> Void = { _ in }
    ) async throws -> RunSummary {
        let ports = try await monitoring.start()
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(services: services, logger: Self.quiet(logger)))
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            let (stopped, stopping) = AsyncStream<Void>.makeStream()
            let taking = Task { try await takeOver() }
            tasks.addTask {
                await stop.watch { _ in
                    stopping.finish()
                    taking.cancel()
                    await group.triggerGracefulShutdown()
                }
            }
            tasks.addTask {
                // Each drain has its own limit; this ends a process in which one of them did not keep it.
                for await _ in stopped {}
                try await Task.sleep(for: Self.stopLimit)
                logger.critical("not drained within \(Self.stopLimit); ending all the same")
                _exit(0)
            }
            defer { tasks.cancelAll() }
            do { try await taking.value } catch {
                await monitoring.stop()
                guard taking.isCancelled else { throw error }
                // The stop came while something was taken over: the next start goes on with it.
                return
            }
            let hosts = [settings.collectorHTTP, settings.processorHTTP, settings.traderHTTP].map(\.host)
            onListening(zip(hosts, ports).map { ListenAddress(host: $0, port: $1) })
            if let duration {
                tasks.addTask {
                    try await Task.sleep(for: duration)
                    await group.triggerGracefulShutdown()
                }
            }
            do {
                try await group.run()
            } catch let error as ServiceGroupError where error == .alreadyFinished() {
                // The stop came before the services had started.
            }
        }
        return RunSummary(metrics: metrics)
    }

    /// The lifecycle library logs each service at info; an operator needs only its errors.
    private static func quiet(_ logger: Logger) -> Logger {
        var quiet = logger
        quiet.logLevel = .error
        return quiet
    }

    /// Spinning threads on a machine without a processor for each starve everything else, Redis included.
    private static func check(_ idle: IdleKind, feeds: Int) throws(SettingsError) {
        let needed = max(4, feeds + 3)
        guard idle == .spin, DedicatedThread.processorCount < needed else { return }
        throw .conflict(
            "--idle spin needs \(needed) processors for \(feeds) feed(s), here are \(DedicatedThread.processorCount);"
                + " leave it at --idle park")
    }
}
