import FeedHandler
import Journal
import Logging
import RedisStreams
import Replay
import StrategyEngine
import Synchronization
import Telemetry
import ThreadExecutor
import TradingModel

/// How large a journal's segments are.
package struct JournalSizes: Sendable {
    /// Of a feed: large ones are switched seldom, and small ones leave a small budget enough history.
    package var feedSegmentBytes = 4 << 20...16 << 20
    /// Entries of an engine's: 8 MiB, two minutes of a thousand ticks a second.
    package var engineEntries = 1 << 17
    /// Entries of those in which publisher and store writer note how far they are: 256 KiB.
    package var noteEntries = 4_032
    /// Entries of those of the exchange's history, beside 2 MiB of answers.
    package var historyEntries = 4_032
    /// Signals without acknowledgement that a publisher takes over at a time: 92 MB of commands.
    package var takenOverSignals = 1 << 17

    /// A process' own.
    package init() {}
}

/// A run's journal: one chain for each writing thread, in the data folder; and what it held when the run began.
package struct NodeJournal: Sendable {
    private let journal: Journal
    private let description: RunDescription
    /// The same with names for the records of earlier runs that the store lacks.
    private let recordNames: RunDescription
    private let ringCount: Int
    private let recovered: RecoveredRun?
    private let mostTakenOver: Int
    /// The way of records that find no room in the ring to the store writer; nil where nothing is stored.
    let detour: RecordDetour?
    /// What the store writer reads there.
    package let backlog: JournalCatchUp?
    /// The store writer's notes; nil where nothing is stored.
    private let stored: SharedLog?
    /// The publisher's notes; nil where nothing is published.
    private let acknowledged: SharedLog?

    /// Takes over the journal of the data folder, and reads what the last run has left.
    ///
    /// - Parameter hasStore: whether records are stored, also those that the last run had not stored.
    /// - Throws: `SettingsError.conflict` where it can't be, with the remedy.
    init(
        plan: NodePlan, folder: DataFolder, sizes: JournalSizes, hasStore: Bool, settings: Settings,
        metrics: MetricsRegistry, health: HealthRegistry, logger: Logger
    ) throws(SettingsError) {
        mostTakenOver = sizes.takenOverSignals
        ringCount = plan.connections.count + (plan.hasHistory ? 1 : 0)
        let ownDescription = RunDescription(
            catalog: plan.catalog,
            feeds: plan.connections.map { ($0, FeedConfiguration.defaultMostMessageBytes) },
            mostSlots: DataPath.feedRingSlots, priceBandPercent: settings.priceBandPercent, refill: plan.refill,
            isPublished: plan.redis != nil)
        let budget = settings.journalBudgetMiB << 20
        do {
            let existing = try JournalFolder(path: folder.journal)
            recovered = try RecoveredRun(existing, logger: logger)
            description =
                recovered.map { ownDescription.naming($0.state.unrecorded.map(\.decision), of: $0.state.description) }
                ?? ownDescription
            recordNames = description.naming(hasStore ? try recovered?.unstoredRuns() ?? [] : [])
            journal = try Journal(
                settings: JournalSettings(
                    folder: folder.journal, budgetBytes: budget, syncIntervalMillis: settings.journalSyncMillis),
                plans: Self.fittingPlans(plan, sizes, budgetBytes: budget, prefaceBytes: description.bytes.count),
                existing: existing, wallClock: { MonotonicClock.wallClock() }, metrics: metrics,
                health: health.check("journal", roles: [.collector, .processor]), logger: logger)
        } catch {
            throw .conflict("\(error)")
        }
        detour = hasStore ? recovered?.detour ?? RecordDetour() : nil
        let (run, names) = (journal.run, recordNames)
        backlog = detour.map {
            JournalCatchUp(path: folder.journal, run: run, names: names, detour: $0, metrics: metrics, logger: logger)
        }
        stored = !hasStore ? nil : SharedLog(ProgressLog(writer: journal.writer(of: JournalChain(.stored))))
        acknowledged =
            plan.redis == nil
            ? nil
            : SharedLog(
                ProgressLog(
                    writer: journal.writer(of: JournalChain(.acknowledgements)),
                    mostWaitMillis: Self.mostAcknowledgementWaitMillis))
    }

    /// How long the publisher's thread waits for room for an acknowledgement: ten looks of the journal's thread. Of a signal
    /// without one the next run can't tell whether the stream has lost it or a consumer has removed it.
    private static let mostAcknowledgementWaitMillis = 100

    /// Chains whose feeds' segments are as large as the budget asks for, or, where that has no room for so many of them, as
    /// small as they may be: what these need is enough.
    private static func fittingPlans(
        _ plan: NodePlan, _ sizes: JournalSizes, budgetBytes: Int, prefaceBytes: Int
    ) -> [ChainPlan] {
        let plans = Self.plans(plan, sizes, budgetBytes: budgetBytes, prefaceBytes: prefaceBytes)
        guard Journal.neededBytes(plans) > budgetBytes else { return plans }
        return Self.plans(plan, sizes, budgetBytes: 0, prefaceBytes: prefaceBytes)
    }

    private static func plans(
        _ plan: NodePlan, _ sizes: JournalSizes, budgetBytes: Int, prefaceBytes: Int
    ) -> [ChainPlan] {
        let share = budgetBytes / (12 * (plan.feeds.count + 1))
        let feedBytes = min(max(share, sizes.feedSegmentBytes.lowerBound), sizes.feedSegmentBytes.upperBound)
        let engineBytes =
            sizes.engineEntries * 64 + 8_192 + DecisionCore.mostCheckpointBytes(plan.catalog) + prefaceBytes
        return plan.connections.indices.map { index in
            var chain = ChainPlan.feed(index, segmentBytes: feedBytes & ~4_095)
            // The second connections rest for most of the time, many for ever.
            chain.isOnDemand = index >= plan.feeds.count
            return chain
        } + [
            ChainPlan(
                chain: JournalChain(.engine), segmentBytes: (engineBytes + 4_095) & ~4_095,
                tableEntries: sizes.engineEntries),
            ChainPlan(
                chain: JournalChain(.history), segmentBytes: sizes.historyEntries * 64 + (2 << 20),
                tableEntries: sizes.historyEntries),
            ChainPlan(
                chain: JournalChain(.acknowledgements), segmentBytes: 4_096 + sizes.noteEntries * 64,
                tableEntries: sizes.noteEntries, readyAhead: 2),
            ChainPlan(
                chain: JournalChain(.stored), segmentBytes: 4_096 + sizes.noteEntries * 64,
                tableEntries: sizes.noteEntries),
        ]
    }

    /// The run's instruments and strategies, and those of signals it takes over.
    var signalCatalog: MarketCatalog? { description.signalCatalog }

    /// The same with those of records that earlier runs had not stored: what the numbers in records for the store mean.
    var recordCatalog: MarketCatalog? { recordNames.signalCatalog }

    /// Makes the first segments; before anything writes.
    ///
    /// - Returns: false where the engine must not be restored before the stream has what waits for it, see `Journal.start`.
    @discardableResult
    package func start(signals: @escaping @Sendable () -> (count: UInt64, acknowledged: UInt64)) -> Bool {
        let mayBegin = journal.start(
            acknowledgedSegment: recovered?.acknowledgedSegment ?? 0, takesOver: recovered != nil, signals: signals)
        if mayBegin { noteStored() }
        // A run that publishes notes what was decided while none did, so that nobody looks for it later.
        if recovered?.isPublishedNoted != true { acknowledged?.append(recovered?.publishedThrough ?? 0) }
        return mayBegin
    }

    /// Lets a run begin that had to wait, see `Journal.begin`.
    package func begin() -> Bool {
        guard journal.begin() else { return false }
        noteStored()
        return true
    }

    /// A run that stores for the first time begins with a note of what was recorded before it did.
    private func noteStored() { stored?.append(recovered.map { $0.storedSequence ?? $0.lastSequence } ?? 0) }

    /// Ends the journal's thread, after everything that writes.
    package func stop() { journal.stop() }

    /// The chain of a feed's connection; once each.
    func feedWriter(_ index: Int) -> ChainWriter { journal.writer(of: JournalChain(.feed, index)) }

    /// The chain of the exchange's history; once.
    func historyWriter() -> ChainWriter { journal.writer(of: JournalChain(.history)) }

    /// The engine's chain; once.
    func engineJournal() -> EngineJournal {
        EngineJournal(
            writer: journal.writer(of: JournalChain(.engine)), ringCount: ringCount, preface: description.bytes,
            signalCount: recovered?.state.recordedSignals ?? 0)
    }

    /// What the publisher takes over, of which an outbox has usually room for so much.
    func takenOver(outboxCapacity: Int, logger: Logger) throws(SettingsError) -> TakenOverSignals {
        do throws(ReplayError) {
            return try recovered?.takenOver(usual: outboxCapacity, most: mostTakenOver, logger: logger)
                ?? TakenOverSignals()
        } catch { throw .conflict("\(error)") }
    }

    /// What a publisher has to take over later than `taken`; nil for nothing.
    func earlier(than taken: TakenOverSignals, logger: Logger) -> EarlierSignals? {
        guard !taken.waiting.isEmpty, let recovered else { return nil }
        return EarlierSignals(
            waiting: taken.waiting, pageSignals: mostTakenOver, catalogs: taken.waitingCatalogs
        ) { range throws(RedisStreamsError) in
            do throws(ReplayError) {
                return try recovered.page(range, logger: logger).map {
                    EarlierSignals.Page(firstOrdinal: $0.first, parts: $0.parts)
                }
            } catch { throw .earlierSignals("\(error)") }
        }
    }

    /// Where the publisher tells what is acknowledged; on one thread at a time.
    var acknowledgementHandler: AcknowledgementHandler {
        { [acknowledged] in acknowledged?.append($0.ordinal, $0.entryMillis, $0.entrySequence) }
    }

    /// Where the store writer tells how far it is.
    package var storeProgress: StoreProgressHandler? {
        guard let stored else { return nil }
        return { stored.append($0.sequence) }
    }

    /// Puts the engine where the last run stood.
    ///
    /// - Parameter publishes: whether the engine's sink is handed what was decided and is not on record.
    /// - Throws: `CancellationError`, see `SMACrossoverActor.restore`.
    package func restore(_ engine: EngineHandle, publishes: Bool, logger: Logger) async throws(CancellationError) {
        guard let state = recovered?.state else { return }
        let (instruments, strategies) = state.description.indices(in: description)
        // Also those of an instrument or strategy that this run does not have: the stream was promised them, and all that
        // follows goes by their numbers.
        let unrecorded = description.renumbered(state.unrecorded.map(\.decision), of: state.description)
        let isRestored = try await engine.restore(state.checkpoint, instruments, strategies, unrecorded, publishes)
        journal.endTakingOver()
        guard isRestored else {
            return logger.warning("the journal's state is of another version; averages warm up anew")
        }
        logger.info(
            "the last run's state is restored",
            metadata: [
                "signals": "\(state.recordedSignals)", "decidedAtItsEnd": "\(state.unrecorded.count)",
                "instruments": "\(instruments.count { $0 != nil }) of \(description.instrumentCount)",
            ])
    }
}

/// A log that its thread's handler shares with the run's start.
private final class SharedLog: Sendable {
    private let log: Mutex<ProgressLog>

    init(_ log: consuming sending ProgressLog) { self.log = Mutex(log) }

    func append(_ first: UInt64, _ second: UInt64 = 0, _ third: UInt64 = 0) {
        log.withLock { $0.append(first, second, third) }
    }
}
