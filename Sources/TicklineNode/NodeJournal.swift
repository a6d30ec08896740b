import FeedHandler
import Journal
import Logging
import Replay
import StrategyEngine
import Telemetry
import ThreadExecutor

/// A run's journal: one chain for each feed and one for the engine, in the data folder.
struct NodeJournal: Sendable {
    /// Sizes of a feed's segments: large ones are switched seldom, and small ones leave a small budget enough history.
    private static let feedSegmentBytes = 4 << 20...16 << 20
    /// Entries of an engine's segment: 8 MiB, two minutes of a thousand ticks a second.
    private static let engineEntries = 1 << 17

    private let journal: Journal
    private let description: RunDescription
    private let ringCount: Int

    /// Takes over the journal of the data folder.
    ///
    /// - Throws: `SettingsError.conflict` where it can't be, with the remedy.
    init(
        plan: NodePlan, folder: DataFolder, settings: Settings, metrics: MetricsRegistry, health: HealthRegistry,
        logger: Logger
    ) throws(SettingsError) {
        ringCount = plan.feeds.count
        description = RunDescription(
            catalog: plan.catalog,
            feeds: plan.feeds.map { ($0, FeedConfiguration.defaultMostMessageBytes) },
            mostSlots: DataPath.feedRingSlots, priceBandPercent: settings.priceBandPercent)
        let budget = settings.journalBudgetMiB << 20
        let share = budget / (8 * (ringCount + 1))
        let feedBytes = min(max(share, Self.feedSegmentBytes.lowerBound), Self.feedSegmentBytes.upperBound)
        let engineBytes =
            Self.engineEntries * 64 + 8_192 + DecisionCore.mostCheckpointBytes(plan.catalog) + description.bytes.count
        var plans = (0..<ringCount).map { ChainPlan.feed($0, segmentBytes: feedBytes & ~4_095) }
        plans.append(
            ChainPlan(
                chain: JournalChain(.engine), segmentBytes: (engineBytes + 4_095) & ~4_095,
                tableEntries: Self.engineEntries))
        do throws(JournalError) {
            let path = folder.journal
            journal = try Journal(
                settings: JournalSettings(
                    folder: path, budgetBytes: budget, syncIntervalMillis: settings.journalSyncMillis),
                plans: plans, existing: JournalFolder(path: path), wallClock: { MonotonicClock.wallClock() },
                metrics: metrics, health: health.check("journal", roles: [.collector, .processor]), logger: logger)
        } catch {
            throw .conflict("\(error)")
        }
    }

    /// Makes the first segments; before anything writes.
    func start() { journal.start() }

    /// Ends the journal's thread, after everything that writes.
    func stop() { journal.stop() }

    /// The chain of a feed; once each.
    func feedWriter(_ index: Int) -> ChainWriter { journal.writer(of: JournalChain(.feed, index)) }

    /// The engine's chain; once.
    func engineJournal() -> EngineJournal {
        EngineJournal(
            writer: journal.writer(of: JournalChain(.engine)), ringCount: ringCount, preface: description.bytes)
    }
}
