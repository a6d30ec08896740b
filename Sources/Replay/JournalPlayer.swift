public import Journal
internal import RingBuffer
public import StrategyEngine
internal import Telemetry
public import TradingModel

/// A signal that a replay has decided, with its number in the journal.
public struct PlayedSignal: Sendable, Equatable {
    /// The signal.
    public var decision: Decision
    /// Its number over all runs, from 1.
    public var number: UInt64
}

/// Runs the engine again on what a journal holds: the same ticks in the same order, timer events and signs taken over.
///
/// Every decision the journal has is compared with the one that comes of it, every checkpoint with the state; the first
/// difference ends the replay with an error. Used by one thread.
public struct JournalPlayer: ~Copyable {
    private let folder: JournalFolder
    private var reader: ChainReader
    private var core: DecisionCore?
    /// Nobody's to see, but the core's counters live in it.
    private let metrics = MetricsRegistry()
    /// The run whose entries are being played.
    public private(set) var run: UInt64 = 0
    /// What its numbers mean; nil before the first checkpoint.
    public private(set) var description: RunDescription?
    /// The run's instruments and strategies; nil before the first checkpoint.
    public private(set) var catalog: MarketCatalog?
    private var cursors: [FeedCursor] = []
    private var taken: [UInt64] = []
    /// Signals decided so far, over runs.
    public private(set) var signalCount: UInt64 = 0
    /// Decided and not yet met in the journal.
    private var expected: [PlayedSignal] = []
    private var firstHalf: JournalEntry?
    /// Records taken so far.
    public private(set) var recordCount: UInt64 = 0
    /// When the last of them were taken, on the monotonic clock of their run.
    public private(set) var takenAt = MonotonicNanos(rawValue: 0)

    /// Begins with the engine segment numbered `first`, or with the oldest that is there.
    public init(folder: JournalFolder, from first: UInt64 = 0) {
        self.folder = folder
        reader = ChainReader(JournalChain(.engine), in: folder, from: first)
    }

    /// Plays the next entry; false at the end.
    ///
    /// - Parameter signal: called for each signal when it is decided.
    /// - Throws: `ReplayError`.
    public mutating func step(_ signal: (PlayedSignal) -> Void) throws(ReplayError) -> Bool {
        let entry: JournalEntry
        do throws(JournalError) {
            guard let next = try reader.next() else { return false }
            entry = next
        } catch { throw .journal(error) }
        guard let segment = reader.segment else { return false }
        switch entry.kind {
        case EngineEntryKind.checkpoint: try begin(entry, in: segment)
        case EngineEntryKind.take: try take(entry, in: segment, signal)
        case EngineEntryKind.timer: break
        case EngineEntryKind.adopted: adopt(entry)
        case EngineEntryKind.decision: firstHalf = entry
        case EngineEntryKind.sums: try compare(entry, in: segment, signal)
        case EngineEntryKind.sent: break
        default: throw .diverged(path: segment.path, sequence: entry.sequence, reason: "unknown kind \(entry.kind)")
        }
        return true
    }

    /// The number of the engine's segment that is being played.
    public var segment: UInt64 { reader.segment?.identity.segment ?? 0 }

    /// Signals that were decided behind the last entry that is on record: the process ended before it was written.
    public var unrecorded: [PlayedSignal] { expected }

    /// The state reached, as a checkpoint; nil before the first one was met.
    public mutating func checkpoint() -> EngineCheckpoint? { core?.checkpoint(signalCount: signalCount) }

    private mutating func begin(_ entry: JournalEntry, in segment: SegmentReader) throws(ReplayError) {
        guard let checkpoint = EngineCheckpoint(entry, in: segment),
            let description = RunDescription(checkpoint.preface), let catalog = description.catalog
        else { throw .foreignCheckpoint(path: segment.path) }
        if segment.identity.run == run {
            try check(checkpoint, entry, in: segment)
            return
        }
        var core = DecisionCore(
            catalog: catalog, records: nil, recordCapacitySlots: 0, priceBandPercent: description.priceBandPercent,
            metrics: metrics)
        let everything = description.indices(in: description)
        guard core.restore(checkpoint, instruments: everything.instruments, strategies: everything.strategies) else {
            throw .foreignCheckpoint(path: segment.path)
        }
        (run, self.description, self.catalog) = (segment.identity.run, description, catalog)
        (signalCount, taken, expected) = (checkpoint.signalCount, checkpoint.slotsTaken, [])
        cursors = []
        for feed in description.feeds.indices {
            guard let replay = description.replay(ofFeed: feed, catalog: catalog) else {
                throw .foreignCheckpoint(path: segment.path)
            }
            cursors.append(
                try FeedCursor(
                    replay, chain: JournalChain(.feed, feed), run: run, first: taken[feed], in: folder,
                    engineSegment: segment.path))
        }
        self.core = consume core
    }

    private mutating func check(
        _ checkpoint: EngineCheckpoint, _ entry: JournalEntry, in segment: SegmentReader
    ) throws(ReplayError) {
        guard let ours = core?.checkpoint(signalCount: signalCount), ours.state == checkpoint.state,
            signalCount == checkpoint.signalCount, taken == checkpoint.slotsTaken, expected.isEmpty
        else {
            throw .diverged(path: segment.path, sequence: entry.sequence, reason: "another state at the checkpoint")
        }
    }

    private mutating func take(
        _ entry: JournalEntry, in segment: SegmentReader, _ signal: (PlayedSignal) -> Void
    ) throws(ReplayError) {
        let (ring, count) = (Int(entry.source), Int(entry.word0))
        guard cursors.indices.contains(ring) else {
            throw .diverged(path: segment.path, sequence: entry.sequence, reason: "a ring that is not there: \(ring)")
        }
        let cursor = cursors[ring]
        try cursor.fill(count)
        guard cursor.slots.count >= count else { throw .missingFeed(chain: cursor.chain, path: segment.path) }
        for slot in cursor.slots.prefix(count) {
            _ = core?.process(slot)
            core?.forEachSignal { decision in
                signalCount += 1
                let played = PlayedSignal(decision: decision, number: signalCount)
                expected.append(played)
                signal(played)
            }
        }
        cursor.remove(count)
        taken[ring] += UInt64(count)
        recordCount += UInt64(count)
        takenAt = MonotonicNanos(rawValue: entry.word1)
    }

    private mutating func adopt(_ entry: JournalEntry) {
        guard let side = Side(rawValue: Int8(bitPattern: entry.detail)) else { return }
        core?.adopt([
            PublishedSign(
                instrument: UInt32(truncatingIfNeeded: entry.word0), strategy: entry.source, tickID: entry.word1,
                side: side)
        ])
    }

    /// Compares a decision on record with what the replay decided.
    private mutating func compare(
        _ second: JournalEntry, in segment: SegmentReader, _ signal: (PlayedSignal) -> Void
    ) throws(ReplayError) {
        guard let first = firstHalf, let decision = Decision(first, second) else {
            throw .diverged(path: segment.path, sequence: second.sequence, reason: "half a decision")
        }
        firstHalf = nil
        guard second.word4 > 0 else { return }
        let recorded = PlayedSignal(decision: decision, number: second.word4)
        if expected.isEmpty, recorded.number == signalCount + 1 {
            // Decided by the recovery of an earlier run's end, which this run put on record.
            signalCount += 1
            signal(recorded)
            return
        }
        guard expected.first == recorded else {
            throw .diverged(
                path: segment.path, sequence: second.sequence,
                reason: "signal \(recorded.number) on tick \(decision.tickID) was not decided again")
        }
        expected.removeFirst()
    }
}
