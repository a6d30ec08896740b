import Glibc
import ThreadExecutor
import TradingModel

/// A chain of small notes, one entry each: how far a publisher or a store has come. For threads that may do without a note.
///
/// Owned by one thread. Where no segment is ready a note waits as long as it may, then it is left out and counted, for the next
/// one says more; while the disk stands still the wait is not repeated.
public struct ProgressLog: ~Copyable {
    /// The only kind of entry in it.
    static let note: UInt8 = 1

    private var writer: ChainWriter
    private let mostWaitMillis: Int
    private var mayWait = true
    /// Notes left out.
    public private(set) var skippedCount: UInt64 = 0

    /// Takes the chain's writing end.
    ///
    /// - Parameter mostWaitMillis: how long a note may wait for a segment.
    public init(writer: consuming ChainWriter, mostWaitMillis: Int = 0) {
        self.writer = writer
        self.mostWaitMillis = mostWaitMillis
    }

    /// Writes a note of three numbers.
    public mutating func append(_ first: UInt64, _ second: UInt64 = 0, _ third: UInt64 = 0) {
        // A segment of notes lasts long: it is left for a file as soon as there is one.
        if writer.isInMemory { _ = writer.advance() }
        guard writer.freeEntries > 0 || hasNextSegment() else { return skippedCount += 1 }
        var entry = JournalEntry(kind: Self.note)
        (entry.word0, entry.word1, entry.word2) = (first, second, third)
        entry.word3 = MonotonicClock.now().rawValue
        writer.append(entry)
    }

    /// Goes on in the next segment; false where none came in time.
    private mutating func hasNextSegment() -> Bool {
        var hasAdvanced = writer.advance()
        let end = MonotonicClock.now().rawValue + UInt64(mostWaitMillis) * 1_000_000
        while !hasAdvanced, mayWait, MonotonicClock.now().rawValue < end {
            usleep(1_000)
            hasAdvanced = writer.advance()
        }
        mayWait = hasAdvanced
        return hasAdvanced
    }

    /// The notes of a chain, newest first, as long as `body` returns true; a torn tail ends nothing. O(notes read).
    ///
    /// - Throws: what opening a segment throws, and `damaged` for one with a note that is not whole and was.
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
