package import TradingModel

/// What the venue's rules say of an order before it is sent: Binance's PRICE_FILTER, LOT_SIZE, MARKET_LOT_SIZE, MIN_NOTIONAL and
/// NOTIONAL. Pure; O(digits).
package enum TradingRulesCheck {
    /// Why the venue would refuse the order; nil where it would not.
    ///
    /// A market order's notional is taken at `referencePrice`; the venue takes it at its average price of some minutes.
    package static func refusal(
        quantity: ExactDecimal, type: OrderType, referencePrice: ExactDecimal, rules: TradingRules
    ) -> RefusalReason? {
        guard rules.isTrading else { return .notTrading }
        var isMarket = true
        var price = referencePrice
        if case .limit(let limit, _) = type {
            (isMarket, price) = (false, limit)
            guard limit.isMultiple(of: rules.priceIncrement) else { return .priceIncrement }
            guard isWithin(limit, rules.leastPrice, rules.mostPrice) else { return .priceBounds }
        }
        guard quantity > .zero, quantity.isMultiple(of: rules.quantityStep),
            !isMarket || quantity.isMultiple(of: rules.marketQuantityStep)
        else { return .quantityStep }
        guard isWithin(quantity, rules.leastQuantity, rules.mostQuantity),
            !isMarket || isWithin(quantity, rules.leastMarketQuantity, rules.mostMarketQuantity)
        else { return .quantityBounds }
        guard let notional = price.multiplied(by: quantity) else { return .numberTooLarge }
        let least = !isMarket || rules.isLeastNotionalForMarket ? rules.leastNotional : .zero
        let most = !isMarket || rules.isMostNotionalForMarket ? rules.mostNotional : .zero
        return isWithin(notional, least, most) ? nil : .notionalBounds
    }

    /// A bound of zero is none.
    private static func isWithin(_ number: ExactDecimal, _ least: ExactDecimal, _ most: ExactDecimal) -> Bool {
        number >= least && (most.isZero || number <= most)
    }
}
