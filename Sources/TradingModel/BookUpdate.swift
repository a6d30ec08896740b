/// One price level of a book update, exact to the text: value and number of decimals as the exchange wrote them.
public struct BookLevel: Sendable, Equatable, BitwiseCopyable {
    /// Price at the instrument's scale.
    public var price: Int64
    /// Quantity at the instrument's scale; 0 removes the level.
    public var quantity: Int64
    /// Digits behind the dot in the exchange's text of the price, so that `61500.10` does not become `61500.1`.
    public var priceDigits: UInt8
    /// Digits behind the dot in the exchange's text of the quantity.
    public var quantityDigits: UInt8

    /// Creates a level.
    public init(price: Int64, quantity: Int64, priceDigits: UInt8, quantityDigits: UInt8) {
        self.price = price
        self.quantity = quantity
        self.priceDigits = priceDigits
        self.quantityDigits = quantityDigits
    }
}

/// Up to three levels of one side, exactly one 64-byte ring slot; the layout is shared with the C decoder
/// (`struct book_level_slot` in `book_decode.h`), both sides assert it.
public struct BookLevelSlot: Sendable, BitwiseCopyable {
    /// Levels of one slot.
    public static let mostLevels = 3

    /// Price and quantity of each level, in the exchange's order; unused ones are 0.
    public var price0, quantity0, price1, quantity1, price2, quantity2: Int64
    /// Digits of the text of each price and quantity, in the same order.
    public var digits: (UInt8, UInt8, UInt8, UInt8, UInt8, UInt8)
    /// Levels used, 1 to 3.
    public var levelCount: UInt8
    /// 0: bids, 1: asks.
    public var side: UInt8
    /// As in the header.
    public var instrument: UInt32
    /// `RecordKind.bookLevels`.
    public var kind: UInt8
    /// 0.
    public var flags: UInt8
    /// As in the header.
    public var feed: UInt16
}

/// A change, or the top, of an order book; it lies on a ring as a header slot and its levels behind it.
///
/// The header is a `Tick` of kind `depth` or `partialDepth`: `id` the last update id, `price` the first one (the same as
/// `id` in a partial book), `quantity` the last update id of the event before (−1 where the exchange does not say),
/// `secondaryPrice` the transaction time in Unix nanoseconds (0 for none), `secondaryQuantity` the number of bids in the
/// upper 32 bits and of asks in the lower. Then ⌈bids/3⌉ and ⌈asks/3⌉ slots follow on the same ring.
public struct BookUpdate: Sendable, Equatable {
    /// The most slots of one update, header included: some 24,000 levels, far above what a 1 MiB message of real prices
    /// holds. Longer ones are refused and counted.
    public static let mostSlots = 8_192

    /// The header's fields.
    public var header: Tick
    /// Wall-clock receive time.
    public var receiveTime: UnixNanos
    /// Bids in the exchange's order.
    public var bids: [BookLevel]
    /// Asks in the exchange's order.
    public var asks: [BookLevel]

    /// Creates an update.
    public init(header: Tick, receiveTime: UnixNanos, bids: [BookLevel], asks: [BookLevel]) {
        self.header = header
        self.receiveTime = receiveTime
        self.bids = bids
        self.asks = asks
    }

    /// Bids announced by a header.
    @inlinable
    public static func bidCount(of header: borrowing Tick) -> Int {
        Int(UInt64(bitPattern: header.secondaryQuantity) >> 32)
    }

    /// Asks announced by a header.
    @inlinable
    public static func askCount(of header: borrowing Tick) -> Int {
        Int(UInt64(bitPattern: header.secondaryQuantity) & 0xFFFF_FFFF)
    }

    /// Level slots that follow a header.
    @inlinable
    public static func levelSlots(of header: borrowing Tick) -> Int {
        (bidCount(of: header) + 2) / 3 + (askCount(of: header) + 2) / 3
    }
}
