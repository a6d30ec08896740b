import Execution
import TestSupport
import Testing
import TradingModel

@Suite struct OrderSizingTests {
    private static func quantity(
        _ size: OrderSize, price: String = "61826.5", equity: String = "0", rules: TradingRules = Samples.rules,
        isMarket: Bool = true
    ) -> ExactDecimal? {
        OrderSizing.quantity(
            of: size, price: number(price), equity: number(equity), rules: rules, isMarket: isMarket)
    }

    @Test func `a quantity is rounded down to the step`() {
        #expect(Self.quantity(.quantity(number("0.123456789"))) == number("0.12345"))
        #expect(Self.quantity(.quantity(number("0.000009"))) == .zero)
    }

    @Test func `a notional buys what it is worth at the price, rounded down`() {
        // 1000 / 61826.5 = 0.016174…
        #expect(Self.quantity(.notional(number("1000"))) == number("0.01617"))
        #expect(Self.quantity(.notional(number("618.265"))) == number("0.01"))
        #expect(Self.quantity(.notional(number("618.264999999"))) == number("0.00999"))
        #expect(Self.quantity(.notional(number("0.1"))) == .zero)
        let free = TradingRules(baseAsset: "BTC", quoteAsset: "USDT")
        #expect(Self.quantity(.notional(number("1")), price: "3", rules: free) == number("0.333333333333"))
    }

    @Test func `a share of the equity is a notional, and no equity gives no size`() {
        #expect(Self.quantity(.equityShare(number("0.1")), equity: "10000") == number("0.01617"))
        #expect(Self.quantity(.equityShare(number("0.1")), equity: "0") == .zero)
        #expect(Self.quantity(.equityShare(number("0.1")), equity: "-5") == .zero)
    }

    @Test func `market orders also meet the market step, whether or not one divides the other`() {
        var rules = Samples.rules
        rules.marketQuantityStep = number("0.001")
        #expect(Self.quantity(.quantity(number("0.12345")), rules: rules) == number("0.123"))
        #expect(Self.quantity(.quantity(number("0.12345")), rules: rules, isMarket: false) == number("0.12345"))
        (rules.quantityStep, rules.marketQuantityStep) = (number("0.04"), number("0.06"))
        #expect(Self.quantity(.quantity(number("1.15")), rules: rules) == number("1.08"))
        (rules.quantityStep, rules.marketQuantityStep) = (.zero, number("0.25"))
        #expect(Self.quantity(.quantity(number("0.9")), rules: rules) == number("0.75"))
    }

    @Test func `what is sized is the most that the rules and the notional allow`() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        for _ in 0..<2_000 {
            var rules = Samples.rules
            let decimals = Int.random(in: 0...8, using: &random)
            rules.quantityStep = try #require(
                ExactDecimal(mantissa: Int128(Int.random(in: 1...9, using: &random)), decimals: decimals))
            let price = try #require(
                ExactDecimal(mantissa: Int128(Int.random(in: 1...10_000_000, using: &random)), decimals: 2))
            let notional = try #require(
                ExactDecimal(mantissa: Int128(Int.random(in: 0...1_000_000_000, using: &random)), decimals: 3))
            let quantity = try #require(
                OrderSizing.quantity(of: .notional(notional), price: price, equity: .zero, rules: rules, isMarket: true)
            )
            let more = try #require(quantity.adding(rules.quantityStep)?.multiplied(by: price))
            let worth = try #require(quantity.multiplied(by: price))
            #expect(quantity.isMultiple(of: rules.quantityStep) && worth <= notional && more > notional, "seed \(seed)")
        }
    }
}
