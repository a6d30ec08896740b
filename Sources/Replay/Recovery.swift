public import Journal
public import StrategyEngine
public import TradingModel

/// What a run finds in the journal of the runs before it, whichever way they ended.
public struct Recovery: Sendable {
    /// What the state's numbers mean.
    public let description: RunDescription
    /// The last run's instruments and strategies, and those of signals it took over.
    public let catalog: MarketCatalog
    /// The engine's state behind everything that was received and decided.
    public let checkpoint: EngineCheckpoint
    /// Signals that are on record, over all runs.
    public let recordedSignals: UInt64
    /// Signals that were decided at the end, some only now, and are not on record yet; numbered behind those that are.
    public let unrecorded: [PlayedSignal]
    /// What was in memory alone while the disk refused, in words; empty where nothing is missing. Ids show the rest as a gap.
    public private(set) var missing: [String]

    /// The same with the signals not on record numbered behind `number`, which is known from elsewhere to be taken.
    public func renumbered(behind number: UInt64) -> Recovery {
        let renumbered = unrecorded.enumerated().map {
            PlayedSignal(decision: $1.decision, number: number + UInt64($0) + 1)
        }
        return Recovery(
            description: description, catalog: catalog, checkpoint: checkpoint, recordedSignals: number,
            unrecorded: renumbered, missing: missing)
    }

    /// Replays from the newest checkpoint of the engine's chain on.
    ///
    /// What the feeds had published and the engine had not taken is taken now. O(records since that checkpoint).
    ///
    /// What was only in memory, for the disk refused, can't be replayed: then it ends in front of that.
    ///
    /// A run that was killed while it took over from the one before may have put some of that on record and not the rest: the
    /// end of the one before is replayed again, and what is not on record is the next run's, by the numbers of the one killed.
    ///
    /// - Returns: nil where there is no journal, or none with a whole checkpoint.
    /// - Throws: `ReplayError`.
    public static func perform(in folder: JournalFolder) throws(ReplayError) -> Recovery? {
        guard let unfinished = try unfinishedStart(in: folder),
            let before = try perform(in: folder, before: unfinished)
        else { return try perform(in: folder, before: nil) }
        guard !before.missing.isEmpty else { return before }
        var recovery = try perform(in: folder, before: nil)
        recovery?.missing.insert(contentsOf: before.missing, at: 0)
        return recovery
    }

    private static func perform(
        in folder: JournalFolder, before end: SegmentIdentity?
    ) throws(ReplayError) -> Recovery? {
        let (start, missing) = try start(in: folder, before: end)
        guard let start else { return nil }
        var player = JournalPlayer(folder: folder, from: start)
        if let end { try player.extend(to: end.firstSequence - 1, folder) }
        do throws(ReplayError) {
            while try player.step({ _ in }) {}
            var recorded = player.signalCount - UInt64(player.unrecorded.count)
            var renumbered: UInt64 = 0
            if let end {
                (recorded, renumbered) = try lastSignal(from: end.segment, in: folder, behind: recorded)
            }
            try player.takeLeftovers { _ in }
            return Recovery(&player, recordedSignals: recorded, renumberedBy: renumbered, missing: missing)
        } catch {
            guard error.isForMissingInput else { throw error }
            // The state in front of what is missing.
            let recorded = try lastSignal(from: start, in: folder).number
            return Recovery(&player, recordedSignals: recorded, missing: missing + ["\(error)"])
        }
    }

    private init?(
        _ player: inout JournalPlayer, recordedSignals: UInt64, renumberedBy: UInt64 = 0, missing: [String]
    ) {
        guard let description = player.description, let catalog = player.catalog, let checkpoint = player.checkpoint()
        else { return nil }
        self.init(
            description: description, catalog: catalog, checkpoint: checkpoint, recordedSignals: recordedSignals,
            unrecorded: player.unrecorded.map {
                PlayedSignal(decision: $0.decision, number: $0.number + renumberedBy)
            }.filter { $0.number > recordedSignals }, missing: missing)
    }

    private init(
        description: RunDescription, catalog: MarketCatalog, checkpoint: EngineCheckpoint, recordedSignals: UInt64,
        unrecorded: [PlayedSignal], missing: [String]
    ) {
        self.description = description
        self.catalog = catalog
        self.checkpoint = checkpoint
        self.recordedSignals = recordedSignals
        self.unrecorded = unrecorded
        self.missing = missing
    }

    /// The first segment of the oldest of the last runs that were killed before they had taken over what the one before them
    /// left; nil where the last run had. O(entries of such runs).
    private static func unfinishedStart(in folder: JournalFolder) throws(ReplayError) -> SegmentIdentity? {
        var (unfinished, current): (SegmentIdentity?, SegmentIdentity?) = (nil, nil)
        do throws(JournalError) {
            for file in (folder.chains[JournalChain(.engine)] ?? []).reversed() {
                let segment = try SegmentReader(path: file.path)
                // Only where there is a run in front of it to go back to.
                if let current, current.run != segment.identity.run { unfinished = current }
                var index = 0
                while let entry = segment.entry(at: index) {
                    switch entry.kind {
                    case EngineEntryKind.checkpoint, EngineEntryKind.decision, EngineEntryKind.sums: index += 1
                    default: return unfinished
                    }
                }
                current = segment.identity
            }
        } catch { throw .journal(error) }
        return unfinished
    }

    /// The newest segment that begins with a checkpoint, of those in front of `limit`, and what is missing behind it.
    private static func start(
        in folder: JournalFolder, before limit: SegmentIdentity?
    ) throws(ReplayError) -> (segment: UInt64?, missing: [String]) {
        var begin: UInt64? = limit?.firstSequence
        var missing: [String] = []
        var damaged: SegmentReader?
        do throws(JournalError) {
            for file in (folder.chains[JournalChain(.engine)] ?? []).reversed()
            where limit.map({ file.segment < $0.segment }) ?? true {
                let segment = try SegmentReader(path: file.path)
                let end = segment.identity.firstSequence + UInt64(segment.countReadableEntries())
                if let begin, end != begin {
                    missing.append("the engine's entries \(end) to \(begin - 1) were never on disk")
                }
                begin = segment.identity.firstSequence
                if segment.entry(at: 0)?.kind == EngineEntryKind.checkpoint {
                    return (segment.identity.segment, missing)
                }
                if segment.isBeginningDamaged { damaged = segment }
            }
            // There is no state to go back to, and there were decisions.
            if let damaged { throw .damaged(path: damaged.path, reason: "its first entry is not whole") }
        } catch { throw .journal(error) }
        return (nil, missing)
    }

    /// The number of the last signal on record, and how many numbers the runs from `first` on have left out where they began: of
    /// acknowledged signals that were in memory alone.
    ///
    /// - Parameter number: that of the last one in front of them.
    static func lastSignal(
        from first: UInt64, in folder: JournalFolder, behind number: UInt64 = 0
    ) throws(ReplayError) -> (number: UInt64, leftOut: UInt64) {
        var (last, leftOut, run): (UInt64, UInt64, UInt64?) = (number, 0, nil)
        do throws(JournalError) {
            var reader = ChainReader(JournalChain(.engine), in: folder, from: first, passesMissing: true)
            while let entry = try reader.next() {
                switch entry.kind {
                case EngineEntryKind.checkpoint:
                    guard let segment = reader.segment, let checkpoint = EngineCheckpoint(entry, in: segment) else {
                        continue
                    }
                    let begin = max(last, checkpoint.signalCount)
                    if segment.identity.run != run { leftOut += begin - last }
                    (last, run) = (begin, segment.identity.run)
                case EngineEntryKind.sums: last = max(last, entry.word4)
                default: break
                }
            }
        } catch { throw .journal(error) }
        return (last, leftOut)
    }

    /// The oldest engine segment with signals for a stream that have numbers above `number`, of `count` on record; nil and the
    /// newest segment (0: none) where there are none; and how many above `number` the journal no longer has. O(segments behind it).
    public static func segment(
        waitingBehind number: UInt64, of count: UInt64, in folder: JournalFolder
    ) throws(ReplayError) -> (waiting: UInt64?, newest: UInt64, recycled: UInt64) {
        var (end, newest, waiting): (UInt64, UInt64, UInt64?) = (count, 0, nil)
        for file in (folder.chains[JournalChain(.engine)] ?? []).reversed() where end > number || newest == 0 {
            do throws(JournalError) {
                let segment = try SegmentReader(path: file.path)
                guard let entry = segment.entry(at: 0), let checkpoint = EngineCheckpoint(entry, in: segment) else {
                    continue
                }
                newest = max(newest, file.segment)
                if end > max(number, checkpoint.signalCount), RunDescription(checkpoint.preface)?.isForStream != false {
                    waiting = file.segment
                }
                end = checkpoint.signalCount
            } catch { throw .journal(error) }
        }
        return (waiting, newest, end > number ? end - number : 0)
    }

    /// The runs that may have records behind the engine's entry `sequence`, newest first: those of which a `JournalPlayer` that
    /// begins in front of it can play anything. O(segments behind it).
    ///
    /// - Throws: what reading a segment throws.
    public static func runs(
        behind sequence: UInt64, in folder: JournalFolder
    ) throws(ReplayError) -> [RunDescription] {
        var found: [UInt64: RunDescription] = [:]
        do throws(JournalError) {
            for file in (folder.chains[JournalChain(.engine)] ?? []).reversed() {
                let segment = try SegmentReader(path: file.path)
                let identity = segment.identity
                if found[identity.run] == nil {
                    // Without one of these, and with a name that this version does not know, nothing is played.
                    guard let entry = segment.entry(at: 0), let checkpoint = EngineCheckpoint(entry, in: segment),
                        let description = RunDescription(checkpoint.preface), description.catalog != nil
                    else { continue }
                    found[identity.run] = description
                }
                if identity.firstSequence <= sequence { break }
            }
        } catch { throw .journal(error) }
        return found.sorted { $0.key > $1.key }.map(\.value)
    }

    /// The catalogues of the runs that recorded the signals from number `first` on, newest first; some more than once. O(segments
    /// behind it).
    public static func catalogs(
        from first: UInt64, in folder: JournalFolder
    ) throws(ReplayError) -> [MarketCatalog] {
        var catalogs: [MarketCatalog] = []
        for file in (folder.chains[JournalChain(.engine)] ?? []).reversed() {
            do throws(JournalError) {
                let segment = try SegmentReader(path: file.path)
                guard let entry = segment.entry(at: 0), let checkpoint = EngineCheckpoint(entry, in: segment) else {
                    continue
                }
                if let catalog = RunDescription(checkpoint.preface)?.signalCatalog { catalogs.append(catalog) }
                if checkpoint.signalCount < first { break }
            } catch { throw .journal(error) }
        }
        return catalogs
    }

    /// Signals of one run, by rising number.
    public typealias Part = (catalog: MarketCatalog, isForStream: Bool, signals: [PlayedSignal])

    /// The signals on record from number `first` up to `last`, in order, with the catalogue of the run that recorded each; from
    /// the oldest that the journal still has where that is later. O(entries read). Throws where damage may hide some.
    public static func signals(
        from first: UInt64, through last: UInt64 = .max, in folder: JournalFolder
    ) throws(ReplayError) -> [Part] {
        var parts: [(run: UInt64, part: Part)] = []
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
            // Segment after segment, and not as one chain: what was in memory alone while the disk refused is a hole in it, and
            // what is behind the hole counts all the same.
            for file in files where file.segment >= start {
                let segment = try SegmentReader(path: file.path)
                if let entry = segment.entry(at: 0), let checkpoint = EngineCheckpoint(entry, in: segment),
                    checkpoint.signalCount >= last
                {
                    break
                }
                _ = try segment.countSoundEntries()
                take(segment, first, last, into: &parts)
            }
        } catch { throw .journal(error) }
        return parts.map(\.part).filter { !$0.signals.isEmpty }
    }

    private static func take(
        _ segment: SegmentReader, _ first: UInt64, _ last: UInt64, into parts: inout [(run: UInt64, part: Part)]
    ) {
        // A decision's two entries are never parted: a segment ends between events.
        var half: JournalEntry?
        var index = 0
        while let entry = segment.entry(at: index) {
            index += 1
            switch entry.kind {
            case EngineEntryKind.checkpoint where segment.identity.run != parts.last?.run:
                guard let checkpoint = EngineCheckpoint(entry, in: segment),
                    let description = RunDescription(checkpoint.preface), let catalog = description.signalCatalog
                else { continue }
                parts.append((segment.identity.run, (catalog, description.isForStream, [])))
            case EngineEntryKind.decision: half = entry
            case EngineEntryKind.sums where entry.word4 >= first && entry.word4 <= last:
                guard let half, let decision = Decision(half, entry), !parts.isEmpty else { continue }
                parts[parts.count - 1].part.signals.append(PlayedSignal(decision: decision, number: entry.word4))
            default: break
            }
        }
    }
}
