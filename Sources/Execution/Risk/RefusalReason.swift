/// Why an order is not sent: what refusals are stored and counted under.
package enum RefusalReason: String, Error, Sendable, CaseIterable {
    // The trading mode
    /// Trading is halted.
    case halted
    /// Only reducing is allowed.
    case reduceOnly = "reduce-only"

    // The risk limits
    /// The venue does not trade the instrument.
    case unknownSymbol = "unknown-symbol"
    /// The strategy's orders or its position are another stream's: they came by that one.
    case otherStream = "other-stream"
    /// The signal is too old to open anything on.
    case expiredSignal = "expired-signal"
    /// The order is worth more than one order may be.
    case orderTooLarge = "order-too-large"
    /// The strategy's position would be worth more than it may be.
    case positionTooLarge = "position-too-large"
    /// The account's position in the instrument, over all strategies, would be worth more than it may be.
    case accountPositionTooLarge = "account-position-too-large"
    /// As many orders are open as may be.
    case tooManyOpenOrders = "too-many-open-orders"
    /// As many orders were sent within a second as may be.
    case tooManyOrdersPerSecond = "too-many-orders-per-second"
    /// The day's loss has reached its limit.
    case dailyLoss = "daily-loss"
    /// There is no quote that is new enough to judge the price by.
    case noQuote = "no-quote"
    /// The price is too far from the last quote.
    case priceOutsideBand = "price-outside-band"
    /// A number of it has more than 34 digits.
    case numberTooLarge = "number-too-large"

    // The venue's rules
    /// The venue takes no orders for the instrument now.
    case notTrading = "not-trading"
    /// The account's position would fall below zero where the venue lends nothing.
    case shortSale = "short-sale"
    /// The limit's price is no multiple of the price increment.
    case priceIncrement = "price-increment"
    /// The limit's price is outside the venue's bounds.
    case priceBounds = "price-bounds"
    /// The quantity is no multiple of the step; or the size came to less than one.
    case quantityStep = "quantity-step"
    /// The quantity is outside the venue's bounds.
    case quantityBounds = "quantity-bounds"
    /// Price times quantity is outside the venue's bounds.
    case notionalBounds = "notional-bounds"
}
