internal import CJournal
import Foundation
public import Logging
import Synchronization
public import Telemetry
import ThreadExecutor
public import TradingModel

/// A process's journal: what it received and what it made of it, kept on disk as the source of truth.
///
/// One chain of mapped segment files for each writing thread. Writers append without a system call; a thread of the
/// journal's own makes segments ahead, synchronises them with the disk at an interval, takes written ones back and recycles
/// the oldest at the budget's end. Where the disk fails, writers go on in memory that stands in for files, counted, and
/// readiness says so. The end of the process, however it comes, loses nothing that was appended; the end of the machine
/// loses at most what was appended since the last synchronisation.
public final class Journal: Sendable {
    /// The run: wall clock at its start, Unix nanoseconds.
    public let run: UInt64
    private let exchanges: [JournalChain: SegmentExchange]
    private let nextSequences: [JournalChain: UInt64]
    private let taken = Mutex<Set<JournalChain>>([])
    private let keeper: JournalKeeper
    private let thread = Mutex<DedicatedThread?>(nil)

    /// Takes the folder over for a new run; chains go on behind the newest segments that are there.
    ///
    /// - Parameters:
    ///   - plans: one for each chain that will be written.
    ///   - existing: what the folder holds.
    ///   - wallClock: now.
    /// - Throws: `system` where the folder can't be made, `budgetTooSmall`, what reading the newest segment of a chain
    ///   throws, and `damaged` where that is not whole and no power loss explains it.
    public init(
        settings: JournalSettings, plans: [ChainPlan], existing: JournalFolder,
        wallClock: @escaping @Sendable () -> UnixNanos,
        metrics: MetricsRegistry, health: HealthCheck, logger: Logger
    ) throws(JournalError) {
        let needed = JournalKeeper.neededBytes(plans)
        guard settings.budgetBytes >= needed else { throw .budgetTooSmall(neededBytes: needed) }
        do {
            try FileManager.default.createDirectory(atPath: settings.folder, withIntermediateDirectories: true)
        } catch {
            throw .system(path: settings.folder, reason: error.localizedDescription)
        }
        var newestRun: UInt64 = 0
        var nextSequences: [JournalChain: UInt64] = [:]
        for (chain, files) in existing.chains {
            guard let newest = files.last else { continue }
            let reader = try SegmentReader(path: newest.path)
            newestRun = max(newestRun, reader.identity.run)
            let whole = try reader.countSoundEntries()
            Self.warn(of: files, logger)
            nextSequences[chain] = reader.identity.firstSequence + UInt64(whole)
        }
        // A wall clock that was set back must not make this run look older than the last one.
        run = max(UInt64(max(1, wallClock().rawValue)), newestRun + 1)
        exchanges = Dictionary(uniqueKeysWithValues: plans.map { ($0.chain, SegmentExchange()) })
        self.nextSequences = nextSequences
        keeper = JournalKeeper(
            settings: settings, plans: plans, exchanges: exchanges, existing: existing, wallClock: wallClock,
            metrics: JournalMetrics(metrics), health: health, logger: logger)
    }

    /// Says which of the last run's segments of a chain the machine's end has torn. O(bytes not known to be on disk).
    private static func warn(of files: [JournalFolder.File], _ logger: Logger) {
        var run: UInt64?
        for file in files.reversed() {
            let segment: SegmentReader
            // Whoever reads one that can't be opened says why.
            do throws(JournalError) { segment = try SegmentReader(path: file.path) } catch { continue }
            guard segment.identity.run == run ?? segment.identity.run else { return }
            run = segment.identity.run
            let (whole, written) = (segment.countReadableEntries(), segment.committedEntries)
            guard whole < written else { continue }
            logger.warning(
                "the end of a segment is not whole and is left out",
                metadata: ["path": "\(file.path)", "wholeEntries": "\(whole)", "writtenEntries": "\(written)"])
        }
    }

    /// What the budget must hold at least for these chains.
    public static func neededBytes(_ plans: [ChainPlan]) -> Int { JournalKeeper.neededBytes(plans) }

    /// The writing end of a chain of the plans; there is one, and asking for a second traps.
    public func writer(of chain: JournalChain) -> ChainWriter {
        precondition(taken.withLock { $0.insert(chain).inserted }, "a chain has one writer: \(chain)")
        guard let exchange = exchanges[chain] else { preconditionFailure("no plan for \(chain)") }
        return ChainWriter(exchange: exchange, chain: chain, run: run, nextSequence: nextSequences[chain] ?? 1)
    }

    /// Makes the first segments, so that writers find them, and starts the thread; once.
    ///
    /// - Parameters:
    ///   - acknowledgedSegment: the engine's segments in front of it hold no signal that waits for its acknowledgement.
    ///   - takesOver: whether the run goes on from an earlier one, until `endTakingOver`: what that one's recovery needs is spared.
    ///   - signals: how many signals were handed to the publisher so far and how many of them, the first, are acknowledged;
    ///     asked on the journal's thread at each look. Segments that may hold others are never recycled.
    /// - Returns: false where starts in a row have left so much beyond the reserve that this one must not begin before there
    ///   are acknowledgements: until `begin` there are segments for notes of those alone, and none is recycled for them.
    @discardableResult
    public func start(
        acknowledgedSegment: UInt64 = 0, takesOver: Bool = false,
        signals: @escaping @Sendable () -> (count: UInt64, acknowledged: UInt64) = { (0, 0) }
    ) -> Bool {
        keeper.reserve = DecisionReserve(
            bytes: keeper.reservedBytes, acknowledgedSegment: acknowledgedSegment, signals: signals)
        keeper.setTakingOver(takesOver)
        let mayBegin = keeper.mayBegin
        if mayBegin { keeper.allowBeginning() }
        keeper.removeSpares()
        keeper.prepareAhead()
        thread.withLock { thread in
            precondition(thread == nil, "a journal is started once")
            thread = DedicatedThread(name: "journal") { [keeper] in keeper.run() }
        }
        return mayBegin
    }

    /// What earlier runs have left is on record: this one's own beginning is enough for a recovery.
    public func endTakingOver() { keeper.setTakingOver(false) }

    /// Lets a run begin that had to wait; true once writers find their first segments. To be asked until then.
    public func begin() -> Bool {
        keeper.allowBeginning()
        return keeper.hasBegun
    }

    /// Takes back what the writers have left, synchronises it and ends the thread. After the writers have ended. Blocks.
    public func stop() {
        keeper.requestStop()
        thread.withLock { $0.take() }?.join()
    }
}
