/// Reads a chain's entries in order, from segment to segment, while its writer may be writing on or after it ended.
///
/// Used by one thread. A tail torn by a power loss ends a segment, which may be sealed (`SegmentReader.durableEntries`); where
/// its run went on in another one, what is gone is missing between the two. Whatever else is not whole is an error, and
/// reading stops in front of it. Oldest segments that a running journal recycled since the folder was listed are
/// passed over; recycled later, they are missing.
public struct ChainReader {
    /// The chain.
    public let chain: JournalChain
    private let first: UInt64
    private let passesMissing: Bool
    private let refusesHoles: Bool
    private var files: [JournalFolder.File]
    private var nextFile: Int
    private var index = 0
    /// The segment of the entry returned last.
    public private(set) var segment: SegmentReader?
    private var expectedSequence: UInt64?

    /// The number that the next entry has; nil where none was read yet.
    public var nextSequence: UInt64? { expectedSequence }

    /// Begins with the segment numbered `first`, or with the oldest that is there.
    ///
    /// - Parameter passesMissing: whether what is missing between two segments, for it was in memory alone while the disk
    ///   refused, or a power loss took it, is passed over: numbers then jump.
    /// - Parameter refusesHoles: whether the end of the chain is an error where whole entries stand behind one that is not, in
    ///   a segment that does not say what was on disk: damage leaves it so, or a power loss that no run followed.
    public init(
        _ chain: JournalChain, in folder: JournalFolder, from first: UInt64 = 0, passesMissing: Bool = false,
        refusesHoles: Bool = false
    ) {
        self.chain = chain
        self.first = first
        self.passesMissing = passesMissing
        self.refusesHoles = refusesHoles
        files = folder.chains[chain] ?? []
        nextFile = files.firstIndex { $0.segment >= first } ?? files.endIndex
    }

    /// Learns of segments that were begun since the folder was listed; for chains that grow. O(segments).
    public mutating func refresh(_ folder: JournalFolder) {
        files = folder.chains[chain] ?? []
        let next = segment.map { $0.identity.segment + 1 } ?? first
        nextFile = files.firstIndex { $0.segment >= next } ?? files.endIndex
    }

    /// The next entry; nil where there is none yet. O(bytes it places).
    ///
    /// - Throws: what opening a segment throws; `damaged` for an entry that is not whole and was; `incomplete` where entries are missing between two segments.
    public mutating func next() throws(JournalError) -> JournalEntry? {
        while true {
            if let segment, let entry = segment.entry(at: index) {
                index += 1
                expectedSequence = entry.sequence + 1
                return entry
            }
            if let segment { try checkEnd(of: segment) }
            guard try open() else { return nil }
        }
    }

    /// The segment's entries are read: were these all?
    private func checkEnd(of segment: SegmentReader) throws(JournalError) {
        let committed = segment.committedEntries
        // One that its writer has appended since it was asked for is whole.
        guard index < committed, segment.entry(at: index) == nil else { return }
        let text = "entry \(index) of \(committed) is not whole"
        if index < segment.durableEntries { throw .damaged(path: segment.path, reason: text) }
        // A run that followed went on behind what it found whole.
        guard refusesHoles, segment.notedOnDisk == nil, nextFile == files.endIndex else { return }
        let behind = (index..<min(committed, segment.identity.tableEntries)).count { segment.entry(at: $0) != nil }
        guard behind > 0 else { return }
        throw .damaged(path: segment.path, reason: "\(text); the \(behind) whole ones behind it are passed over")
    }

    /// Opens the next segment; false, and nothing changed, where there is none.
    private mutating func open() throws(JournalError) -> Bool {
        guard let next = try openNext() else { return false }
        guard next.identity.chain == chain, next.identity.segment == files[nextFile].segment else {
            throw .damaged(path: next.path, reason: "it is \(next.identity.chain) segment \(next.identity.segment)")
        }
        if let expectedSequence, next.identity.firstSequence != expectedSequence, !passesMissing {
            throw .incomplete(
                chain: chain,
                reason:
                    "entries \(expectedSequence) to \(next.identity.firstSequence &- 1) in front of \(next.path) are missing"
            )
        }
        expectedSequence = next.identity.firstSequence
        (segment, index) = (next, 0)
        nextFile += 1
        return true
    }

    /// The next file's reader, passing over recycled ones in front of the first entry; nil where there is none.
    private mutating func openNext() throws(JournalError) -> SegmentReader? {
        while nextFile < files.endIndex {
            if let reader = try files[nextFile].reader() { return reader }
            guard expectedSequence == nil || passesMissing else {
                throw .incomplete(chain: chain, reason: "\(files[nextFile].path) was recycled before it was read")
            }
            nextFile += 1
        }
        return nil
    }
}
