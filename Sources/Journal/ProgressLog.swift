import ThreadExecutor
import TradingModel

/// A chain of small notes, one entry each: how far a publisher or a store has come. For threads that may do without a note.
///
/// Owned by one thread. Where no segment is ready a note is left out and counted, for the next one says more.
public struct ProgressLog: ~Copyable {
    /// The only kind of entry in it.
    static let note: UInt8 = 1

    private var writer: ChainWriter
    /// Notes left out.
    public private(set) var skippedCount: UInt64 = 0

    /// Takes the chain's writing end.
    public init(writer: consuming ChainWriter) { self.writer = writer }

    /// Writes a note of three numbers.
    public mutating func append(_ first: UInt64, _ second: UInt64 = 0, _ third: UInt64 = 0) {
        // A segment of notes lasts long: it is left for a file as soon as there is one.
        if writer.isInMemory { _ = writer.advance() }
        guard writer.freeEntries > 0 || writer.advance() else { return skippedCount += 1 }
        var entry = JournalEntry(kind: Self.note)
        (entry.word0, entry.word1, entry.word2) = (first, second, third)
        entry.word3 = MonotonicClock.now().rawValue
        writer.append(entry)
    }

    /// The notes of a chain, newest first, as long as `body` returns true; a torn tail ends nothing. O(notes read).
    ///
    /// - Throws: what opening a segment throws, and `damaged` for a sealed one with a note that is not whole.
    public static func readBackwards(
        _ chain: JournalChain, in folder: JournalFolder, _ body: (UInt64, UInt64, UInt64) -> Bool
    ) throws(JournalError) {
        for file in (folder.chains[chain] ?? []).reversed() {
            let segment = try SegmentReader(path: file.path)
            for index in (0..<(try segment.countSoundEntries())).reversed() {
                guard let entry = segment.entry(at: index) else { continue }
                guard body(entry.word0, entry.word1, entry.word2) else { return }
            }
        }
    }
}
