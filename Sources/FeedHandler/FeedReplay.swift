public import Journal
internal import ThreadExecutor
public import TradingModel

/// Makes of a feed's journal the slots that the feed published when it was written: the same frame parser, assembler and
/// decoder, without a socket.
///
/// Entries are taken in order; what they gave is in `slots`. Deterministic. Used by one thread.
public struct FeedReplay: ~Copyable {
    private let chain: JournalChain
    private var session: WebSocketSession
    private var decoder: MessageDecoder
    private var isDecoding = false
    /// Slots of the entries taken so far that were not removed yet.
    public private(set) var slots: [Tick] = []
    /// The number of the slot behind the last one, counted as the feed's ring counted.
    public private(set) var nextSlot: UInt64 = 0
    /// Whether an entry did not fit what came of those before it: the journal is not this decoder's.
    public private(set) var hasDiverged = false

    /// A replay of one feed's chain.
    ///
    /// - Parameters:
    ///   - exchange, streams, feed, mostMessageBytes, mostSlots: as the feed had them.
    public init(
        catalog: MarketCatalog, exchange: Exchange, streams: [StreamName], feed: UInt16,
        mostMessageBytes: Int = FeedConfiguration.defaultMostMessageBytes, mostSlots: Int = BookUpdate.mostSlots
    ) {
        chain = JournalChain(.feed, Int(feed))
        session = WebSocketSession(mostMessageBytes: mostMessageBytes)
        decoder = MessageDecoder(
            catalog: catalog, exchange: exchange, streams: streams, feed: feed, mostSlots: mostSlots)
    }

    /// Whether decoding can begin at an entry, with the number of the first slot it gives.
    public static func start(at entry: JournalEntry) -> UInt64? {
        switch entry.kind {
        case FeedEntryKind.session where entry.detail == SessionEvent.opened.rawValue: entry.word4
        case FeedEntryKind.read where ReadFlags(rawValue: entry.detail).isSuperset(of: [.isDecoded, .isClean]):
            entry.word4
        default: nil
        }
    }

    /// Slots the feed's ring had been given before the entry; nil for entries that say nothing of it.
    public static func slotsBefore(_ entry: JournalEntry) -> UInt64? {
        entry.kind == FeedEntryKind.carry ? nil : entry.word4
    }

    /// Begins in the middle of a chain, at an entry that `start(at:)` accepts, of which `take` has not been called.
    public mutating func begin(at entry: JournalEntry, in segment: SegmentReader) {
        slots.removeAll()
        nextSlot = entry.word4
        hasDiverged = false
        guard entry.kind == FeedEntryKind.read else { return }
        isDecoding = true
        session.beginMidway()
        // What was not consumed before that read; the read itself follows by `take`.
        let unread = Int(entry.word5)..<entry.dataRange.lowerBound
        if !unread.isEmpty { unsafe append(segment.bytes(in: unread)) }
    }

    /// Takes the next entry of the chain.
    public mutating func take(_ entry: JournalEntry, in segment: SegmentReader) {
        switch entry.kind {
        case FeedEntryKind.session: takeSession(entry, in: segment)
        case FeedEntryKind.read:
            check(entry)
            // Bytes of a handshake come again with the session record that it led to.
            guard ReadFlags(rawValue: entry.detail).contains(.isDecoded), isDecoding else { return }
            unsafe append(segment.bytes(of: entry))
            decode(received: MonotonicNanos(rawValue: entry.word2))
        case FeedEntryKind.carry: break  // a copy of what was taken already
        default: hasDiverged = true
        }
    }

    /// Gives up the first `count` slots.
    public mutating func removeFirst(_ count: Int) { slots.removeFirst(count) }

    private mutating func takeSession(_ entry: JournalEntry, in segment: SegmentReader) {
        check(entry)
        guard let event = SessionEvent(rawValue: entry.detail) else { return hasDiverged = true }
        let record = SessionRecord(
            event: event, feed: entry.source, connection: entry.word1,
            wallOffsetNanos: Int64(bitPattern: entry.word3), monotonic: MonotonicNanos(rawValue: entry.word2))
        give(record.slot)
        switch event {
        case .clockMoved: break
        case .closed: isDecoding = false
        case .opened:
            isDecoding = true
            session.beginMidway()
            // The frames that came behind the handshake's answer in the same read.
            let end = segment.dataEnd(before: entry)
            if Int(entry.word0) < end {
                unsafe append(segment.bytes(in: Int(entry.word0)..<end))
                decode(received: record.monotonic)
            }
        }
    }

    /// An entry that counts other slots than were given.
    private mutating func check(_ entry: JournalEntry) {
        if entry.word4 != nextSlot { hasDiverged = true }
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

    /// The same rules as the feed's own loop has for a message; see `FeedLoop`.
    private mutating func decode(received now: MonotonicNanos) {
        while true {
            switch session.next() {
            case .none: return
            case .ping, .pong: break
            case .close, .violation: isDecoding = false
            case .message(let message, _):
                var slot = Tick(
                    id: 0, exchangeTimeNanos: 0, receiveMonotonicNanos: 0, price: 0, quantity: 0, instrument: 0,
                    kind: .session, feed: 0)
                let outcome = unsafe withUnsafeMutableBytes(of: &slot) { memory in
                    guard let base = memory.baseAddress else { return DecodeOutcome.malformed }
                    return unsafe decoder.decode(message, received: now, into: base)
                }
                if outcome == .tick {
                    give(slot)
                } else if outcome.hasRecords {
                    for index in 0..<decoder.recordCount {
                        give(unsafe decoder.records.load(fromByteOffset: index * 64, as: Tick.self))
                    }
                }
            }
        }
    }

    private mutating func give(_ slot: Tick) {
        slots.append(slot)
        nextSlot += 1
    }
}
