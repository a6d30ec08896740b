import Execution
import TradingModel

/// A number of a test, which must be one.
func number(_ text: String) -> ExactDecimal {
    guard let number = ExactDecimal(text) else { preconditionFailure("\(text) is no decimal") }
    return number
}

enum Samples {
    static let instrument = Instrument(exchange: .binance, symbol: "BTCUSDT")
    static let key = StrategyKey(instrument: instrument, strategy: "sma-50-200")

    static func signal(
        _ side: OrderSide = .buy, tick: UInt64 = 3_735_683_486, isAfterGap: Bool = false, receiveNanos: Int64 = 1_000,
        price: String = "61826.5"
    ) -> TradeSignal {
        TradeSignal(
            id: "\(key):\(tick)\(isAfterGap ? ":gap" : "")", key: key, side: side, isAfterGap: isAfterGap, tickID: tick,
            price: number(price), eventTime: UnixNanos(rawValue: 1), receiveTime: UnixNanos(rawValue: receiveNanos))
    }

    static func order(
        _ side: OrderSide = .buy, quantity: String = "1", tick: UInt64 = 1, strategy: String = "sma-50-200"
    ) -> Order {
        var signal = signal(side, tick: tick)
        signal.key.strategy = strategy
        return Order(
            id: OrderID.text(ofSignal: signal.id, leg: 1),
            clientOrderID: ClientOrderID.text(ofSignal: signal.id, leg: 1), signal: signal, stream: "memory", leg: 1,
            side: side,
            quantity: number(quantity), type: .market, referencePrice: number("100"), quoteAsset: "USDT", token: 1,
            createdTime: UnixNanos(rawValue: 1))
    }

    static func fill(
        _ tradeID: String, _ quantity: String, price: String = "100", fee: String = "0", feeAsset: String = "USDT",
        timeNanos: Int64 = 1
    ) -> Fill {
        Fill(
            tradeID: tradeID, price: number(price), quantity: number(quantity), fee: number(fee), feeAsset: feeAsset,
            time: UnixNanos(rawValue: timeNanos))
    }

    static func report(
        of order: Order, _ state: OrderState, filled: String = "0", fills: [Fill] = [], reason: String = ""
    ) -> OrderReport {
        OrderReport(
            clientOrderID: order.clientOrderID, venueOrderID: "v1", state: state, filledQuantity: number(filled),
            fills: fills, reason: reason, time: UnixNanos(rawValue: 5))
    }

    /// Rules like those of BTCUSDT.
    static var rules: TradingRules {
        var rules = TradingRules(baseAsset: "BTC", quoteAsset: "USDT")
        rules.priceIncrement = number("0.01")
        (rules.leastPrice, rules.mostPrice) = (number("0.01"), number("1000000"))
        rules.quantityStep = number("0.00001")
        (rules.leastQuantity, rules.mostQuantity) = (number("0.00001"), number("9000"))
        rules.mostMarketQuantity = number("100")
        (rules.leastNotional, rules.mostNotional) = (number("5"), number("9000000"))
        return rules
    }
}
