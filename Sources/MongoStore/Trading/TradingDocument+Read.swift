internal import TradingModel

/// Reads the trader's documents back, exactly as they were written.
///
/// What lacks a field or has another type in it, as after an operator's hand, is refused by name: an order that were passed
/// over would be a position that nobody knows of.
extension TradingDocument {
    /// An order of `orders`. O(events + fills).
    static func order(_ document: borrowing FoundDocument) throws(TradeStoreError) -> Order {
        let side: OrderSide = try document.choice("side")
        // The signal is what the initialiser takes most from; the rest of it an order does not keep.
        let signal = TradeSignal(
            id: try document.need("signalId", document.text("signalId")), key: try document.strategyKey(), side: side,
            isAfterGap: false, tickID: try document.counter("tickId"), price: .zero,
            eventTime: UnixNanos(rawValue: 0), receiveTime: try document.moment("signalReceiveTime"))
        var order = Order(
            id: try document.need("_id", document.text("_id")),
            clientOrderID: try document.need("clientOrderId", document.text("clientOrderId")), signal: signal,
            stream: try document.need("stream", document.text("stream")),
            leg: Int(try document.need("leg", document.integer("leg"))), side: side,
            quantity: try document.decimal("quantity"), type: try document.orderType(),
            referencePrice: try document.decimal("referencePrice"),
            quoteAsset: try document.need("quoteAsset", document.text("quoteAsset")),
            token: try document.counter("token"), createdTime: try document.moment("createdTime"))
        order.revision = try document.counter("revision")
        order.venueOrderID = document.text("venueOrderId")
        order.state = try document.choice("state")
        order.events = try document.documents("events") { (event) throws(TradeStoreError) in
            OrderEvent(
                state: try event.choice("state"), time: try event.moment("time"),
                reason: try event.need("reason", event.text("reason")))
        }
        order.fills = try document.documents("fills") { (fill) throws(TradeStoreError) in try fill.fill() }
        return order
    }

    /// An outcome of `signal_outcomes`.
    static func outcome(_ document: borrowing FoundDocument) throws(TradeStoreError) -> SignalOutcome {
        SignalOutcome(
            id: try document.need("_id", document.text("_id")),
            key: document.text("exchange") == nil ? nil : try document.strategyKey(),
            result: try document.choice("result"), reason: try document.need("reason", document.text("reason")),
            tickID: try document.counter("tickId"),
            isAfterGap: try document.need("isAfterGap", document.boolean("isAfterGap")),
            target: document.has("target") ? try document.decimal("target") : nil,
            token: try document.counter("token"), time: try document.moment("time"))
    }

    /// A record of `paper_log`.
    static func paperRecord(_ document: borrowing FoundDocument) throws(TradeStoreError) -> PaperRecord {
        PaperRecord(
            sequence: try document.counter("sequence"), kind: try document.choice("kind"),
            token: try document.counter("token"),
            clientOrderID: try document.need("clientOrderId", document.text("clientOrderId")),
            request: try document.document("request") { (request) throws(TradeStoreError) in
                OrderRequest(
                    clientOrderID: try request.need("clientOrderId", request.text("clientOrderId")),
                    instrument: try request.instrument(), side: try request.choice("side"),
                    quantity: try request.decimal("quantity"), type: try request.orderType(),
                    referencePrice: try request.decimal("referencePrice"))
            },
            fill: try document.document("fill") { (fill) throws(TradeStoreError) in try fill.fill() },
            time: try document.moment("time"))
    }
}

extension FoundDocument {
    /// The value, or the refusal of a document without it.
    func need<Value>(_ field: String, _ value: Value?) throws(TradeStoreError) -> Value {
        guard let value else {
            throw .refused("a document is not as it was written: no readable \(field) in \(json)")
        }
        return value
    }

    fileprivate func decimal(_ field: String) throws(TradeStoreError) -> ExactDecimal {
        try need(field, exactDecimal(field))
    }

    func counter(_ field: String) throws(TradeStoreError) -> UInt64 {
        try need(field, integer(field).flatMap { UInt64(exactly: $0) })
    }

    func moment(_ field: String) throws(TradeStoreError) -> UnixNanos {
        UnixNanos(rawValue: try need(field + "Nanos", integer(field + "Nanos")))
    }

    func choice<Value: RawRepresentable<String>>(_ field: String) throws(TradeStoreError) -> Value {
        try need(field, text(field).flatMap { Value(rawValue: $0) })
    }

    fileprivate func instrument() throws(TradeStoreError) -> Instrument {
        Instrument(exchange: try choice("exchange"), symbol: try need("symbol", text("symbol")))
    }

    fileprivate func strategyKey() throws(TradeStoreError) -> StrategyKey {
        StrategyKey(instrument: try instrument(), strategy: try need("strategy", text("strategy")))
    }

    fileprivate func orderType() throws(TradeStoreError) -> OrderType {
        switch text("type") {
        case "MARKET": .market
        case "LIMIT":
            .limit(
                price: try decimal("limitPrice"),
                timeoutMillis: Int(try need("timeoutMillis", integer("timeoutMillis"))))
        default: try need("type", nil)
        }
    }

    fileprivate func fill() throws(TradeStoreError) -> Fill {
        Fill(
            tradeID: try need("tradeId", text("tradeId")), price: try decimal("price"),
            quantity: try decimal("quantity"), fee: try decimal("fee"),
            feeAsset: try need("feeAsset", text("feeAsset")), time: try moment("time"))
    }
}
