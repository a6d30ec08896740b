/// Which way an order trades.
public enum OrderSide: String, Sendable, CaseIterable {
    case buy = "BUY"
    case sell = "SELL"

    /// The other side.
    public var opposite: OrderSide { self == .buy ? .sell : .buy }
}

/// How an order asks to be filled.
public enum OrderType: Sendable, Equatable {
    /// At once, at what the market offers.
    case market
    /// At `price` or better, cancelled `timeoutMillis` after it was submitted.
    case limit(price: ExactDecimal, timeoutMillis: Int)
}

/// Where an order is in its life, in the terms venues use.
public enum OrderState: String, Sendable, CaseIterable {
    /// Stored, nothing sent.
    case new
    /// About to be sent, or sent without an answer yet.
    case submitting
    /// Sent, and nobody knows whether it arrived: the venue is asked before anything else is done.
    case inDoubt
    /// The venue has it, nothing is filled.
    case submitted
    /// Part of it is filled and the rest is open.
    case partiallyFilled
    /// All of it is filled.
    case filled
    /// The venue has been asked to cancel it.
    case cancelPending
    /// Cancelled; what was filled before stays filled.
    case cancelled
    /// The venue, or the trader before sending, refused it.
    case rejected
    /// The venue ended it without being asked.
    case expired

    /// Whether nothing more can happen to it, but for fills that are reported late.
    public var isTerminal: Bool {
        switch self {
        case .filled, .cancelled, .rejected, .expired: true
        case .new, .submitting, .inDoubt, .submitted, .partiallyFilled, .cancelPending: false
        }
    }
}

/// One execution, as the venue reports it.
public struct Fill: Sendable, Equatable {
    /// The venue's id of the trade: a fill of an id that is known already is none.
    public var tradeID: String
    /// The price of it.
    public var price: ExactDecimal
    /// How much, above zero.
    public var quantity: ExactDecimal
    /// The fee, in `feeAsset`; below zero for a rebate.
    public var fee: ExactDecimal
    /// The asset the fee is taken in.
    public var feeAsset: String
    /// When the venue executed it.
    public var time: UnixNanos

    /// Creates a fill.
    public init(
        tradeID: String, price: ExactDecimal, quantity: ExactDecimal, fee: ExactDecimal, feeAsset: String,
        time: UnixNanos
    ) {
        self.tradeID = tradeID
        self.price = price
        self.quantity = quantity
        self.fee = fee
        self.feeAsset = feeAsset
        self.time = time
    }
}

/// A state that an order came to.
public struct OrderEvent: Sendable, Equatable {
    /// The state.
    public var state: OrderState
    /// When the trader learnt it.
    public var time: UnixNanos
    /// The venue's words, or the trader's; may be empty.
    public var reason: String

    /// Creates an event.
    public init(state: OrderState, time: UnixNanos, reason: String = "") {
        self.state = state
        self.time = time
        self.reason = reason
    }
}

/// An order with its whole history: the log that positions are folded from.
///
/// Stored before anything is sent and on every event; its id is a function of the signal, so it exists once.
public struct Order: Sendable, Equatable {
    /// `<signal id>-<two-digit leg>`.
    public var id: String
    /// What the venue knows it by: at most 36 characters.
    public var clientOrderID: String
    /// The signal it acts on.
    public var signalID: String
    /// The stream that the signal came by, or `journal`: whose trader's the order is.
    public var stream: String
    /// Instrument and strategy.
    public var key: StrategyKey
    /// The signal's tick.
    public var tickID: UInt64
    /// The signal's receive time.
    public var signalReceiveTime: UnixNanos
    /// 0 for the order that reduces, 1 for the one that opens.
    public var leg: Int
    /// Which way.
    public var side: OrderSide
    /// How much, above zero.
    public var quantity: ExactDecimal
    /// How.
    public var type: OrderType
    /// The price it was decided at: what the paper venue may fill at, and what the risk gate judged.
    public var referencePrice: ExactDecimal
    /// The asset that prices and profits are in.
    public var quoteAsset: String
    /// The lease's token under which it was last written; a store refuses a lower one.
    public var token: UInt64
    /// Counts writes, from 0.
    public var revision: UInt64
    /// The venue's id of it; nil until it is known.
    public var venueOrderID: String?
    /// Where it is.
    public var state: OrderState
    /// Every state it came to, oldest first; the last is `state`.
    public var events: [OrderEvent]
    /// Every execution, in the order learnt, unique by `tradeID`.
    public var fills: [Fill]
    /// When it was made.
    public var createdTime: UnixNanos

    /// Creates an order in state `new`.
    public init(
        id: String, clientOrderID: String, signal: TradeSignal, stream: String, leg: Int, side: OrderSide,
        quantity: ExactDecimal, type: OrderType, referencePrice: ExactDecimal, quoteAsset: String, token: UInt64,
        createdTime: UnixNanos
    ) {
        self.id = id
        self.clientOrderID = clientOrderID
        signalID = signal.id
        self.stream = stream
        key = signal.key
        tickID = signal.tickID
        signalReceiveTime = signal.receiveTime
        self.leg = leg
        self.side = side
        self.quantity = quantity
        self.type = type
        self.referencePrice = referencePrice
        self.quoteAsset = quoteAsset
        self.token = token
        revision = 0
        venueOrderID = nil
        state = .new
        events = [OrderEvent(state: .new, time: createdTime)]
        fills = []
        self.createdTime = createdTime
    }

    /// Filled so far; nil beyond 34 digits. O(fills).
    public var filledQuantity: ExactDecimal? {
        var sum = ExactDecimal.zero
        for fill in fills {
            guard let next = sum.adding(fill.quantity) else { return nil }
            sum = next
        }
        return sum
    }
}
