/// Why ids are missing.
public enum GapCause: UInt8, Sendable, CaseIterable {
    /// Ids jumped on an open connection.
    case skipped = 1
    /// The ids passed while the feed was reconnecting.
    case reconnect

    /// The cause's name in documents and metrics labels.
    public var name: String {
        switch self {
        case .skipped: "skipped"
        case .reconnect: "reconnect"
        }
    }
}

/// Where ids came from that were missing at first.
public enum RefillSource: UInt8, Sendable, CaseIterable {
    /// The exchange's history of single trades (of the stream's own kind).
    case trades = 1
    /// Its history of aggregate trades, which tell each trade's price and time but not its quantity.
    case aggregates
    /// A live connection: another than the one that showed the hole, or the same one, which delivered them out of order.
    case twin

    /// The source's name in documents and metrics labels.
    public var name: String {
        switch self {
        case .trades: "trades"
        case .aggregates: "aggregates"
        case .twin: "twin"
        }
    }
}

/// A run of contiguous ids of one (instrument, kind) that never arrived, or that came late from one source.
///
/// `noticed` is that of the hole; times before and after are those of the ticks around this run.
public struct GapRecord: Sendable, Equatable {
    /// Index in the `MarketCatalog`.
    public var instrument: UInt32
    /// The kind of tick that is missing.
    public var kind: RecordKind
    /// First missing id.
    public var firstID: UInt64
    /// Last missing id, not below `firstID`.
    public var lastID: UInt64
    /// Why.
    public var cause: GapCause
    /// The feed whose tick showed the hole.
    public var feed: UInt16
    /// Exchange time of the tick before them, Unix nanoseconds.
    public var beforeTimeNanos: Int64
    /// Exchange time of the tick after them, Unix nanoseconds.
    public var afterTimeNanos: Int64
    /// When the hole was seen.
    public var noticed: MonotonicNanos
    /// Where all of these ids came from later; nil where none of them came.
    public var refilledFrom: RefillSource?

    /// Creates a record.
    public init(
        instrument: UInt32, kind: RecordKind, firstID: UInt64, lastID: UInt64, cause: GapCause, feed: UInt16,
        beforeTimeNanos: Int64, afterTimeNanos: Int64, noticed: MonotonicNanos, refilledFrom: RefillSource? = nil
    ) {
        self.instrument = instrument
        self.kind = kind
        self.firstID = firstID
        self.lastID = lastID
        self.cause = cause
        self.feed = feed
        self.beforeTimeNanos = beforeTimeNanos
        self.afterTimeNanos = afterTimeNanos
        self.noticed = noticed
        self.refilledFrom = refilledFrom
    }

    /// Number of ids.
    public var missingCount: UInt64 { lastID - firstID + 1 }

    /// Whether the ids came later: they are stored, and no window was broken.
    public var isRefilled: Bool { refilledFrom != nil }

    /// Reads the record from a slot of kind `gap`; nil where a field is not of its enumeration.
    @inlinable
    public init?(slot: Tick) {
        guard slot.kind == RecordKind.gap.rawValue, let cause = GapCause(rawValue: slot.flags),
            let kind = RecordKind(rawValue: UInt8(truncatingIfNeeded: slot.quantity))
        else { return nil }
        self.init(
            instrument: slot.instrument, kind: kind, firstID: slot.id, lastID: UInt64(bitPattern: slot.price),
            cause: cause, feed: slot.feed, beforeTimeNanos: slot.secondaryPrice,
            afterTimeNanos: slot.exchangeTimeNanos,
            noticed: MonotonicNanos(rawValue: slot.receiveMonotonicNanos))
        guard slot.secondaryQuantity != 0 else { return }
        guard let source = RefillSource(rawValue: UInt8(truncatingIfNeeded: slot.secondaryQuantity)) else { return nil }
        refilledFrom = source
    }

    /// The record as a ring slot.
    @inlinable
    public var slot: Tick {
        var slot = Tick(
            id: firstID, exchangeTimeNanos: afterTimeNanos, receiveMonotonicNanos: noticed.rawValue,
            price: Int64(bitPattern: lastID), quantity: Int64(kind.rawValue), secondaryPrice: beforeTimeNanos,
            secondaryQuantity: Int64(refilledFrom?.rawValue ?? 0), instrument: instrument, kind: .gap, feed: feed)
        slot.flags = cause.rawValue
        return slot
    }
}
