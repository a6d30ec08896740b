internal import TradingModel

/// Writes the trader's records as documents; the shapes are in `MongoStore.docc`.
///
/// Numbers above 2⁶³ − 1 can't be kept as integers: such a record is refused.
enum TradingDocument {
    /// A document of `orders`. O(events + fills).
    static func encode(_ order: Order) throws(TradeStoreError) -> BSONDocument {
        guard let filled = order.filledQuantity else {
            throw .refused("order \(order.id) has a filled quantity of more digits than \(ExactDecimal.mostDigits)")
        }
        var document = BSONDocument()
        document.append("_id", order.id)
        document.append("clientOrderId", order.clientOrderID)
        document.append("signalId", order.signalID)
        document.append("stream", order.stream)
        document.append(order.key)
        document.append("tickId", try integer(order.tickID, "tick id", of: order.id))
        document.append("signalReceiveTime", moment: order.signalReceiveTime)
        document.append("leg", Int64(order.leg))
        document.append("side", order.side.rawValue)
        document.append("quantity", order.quantity)
        document.append(order.type)
        document.append("referencePrice", order.referencePrice)
        document.append("quoteAsset", order.quoteAsset)
        document.append("token", try integer(order.token, "token", of: order.id))
        document.append("revision", try integer(order.revision, "revision", of: order.id))
        if let id = order.venueOrderID { document.append("venueOrderId", id) }
        document.append("state", order.state.rawValue)
        document.append("isOpen", !order.state.isTerminal)
        document.append("events", documents: order.events) { event, document in
            document.append("state", event.state.rawValue)
            document.append("time", moment: event.time)
            document.append("reason", event.reason)
        }
        document.append("fills", documents: order.fills) { fill, document in document.append(fill) }
        document.append("filledQuantity", filled)
        document.append("createdTime", moment: order.createdTime)
        return document
    }

    /// A document of `signal_outcomes`.
    static func encode(_ outcome: SignalOutcome) throws(TradeStoreError) -> BSONDocument {
        var document = BSONDocument()
        document.append("_id", outcome.id)
        if let key = outcome.key { document.append(key) }
        document.append("result", outcome.result.rawValue)
        document.append("isApplied", outcome.isApplied)
        document.append("reason", outcome.reason)
        document.append("tickId", try integer(outcome.tickID, "tick id", of: outcome.id))
        document.append("isAfterGap", outcome.isAfterGap)
        if let target = outcome.target { document.append("target", target) }
        document.append("token", try integer(outcome.token, "token", of: outcome.id))
        document.append("time", moment: outcome.time)
        return document
    }

    /// A document of `positions`.
    static func encode(_ position: Position) -> BSONDocument {
        var document = BSONDocument()
        document.append("_id", position.key.description)
        document.append(position.key)
        document.append("quantity", position.quantity)
        document.append("cost", position.cost)
        document.append("realisedProfit", position.realisedProfit)
        document.append("quoteAsset", position.quoteAsset)
        // An array: the name of an asset might be none that a field can have.
        document.append("fees", documents: position.fees.sorted { $0.key < $1.key }) { fee, document in
            document.append("asset", fee.key)
            document.append("amount", fee.value)
        }
        document.append("fillCount", Int64(position.fillCount))
        if let time = position.lastFillTime { document.append("lastFillTime", moment: time) }
        return document
    }

    /// A document of `paper_log`.
    static func encode(_ record: PaperRecord, account: String) throws(TradeStoreError) -> BSONDocument {
        let id = "\(account):\(record.sequence)"
        var document = BSONDocument()
        document.append("_id", id)
        document.append("account", account)
        document.append("sequence", try integer(record.sequence, "number", of: id))
        document.append("kind", record.kind.rawValue)
        document.append("token", try integer(record.token, "token", of: id))
        document.append("clientOrderId", record.clientOrderID)
        if let request = record.request {
            document.append("request") { document in
                document.append("clientOrderId", request.clientOrderID)
                document.append("exchange", request.instrument.exchange.rawValue)
                document.append("symbol", request.instrument.symbol)
                document.append("side", request.side.rawValue)
                document.append("quantity", request.quantity)
                document.append(request.type)
                document.append("referencePrice", request.referencePrice)
            }
        }
        if let fill = record.fill { document.append("fill") { $0.append(fill) } }
        document.append("time", moment: record.time)
        return document
    }

    /// A number as a document keeps it.
    static func integer(_ value: UInt64, _ what: String, of id: String) throws(TradeStoreError) -> Int64 {
        guard let number = Int64(exactly: value) else {
            throw .refused("\(id) has the \(what) \(value), which is above 2^63 - 1")
        }
        return number
    }
}

extension BSONDocument {
    fileprivate mutating func append(_ key: StrategyKey) {
        append("exchange", key.instrument.exchange.rawValue)
        append("symbol", key.instrument.symbol)
        append("strategy", key.strategy)
    }

    fileprivate mutating func append(_ type: OrderType) {
        switch type {
        case .market: append("type", "MARKET")
        case .limit(let price, let timeoutMillis):
            append("type", "LIMIT")
            append("limitPrice", price)
            append("timeoutMillis", Int64(timeoutMillis))
        }
    }

    fileprivate mutating func append(_ fill: Fill) {
        append("tradeId", fill.tradeID)
        append("price", fill.price)
        append("quantity", fill.quantity)
        append("fee", fill.fee)
        append("feeAsset", fill.feeAsset)
        append("time", moment: fill.time)
    }
}
