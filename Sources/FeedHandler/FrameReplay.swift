internal import Journal
internal import TradingModel

/// The messages of a feed's journal again: the frames of its connections through the feed's own parser and assembler.
///
/// Entries are taken in order; after each, `nextMessage` is called until there is none. Used by one thread.
struct FrameReplay: ~Copyable {
    private var session: WebSocketSession
    private var isDecoding = false

    /// With the feed's limit for a message.
    init(mostMessageBytes: Int) { session = WebSocketSession(mostMessageBytes: mostMessageBytes) }

    /// Begins in the middle of a chain, at an entry that `FeedReplay.start(at:)` accepts, of which `take` has not been
    /// called.
    mutating func begin(at entry: JournalEntry, in segment: SegmentReader) {
        guard entry.kind == FeedEntryKind.read else { return }
        isDecoding = true
        session.beginMidway()
        // What was not consumed before that read; the read itself follows by `take`.
        let unread = Int(entry.word5)..<entry.dataRange.lowerBound
        if !unread.isEmpty { unsafe append(segment.bytes(in: unread)) }
    }

    /// Takes the bytes of the next entry of the chain.
    mutating func take(_ entry: JournalEntry, in segment: SegmentReader) {
        switch entry.kind {
        case FeedEntryKind.session: takeSession(entry, in: segment)
        case FeedEntryKind.read:
            // Bytes of a handshake come again with the session record that it led to.
            guard ReadFlags(rawValue: entry.detail).contains(.isDecoded), isDecoding else { return }
            unsafe append(segment.bytes(of: entry))
        default: break  // a carry is a copy of what was taken already
        }
    }

    /// The next message of what was taken, valid until the next call; nil where no whole one is left.
    mutating func nextMessage() -> UnsafeRawBufferPointer? {
        while isDecoding {
            switch session.next() {
            case .none: return nil
            case .ping, .pong: break
            case .close, .violation: isDecoding = false
            case .message(let message, _): return unsafe message
            }
        }
        return nil
    }

    private mutating func takeSession(_ entry: JournalEntry, in segment: SegmentReader) {
        switch SessionEvent(rawValue: entry.detail) {
        case .clockMoved, nil: break
        case .closed: isDecoding = false
        case .opened:
            isDecoding = true
            session.beginMidway()
            // The frames that came behind the handshake's answer in the same read.
            let end = segment.dataEnd(before: entry)
            if Int(entry.word0) < end { unsafe append(segment.bytes(in: Int(entry.word0)..<end)) }
        }
    }

    private mutating func append(_ bytes: UnsafeRawBufferPointer) {
        var rest = unsafe bytes
        while unsafe !rest.isEmpty {
            let tail = unsafe session.writableTail()
            let count = min(tail.count, rest.count)
            unsafe tail.copyMemory(from: UnsafeRawBufferPointer(rebasing: rest.prefix(count)))
            session.didReceive(count)
            unsafe rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
        }
    }
}
