import FeedHandler
import Logging
import RingBuffer
import Telemetry
import ThreadExecutor
import TradingModel

/// The parts between the feeds and the stream, wired from settings and not started.
///
/// What starts and stops them decides when; the store writer, at the other end of `records`, is its own to make.
package struct Pipeline: Sendable {
    /// The run's journal; nil where none is kept.
    package let journal: NodeJournal?
    /// Where signals go.
    package let signals: SignalDestination
    /// What decides.
    package let engine: EngineHandle
    /// What asks the exchange's history; nil where it is not asked.
    package let fetcher: RefillFetcher?
    /// The feeds' connections, by the engine's index.
    package let feeds: [FeedHandler]
    /// What the engine records for the store; nil where nothing is stored.
    package let records: SPSCRing?

    /// Builds the parts; no thread is started but the engine's, which waits, and no connection made.
    ///
    /// - Parameter folder: where the journal is kept; nil where none is.
    /// - Throws: `SettingsError` for settings that make no sense together, or a journal that can't be taken over.
    package init(
        plan: NodePlan, settings: Settings, folder: DataFolder?, journalSizes: JournalSizes = JournalSizes(),
        metrics: MetricsRegistry, health: HealthRegistry, logger: Logger
    ) throws(SettingsError) {
        let names = plan.feedNames
        let path = DataPath(
            feedCount: plan.feeds.count, hasHistory: plan.hasHistory, hasStore: settings.store != .none,
            hasJournal: settings.journal == .on)
        path.register(metrics, names: names)
        records = path.records
        let journal =
            try settings.journal == .on
            ? folder.map { folder throws(SettingsError) in
                try NodeJournal(
                    plan: plan, folder: folder, sizes: journalSizes, hasStore: path.records != nil, settings: settings,
                    metrics: metrics, health: health, logger: logger)
            } : nil
        self.journal = journal
        signals = try SignalDestination(
            plan: plan, settings: settings, journal: journal, metrics: metrics, health: health, logger: logger)
        engine = signals.makeEngine(
            plan: plan, path: path, journal: journal?.engineJournal(), detour: journal?.detour, settings: settings,
            metrics: metrics)
        let configurations = Self.configurations(plan: plan, settings: settings, names: names)
        for (feed, name) in zip(plan.feeds, names) where !feed.addedStreams.isEmpty {
            logger.info(
                "the address names no trades of these instruments; their trade streams are subscribed as well",
                metadata: ["feed": "\(name)", "streams": "\(feed.addedStreams.map(\.description))"])
        }
        let limiter = ConnectionLimiter()
        let pairs = zip(names, plan.feeds).map { name, feed in
            (
                overlap: FeedOverlap(reconnectAfterSeconds: settings.reconnectAfterSeconds),
                health: health.check(
                    "feed:\(name)", roles: [.collector],
                    delivers: Set(feed.streams.map { "\(feed.exchange.rawValue):\($0)" }))
            )
        }
        for (name, pair) in zip(names, pairs) {
            metrics.gauge(
                "tickline_feed_ready", help: "Whether the feed is connected with all its streams there.",
                labels: [("feed", name)]
            ) { pair.health.status.isReady ? 1 : 0 }
        }
        feeds = configurations.enumerated().map { index, configuration in
            let pair = pairs[index % names.count]
            return FeedHandler(
                configuration: configuration, catalog: plan.catalog,
                producer: RingProducer(path.feeds[index], wakes: path.parker), journal: journal?.feedWriter(index),
                metrics: metrics, health: pair.health, limiter: limiter,
                lane: FeedLane(pair.overlap, index / names.count), logger: logger)
        }
        let origin = settings.historyURL.flatMap { RefillOrigin(url: $0) }
        fetcher = path.history.map { history in
            RefillFetcher(
                sources: configurations.map { RefillSource($0, origin: origin) }, catalog: plan.catalog,
                requests: RingConsumer(path.requests), parker: path.requestsParker,
                answers: RingProducer(history, wakes: path.parker), journal: journal?.historyWriter(),
                limiter: RequestLimiter(), metrics: metrics, logger: logger)
        }
    }

    /// Starts the journal and what is behind the signals, and puts the engine where the last run stood.
    ///
    /// Each start takes of the journal's room, also where signals without acknowledgement fill the reserve for them. After
    /// too many such starts the stream gets what waits for it first, and all stays as it is where it does not.
    ///
    /// - Throws: `OverfullJournal`; `CancellationError` where the task is cancelled while the engine waits for the journal: what
    ///   is left to take over is the next start's.
    package func takeOver(logger: Logger) async throws {
        var isPublishing = false
        do {
            let mayBegin = journal?.start(signals: { [signals] in signals.takenSignals }) ?? true
            let mayRestore = mayBegin && signals.waitingSignals == 0
            if mayRestore { try await restore(logger: logger) }
            signals.start()
            isPublishing = true
            if mayRestore { return }
            let taken = signals.takenSignals
            logger.notice(
                "more signals without acknowledgement than a run begins with: the stream gets them before anything is received",
                metadata: ["signals": "\(taken.count - taken.acknowledged)"])
            var wait = StartWait(signals, forAll: !mayBegin)
            while !wait.isOver {
                try wait.check(nowNanos: MonotonicClock.now().rawValue, isCancelled: Task.isCancelled)
                try? await Task.sleep(for: .milliseconds(10))  // Cancelled, the next look is the last.
            }
            while !mayBegin, journal?.begin() == false { try await Task.sleep(for: .milliseconds(1)) }
            try await restore(logger: logger)
        } catch {
            // What writes to the journal ends before it does.
            if isPublishing { _ = await signals.drainAndStop(within: .zero) }
            await offCooperativePool { journal?.stop() }
            throw error
        }
    }

    private func restore(logger: Logger) async throws(CancellationError) {
        try await journal?.restore(engine, publishes: !signals.takesOverSignals, logger: logger)
    }

    private static func configurations(plan: NodePlan, settings: Settings, names: [String]) -> [FeedConfiguration] {
        plan.connections.enumerated().map { index, feed in
            var configuration = FeedConfiguration(plan: feed, feed: UInt16(index))
            configuration.name = names[index % names.count]
            configuration.caFile = settings.caFile
            configuration.proxyURL = settings.proxy
            configuration.silence = plan.silence
            configuration.busySpin = settings.idle == .spin
            return configuration
        }
    }
}

/// Runs before this one have left more signals than it may begin with, and Redis did not take them meanwhile.
package struct OverfullJournal: Error, CustomStringConvertible {
    /// Signals without acknowledgement.
    let waiting: UInt64
    /// Why those that exceed the memory for them are not published; nil where starts in a row have filled the journal.
    var trouble: String?

    /// One line with the remedy.
    package var description: String {
        if let trouble {
            return
                "up to \(waiting) signals without Redis' acknowledgement are more than a run keeps in memory, and could not be"
                + " published first: \(trouble); they are kept, and a start with Redis there publishes them and goes on"
        }
        return
            "\(waiting) signals without Redis' acknowledgement fill the journal beyond its reserve for them; they are kept, and a"
            + " start with Redis there publishes them and goes on; or raise --journal-budget"
    }
}
