import Execution
import TestSupport
import Testing
import TradingModel

@Suite struct TradingRulesTests {
    private static func refusal(
        _ quantity: String, limit: String? = nil, reference: String = "60000",
        _ change: (inout TradingRules) -> Void = { _ in }
    ) -> RefusalReason? {
        var rules = Samples.rules
        change(&rules)
        return TradingRulesCheck.refusal(
            quantity: number(quantity), type: limit.map { .limit(price: number($0), timeoutMillis: 1) } ?? .market,
            referencePrice: number(reference), rules: rules)
    }

    @Test func `an order within every bound passes, at the bounds too`() {
        #expect(Self.refusal("0.01") == nil)
        #expect(Self.refusal("0.01", limit: "59999.99") == nil)
        #expect(Self.refusal("100") == nil)
        #expect(Self.refusal("0.00001", limit: "1000000") == nil)
        #expect(Self.refusal("0.00025", reference: "20000") == nil)
        #expect(
            TradingRulesCheck.refusal(
                quantity: number("0.123456789"), type: .market, referencePrice: number("1"),
                rules: TradingRules(baseAsset: "A", quoteAsset: "B")) == nil)
    }

    @Test func `each rule refuses by its name`() {
        #expect(Self.refusal("0.01") { $0.isTrading = false } == .notTrading)
        #expect(Self.refusal("0.01", limit: "59999.995") == .priceIncrement)
        #expect(Self.refusal("0.01", limit: "1000000.01") == .priceBounds)
        #expect(Self.refusal("1", limit: "9.99") { $0.leastPrice = number("10") } == .priceBounds)
        #expect(Self.refusal("0.000015") == .quantityStep)
        #expect(Self.refusal("0") == .quantityStep)
        #expect(Self.refusal("0.00001") { $0.leastQuantity = number("0.00002") } == .quantityBounds)
        #expect(Self.refusal("9000.00001", limit: "100") == .quantityBounds)
        #expect(Self.refusal("0.00024", reference: "20000") == .notionalBounds)
        #expect(Self.refusal("1000", limit: "9000.01") == .notionalBounds)
        #expect(Self.refusal("0.01003", reference: "1234567890123456789012345678901234") == .numberTooLarge)
    }

    @Test func `the market lot holds for market orders alone`() {
        #expect(Self.refusal("100.00001") == .quantityBounds)
        #expect(Self.refusal("100.00001", limit: "60000") == nil)
        #expect(Self.refusal("0.01") { $0.leastMarketQuantity = number("0.02") } == .quantityBounds)
        #expect(Self.refusal("0.015") { $0.marketQuantityStep = number("0.01") } == .quantityStep)
        #expect(Self.refusal("0.015", limit: "60000") { $0.marketQuantityStep = number("0.01") } == nil)
    }

    @Test func `notional bounds hold for market orders where the rules say so`() {
        #expect(Self.refusal("0.00001") { $0.isLeastNotionalForMarket = false } == nil)
        #expect(Self.refusal("0.00001", limit: "60000") { $0.isLeastNotionalForMarket = false } == .notionalBounds)
        #expect(Self.refusal("100", reference: "100000") == nil)
        #expect(Self.refusal("100", reference: "100000") { $0.isMostNotionalForMarket = true } == .notionalBounds)
    }

    @Test func `exchangeInfo of futures is read, and a symbol that can't be is left out by name`() throws {
        let json = """
            {"symbols": [
              {"symbol": "BTCUSDT", "contractType": "PERPETUAL", "status": "TRADING", "baseAsset": "BTC",
               "quoteAsset": "USDT", "filters": [
                {"filterType": "PRICE_FILTER", "minPrice": "261.10", "maxPrice": "809484", "tickSize": "0.10"},
                {"filterType": "MIN_NOTIONAL", "notional": "50"}, {"filterType": "POSITION_RISK_CONTROL"}]},
              {"symbol": "OLD", "status": "BREAK", "baseAsset": "A", "quoteAsset": "B", "filters": []},
              {"symbol": "BAD", "status": "TRADING", "baseAsset": "A", "quoteAsset": "B", "filters": [
                {"filterType": "LOT_SIZE", "minQty": "1", "maxQty": "-1", "stepSize": "1"}]},
              {"symbol": "WORSE", "status": "TRADING", "baseAsset": "A", "quoteAsset": "B", "filters": [
                {"filterType": "PRICE_FILTER", "minPrice": "1", "maxPrice": "2"}]}]}
            """
        let information = try ExchangeInformation(json: Array(json.utf8), exchange: .binanceUSDM)
        let rules = try #require(information.rules[Instrument(exchange: .binanceUSDM, symbol: "BTCUSDT")])
        #expect(rules.allowsShort && rules.isTrading && rules.leastNotional == number("50"))
        #expect(rules.priceIncrement == number("0.1") && rules.quantityStep.isZero)
        #expect(information.rules[Instrument(exchange: .binanceUSDM, symbol: "OLD")]?.isTrading == false)
        #expect(information.rules.count == 2)
        #expect(
            information.refusals.map(\.description) == [
                "the rules of BAD can't be read: maxQty is -1", "the rules of WORSE can't be read: tickSize is missing",
            ])
        for text in ["", "[]", "{}", "{\"symbols\": [{}]}", "{\"symbols\": 1}"] {
            #expect(throws: ExchangeInformation.Refusal.self) {
                try ExchangeInformation(json: Array(text.utf8), exchange: .binance)
            }
        }
    }

    @Test(.enabled(if: SharedData.shouldRun, "needs the recordings in ../shared/data"))
    func `the recorded exchangeInfo documents give their rules`() throws {
        let old = try ExchangeInformation(
            json: Array(try SharedData.gunzip("binance/exchangeInfo_8_symbols.20211012.json.gz")), exchange: .binance)
        #expect(old.refusals.isEmpty && old.rules.count == 8)
        let bitcoin = try #require(old.rules[Samples.instrument])
        var expected = TradingRules(baseAsset: "BTC", quoteAsset: "USDT")
        expected.priceIncrement = number("0.01")
        (expected.leastPrice, expected.mostPrice) = (number("0.01"), number("1000000"))
        expected.quantityStep = number("0.00001")
        (expected.leastQuantity, expected.mostQuantity) = (number("0.00001"), number("9000"))
        expected.mostMarketQuantity = number("100.05381873")
        expected.leastNotional = number("10")
        expected.allowsShort = true
        #expect(bitcoin == expected)
        #expect(old.rules[Instrument(exchange: .binance, symbol: "BLZETH")]?.allowsShort == false)
        let new = try ExchangeInformation(
            json: Array(try SharedData.gunzip("binance/exchangeInfo_btcusdt_ethusdt.20250807.json.gz")),
            exchange: .binance)
        #expect(new.refusals.isEmpty && !new.rules.isEmpty)
        let ether = try #require(new.rules[Instrument(exchange: .binance, symbol: "ETHBTC")])
        #expect(ether.leastNotional == number("0.0001") && ether.mostNotional == number("9000000"))
        #expect(ether.isLeastNotionalForMarket && !ether.isMostNotionalForMarket)
        #expect(ether.mostMarketQuantity == number("1378.22417541") && ether.quantityStep == number("0.0001"))
        print("exchangeInfo: \(old.rules.count) and \(new.rules.count) symbols")
    }
}
