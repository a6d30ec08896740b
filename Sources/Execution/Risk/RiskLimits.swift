package import TradingModel

/// What the risk gate allows; a limit that is nil is none. Amounts are in the instrument's quote asset.
package struct RiskLimits: Sendable, Equatable {
    /// What one opening order may be worth.
    package var mostOrderNotional: ExactDecimal?
    /// What a strategy's position in an instrument, and the account's over all strategies, may be worth.
    package var mostPositionNotional: ExactDecimal?
    /// How many orders may be open at once, over all instruments.
    package var mostOpenOrders: Int?
    /// How many orders may be sent within a second, over all instruments.
    package var mostOrdersPerSecond: Int?
    /// What may be lost on a day (UTC), per quote asset: realised that day, with that day's fees, and not yet realised.
    package var mostDailyLoss: ExactDecimal?
    /// How far an opening order's price may be from the last quote, to its disadvantage or advantage, in basis points.
    package var priceBandBasisPoints: Int?
    /// How old the quote may be that a price is judged by.
    package var mostQuoteAgeMillis = 5_000

    /// No limits.
    package init() {}
}

/// What an order would do, and what it would do it to.
package struct ProposedOrder: Sendable {
    /// The leg.
    package var leg: OrderLeg
    /// Market or limit.
    package var type: OrderType
    /// The price of the signal.
    package var referencePrice: ExactDecimal
    /// Whether the signal is too old to open anything on.
    package var isExpired: Bool
    /// What the strategy holds of the instrument, its open orders' remainders included.
    package var held: ExactDecimal
    /// What the account holds of the instrument, all open orders' remainders included.
    package var accountHeld: ExactDecimal

    /// Creates one.
    package init(
        leg: OrderLeg, type: OrderType, referencePrice: ExactDecimal, isExpired: Bool, held: ExactDecimal,
        accountHeld: ExactDecimal
    ) {
        self.leg = leg
        self.type = type
        self.referencePrice = referencePrice
        self.isExpired = isExpired
        self.held = held
        self.accountHeld = accountHeld
    }

    /// The limit's price, else the signal's.
    var price: ExactDecimal { if case .limit(let price, _) = type { price } else { referencePrice } }
    /// With the sign of its side.
    var signedQuantity: ExactDecimal { leg.side == .buy ? leg.quantity : -leg.quantity }
}

/// The state of the world that an order is judged in.
package struct TradingConditions: Sendable {
    /// Whether trading is on.
    package var mode: TradingMode
    /// The venue's rules for the instrument; nil where it does not trade it.
    package var rules: TradingRules?
    /// The instrument's newest quote.
    package var quote: Quote?
    /// Orders open over all instruments.
    package var openOrders: Int
    /// The day's profit in the instrument's quote asset, what is not realised included; below zero for a loss. Nil where it
    /// can't be told.
    package var dayProfit: ExactDecimal?
    /// Now, by the wall clock: what a quote's age is counted to.
    package var now: UnixNanos
    /// Now, by the monotonic clock: what orders per second are counted by.
    package var monotonicNow: MonotonicNanos

    /// Creates conditions.
    package init(
        mode: TradingMode, rules: TradingRules?, quote: Quote?, openOrders: Int, dayProfit: ExactDecimal?,
        now: UnixNanos, monotonicNow: MonotonicNanos
    ) {
        self.mode = mode
        self.rules = rules
        self.quote = quote
        self.openOrders = openOrders
        self.dayProfit = dayProfit
        self.now = now
        self.monotonicNow = monotonicNow
    }
}
