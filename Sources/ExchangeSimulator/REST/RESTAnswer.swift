/// An answer and how it leaves.
struct RESTAnswer {
    var status: Int
    var body: String
    var contentType = "application/json;charset=UTF-8"
    var headers: [(String, String)] = []
    /// The ids of what it holds, in order.
    var served: ServedIDs?
    /// What was done to it.
    var fault: RESTFault?

    init(status: Int = 200, body: String, served: ServedIDs? = nil) {
        self.status = status
        self.body = body
        self.served = served
    }

    init(_ refusal: RESTRefusal) { self.init(status: refusal.status, body: refusal.json) }
}

/// The ids of the objects of one answer.
public struct ServedIDs: Sendable, Hashable {
    /// The first trade's or aggregate trade's.
    public var firstID: UInt64
    /// The last one's.
    public var lastID: UInt64
    /// How many there are; ids lack between them where the recording lacks them.
    public var count: Int

    /// `count` ids from `firstID` to `lastID`.
    public init(firstID: UInt64, lastID: UInt64, count: Int) {
        self.firstID = firstID
        self.lastID = lastID
        self.count = count
    }
}

extension TradeHistory.Log {
    /// Trades by id: from `fromID` or the oldest there is, else the newest.
    func trades(_ parameters: RESTParameters) -> RESTAnswer {
        let limit = parameters.limit
        let start =
            parameters.fromID.map { id in trades.firstPosition { $0.id >= id } } ?? max(0, trades.count - limit)
        let found = (start..<min(trades.count, start + limit)).map { trades[$0] }
        return Self.answer(found.map { ($0.id, $0.json) })
    }

    /// Aggregate trades from an id; within a window of time, of which both ends belong to it, from its start or, where only
    /// its end is given, up to that; else the newest.
    func aggregates(_ parameters: RESTParameters) -> RESTAnswer {
        let limit = parameters.limit
        let end = parameters.endMillis.map { end in aggregates.firstPosition { $0.trade.timeMillis > end } }
        let behind = end ?? aggregates.count
        var start = max(0, behind - limit)
        if let id = parameters.fromID {
            start = aggregates.firstPosition { $0.id >= id }
        } else if let time = parameters.startMillis {
            start = aggregates.firstPosition { $0.trade.timeMillis >= time }
        }
        let found = (start..<max(start, min(behind, start + limit))).map { aggregates[$0] }
        return Self.answer(found.map { ($0.id, $0.json) })
    }

    private static func answer(_ objects: [(id: UInt64, json: String)]) -> RESTAnswer {
        var served: ServedIDs?
        if let first = objects.first, let last = objects.last {
            served = ServedIDs(firstID: first.id, lastID: last.id, count: objects.count)
        }
        return RESTAnswer(body: "[\(objects.map(\.json).joined(separator: ","))]", served: served)
    }
}

extension TradeRecord {
    /// As `historicalTrades` has it.
    fileprivate var json: String {
        "{\"id\":\(id),\"price\":\"\(price.text)\",\"qty\":\"\(quantity.text)\",\"quoteQty\":\"\(price.times(quantity))\","
            + "\"time\":\(timeMillis),\"isBuyerMaker\":\(buyerIsMaker),\"isBestMatch\":\(isBestMatch)}"
    }
}

extension AggregateRecord {
    /// As `aggTrades` has it; USD-M's has no `M`.
    fileprivate var json: String {
        "{\"a\":\(id),\"p\":\"\(trade.price.text)\",\"q\":\"\(trade.quantity.text)\",\"f\":\(firstTradeID),"
            + "\"l\":\(lastTradeID),\"T\":\(trade.timeMillis),\"m\":\(trade.buyerIsMaker)"
            + (trade.venue == .spot ? ",\"M\":\(trade.isBestMatch)}" : "}")
    }
}
