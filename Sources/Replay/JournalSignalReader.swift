internal import Journal
internal import StrategyEngine
public import TradingModel

/// Reads the signals on record, in their order, from a journal that is being written or has been. Used by one thread.
///
/// It begins with a whole segment, so signals up to the number given come again where they stand in it: after a power loss others
/// may have their numbers. What was recycled before it was read is passed over.
public struct JournalSignalReader {
    /// A signal with its number over all runs, and the catalogue of the run that recorded it.
    public struct Signal: Sendable {
        /// The signal.
        public let decision: Decision
        /// Its number.
        public let number: UInt64
        /// What its instrument and strategy mean.
        public let catalog: MarketCatalog
    }

    private let path: String
    private var reader: ChainReader
    private var catalog: MarketCatalog?
    private var half: JournalEntry?

    /// A reader that begins in front of the signal behind `number`; at the oldest segment where the journal does not come so
    /// far, since it is another one then. O(entries of the newest segment).
    ///
    /// - Throws: `journal`.
    public init(path: String, behind number: UInt64) throws(ReplayError) {
        self.path = path
        do throws(JournalError) {
            let folder = try JournalFolder(path: path)
            let isOther = try Self.newestSignal(in: folder) < number
            let segment = isOther ? 0 : try Self.segment(behind: number, in: folder)
            reader = ChainReader(JournalChain(.engine), in: folder, from: segment, passesMissing: true)
        } catch { throw .journal(error) }
    }

    /// Whether the writer has ended the segment that is read, or none is.
    public var isAtSegmentEnd: Bool { reader.segment?.isSealed ?? true }

    /// Learns of segments begun since. O(files).
    ///
    /// - Throws: `journal`.
    public mutating func refresh() throws(ReplayError) {
        do throws(JournalError) { reader.refresh(try JournalFolder(path: path)) } catch { throw .journal(error) }
    }

    /// The next signal; nil where there is none yet.
    ///
    /// - Throws: `journal`, `foreignCheckpoint`.
    public mutating func next() throws(ReplayError) -> Signal? {
        while true {
            let entry: JournalEntry
            do throws(JournalError) {
                guard let next = try reader.next() else { return nil }
                entry = next
            } catch { throw .journal(error) }
            guard let segment = reader.segment else { return nil }
            switch entry.kind {
            case EngineEntryKind.checkpoint:
                guard let checkpoint = EngineCheckpoint(entry, in: segment),
                    let catalog = RunDescription(checkpoint.preface)?.catalog
                else { throw .foreignCheckpoint(path: segment.path) }
                self.catalog = catalog
            case EngineEntryKind.decision: half = entry
            case EngineEntryKind.sums:
                guard let half, let catalog, let decision = Decision(half, entry), decision.isSignal,
                    Int(decision.instrument) < catalog.instruments.count,
                    Int(decision.strategy) < catalog.strategies.count
                else { continue }
                return Signal(decision: decision, number: entry.word4, catalog: catalog)
            default: continue
            }
        }
    }

    private static func newestSignal(in folder: JournalFolder) throws(JournalError) -> UInt64 {
        guard let file = folder.chains[JournalChain(.engine)]?.last, let segment = try file.reader() else { return 0 }
        var (newest, index) = (UInt64(0), 0)
        while let entry = segment.entry(at: index) {
            index += 1
            switch entry.kind {
            case EngineEntryKind.checkpoint:
                newest = max(newest, EngineCheckpoint(entry, in: segment)?.signalCount ?? 0)
            case EngineEntryKind.sums: newest = max(newest, entry.word4)
            default: continue
            }
        }
        return newest
    }

    /// The newest segment in front of which all signals have numbers up to `number`; 0 where there is none.
    private static func segment(behind number: UInt64, in folder: JournalFolder) throws(JournalError) -> UInt64 {
        for file in (folder.chains[JournalChain(.engine)] ?? []).reversed() {
            guard let segment = try file.reader(), let entry = segment.entry(at: 0),
                let checkpoint = EngineCheckpoint(entry, in: segment), checkpoint.signalCount <= number
            else { continue }
            return file.segment
        }
        return 0
    }
}
