internal import CJournal
import Glibc

/// One segment, mapped for reading: of a running process or one that ended, however it ended.
///
/// Used by one thread. Entries are checked as they are read; nothing is ever written.
@safe public final class SegmentReader {
    /// What its header says.
    public let identity: SegmentIdentity
    /// The file.
    public let path: String
    private let base: UnsafePointer<UInt8>
    private let mappedBytes: Int
    private var raw: journal_identity

    /// Maps the file and checks its header.
    ///
    /// - Throws: `notASegment`, `newer`, `damaged`, `unreadable`, `notAFile`, `system`.
    public init(path: String) throws(JournalError) {
        self.path = path
        // Not to wait for a pipe's writer.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw .opening(path, errno) }
        defer { close(descriptor) }
        var information = stat()
        guard unsafe fstat(descriptor, &information) == 0 else {
            throw .system(path: path, reason: SegmentFile.text(errno))
        }
        guard information.st_mode & S_IFMT == S_IFREG else {
            throw .notAFile(
                path: path, kind: information.st_mode & S_IFMT == S_IFDIR ? "a folder" : "no regular file")
        }
        mappedBytes = Int(information.st_size)
        guard mappedBytes >= Int(JOURNAL_HEADER_BYTES) else { throw .notASegment(path: path) }
        let memory = unsafe mmap(nil, mappedBytes, PROT_READ, MAP_SHARED, descriptor, 0)
        guard let memory = unsafe memory, unsafe memory != MAP_FAILED else {
            throw .system(path: path, reason: SegmentFile.text(errno))
        }
        unsafe base = UnsafePointer(memory.assumingMemoryBound(to: UInt8.self))
        raw = journal_identity()
        let result = unsafe journal_segment_open(base, UInt64(mappedBytes), &raw)
        guard result == JOURNAL_OK, let kind = ChainKind(rawValue: raw.chain_kind) else {
            unsafe munmap(memory, mappedBytes)
            switch result {
            case JOURNAL_NEWER: throw .newer(path: path)
            case JOURNAL_NOT_A_JOURNAL: throw .notASegment(path: path)
            default: throw .damaged(path: path, reason: "its header is not whole")
            }
        }
        identity = SegmentIdentity(
            run: raw.run, chain: JournalChain(kind, Int(raw.chain_index)), segment: raw.segment,
            firstSequence: raw.first_sequence, segmentBytes: Int(raw.segment_bytes),
            tableEntries: Int(raw.table_entries), createdNanos: raw.created_wall_ns)
    }

    deinit { unsafe munmap(UnsafeMutableRawPointer(mutating: base), mappedBytes) }

    /// How many segments directly in front of it its run had in memory alone, while the disk refused.
    public var inMemoryBefore: UInt64 { unsafe journal_segment_in_memory_before(base) }

    /// Whether its writer went on in another segment, or ended in order.
    public var isSealed: Bool { unsafe journal_segment_is_sealed(base) != 0 }

    /// Entries the writer has made visible by now; it may be writing on.
    public var committedEntries: Int { unsafe Int(journal_segment_committed(base)) }

    /// Entries known to be on disk, and what they place; nil where the version that wrote the segment did not note that.
    public var notedOnDisk: Int? {
        let entries = unsafe journal_segment_on_disk(base)
        return entries == JOURNAL_NOTHING_NOTED ? nil : Int(entries)
    }

    /// So many entries from the start are whole unless something has damaged them: those known to be on disk. What is not
    /// whole behind them may never have got there before a power loss, also in a sealed segment: its header says that it is
    /// complete, and may have got there first. Of a segment without a note a sealed one's are all taken for it, an open
    /// one's none.
    public var durableEntries: Int {
        let noted = notedOnDisk
        let committed = committedEntries
        return min(noted ?? (isSealed ? committed : 0), committed)
    }

    /// The entry at `index`, counted from 0; nil where it is not whole or not written. O(bytes it places).
    public func entry(at index: Int) -> JournalEntry? {
        guard index >= 0, index < identity.tableEntries else { return nil }
        var entry = journal_entry()
        let kind = unsafe base[Int(JOURNAL_HEADER_BYTES) + index * Int(JOURNAL_ENTRY_BYTES) + 4]
        let placesData: Int32 = JournalEntry.placesData(kind: kind) ? 1 : 0
        guard unsafe journal_segment_read(base, &raw, UInt64(index), placesData, &entry) == 1 else { return nil }
        return entry.asEntry
    }

    /// The bytes that a checked entry of this segment places; valid as long as the reader.
    public func bytes(of entry: JournalEntry) -> UnsafeRawBufferPointer { unsafe bytes(in: entry.dataRange) }

    /// Bytes of the segment, counted from its start; a range outside of it is our own mistake and traps.
    public func bytes(in range: Range<Int>) -> UnsafeRawBufferPointer {
        precondition(range.lowerBound >= 0 && range.upperBound <= identity.segmentBytes, "outside of the segment")
        return unsafe UnsafeRawBufferPointer(start: base + range.lowerBound, count: range.count)
    }

    /// Where the data written before `entry`, one of this segment's, ends. O(entries up to the last that places data).
    public func dataEnd(before entry: JournalEntry) -> Int {
        dataEnd(ofFirst: Int(entry.sequence - identity.firstSequence))
    }

    /// Where the data of the first `count` entries ends. O(entries up to the last that places data).
    func dataEnd(ofFirst count: Int) -> Int {
        var index = count - 1
        while index >= 0 {
            if let earlier = self.entry(at: index), JournalEntry.placesData(kind: earlier.kind) {
                return earlier.dataRange.upperBound
            }
            index -= 1
        }
        return dataStart
    }

    /// Bytes of the header.
    var headerBytes: Int { Int(JOURNAL_HEADER_BYTES) }

    /// Where the data region begins.
    var dataStart: Int { Int(journal_data_offset(raw.table_entries)) }

    /// Whether the file is still the segment it was when it was opened. A running journal recycles its oldest segments, and
    /// wipes their header before it writes anything else over them: what was read before this was true is sound.
    public var isStillThere: Bool {
        var now = journal_identity()
        guard unsafe journal_segment_open(base, UInt64(mappedBytes), &now) == JOURNAL_OK else { return false }
        return now.run == raw.run && now.segment == raw.segment && now.first_sequence == raw.first_sequence
    }

    /// Whether there are entries and the first one, which is not whole, was lost by damage. O(bytes).
    public var isBeginningDamaged: Bool {
        notedOnDisk == nil ? (0..<committedEntries).contains { entry(at: $0) != nil } : durableEntries > 0
    }

    /// Whole entries from the start, among which are all that are known to be on disk. O(bytes).
    ///
    /// - Throws: `damaged` where they are not: neither a kill nor a power loss has torn it.
    public func countSoundEntries() throws(JournalError) -> Int {
        let count = countWholeEntries()
        guard count >= durableEntries else {
            throw .damaged(path: path, reason: "entry \(count) of \(committedEntries) is not whole")
        }
        return count
    }

    /// Entries that a reader finds from the start if none is damaged. O(bytes of those not known to be on disk).
    public func countReadableEntries() -> Int {
        var count = durableEntries
        while entry(at: count) != nil { count += 1 }
        return count
    }

    /// Whole entries from the start. O(bytes).
    public func countWholeEntries() -> Int {
        var count = 0
        while entry(at: count) != nil { count += 1 }
        return count
    }
}
