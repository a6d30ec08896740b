public import Journal
public import TradingModel

/// What the chain of the exchange's history holds, entry by entry.
///
/// | kind | source, detail | words |
/// |---|---|---|
/// | `slots` | −, − | 0, 1 (lower half): slots as the engine's ring was given them, 4: the first one's number |
/// | `body` | feed, `RefillEndpoint` | 0, 1 (lower half): an answer byte for byte, 2: first id, 3: last id, 4: instrument |
///
/// Slots are numbered in the order of the ring, from 1 in each run. 0: a version without numbers wrote the entry.
public enum HistoryEntryKind {
    /// What the engine was given.
    public static let slots: UInt8 = 128
    /// What the exchange answered.
    public static let body: UInt8 = 129
}

/// Puts the exchange's answers and what was made of them into the journal, before the engine sees it. Fetcher's thread.
struct HistoryJournal: ~Copyable {
    /// Slots of one entry at most.
    static let mostSlots = 4_096

    private var writer: ChainWriter

    /// nil without a chain.
    init?(writer: consuming ChainWriter?) {
        guard let writer else { return nil }
        self.writer = writer
    }

    /// Appends slots, the first of which has the number `first`; false where no segment is ready.
    mutating func append(slots: ArraySlice<Tick>, first: UInt64) -> Bool {
        var entry = JournalEntry(kind: HistoryEntryKind.slots)
        entry.word4 = first
        return unsafe slots.withUnsafeBytes { unsafe append(entry, $0) }
    }

    /// Appends an answer; false where no segment is ready.
    mutating func append(body: [UInt8], of endpoint: RefillEndpoint, for request: RefillRequest) -> Bool {
        var entry = JournalEntry(kind: HistoryEntryKind.body, detail: endpoint.rawValue, source: request.feed)
        entry.word2 = request.firstID
        entry.word3 = request.lastID
        entry.word4 = UInt64(request.instrument)
        return unsafe body.withUnsafeBytes { unsafe append(entry, $0) }
    }

    /// Goes on in a file that is ready, where the segment is memory.
    mutating func leaveMemory() {
        if writer.canLeaveMemory { _ = writer.advance() }
    }

    private mutating func append(_ entry: JournalEntry, _ bytes: UnsafeRawBufferPointer) -> Bool {
        leaveMemory()
        if unsafe writer.freeEntries == 0 || writer.dataTail.count < bytes.count {
            guard writer.advance() else { return false }
        }
        unsafe writer.dataTail.copyMemory(from: bytes)
        writer.append(entry, placing: bytes.count)
        return true
    }
}

/// Reads back what the engine was given.
public enum HistoryReplay {
    /// The number of an entry's first slot in its run, from 1; nil for one that holds none or does not tell.
    public static func firstNumber(of entry: JournalEntry) -> UInt64? {
        entry.kind == HistoryEntryKind.slots && entry.word4 > 0 ? entry.word4 : nil
    }

    /// The slots of an entry; nil for one that holds none.
    public static func slots(of entry: JournalEntry, in segment: SegmentReader) -> [Tick]? {
        guard entry.kind == HistoryEntryKind.slots else { return nil }
        let bytes = unsafe segment.bytes(of: entry)
        let stride = MemoryLayout<Tick>.stride
        return (0..<bytes.count / stride).map { index in
            unsafe bytes.loadUnaligned(fromByteOffset: index * stride, as: Tick.self)
        }
    }
}
