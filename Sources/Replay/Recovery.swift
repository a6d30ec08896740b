public import Journal
public import RingBuffer
public import StrategyEngine
public import TradingModel

/// What a run finds in the journal of the runs before it, whichever way they ended.
public struct Recovery: Sendable {
    /// What the state's numbers mean.
    public let description: RunDescription
    /// The last run's instruments and strategies.
    public let catalog: MarketCatalog
    /// The engine's state behind everything that was received and decided.
    public let checkpoint: EngineCheckpoint
    /// Signals that are on record, over all runs.
    public let recordedSignals: UInt64
    /// Signals that were decided at the end, some only now, and are not on record yet; numbered behind those that are.
    public let unrecorded: [PlayedSignal]
    /// Records that found no room on the way to the store.
    public let droppedRecords: Int

    /// Replays the newest segment of the engine's chain, or from the segment on that holds what the store does not have.
    ///
    /// What the feeds had published and the engine had not taken is taken now. O(records since that segment's beginning).
    ///
    /// - Parameters:
    ///   - storedSequence: the engine's entry up to which the store has everything; nil to hand it nothing.
    ///   - records: the ring to the store writer, for what is behind.
    /// - Returns: nil where there is no journal, or none with a whole checkpoint.
    /// - Throws: `ReplayError`.
    public static func perform(
        in folder: JournalFolder, storedSequence: UInt64?, records: SPSCRing?
    ) throws(ReplayError) -> Recovery? {
        guard let first = try start(in: folder, storedSequence: storedSequence) else { return nil }
        var player = JournalPlayer(folder: folder, from: first)
        var isStoring = false
        var dropped = 0
        func storeFromHere(_ player: inout JournalPlayer) {
            guard !isStoring, let records, let storedSequence, player.sequence >= storedSequence else { return }
            isStoring = true
            player.attachRecords(records)
        }
        while try player.step({ _ in }) {
            if isStoring { dropped = player.publishRecords() }
            storeFromHere(&player)
        }
        let recorded = player.signalCount - UInt64(player.unrecorded.count)
        try player.takeLeftovers { _ in }
        if isStoring { dropped = player.publishRecords() }
        guard let description = player.description, let catalog = player.catalog, let checkpoint = player.checkpoint()
        else { return nil }
        return Recovery(
            description: description, catalog: catalog, checkpoint: checkpoint, recordedSignals: recorded,
            unrecorded: player.unrecorded, droppedRecords: dropped)
    }

    /// The segment to begin with: the newest one that begins with a checkpoint and is not behind what the store lacks.
    private static func start(
        in folder: JournalFolder, storedSequence: UInt64?
    ) throws(ReplayError) -> UInt64? {
        var found: UInt64?
        do throws(JournalError) {
            for file in (folder.chains[JournalChain(.engine)] ?? []).reversed() {
                let segment = try SegmentReader(path: file.path)
                guard segment.entry(at: 0)?.kind == EngineEntryKind.checkpoint else { continue }
                found = segment.identity.segment
                if segment.identity.firstSequence <= storedSequence ?? .max { break }
            }
        } catch { throw .journal(error) }
        return found
    }

    /// The signals on record from number `first` on, in order, with the catalogue of the run that recorded each; from the
    /// oldest that the journal still has where that is later. O(entries read).
    public static func signals(
        from first: UInt64, in folder: JournalFolder
    ) throws(ReplayError) -> [(catalog: MarketCatalog, signals: [PlayedSignal])] {
        var parts: [(run: UInt64, catalog: MarketCatalog, signals: [PlayedSignal])] = []
        do throws(JournalError) {
            let files = folder.chains[JournalChain(.engine)] ?? []
            var start: UInt64 = 0
            for file in files.reversed() {
                let segment = try SegmentReader(path: file.path)
                guard let entry = segment.entry(at: 0), let checkpoint = EngineCheckpoint(entry, in: segment) else {
                    continue
                }
                start = segment.identity.segment
                if checkpoint.signalCount < first { break }
            }
            var reader = ChainReader(JournalChain(.engine), in: folder, from: start)
            var half: JournalEntry?
            while let entry = try reader.next() {
                guard let segment = reader.segment else { break }
                switch entry.kind {
                case EngineEntryKind.checkpoint where segment.identity.run != parts.last?.run:
                    guard let checkpoint = EngineCheckpoint(entry, in: segment),
                        let catalog = RunDescription(checkpoint.preface)?.catalog
                    else { continue }
                    parts.append((segment.identity.run, catalog, []))
                case EngineEntryKind.decision: half = entry
                case EngineEntryKind.sums where entry.word4 >= first:
                    guard let half, let decision = Decision(half, entry), !parts.isEmpty else { continue }
                    parts[parts.count - 1].signals.append(PlayedSignal(decision: decision, number: entry.word4))
                default: break
                }
            }
        } catch { throw .journal(error) }
        return parts.map { ($0.catalog, $0.signals) }.filter { !$0.signals.isEmpty }
    }
}
