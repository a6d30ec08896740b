public import Journal
internal import StrategyEngine
public import TradingModel

/// A signal where the engine's chain has it, and what the other chains say became of it.
public struct RecordedSignal: Sendable {
    /// The signal.
    public let decision: Decision
    /// Its number over all runs.
    public let number: UInt64
    /// The chain's entry that completes it, and that entry's segment.
    public let sequence, segment: UInt64
    /// The side before it; nil where the journal begins later.
    public let previous: PreviousSide?
    /// When it was handed to the sink, and whether it left at once or was queued; nil where that is not on record.
    public internal(set) var sent: (at: MonotonicNanos, isQueued: Bool)?
    /// When Redis acknowledged it, and the stream's entry id; nil where that is not on record.
    public internal(set) var acknowledged: (at: MonotonicNanos, entryID: String)?
    /// When the store had it; nil where that is not on record.
    public internal(set) var storedAt: MonotonicNanos?
}

/// The side that stood before a signal.
public struct PreviousSide: Sendable, Equatable {
    /// Buy or sell.
    public var side: Side
    /// The tick with which it began.
    public var tickID: UInt64
    /// Whether it was taken over from the signal stream at the start of a run.
    public var isAdopted: Bool
}

/// What a search for a signal finds.
public enum SignalSearch: Sendable {
    /// The signal.
    case found(RecordedSignal)
    /// No such signal; the first and the last one of its instrument that the journal has, if any.
    case unknown(first: String?, last: String?)

    /// Reads the engine's chain once, without playing it. O(entries).
    ///
    /// - Throws: `ReplayError.journal`.
    public static func perform(_ id: SignalIdentifier, in folder: JournalFolder) throws(ReplayError) -> SignalSearch {
        do throws(JournalError) {
            let found = try find(id, in: folder)
            guard var signal = found.signal else { return .unknown(first: found.first, last: found.last) }
            var notes = ChainReader(JournalChain(.acknowledgements), in: folder, passesMissing: true)
            while signal.acknowledged == nil, let note = try notes.next() {
                guard note.word0 == signal.number else { continue }
                signal.acknowledged = (MonotonicNanos(rawValue: note.word3), "\(note.word1)-\(note.word2)")
            }
            notes = ChainReader(JournalChain(.stored), in: folder, passesMissing: true)
            while signal.storedAt == nil, let note = try notes.next() {
                if note.word0 >= signal.sequence { signal.storedAt = MonotonicNanos(rawValue: note.word3) }
            }
            return .found(signal)
        } catch { throw .journal(error) }
    }

    private static func find(
        _ id: SignalIdentifier, in folder: JournalFolder
    ) throws(JournalError) -> (signal: RecordedSignal?, first: String?, last: String?) {
        var reader = ChainReader(JournalChain(.engine), in: folder, passesMissing: true)
        var sequence: UInt64?
        var (run, catalog): (UInt64, MarketCatalog?) = (0, nil)
        var pair: (instrument: Int, strategy: Int)?
        var half: JournalEntry?
        var (standing, before): (PreviousSide?, PreviousSide?) = (nil, nil)
        var (found, first, last): (RecordedSignal?, String?, String?) = (nil, nil, nil)
        while let entry = try reader.next(), let segment = reader.segment {
            // Which side stood last is not known behind what is missing.
            if let sequence, entry.sequence != sequence + 1 { standing = nil }
            sequence = entry.sequence
            switch entry.kind {
            case EngineEntryKind.checkpoint where segment.identity.run != run:
                guard let checkpoint = EngineCheckpoint(entry, in: segment) else { continue }
                run = segment.identity.run
                catalog = RunDescription(checkpoint.preface)?.signalCatalog
                pair = catalog.flatMap { id.pair(in: $0) }
            case EngineEntryKind.adopted:
                guard let pair, pair == (Int(entry.word0), Int(entry.source)), standing == nil,
                    let side = Side(rawValue: Int8(bitPattern: entry.detail))
                else { continue }
                standing = PreviousSide(side: side, tickID: entry.word1, isAdopted: true)
            case EngineEntryKind.decision: half = entry
            case EngineEntryKind.sums:
                guard found == nil, let half, let catalog, let decision = Decision(half, entry) else { continue }
                if decision.isSignal, catalog.identifier(of: decision).hasPrefix(id.instrumentPrefix) {
                    last = catalog.identifier(of: decision)
                    first = first ?? last
                }
                guard let pair, pair == (Int(decision.instrument), Int(decision.strategy)), decision.side != .neutral
                else { continue }
                if decision.side != standing?.side {
                    before = standing
                    standing = PreviousSide(side: decision.side, tickID: decision.tickID, isAdopted: false)
                }
                guard id.names(decision) else { continue }
                found = RecordedSignal(
                    decision: decision, number: entry.word4, sequence: entry.sequence,
                    segment: segment.identity.segment, previous: before)
            case EngineEntryKind.sent where entry.word0 == found?.number:
                found?.sent = (MonotonicNanos(rawValue: entry.word1), entry.detail == 2)
                return (found, first, last)
            default: break
            }
        }
        return (found, first, last)
    }
}
