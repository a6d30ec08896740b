public import TradingModel

extension MongoOrderStore {
    /// In one write; what is there already is read behind it.
    ///
    /// - Throws: `refused` for an order that no document can hold, and where another order has its client order id.
    public mutating func insert(_ order: Order) throws(TradeStoreError) -> OrderInsertion {
        switch try insert(TradingDocument.encode(order), into: .orders) {
        case .inserted: return .inserted
        case .sameID:
            guard let stored = try self.order(id: order.id) else {
                throw .unavailable("order \(order.id) is there, and was not found")
            }
            return .existing(stored)
        case .sameKey:
            throw .refused("another order than \(order.id) has the client order id \(order.clientOrderID)")
        }
    }

    /// In one write; where it finds nothing to replace, the order that is there is read.
    ///
    /// - Throws: `refused` for an order that no document can hold.
    public mutating func update(_ order: Order) throws(TradeStoreError) -> Bool {
        precondition(order.revision > 0, "revision 0 is what insert stores")
        let document = try TradingDocument.encode(order)
        let token = try TradingDocument.integer(order.token, "token", of: order.id)
        let filter = BSONDocument.of { filter in
            filter.append("_id", order.id)
            filter.append("revision", Int64(order.revision - 1))
            filter.append("token") { $0.append("$lte", token) }
        }
        if try replace(filter, with: document, in: .orders) { return true }
        // Stored by a call whose answer was lost?
        return try self.order(id: order.id) == order
    }

    /// By its `_id`.
    public mutating func order(id: String) throws(TradeStoreError) -> Order? {
        try find(id: id, in: .orders, TradingDocument.order)
    }

    /// By an index.
    public mutating func order(clientOrderID: String) throws(TradeStoreError) -> Order? {
        let filter = BSONDocument.of { $0.append("clientOrderId", clientOrderID) }
        return try find(filter, in: .orders, by: TradingCollection.byClientOrderID, TradingDocument.order).first
    }

    /// By an index.
    public mutating func orders(ofSignal id: String) throws(TradeStoreError) -> [Order] {
        let filter = BSONDocument.of { $0.append("signalId", id) }
        return try find(filter, in: .orders, by: TradingCollection.bySignal, TradingDocument.order)
    }

    /// By an index that holds open orders alone.
    public mutating func openOrders() throws(TradeStoreError) -> [Order] {
        let index = TradingCollection.openByCreation
        let filter = BSONDocument.of { index.appendCondition(to: &$0) }
        return try find(filter, in: .orders, by: index, TradingDocument.order)
    }

    /// By an index, from `position` on.
    public mutating func orders(
        behind position: OrderPosition?, most: Int
    ) throws(TradeStoreError) -> [Order] {
        let filter = BSONDocument.of { filter in
            guard let position else { return }
            let nanos = position.createdTime.rawValue
            filter.append("createdTimeNanos") { $0.append("$gte", nanos) }
            filter.append("$nor", documents: [position.id]) { id, same in
                same.append("createdTimeNanos", nanos)
                same.append("_id") { $0.append("$lte", id) }
            }
        }
        return try find(filter, in: .orders, by: TradingCollection.byCreation, most: most, TradingDocument.order)
    }
}
