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

    init(
        plan: NodePlan, settings: Settings, journal: NodeJournal?, metrics: MetricsRegistry, health: HealthRegistry,
        logger: Logger
    ) throws(SettingsError) {
        guard let endpoint = plan.redis else {
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
        let earlier = journal?.earlier(than: past, logger: logger)
        // A killed run may have left a full outbox, and ticks behind it that recovery has decided on.
        let most = max(past.signals.count, earlier?.pageSignals ?? 0)
        while configuration.outboxCapacity < most { configuration.outboxCapacity *= 2 }
        do throws(RedisStreamsError) {
            kind = .redis(
                try SignalPublisher(
                    configuration: configuration, catalog: plan.catalog, firstOrdinal: past.firstOrdinal,
                    recovered: past.signals, earlier: earlier, acknowledged: journal?.acknowledgementHandler,
                    metrics: metrics, health: health.check("redis", roles: [.processor, .trader]),
                    room: health.check("outbox", roles: [.collector, .processor]), logger: logger))
        } catch { throw .conflict("\(error)") }
    }

    /// Signals of earlier runs that the publisher has not taken over yet: the engine is not to be restored before there are none.
    package var waitingSignals: UInt64 { if case .redis(let publisher) = kind { publisher.waitingSignals } else { 0 } }

    /// Changes while the stream gets what waits for it, or is compared with that.
    var progress: UInt64 { if case .redis(let publisher) = kind { publisher.progress } else { 0 } }

    /// Why signals of earlier runs can't be taken over; nil where they can.
    var trouble: String? { if case .redis(let publisher) = kind { publisher.trouble } else { nil } }

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
