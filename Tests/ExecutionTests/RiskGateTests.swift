import Execution
import Testing
import TradingModel

@Suite struct RiskGateTests {
    private static func order(
        _ side: OrderSide = .buy, _ quantity: String = "1", leg: Int = OrderLeg.opening, held: String = "0",
        accountHeld: String? = nil, price: String = "100", limit: String? = nil, isExpired: Bool = false
    ) -> ProposedOrder {
        ProposedOrder(
            leg: OrderLeg(number: leg, side: side, quantity: number(quantity)),
            type: limit.map { .limit(price: number($0), timeoutMillis: 1) } ?? .market, referencePrice: number(price),
            isExpired: isExpired, held: number(held), accountHeld: number(accountHeld ?? held))
    }

    private static func conditions(_ change: (inout TradingConditions) -> Void = { _ in }) -> TradingConditions {
        var rules = TradingRules(baseAsset: "BTC", quoteAsset: "USDT")
        rules.allowsShort = true
        var conditions = TradingConditions(
            mode: .active, rules: rules,
            quote: Quote(
                bidPrice: number("99"), bidQuantity: number("1"), askPrice: number("100"), askQuantity: number("1"),
                receiveTime: UnixNanos(rawValue: 0)),
            openOrders: 0, dayProfit: .zero, now: UnixNanos(rawValue: 0), monotonicNow: MonotonicNanos(rawValue: 0))
        change(&conditions)
        return conditions
    }

    private static func judge(
        _ order: ProposedOrder, limits change: (inout RiskLimits) -> Void = { _ in },
        in conditions: TradingConditions = conditions()
    ) -> RefusalReason? {
        var limits = RiskLimits()
        change(&limits)
        var gate = RiskGate(limits: limits)
        return gate.judge(order, in: conditions)
    }

    @Test func `without limits an order passes`() {
        #expect(Self.judge(Self.order()) == nil)
        #expect(Self.judge(Self.order(.sell)) == nil)
    }

    @Test func `the trading mode stops openings, or everything`() {
        let reducing = Self.order(leg: OrderLeg.reducing)
        let reduceOnly = Self.conditions { $0.mode = .reduceOnly }
        #expect(Self.judge(Self.order(), in: reduceOnly) == .reduceOnly && Self.judge(reducing, in: reduceOnly) == nil)
        let halted = Self.conditions { $0.mode = .halted }
        #expect(Self.judge(Self.order(), in: halted) == .halted && Self.judge(reducing, in: halted) == .halted)
        #expect(TradingMode.allCases.filter(\.cancelsOpenOrders) == [.halted])
    }

    @Test func `an instrument that the venue does not trade is refused`() {
        let unknown = Self.conditions { $0.rules = nil }
        #expect(Self.judge(Self.order(), in: unknown) == .unknownSymbol)
        #expect(Self.judge(Self.order(leg: OrderLeg.reducing), in: unknown) == .unknownSymbol)
        #expect(Self.judge(Self.order(), in: Self.conditions { $0.rules?.isTrading = false }) == .notTrading)
    }

    @Test func `an order, a position and the account's position are bounded by their worth`() {
        #expect(Self.judge(Self.order(.buy, "2")) { $0.mostOrderNotional = number("200") } == nil)
        #expect(Self.judge(Self.order(.buy, "2")) { $0.mostOrderNotional = number("199.99") } == .orderTooLarge)
        #expect(
            Self.judge(Self.order(.buy, "1", limit: "201")) { $0.mostOrderNotional = number("200") } == .orderTooLarge)
        #expect(Self.judge(Self.order(held: "1")) { $0.mostPositionNotional = number("200") } == nil)
        #expect(Self.judge(Self.order(held: "1")) { $0.mostPositionNotional = number("199") } == .positionTooLarge)
        #expect(
            Self.judge(Self.order(.sell, held: "-1")) { $0.mostPositionNotional = number("199") } == .positionTooLarge)
        let account = Self.order(held: "0", accountHeld: "2")
        #expect(Self.judge(account) { $0.mostPositionNotional = number("299") } == .accountPositionTooLarge)
        #expect(Self.judge(account) { $0.mostPositionNotional = number("300") } == nil)
    }

    @Test func `open orders are bounded`() {
        let three = Self.conditions { $0.openOrders = 3 }
        #expect(Self.judge(Self.order(), limits: { $0.mostOpenOrders = 3 }, in: three) == .tooManyOpenOrders)
        #expect(Self.judge(Self.order(), limits: { $0.mostOpenOrders = 4 }, in: three) == nil)
    }

    @Test func `no second sees more orders than allowed`() {
        var limits = RiskLimits()
        limits.mostOrdersPerSecond = 3
        var gate = RiskGate(limits: limits)
        var passed: [UInt64] = []
        for millis in stride(from: UInt64(0), to: 5_000, by: 70) {
            let now = Self.conditions { $0.monotonicNow = MonotonicNanos(rawValue: millis * 1_000_000) }
            switch gate.judge(Self.order(leg: Int(millis) % 2), in: now) {
            case nil: passed.append(millis)
            case let refusal: #expect(refusal == .tooManyOrdersPerSecond)
            }
        }
        for (index, millis) in passed.enumerated().dropFirst(3) { #expect(millis - passed[index - 3] >= 1_000) }
        #expect(passed.count >= 12)
        #expect(Self.judge(Self.order(), limits: { $0.mostOrdersPerSecond = 0 }) == .tooManyOrdersPerSecond)
    }

    @Test func `refused orders do not use up the second`() {
        var limits = RiskLimits()
        limits.mostOrdersPerSecond = 1
        limits.mostOrderNotional = number("100")
        var gate = RiskGate(limits: limits)
        #expect(gate.judge(Self.order(.buy, "5"), in: Self.conditions()) == .orderTooLarge)
        #expect(gate.judge(Self.order(), in: Self.conditions()) == nil)
        #expect(gate.judge(Self.order(), in: Self.conditions()) == .tooManyOrdersPerSecond)
    }

    @Test func `a day's loss at its limit stops openings`() {
        let limits: (inout RiskLimits) -> Void = { $0.mostDailyLoss = number("50") }
        #expect(
            Self.judge(Self.order(), limits: limits, in: Self.conditions { $0.dayProfit = number("-49.99") }) == nil)
        let lost = Self.conditions { $0.dayProfit = number("-50") }
        #expect(Self.judge(Self.order(), limits: limits, in: lost) == .dailyLoss)
        #expect(Self.judge(Self.order(leg: OrderLeg.reducing), limits: limits, in: lost) == nil)
        #expect(Self.judge(Self.order(), limits: limits, in: Self.conditions { $0.dayProfit = nil }) == .numberTooLarge)
    }

    @Test func `a price too far from the last quote, or no quote, stops openings`() {
        let band: (inout RiskLimits) -> Void = { $0.priceBandBasisPoints = 100 }
        // Buys are judged by the ask of 100, sells by the bid of 99.
        #expect(Self.judge(Self.order(price: "101"), limits: band) == nil)
        #expect(Self.judge(Self.order(price: "101.01"), limits: band) == .priceOutsideBand)
        #expect(Self.judge(Self.order(price: "98.99"), limits: band) == .priceOutsideBand)
        #expect(Self.judge(Self.order(.sell, price: "99.99"), limits: band) == nil)
        #expect(Self.judge(Self.order(.sell, price: "100"), limits: band) == .priceOutsideBand)
        #expect(Self.judge(Self.order(limit: "110"), limits: band) == .priceOutsideBand)
        #expect(Self.judge(Self.order(), limits: band, in: Self.conditions { $0.quote = nil }) == .noQuote)
        let late = Self.conditions { $0.now = UnixNanos(rawValue: 5_000_000_001) }
        #expect(Self.judge(Self.order(), limits: band, in: late) == .noQuote)
        #expect(Self.judge(Self.order(), limits: band, in: Self.conditions { $0.now = UnixNanos(rawValue: -1) }) == nil)
        #expect(Self.judge(Self.order(leg: OrderLeg.reducing), limits: band, in: late) == nil)
    }

    @Test func `an expired signal and a short sale open nothing`() {
        #expect(Self.judge(Self.order(isExpired: true)) == .expiredSignal)
        #expect(Self.judge(Self.order(leg: OrderLeg.reducing, isExpired: true)) == nil)
        let spot = Self.conditions { $0.rules?.allowsShort = false }
        #expect(Self.judge(Self.order(.sell), in: spot) == .shortSale)
        #expect(Self.judge(Self.order(.sell, held: "0", accountHeld: "1"), in: spot) == nil)
        #expect(Self.judge(Self.order(.buy), in: spot) == nil)
    }

    @Test func `numbers beyond 34 digits are refused`() {
        let order = Self.order(.buy, "9999999999999999999999999999999999", price: "99")
        #expect(Self.judge(order) == .numberTooLarge)
    }

    @Test func `refusals have distinct names for counters`() {
        #expect(Set(RefusalReason.allCases.map(\.rawValue)).count == RefusalReason.allCases.count)
    }
}
