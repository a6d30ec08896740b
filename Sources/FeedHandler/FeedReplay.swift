public import Journal
internal import ThreadExecutor
public import TradingModel

/// Makes of a feed's journal the slots that the feed published when it was written: the same frame parser, assembler and
/// decoder, without a socket.
///
/// Entries are taken in order; what they gave is in `slots`. Deterministic. Used by one thread.
public struct FeedReplay: ~Copyable {
    private let chain: JournalChain
    private var frames: FrameReplay
    private var messages: MessageReplay
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
        frames = FrameReplay(mostMessageBytes: mostMessageBytes)
        messages = MessageReplay(
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

    /// When what an entry says happened, by the wall clock as the feed measured it; nil for entries without a time.
    public static func receiveTime(of entry: JournalEntry) -> UnixNanos? {
        guard entry.kind == FeedEntryKind.session || entry.kind == FeedEntryKind.read else { return nil }
        // The feed measures its clocks once the first connection is open.
        guard entry.word3 != 0 else { return nil }
        return UnixNanos(rawValue: Int64(bitPattern: entry.word2) &+ Int64(bitPattern: entry.word3))
    }

    /// Begins in the middle of a chain, at an entry that `start(at:)` accepts, of which `take` has not been called.
    public mutating func begin(at entry: JournalEntry, in segment: SegmentReader) {
        slots.removeAll()
        nextSlot = entry.word4
        hasDiverged = false
        frames.begin(at: entry, in: segment)
    }

    /// Takes the next entry of the chain.
    public mutating func take(_ entry: JournalEntry, in segment: SegmentReader) {
        switch entry.kind {
        case FeedEntryKind.session: takeSession(entry)
        case FeedEntryKind.read: check(entry)
        case FeedEntryKind.carry: break  // a copy of what was taken already
        default: return hasDiverged = true
        }
        frames.take(entry, in: segment)
        decode(received: MonotonicNanos(rawValue: entry.word2))
    }

    /// Gives up the first `count` slots.
    public mutating func removeFirst(_ count: Int) { slots.removeFirst(count) }

    private mutating func takeSession(_ entry: JournalEntry) {
        check(entry)
        guard let event = SessionEvent(rawValue: entry.detail) else { return hasDiverged = true }
        let record = SessionRecord(
            event: event, feed: entry.source, connection: entry.word1,
            wallOffsetNanos: Int64(bitPattern: entry.word3), monotonic: MonotonicNanos(rawValue: entry.word2))
        give(record.slot)
    }

    /// An entry that counts other slots than were given.
    private mutating func check(_ entry: JournalEntry) {
        if entry.word4 != nextSlot { hasDiverged = true }
    }

    private mutating func decode(received now: MonotonicNanos) {
        let count = slots.count
        while let message = unsafe frames.nextMessage() {
            unsafe messages.decode(message, received: now, into: &slots)
        }
        nextSlot += UInt64(slots.count - count)
    }

    private mutating func give(_ slot: Tick) {
        slots.append(slot)
        nextSlot += 1
    }
}
