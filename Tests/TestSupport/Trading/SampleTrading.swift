import TradingModel

/// Signals, orders and records for tests of what a trader stores.
public enum SampleTrading {
    /// A strategy of an instrument.
    public static func key(_ symbol: String = "BTCUSDT", _ strategy: String = "sma-50-200") -> StrategyKey {
        StrategyKey(instrument: Instrument(exchange: .binance, symbol: symbol), strategy: strategy)
    }

    /// A decimal that is known to be one.
    public static func decimal(_ text: String) -> ExactDecimal { ExactDecimal(text)! }

    /// A signal at a tick.
    public static func signal(_ tickID: UInt64, key: StrategyKey = key(), side: OrderSide = .buy) -> TradeSignal {
        TradeSignal(
            id: "\(key):\(tickID)", key: key, side: side, isAfterGap: false, tickID: tickID,
            price: decimal("61826.57"), eventTime: UnixNanos(rawValue: SampleMarket.startNanos),
            receiveTime: UnixNanos(rawValue: SampleMarket.startNanos + 1))
    }

    /// A new order of the signal at a tick, made `tickID` seconds after the sample market's start.
    public static func order(
        _ tickID: UInt64, leg: Int = 1, key: StrategyKey = key(), token: UInt64 = 1, createdNanos: Int64? = nil
    ) -> Order {
        let signal = signal(tickID, key: key)
        return Order(
            id: "\(signal.id)-0\(leg)", clientOrderID: "tl\(key.instrument.symbol)\(tickID)-0\(leg)", signal: signal,
            stream: "signals", leg: leg, side: .buy, quantity: decimal("0.015"), type: .market,
            referencePrice: decimal("61826.57"),
            quoteAsset: "USDT", token: token,
            createdTime: UnixNanos(
                rawValue: createdNanos ?? SampleMarket.startNanos + Int64(tickID % 1_000_000) * 1_000_000_000))
    }

    /// The order's next revision in another state.
    public static func next(_ order: Order, _ state: OrderState, token: UInt64? = nil, reason: String = "") -> Order {
        var order = order
        order.revision += 1
        order.token = token ?? order.token
        order.state = state
        order.events.append(
            OrderEvent(
                state: state, time: UnixNanos(rawValue: order.createdTime.rawValue + Int64(order.revision)),
                reason: reason))
        return order
    }

    /// An execution.
    public static func fill(_ number: Int) -> Fill {
        Fill(
            tradeID: "paper-\(number)", price: decimal("61826.58"), quantity: decimal("0.005"),
            fee: decimal("-0.00000001"), feeAsset: "BNB", time: UnixNanos(rawValue: SampleMarket.startNanos - 1))
    }

    /// What became of the signal at a tick.
    public static func outcome(
        _ tickID: UInt64, key: StrategyKey = key(), _ result: SignalOutcome.Result = .ordered, isAfterGap: Bool = false
    ) -> SignalOutcome {
        SignalOutcome(
            id: "\(key):\(tickID)\(isAfterGap ? ":gap" : "")", key: key, result: result, reason: "", tickID: tickID,
            isAfterGap: isAfterGap, target: decimal("-0.015"), token: 1,
            time: UnixNanos(rawValue: SampleMarket.startNanos + 2))
    }

    /// A record of the paper venue's log of the kind that an order begins with.
    public static func acceptance(_ sequence: UInt64, of order: Order, token: UInt64 = 1) -> PaperRecord {
        PaperRecord(
            sequence: sequence, kind: .accept, token: token, clientOrderID: order.clientOrderID,
            request: OrderRequest(order), fill: nil, time: UnixNanos(rawValue: SampleMarket.startNanos + 3))
    }

    /// A trader's taking over.
    public static func fence(_ sequence: UInt64, token: UInt64) -> PaperRecord {
        PaperRecord(
            sequence: sequence, kind: .fence, token: token, clientOrderID: "", request: nil, fill: nil,
            time: UnixNanos(rawValue: SampleMarket.startNanos + 4))
    }
}
