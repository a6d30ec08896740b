/// Ids that the engine wants from the exchange's history: from the engine to whoever asks the exchange, one ring slot.
public struct RefillRequest: Sendable, Equatable {
    /// Counts the requests of a run from 1; the answer's end names it.
    public var ordinal: UInt64
    /// Index in the `MarketCatalog`.
    public var instrument: UInt32
    /// `trade` or `aggregateTrade`.
    public var kind: RecordKind
    /// The feed whose tick showed the hole.
    public var feed: UInt16
    /// First missing id.
    public var firstID: UInt64
    /// Last missing id, not below `firstID`.
    public var lastID: UInt64
    /// Exchange time of the tick before the hole, Unix nanoseconds.
    public var beforeTimeNanos: Int64
    /// Exchange time of the tick after the hole, Unix nanoseconds.
    public var afterTimeNanos: Int64
    /// When the hole was seen.
    public var noticed: MonotonicNanos

    /// Creates a request.
    public init(
        ordinal: UInt64, instrument: UInt32, kind: RecordKind, feed: UInt16, firstID: UInt64, lastID: UInt64,
        beforeTimeNanos: Int64, afterTimeNanos: Int64, noticed: MonotonicNanos
    ) {
        self.ordinal = ordinal
        self.instrument = instrument
        self.kind = kind
        self.feed = feed
        self.firstID = firstID
        self.lastID = lastID
        self.beforeTimeNanos = beforeTimeNanos
        self.afterTimeNanos = afterTimeNanos
        self.noticed = noticed
    }

    /// Reads the request from a slot of kind `refillRequest`; nil where a field is not of its enumeration.
    @inlinable
    public init?(slot: Tick) {
        guard slot.kind == RecordKind.refillRequest.rawValue,
            let kind = RecordKind(rawValue: UInt8(truncatingIfNeeded: slot.quantity))
        else { return nil }
        self.init(
            ordinal: UInt64(bitPattern: slot.secondaryQuantity), instrument: slot.instrument, kind: kind,
            feed: slot.feed, firstID: slot.id, lastID: UInt64(bitPattern: slot.price),
            beforeTimeNanos: slot.secondaryPrice, afterTimeNanos: slot.exchangeTimeNanos,
            noticed: MonotonicNanos(rawValue: slot.receiveMonotonicNanos))
    }

    /// The request as a ring slot.
    @inlinable
    public var slot: Tick {
        Tick(
            id: firstID, exchangeTimeNanos: afterTimeNanos, receiveMonotonicNanos: noticed.rawValue,
            price: Int64(bitPattern: lastID), quantity: Int64(kind.rawValue), secondaryPrice: beforeTimeNanos,
            secondaryQuantity: Int64(bitPattern: ordinal), instrument: instrument, kind: .refillRequest, feed: feed)
    }
}

/// How asking for missing ids ended.
public enum RefillOutcome: UInt8, Sendable, CaseIterable {
    /// Everything the exchange has of the range came before this record; ids that did not come it does not have.
    case complete = 1
    /// The exchange refuses the request, or has no history of the instrument.
    case refused
    /// The exchange's request limit leaves no time for it.
    case rateLimited
    /// Network, or an answer that could not be read.
    case failed

    /// The outcome's name in documents and metrics labels.
    public var name: String {
        switch self {
        case .complete: "complete"
        case .refused: "refused"
        case .rateLimited: "rateLimited"
        case .failed: "failed"
        }
    }
}

/// The end of an answer: behind its ticks, which carry `TickFlags.refilled`, on the same ring.
public struct RefillEnd: Sendable, Equatable {
    /// The request's.
    public var ordinal: UInt64
    /// Index in the `MarketCatalog`.
    public var instrument: UInt32
    /// The request's kind.
    public var kind: RecordKind
    /// How it ended.
    public var outcome: RefillOutcome
    /// When.
    public var monotonic: MonotonicNanos

    /// Creates an end.
    public init(
        ordinal: UInt64, instrument: UInt32, kind: RecordKind, outcome: RefillOutcome, monotonic: MonotonicNanos
    ) {
        self.ordinal = ordinal
        self.instrument = instrument
        self.kind = kind
        self.outcome = outcome
        self.monotonic = monotonic
    }

    /// Reads the end from a slot of kind `refillEnd`; nil where a field is not of its enumeration.
    @inlinable
    public init?(slot: Tick) {
        guard slot.kind == RecordKind.refillEnd.rawValue, let outcome = RefillOutcome(rawValue: slot.flags),
            let kind = RecordKind(rawValue: UInt8(truncatingIfNeeded: slot.quantity))
        else { return nil }
        self.init(
            ordinal: slot.id, instrument: slot.instrument, kind: kind, outcome: outcome,
            monotonic: MonotonicNanos(rawValue: slot.receiveMonotonicNanos))
    }

    /// The end as a ring slot.
    @inlinable
    public var slot: Tick {
        var slot = Tick(
            id: ordinal, exchangeTimeNanos: 0, receiveMonotonicNanos: monotonic.rawValue, price: 0,
            quantity: Int64(kind.rawValue), instrument: instrument, kind: .refillEnd, feed: 0)
        slot.flags = outcome.rawValue
        return slot
    }
}
