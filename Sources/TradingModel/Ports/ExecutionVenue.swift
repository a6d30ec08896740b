/// What the venue is told about an order.
public struct OrderRequest: Sendable, Equatable {
    /// What the venue knows it by; unique for all time, since it is a function of the signal.
    public var clientOrderID: String
    /// What is traded.
    public var instrument: Instrument
    /// Which way.
    public var side: OrderSide
    /// How much, a whole multiple of the venue's step.
    public var quantity: ExactDecimal
    /// How; a limit's price is a whole multiple of the venue's price increment.
    public var type: OrderType
    /// The price of the signal it acts on; a live venue has no use for it.
    public var referencePrice: ExactDecimal

    /// What an order asks for.
    public init(_ order: Order) {
        clientOrderID = order.clientOrderID
        instrument = order.key.instrument
        side = order.side
        quantity = order.quantity
        type = order.type
        referencePrice = order.referencePrice
    }

    /// What a venue's own log says was asked for.
    public init(
        clientOrderID: String, instrument: Instrument, side: OrderSide, quantity: ExactDecimal, type: OrderType,
        referencePrice: ExactDecimal
    ) {
        self.clientOrderID = clientOrderID
        self.instrument = instrument
        self.side = side
        self.quantity = quantity
        self.type = type
        self.referencePrice = referencePrice
    }
}

/// What the venue says of an order, in answer or on its own; reports may come twice, late and out of order.
public struct OrderReport: Sendable, Equatable {
    /// Which order.
    public var clientOrderID: String
    /// The venue's id of it.
    public var venueOrderID: String
    /// Where the venue has it: `submitted`, `partiallyFilled`, `filled`, `cancelled`, `rejected` or `expired`.
    public var state: OrderState
    /// Filled so far, over all its fills; it never falls.
    public var filledQuantity: ExactDecimal
    /// Fills that the report carries; perhaps not all there were.
    public var fills: [Fill]
    /// The venue's words where it refused or ended the order.
    public var reason: String
    /// When the venue says it was so.
    public var time: UnixNanos

    /// Creates a report.
    public init(
        clientOrderID: String, venueOrderID: String, state: OrderState, filledQuantity: ExactDecimal, fills: [Fill],
        reason: String, time: UnixNanos
    ) {
        self.clientOrderID = clientOrderID
        self.venueOrderID = venueOrderID
        self.state = state
        self.filledQuantity = filledQuantity
        self.fills = fills
        self.reason = reason
        self.time = time
    }
}

/// Why the venue did not answer as asked.
public enum VenueError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Nobody knows whether the request took effect: ask by client order id before anything else.
    case unknownOutcome(String)
    /// Refused for good; nothing took effect.
    case rejected(String)
    /// Refused for now; nothing took effect, and nothing may be sent before the time is over.
    case rateLimited(retryAfterMillis: Int)
    /// Nothing took effect, since the venue can't be reached.
    case unavailable(String)
    /// A trader with a higher token has been here; nothing took effect, and this one's time is over.
    case fenced(highest: UInt64)

    /// The venue's own words.
    public var description: String {
        switch self {
        case .unknownOutcome(let reason): "the order's fate is unknown: \(reason)"
        case .rejected(let reason): "the venue rejects it: \(reason)"
        case .rateLimited(let millis): "the venue asks for a pause of \(millis) ms"
        case .unavailable(let reason): "the venue can't be reached: \(reason)"
        case .fenced(let token): "another trader has taken over under token \(token)"
        }
    }
}

/// Where orders are executed: on paper, scripted by a test, or, later, an exchange.
///
/// Used by one thread. Every call carries the lease's token; a venue that can refuses one lower than it has seen.
public protocol ExecutionVenue: ~Copyable, Sendable {
    /// Makes the token the lowest that is still listened to, before a new trader looks at anything.
    ///
    /// - Throws: `fenced`, `unavailable`.
    mutating func fence(token: UInt64) throws(VenueError)

    /// Sends an order. The answer tells where it stands so far; later reports come from `reports`.
    ///
    /// A client order id that the venue has already is answered as it stands, never executed twice.
    /// - Throws: all cases.
    mutating func submit(_ request: OrderRequest, token: UInt64) throws(VenueError) -> OrderReport

    /// Asks to cancel what is still open; the answer tells where it stands.
    ///
    /// - Throws: `rejected` where there is no such order, and all other cases.
    mutating func cancel(_ clientOrderID: String, of instrument: Instrument, token: UInt64) throws(VenueError)
        -> OrderReport

    /// Where an order stands, with all its fills; nil where the venue has never had it.
    ///
    /// - Throws: `unavailable`, `rateLimited`.
    mutating func query(_ clientOrderID: String, of instrument: Instrument) throws(VenueError) -> OrderReport?

    /// What the venue has to say by now; never blocks.
    ///
    /// - Throws: `fenced`, `unavailable`.
    mutating func reports(token: UInt64) throws(VenueError) -> [OrderReport]

    /// The venue's rules for an instrument; nil where it does not trade it.
    func rules(of instrument: Instrument) -> TradingRules?

    /// The newest best bid and ask of an instrument; nil where none is known.
    func quote(of instrument: Instrument) -> Quote?

    /// Releases what it holds; nothing may be called afterwards.
    mutating func close()
}

/// The best prices of an instrument at a moment.
public struct Quote: Sendable, Equatable {
    /// The highest price bid.
    public var bidPrice: ExactDecimal
    /// How much is bid at it.
    public var bidQuantity: ExactDecimal
    /// The lowest price asked.
    public var askPrice: ExactDecimal
    /// How much is asked at it.
    public var askQuantity: ExactDecimal
    /// When it was received.
    public var receiveTime: UnixNanos

    /// Creates a quote.
    public init(
        bidPrice: ExactDecimal, bidQuantity: ExactDecimal, askPrice: ExactDecimal, askQuantity: ExactDecimal,
        receiveTime: UnixNanos
    ) {
        self.bidPrice = bidPrice
        self.bidQuantity = bidQuantity
        self.askPrice = askPrice
        self.askQuantity = askQuantity
        self.receiveTime = receiveTime
    }
}

/// What a venue demands of orders for an instrument, after Binance's filters (`exchangeInfo`); a zero demands nothing.
public struct TradingRules: Sendable, Equatable {
    /// The asset that is traded.
    public var baseAsset: String
    /// The asset that prices are in.
    public var quoteAsset: String
    /// PRICE_FILTER `tickSize`: the price increment.
    public var priceIncrement = ExactDecimal.zero
    /// PRICE_FILTER `minPrice` and `maxPrice`.
    public var (leastPrice, mostPrice) = (ExactDecimal.zero, ExactDecimal.zero)
    /// LOT_SIZE `stepSize`.
    public var quantityStep = ExactDecimal.zero
    /// LOT_SIZE `minQty` and `maxQty`.
    public var (leastQuantity, mostQuantity) = (ExactDecimal.zero, ExactDecimal.zero)
    /// MARKET_LOT_SIZE `stepSize`, for market orders beside LOT_SIZE.
    public var marketQuantityStep = ExactDecimal.zero
    /// MARKET_LOT_SIZE `minQty` and `maxQty`.
    public var (leastMarketQuantity, mostMarketQuantity) = (ExactDecimal.zero, ExactDecimal.zero)
    /// MIN_NOTIONAL or NOTIONAL `minNotional` and `maxNotional`: price times quantity.
    public var (leastNotional, mostNotional) = (ExactDecimal.zero, ExactDecimal.zero)
    /// Whether they hold for market orders as well (`applyToMarket`, `applyMinToMarket`, `applyMaxToMarket`).
    public var (isLeastNotionalForMarket, isMostNotionalForMarket) = (true, false)
    /// Whether orders are taken at all (`status` TRADING).
    public var isTrading = true
    /// Whether a position below zero is possible.
    public var allowsShort = false

    /// Rules that demand nothing.
    public init(baseAsset: String, quoteAsset: String) {
        self.baseAsset = baseAsset
        self.quoteAsset = quoteAsset
    }
}
