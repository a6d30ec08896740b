/// What a 64-byte record on a ring is. Raw value 0 is no record, so zeroed memory is never mistaken for one.
public enum RecordKind: UInt8, Sendable {
    /// A feed's connection began or ended, or its clock offset changed: `SessionRecord`.
    case session = 1
    /// A trade of one price and quantity.
    case trade
    /// Trades of one taker order at one price, as the exchange aggregates them.
    case aggregateTrade
    /// Best bid and ask.
    case quote
    /// Trade ids that never arrived: `GapRecord`.
    case gap
    /// The first half of a `Decision`; the second half follows in the next slot.
    case decision
    /// The second half of a `Decision`: both sums.
    case decisionSums
    /// A change of the order book: `BookUpdate`, its levels in the slots behind.
    case depth
    /// The top of the order book as it is: `BookUpdate`, its levels in the slots behind.
    case partialDepth
    /// Up to three levels of the `BookUpdate` in front: `BookLevelSlot`.
    case bookLevels
    /// The first half of a `Kline`: its prices; the second half follows in the next slot.
    case kline
    /// The second half of a `Kline`: interval, volume and trades.
    case klineVolume
    /// Ids the engine wants from the exchange's history: `RefillRequest`.
    case refillRequest
    /// The end of what the exchange's history had of them: `RefillEnd`.
    case refillEnd
    /// How far the engine had come when it wrote what stands in front: `StoreMark`.
    case mark

    /// The kind's name in document ids, metrics labels and settings; it is the exchange's stream name for ticks.
    public var name: String {
        switch self {
        case .session: "session"
        case .trade: "trade"
        case .aggregateTrade: "aggTrade"
        case .quote: "bookTicker"
        case .gap: "gap"
        case .decision, .decisionSums: "decision"
        case .depth, .bookLevels: "depth"
        case .partialDepth: "partialDepth"
        case .kline, .klineVolume: "kline"
        case .refillRequest, .refillEnd: "refill"
        case .mark: "mark"
        }
    }
}

/// Properties of a tick that are no number.
public struct TickFlags: OptionSet, Sendable {
    /// The bits.
    public var rawValue: UInt8

    /// Wraps the bits.
    @inlinable @inline(__always)
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The buyer's order rested in the book: the taker sold.
    public static let buyerIsMaker = TickFlags(rawValue: 1 << 0)
    /// The id counts for continuity, but the price is no market price (USD-M trades whose `X` is not `MARKET`).
    public static let noPrice = TickFlags(rawValue: 1 << 1)
    /// The price is far outside of what the instrument traded at; set by the engine.
    public static let outsideBand = TickFlags(rawValue: 1 << 2)
    /// It came from the exchange's history (REST), not from the stream.
    public static let refilled = TickFlags(rawValue: 1 << 3)
    /// One trade id of an aggregate trade that stands for several: price and exchange time are its own, `quantity` is
    /// that of all trades from `secondaryPrice` to `secondaryQuantity` (ids) together.
    public static let fromAggregate = TickFlags(rawValue: 1 << 4)
}

/// One decoded market event, exactly one 64-byte ring slot.
///
/// The layout is shared with the C decoder (`struct tick_record` in `tick_record.h`); both sides assert it. Prices and
/// quantities are integers at their instrument's scale. Which fields mean what, by kind:
///
/// | field | trade | aggregateTrade | quote |
/// |---|---|---|---|
/// | `id` | trade id | aggregate id | book update id |
/// | `price`, `quantity` | of the trade | of the aggregate | best bid |
/// | `secondaryPrice` | 0 | first trade id | best ask price |
/// | `secondaryQuantity` | 0 | last trade id | best ask quantity |
public struct Tick: Sendable, Equatable, BitwiseCopyable {
    /// The exchange's id within (instrument, kind).
    public var id: UInt64
    /// Exchange time, Unix nanoseconds; 0 where the exchange gives none (Spot quotes).
    public var exchangeTimeNanos: Int64
    /// Monotonic time at the return of the read that delivered the last byte.
    ///
    /// A refilled tick (`TickFlags.refilled`) was received by no stream: the engine ignores what stands here and, in the
    /// slots it writes, puts the wall-clock time at which it would have been received, Unix nanoseconds (see
    /// `refilledReceiveTime`).
    public var receiveMonotonicNanos: UInt64
    /// Trade price or best bid, at the price scale.
    public var price: Int64
    /// Trade or bid quantity, at the quantity scale.
    public var quantity: Int64
    /// Best ask price, or the first trade id of an aggregate.
    public var secondaryPrice: Int64
    /// Best ask quantity, or the last trade id of an aggregate.
    public var secondaryQuantity: Int64
    /// Index in the `MarketCatalog`.
    public var instrument: UInt32
    /// A `RecordKind` raw value; at byte 60 in every record.
    public var kind: UInt8
    /// A `TickFlags` raw value.
    public var flags: UInt8
    /// Index of the feed that delivered it.
    public var feed: UInt16

    /// Creates a tick from its fields, in layout order.
    public init(
        id: UInt64, exchangeTimeNanos: Int64, receiveMonotonicNanos: UInt64, price: Int64, quantity: Int64,
        secondaryPrice: Int64 = 0, secondaryQuantity: Int64 = 0, instrument: UInt32, kind: RecordKind,
        flags: TickFlags = [], feed: UInt16
    ) {
        self.id = id
        self.exchangeTimeNanos = exchangeTimeNanos
        self.receiveMonotonicNanos = receiveMonotonicNanos
        self.price = price
        self.quantity = quantity
        self.secondaryPrice = secondaryPrice
        self.secondaryQuantity = secondaryQuantity
        self.instrument = instrument
        self.kind = kind.rawValue
        self.flags = flags.rawValue
        self.feed = feed
    }
}

extension Tick {
    /// Whether it came from the exchange's history.
    @inlinable
    public var isRefilled: Bool { flags & TickFlags.refilled.rawValue != 0 }

    /// The wall-clock receive time in a refilled tick that the engine wrote: its exchange time plus what its feed measured
    /// last between exchange and receipt, so that old news looks old. No latency is taken from it.
    @inlinable
    public var refilledReceiveTime: UnixNanos {
        get { UnixNanos(rawValue: Int64(bitPattern: receiveMonotonicNanos)) }
        set { receiveMonotonicNanos = UInt64(bitPattern: newValue.rawValue) }
    }
}
