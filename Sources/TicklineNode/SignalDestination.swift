import ConsoleSignals
import Logging
import RedisStreams
import RingBuffer
import StrategyEngine
import Telemetry
import TradingModel

/// Redis or the console: where a run's signals go, without the sink's type.
package struct SignalDestination: Sendable {
    private enum Kind: Sendable {
        case redis(SignalPublisher)
        case console(ConsolePrinter)
    }

    private let kind: Kind
    /// What has to be published before the publisher starts; nil for nothing.
    private let backlog: SignalBacklog?

    init(
        plan: NodePlan, settings: Settings, journal: NodeJournal?, metrics: MetricsRegistry, health: HealthRegistry,
        logger: Logger
    ) throws(SettingsError) {
        guard let endpoint = plan.redis else {
            backlog = nil
            // Signals that it takes over may be of an instrument that it does not have.
            kind = .console(ConsolePrinter(catalog: journal?.signalCatalog ?? plan.catalog, metrics: metrics))
            return
        }
        var configuration = SignalPublisherConfiguration(
            endpoint: endpoint, streamKey: settings.signalStream,
            mode: settings.publish == .once ? .once : .append)
        configuration.trim = StreamTrimSettings(
            mostAgeSeconds: settings.streamMaxAgeDays * 86_400, mostEntries: settings.streamMaxLength)
        let past =
            try journal?.takenOver(outboxCapacity: configuration.outboxCapacity, logger: logger) ?? TakenOverSignals()
        let check = health.check("redis", roles: [.processor, .trader])
        let acknowledged = journal?.acknowledgementHandler
        let makePublisher = {
            @Sendable [configuration] (taken: TakenOverSignals, isLast: Bool) throws(RedisStreamsError) in
            var configuration = configuration
            // A killed run may have left a full outbox, and ticks behind it that recovery has decided on.
            while configuration.outboxCapacity < taken.signals.count { configuration.outboxCapacity *= 2 }
            if !isLast { configuration.trim = nil }
            return try SignalPublisher(
                configuration: configuration, catalog: plan.catalog, firstOrdinal: taken.firstOrdinal,
                recovered: taken.signals, acknowledged: acknowledged, metrics: metrics, health: check, logger: logger)
        }
        backlog =
            past.earlier.isEmpty
            ? nil
            : journal.map {
                SignalBacklog(past.earlier, journal: $0, logger: logger) { taken throws(RedisStreamsError) in
                    try makePublisher(taken, false)
                }
            }
        do { kind = .redis(try makePublisher(past, true)) } catch { throw .conflict("\(error)") }
    }

    /// Publishes what earlier runs have left beyond what the publisher takes over; before `start`, with the journal started.
    ///
    /// - Parameter limit: how long the stream may go on without taking any.
    /// - Throws: `OverfullJournal` where it did.
    func publishBacklog(within limit: Duration) async throws(OverfullJournal) {
        try await backlog?.publish(within: limit)
    }

    /// Whether signals of an earlier run are the publisher's affair; else the engine hands them over.
    package var takesOverSignals: Bool { if case .redis = kind { true } else { false } }

    /// The engine whose sink this is; make one.
    func makeEngine(
        plan: NodePlan, path: DataPath, journal: consuming EngineJournal?, detour: RecordDetour?, settings: Settings,
        metrics: MetricsRegistry
    ) -> EngineHandle {
        var configuration = EngineConfiguration(idlePolicy: settings.idle == .spin ? .spin : .park(afterPolls: 400))
        configuration.priceBandPercent = settings.priceBandPercent
        configuration.refill = plan.refill
        configuration.redundancy = plan.redundancy
        let requests =
            path.history == nil ? nil : RingProducer(path.requests, wakes: path.requestsParker)
        switch kind {
        case .redis(let publisher):
            return EngineHandle(
                SMACrossoverActor(
                    catalog: plan.catalog, feeds: path.engineRings, parker: path.parker, records: path.records,
                    detour: detour, requests: requests, sink: publisher.makeSink(), journal: journal,
                    configuration: configuration,
                    metrics: metrics))
        case .console(let printer):
            return EngineHandle(
                SMACrossoverActor(
                    catalog: plan.catalog, feeds: path.engineRings, parker: path.parker, records: path.records,
                    detour: detour, requests: requests, sink: printer.makeSink(), journal: journal,
                    configuration: configuration,
                    metrics: metrics))
        }
    }

    /// Signals taken so far, and how many of them the stream has acknowledged; the console needs none.
    package var takenSignals: (count: UInt64, acknowledged: UInt64) {
        switch kind {
        // What is published before is not counted, but none of it is acknowledged before the last of it is, and of the others none
        // can be.
        case .redis(let publisher) where backlog?.isWaiting == true: (publisher.takenSignals.count + 1, 0)
        case .redis(let publisher): publisher.takenSignals
        case .console: (0, 0)
        }
    }

    /// Starts the thread behind the sink.
    package func start() {
        switch kind {
        case .redis(let publisher): publisher.start()
        case .console(let printer): printer.start()
        }
    }

    /// The newest signals the stream already holds, as far as it has answered; nil before it has.
    package var knownSigns: [PublishedSign]? {
        switch kind {
        case .redis(let publisher): publisher.knownSigns
        case .console: []
        }
    }

    /// The newest signals the stream already holds; nil where it did not answer in time.
    func publishedSigns(within limit: Duration) async -> [PublishedSign]? {
        switch kind {
        case .redis(let publisher): await publisher.waitUntilSynchronised(timeout: limit)
        case .console: []
        }
    }

    /// Waits until the stream has all that was taken, and returns how many signals it does not have once none was acknowledged
    /// for `limit`, or the task is cancelled.
    func waitUntilAcknowledged(within limit: Duration) async -> UInt64 {
        var (deadline, acknowledged) = (ContinuousClock.now + limit, takenSignals.acknowledged)
        while true {
            let taken = takenSignals
            if taken.acknowledged > acknowledged {
                (deadline, acknowledged) = (ContinuousClock.now + limit, taken.acknowledged)
            }
            guard taken.acknowledged < taken.count, ContinuousClock.now < deadline, !Task.isCancelled else {
                return taken.count - taken.acknowledged
            }
            try? await Task.sleep(for: .milliseconds(10))  // Cancelled, the next look is the last.
        }
    }

    /// Sends what is left, ends the thread and returns the number of signals not acknowledged.
    func drainAndStop(within limit: Duration) async -> Int {
        switch kind {
        case .redis(let publisher): return await publisher.drainAndStop(timeout: limit)
        case .console(let printer):
            await offCooperativePool { printer.stop() }
            return 0
        }
    }
}
