package import TradingModel

/// How large a target is.
package enum OrderSize: Sendable, Equatable {
    /// So much of what is traded.
    case quantity(ExactDecimal)
    /// As much as so much of the quote asset buys.
    case notional(ExactDecimal)
    /// As much as this share of the equity buys: 0.1 is a tenth.
    case equityShare(ExactDecimal)
}

/// Brings sizes to what a venue takes: rounded down, so that a limit is never exceeded by rounding. Pure; O(digits).
package enum OrderSizing {
    /// Decimals of a quantity where the rules name no step: as many as any instrument of ours has.
    private static let mostDecimals = InstrumentSpecification.mostDecimals

    /// A target's size, zero where it comes to less than a step or there is no equity.
    ///
    /// - Parameters:
    ///   - price: what one unit costs, above zero.
    ///   - equity: of the account, in the quote asset.
    /// - Returns: nil where a number is beyond 34 digits.
    package static func quantity(
        of size: OrderSize, price: ExactDecimal, equity: ExactDecimal, rules: TradingRules, isMarket: Bool
    ) -> ExactDecimal? {
        switch size {
        case .quantity(let quantity): return rounded(quantity, rules: rules, isMarket: isMarket)
        case .notional(let notional):
            return units(for: notional, price: price, rules: rules, isMarket: isMarket)
        case .equityShare(let share):
            guard !equity.isNegative else { return .zero }
            return equity.multiplied(by: share).flatMap {
                units(for: $0, price: price, rules: rules, isMarket: isMarket)
            }
        }
    }

    /// The largest quantity not above this one that meets the rules' steps; nil where a number is beyond 34 digits.
    package static func rounded(_ quantity: ExactDecimal, rules: TradingRules, isMarket: Bool) -> ExactDecimal? {
        step(of: rules, isMarket: isMarket).flatMap { quantity.rounded(toMultipleOf: $0) }
    }

    private static func units(
        for notional: ExactDecimal, price: ExactDecimal, rules: TradingRules, isMarket: Bool
    ) -> ExactDecimal? {
        guard let step = step(of: rules, isMarket: isMarket) else { return nil }
        // A quotient cut at the step's decimals and then at the step is the one cut at the step.
        let places = step.isZero ? mostDecimals : step.decimals
        return notional.divided(by: price, places: places, .down)?.rounded(toMultipleOf: step)
    }

    /// The step that meets all: LOT_SIZE's, and MARKET_LOT_SIZE's beside it for market orders; zero where there is none.
    private static func step(of rules: TradingRules, isMarket: Bool) -> ExactDecimal? {
        let (lot, market) = (rules.quantityStep, isMarket ? rules.marketQuantityStep : .zero)
        guard !lot.isZero else { return market }
        guard !market.isZero, !market.isMultiple(of: lot) else { return market.isZero ? lot : market }
        // The least common multiple, by Euclid: lot · market / greatest common divisor.
        var (larger, smaller) = (lot, market)
        while !smaller.isZero {
            guard let multiple = larger.rounded(toMultipleOf: smaller), let rest = larger.subtracting(multiple) else {
                return nil
            }
            (larger, smaller) = (smaller, rest)
        }
        return market.divided(by: larger, places: 0, .down)?.multiplied(by: lot)
    }
}
