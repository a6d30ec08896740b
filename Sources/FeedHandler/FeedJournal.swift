internal import Journal
internal import ThreadExecutor
internal import TradingModel

/// What a feed's chain of the journal holds, entry by entry.
///
/// | kind | source, detail | words |
/// |---|---|---|
/// | `session` | feed, `SessionEvent` | 0: where the frames begin (opened), 1: connection, 2: monotonic time, 3: wall offset, 4: slots before |
/// | `read` | feed, `ReadFlags` | 0, 1 (lower half): bytes, 1 (upper half): connection, 2: monotonic time, 3: wall offset, 4: slots before, 5: where unconsumed bytes begin |
/// | `carry` | feed | 0, 1 (lower half): bytes of a frame that began in the segment before, at this one's start |
///
/// Positions count from the segment's start; slots count what the feed's ring has been given in this run.
enum FeedEntryKind {
    static let session: UInt8 = 1
    static let read: UInt8 = 128
    static let carry: UInt8 = 129
}

/// How the bytes of a read are to be taken.
struct ReadFlags: OptionSet {
    let rawValue: UInt8
    /// They are frames to be decoded; without it they belong to a handshake, or to a connection that is being closed.
    static let isDecoded = ReadFlags(rawValue: 1 << 0)
    /// No fragmented message was under way before them: decoding can begin at word 5.
    static let isClean = ReadFlags(rawValue: 1 << 1)
}

/// Puts what the socket delivers into the journal: it is read straight into the mapped segment.
// hot path: HotPathTests, probe `feed`
struct FeedJournal: ~Copyable {
    /// Entries kept free for what may come between two reads: session records.
    private static let spareEntries = 8

    private var writer: ChainWriter
    private let feed: UInt16

    /// nil without a chain.
    init?(writer: consuming ChainWriter?, feed: UInt16) {
        guard let writer else { return nil }
        self.writer = writer
        self.feed = feed
    }

    /// Asks for segments, which a connection that rests has none of.
    func demandSegments() { writer.demandSegments() }

    /// Whether the segment has room for another read; false, too, where it is memory and a file is ready.
    @inline(__always)
    var hasRoom: Bool {
        unsafe writer.freeEntries > Self.spareEntries && writer.dataTail.count >= WebSocketSession.readBytes
            && !writer.canLeaveMemory
    }

    /// Whether the segment is memory, which is to be left for a file also where nothing comes.
    @inline(__always)
    var isInMemory: Bool { writer.isInMemory }

    /// Whether there is such a file.
    var canLeaveMemory: Bool { writer.canLeaveMemory }

    /// Goes on in the next segment and takes the session's buffer with it; false while none is ready.
    mutating func advance(_ session: inout WebSocketSession) -> Bool {
        var carried = 0
        guard unsafe writer.advance(carrying: { carried = unsafe session.move(to: $0) }) else { return false }
        if carried > 0 {
            writer.append(JournalEntry(kind: FeedEntryKind.carry, source: feed), placing: carried)
        }
        return true
    }

    /// Puts a read on record: its `count` bytes are in the session's buffer.
    ///
    /// - Parameters:
    ///   - slots: slots the ring was given before.
    ///   - unreadBytes: bytes not consumed yet, those of this read among them.
    @inline(__always)
    mutating func didRead(
        _ count: Int, flags: ReadFlags, connection: UInt64, at now: MonotonicNanos, wallOffsetNanos: Int64,
        slots: UInt64, unreadBytes: Int
    ) {
        var entry = JournalEntry(kind: FeedEntryKind.read, detail: flags.rawValue, source: feed)
        entry.word1 = connection << 32
        entry.word2 = now.rawValue
        entry.word3 = UInt64(bitPattern: wallOffsetNanos)
        entry.word4 = slots
        entry.word5 = UInt64(writer.dataOffset + count - unreadBytes)
        writer.append(entry, placing: count)
    }

    /// Puts a session record on record; parameters as above. There is a segment: something was read before.
    mutating func append(_ record: SessionRecord, slots: UInt64, unreadBytes: Int) {
        var entry = JournalEntry(kind: FeedEntryKind.session, detail: record.event.rawValue, source: feed)
        entry.word0 = UInt64(writer.dataOffset - unreadBytes)
        entry.word1 = record.connection
        entry.word2 = record.monotonic.rawValue
        entry.word3 = UInt64(bitPattern: record.wallOffsetNanos)
        entry.word4 = slots
        writer.append(entry)
    }
}
