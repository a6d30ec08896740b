/// Reads every entry of a chain with all checksums and sequence numbers, and goes on behind what is damaged.
///
/// Used by one thread; reads only. The chain may be written meanwhile.
public struct ChainCheck: Sendable {
    /// The chain.
    public let chain: JournalChain
    /// Segments read.
    public private(set) var segments = 0
    /// Whole entries.
    public private(set) var entries: UInt64 = 0
    /// Bytes of headers, used entries and used data.
    public private(set) var bytes = 0
    /// The runs whose segments were read.
    public private(set) var runs: Set<UInt64> = []
    private let files: [JournalFolder.File]
    private var nextFile = 0
    /// The number that the next segment's first entry must have; nil where it is not known.
    private var expectedSequence: UInt64?
    private var newestRun: UInt64 = 0
    /// The number of the readable one in front.
    private var previousSegment: UInt64?

    /// A check from the oldest segment on.
    public init(_ chain: JournalChain, in folder: JournalFolder) {
        self.chain = chain
        files = folder.chains[chain] ?? []
    }

    /// Checks the next segment; false where there is none. O(its used bytes).
    ///
    /// - Parameter found: called for each finding, in order.
    /// - Throws: `newer` for what this version can't read, `system` where a file can't be opened.
    public mutating func step(_ found: (ChainFinding) -> Void) throws(JournalError) -> Bool {
        guard nextFile < files.endIndex else { return false }
        let file = files[nextFile]
        nextFile += 1
        let segment: SegmentReader
        do throws(JournalError) {
            guard let reader = try file.reader() else {
                expectedSequence = nil
                found(.recycled(path: file.path))
                return true
            }
            segment = reader
        } catch {
            expectedSequence = nil
            switch error {
            case .damaged, .notASegment: found(.unreadable(error))
            default: throw error
            }
            return true
        }
        var findings: [ChainFinding] = []
        let scan = EntryScan(segment)
        checkHeader(of: segment, named: file, &findings)
        let next = nextIdentity()
        checkEnd(of: segment, scan, next: next, &findings)
        // Wiped while it was read: what was found is of another life.
        guard segment.isStillThere else {
            expectedSequence = nil
            found(.recycled(path: file.path))
            return true
        }
        segments += 1
        entries += UInt64(scan.wholeEntries)
        bytes += segment.usedBytes(ofFirst: scan.readableEntries)
        runs.insert(segment.identity.run)
        for finding in findings { found(finding) }
        return true
    }

    private mutating func checkHeader(
        of segment: SegmentReader, named file: JournalFolder.File, _ findings: inout [ChainFinding]
    ) {
        let identity = segment.identity
        if identity.chain != chain || identity.segment != file.segment {
            findings.append(
                .damagedHeader(path: file.path, reason: "it is \(identity.chain) segment \(identity.segment)"))
        }
        if identity.run < newestRun {
            findings.append(.damagedHeader(path: file.path, reason: "its run is older than the one in front"))
        }
        newestRun = max(newestRun, identity.run)
        defer { previousSegment = identity.segment }
        guard let expectedSequence, identity.firstSequence != expectedSequence else { return }
        if identity.firstSequence > expectedSequence {
            let missing = expectedSequence...identity.firstSequence - 1
            let segments = identity.segment - min(identity.segment, (previousSegment ?? 0) + 1)
            let wereInMemory = segments > 0 && segments == segment.inMemoryBefore
            findings.append(
                wereInMemory
                    ? .inMemory(chain: chain, sequences: missing, nextPath: file.path)
                    : .missing(chain: chain, sequences: missing, nextPath: file.path))
        } else {
            findings.append(
                .damagedHeader(
                    path: file.path,
                    reason: "it begins with entry \(identity.firstSequence), not with \(expectedSequence)"))
        }
    }

    /// What is wrong with the entries, and where the next segment must go on.
    private mutating func checkEnd(
        of segment: SegmentReader, _ scan: EntryScan, next: SegmentIdentity?, _ findings: inout [ChainFinding]
    ) {
        let first = segment.identity.firstSequence
        let isNoted = segment.notedOnDisk != nil
        // The header of an open one may have come to the disk before its last entries did.
        if scan.uncommittedEntries > (segment.isSealed ? 0 : isNoted ? Int.max : 1) {
            findings.append(
                .damagedHeader(path: segment.path, reason: "it counts \(scan.committedEntries) entries and has more"))
        }
        if !segment.isSealed, !isNoted, next?.run == segment.identity.run {
            findings.append(.damagedHeader(path: segment.path, reason: "its run goes on, but it is not sealed"))
        }
        expectedSequence = first + UInt64(scan.appendedEntries)
        if isNoted, scan.wholeAtStart >= segment.durableEntries {
            return checkPowerLoss(of: segment, scan, next: next, &findings)
        }
        guard let firstBad = scan.damaged.first?.lowerBound else { return }
        // A new run goes on behind what it found whole; without one nothing whole may follow.
        let isTorn =
            !isNoted && !segment.isSealed
            && (next.map { $0.firstSequence == first + UInt64(firstBad) }
                ?? (scan.damaged == [firstBad...scan.committedEntries - 1]))
        if isTorn {
            expectedSequence = first + UInt64(firstBad)
            findings.append(
                .tornTail(path: segment.path, wholeEntries: firstBad, committedEntries: scan.committedEntries))
        } else {
            for range in scan.damaged { findings.append(.damagedEntries(path: segment.path, range)) }
        }
    }

    /// What is wrong behind the entries known to have been on disk, which are whole: a power loss can have taken any of them,
    /// unless a later run has found them whole.
    private mutating func checkPowerLoss(
        of segment: SegmentReader, _ scan: EntryScan, next: SegmentIdentity?, _ findings: inout [ChainFinding]
    ) {
        let (identity, whole) = (segment.identity, scan.wholeAtStart)
        let first = identity.firstSequence
        var end = max(scan.committedEntries, whole)
        if let next, next.run != identity.run {
            guard next.firstSequence == first + UInt64(whole) || scan.damaged.isEmpty else {
                for range in scan.damaged { findings.append(.damagedEntries(path: segment.path, range)) }
                return
            }
            expectedSequence = first + UInt64(whole)
        } else {
            // The header of one that was not sealed on the disk says less than was appended when its run went on.
            if let next, !segment.isSealed, next.segment == identity.segment + 1 {
                end = max(end, Int(clamping: next.firstSequence.subtractingReportingOverflow(first).partialValue))
            }
            expectedSequence = first + UInt64(end)
        }
        guard whole < end else { return }
        findings.append(.tornTail(path: segment.path, wholeEntries: whole, committedEntries: end))
    }

    /// What the next readable segment's header says.
    private func nextIdentity() -> SegmentIdentity? {
        for file in files[nextFile...] {
            // One that can't be read, or was recycled, is named when it is its turn.
            do throws(JournalError) { if let reader = try file.reader() { return reader.identity } } catch { continue }
        }
        return nil
    }
}

/// Which entries of a segment are whole.
private struct EntryScan {
    /// Entries that the writer had made visible.
    let committedEntries: Int
    /// Whole entries behind them: one may be about to be counted.
    let uncommittedEntries: Int
    /// Those that are not whole, in order.
    private(set) var damaged: [ClosedRange<Int>] = []

    init(_ segment: SegmentReader) {
        let committed = min(segment.committedEntries, segment.identity.tableEntries)
        for index in 0..<committed where segment.entry(at: index) == nil {
            if let last = damaged.last, last.upperBound == index - 1 {
                damaged[damaged.count - 1] = last.lowerBound...index
            } else {
                damaged.append(index...index)
            }
        }
        committedEntries = committed
        var uncounted = 0
        while segment.entry(at: committed + uncounted) != nil { uncounted += 1 }
        // A writer that goes on meanwhile counts them.
        uncommittedEntries = segment.committedEntries == committed ? uncounted : 0
    }

    /// Whole entries that are not counted yet were appended all the same, as a new run sees it too.
    var appendedEntries: Int { committedEntries + uncommittedEntries }
    /// Whole entries from the start.
    var wholeAtStart: Int { damaged.first?.lowerBound ?? appendedEntries }
    var wholeEntries: Int { committedEntries - damaged.reduce(0) { $0 + $1.count } }
    /// Entries up to the last whole one.
    var readableEntries: Int {
        guard let last = damaged.last, last.upperBound == committedEntries - 1 else { return committedEntries }
        return last.lowerBound
    }
}
