public import TradingModel

/// Signals of earlier runs behind those that a publisher is made with, more than its outbox holds: it reads them by itself, a page
/// once all in front of it are acknowledged, and again what it no longer keeps when a failover has undone that.
public struct EarlierSignals: Sendable {
    /// Signals by rising ordinal, none left out.
    public struct Page: Sendable {
        /// The first one's.
        public var firstOrdinal: UInt64
        /// Themselves.
        public var parts: [RecoveredSignals.Part]

        /// Creates a page.
        public init(firstOrdinal: UInt64, parts: [RecoveredSignals.Part]) {
            (self.firstOrdinal, self.parts) = (firstOrdinal, parts)
        }
    }

    /// The ordinals; the first signal that the sink takes has the next one.
    public var waiting: Range<UInt64>
    /// Ordinals of a page, not more than the outbox holds. The first page may have fewer: a run begins with a whole one.
    public var pageSignals: Int
    /// Whose instruments and strategies they name.
    public var catalogs: [MarketCatalog]
    /// Reads those of some ordinals that are for the stream; nil for none. Called on the publisher's thread, which waits meanwhile.
    public var read: @Sendable (Range<UInt64>) throws(RedisStreamsError) -> Page?

    /// Creates a description; nothing is read.
    public init(
        waiting: Range<UInt64>, pageSignals: Int, catalogs: [MarketCatalog],
        read: @escaping @Sendable (Range<UInt64>) throws(RedisStreamsError) -> Page?
    ) {
        (self.waiting, self.pageSignals, self.catalogs, self.read) = (waiting, pageSignals, catalogs, read)
    }
}

/// What is known of consecutive signals that are acknowledged and no longer in the outbox, for as long as a failover may undo
/// them: 16 bytes of each.
struct GivenUpSignals {
    let firstOrdinal: UInt64
    /// Where the stream has each; zero where the server has lost it.
    var entries: [StreamEntryID] = []
    /// The newest one's id, hashed.
    private(set) var lastHash: UInt64 = 0
    /// When the newest one was acknowledged.
    private(set) var acknowledgedAtNanos: UInt64 = 0

    init(firstOrdinal: UInt64) { self.firstOrdinal = firstOrdinal }

    var ordinals: Range<UInt64> { firstOrdinal..<firstOrdinal + UInt64(entries.count) }

    /// Adds the next one.
    mutating func append(_ header: OutboxHeader) {
        entries.append(header.entry)
        (lastHash, acknowledgedAtNanos) = (header.identifierHash, header.acknowledgedAtNanos)
    }
}
