public import TradingModel

extension SQLiteOrderStore {
    /// In one transaction.
    ///
    /// - Throws: `refused` for an order that no row can hold, and where another order has its client order id.
    public mutating func insert(_ order: Order) throws(TradeStoreError) -> OrderInsertion {
        let rows = try OrderRows(order)
        let insertion: OrderInsertion? = try writing { connection throws(SQLiteFailure) in
            if let stored = try connection.orders(TradingSchema.orderByID, { $0.bind(order.id) }).first {
                return .existing(stored)
            }
            do throws(SQLiteFailure) { try rows.insert(in: connection) } catch {
                guard error.isDuplicate else { throw error }
                return nil
            }
            return .inserted
        }
        guard let insertion else {
            throw .refused("another order than \(order.id) has the client order id \(order.clientOrderID)")
        }
        return insertion
    }

    /// In one transaction.
    ///
    /// - Throws: `refused` for an order that no row can hold.
    public mutating func update(_ order: Order) throws(TradeStoreError) -> Bool {
        precondition(order.revision > 0, "revision 0 is what insert stores")
        let rows = try OrderRows(order)
        return try writing { connection throws(SQLiteFailure) in
            let stored = try connection.orders(TradingSchema.orderByID, { $0.bind(order.id) }).first
            guard let stored else { return false }
            // Stored by a call whose answer was lost.
            if stored == order { return true }
            guard stored.revision == order.revision - 1, stored.token <= order.token else { return false }
            for delete in [
                "DELETE FROM orders WHERE _id = ?", "DELETE FROM order_events WHERE orderId = ?",
                "DELETE FROM order_fills WHERE orderId = ?",
            ] {
                let statement = try connection.prepare(delete)
                statement.bind(order.id)
                try statement.run()
            }
            try rows.insert(in: connection)
            return true
        }
    }

    /// By its key.
    public mutating func order(id: String) throws(TradeStoreError) -> Order? {
        try reading { connection throws(SQLiteFailure) in
            try connection.orders(TradingSchema.orderByID) { $0.bind(id) }.first
        }
    }

    /// By an index.
    public mutating func order(clientOrderID: String) throws(TradeStoreError) -> Order? {
        try reading { connection throws(SQLiteFailure) in
            try connection.orders(TradingSchema.orderByClientID) { $0.bind(clientOrderID) }.first
        }
    }

    /// By an index.
    public mutating func orders(ofSignal id: String) throws(TradeStoreError) -> [Order] {
        try reading { connection throws(SQLiteFailure) in
            try connection.orders(TradingSchema.ordersOfSignal) { $0.bind(id) }
        }
    }

    /// By an index that holds open orders alone.
    public mutating func openOrders() throws(TradeStoreError) -> [Order] {
        try reading { connection throws(SQLiteFailure) in try connection.orders(TradingSchema.openOrders) { _ in } }
    }

    /// By an index, from `position` on.
    public mutating func orders(behind position: OrderPosition?, most: Int) throws(TradeStoreError) -> [Order] {
        try reading { connection throws(SQLiteFailure) in
            try connection.orders(TradingSchema.ordersBehind) { select in
                select.bind(position?.createdTime.rawValue ?? .min, at: 0)
                select.bind(position?.id ?? "", at: 1)
                select.bind(Int64(most), at: 2)
            }
        }
    }
}

/// An order as rows of three tables.
private struct OrderRows {
    private var order: TradingRow
    private var events: [TradingRow]
    private var fills: [TradingRow]

    /// - Throws: `refused`.
    init(_ order: Order) throws(TradeStoreError) {
        guard let filled = order.filledQuantity else {
            throw .refused("order \(order.id) has a filled quantity of more digits than \(ExactDecimal.mostDigits)")
        }
        var row = TradingRow(of: order.id)
        row.add(order.id)
        row.add(order.clientOrderID)
        row.add(order.signalID)
        row.add(order.stream)
        row.add(order.key)
        row.add(order.tickID, "tick id")
        row.add(order.signalReceiveTime)
        row.add(Int64(order.leg))
        row.add(order.side.rawValue)
        row.add(order.quantity)
        row.add(order.type)
        row.add(order.referencePrice)
        row.add(order.quoteAsset)
        row.add(order.token, "token")
        row.add(order.revision, "revision")
        row.add(order.venueOrderID)
        row.add(order.state.rawValue)
        row.add(!order.state.isTerminal)
        row.add(filled)
        row.add(order.createdTime)
        self.order = row
        events = order.events.enumerated().map { number, event in
            var row = TradingRow(of: order.id)
            row.add(order.id)
            row.add(Int64(number))
            row.add(event.state.rawValue)
            row.add(event.time)
            row.add(event.reason)
            return row
        }
        fills = order.fills.enumerated().map { number, fill in
            var row = TradingRow(of: order.id)
            row.add(order.id)
            row.add(Int64(number))
            row.add(fill)
            return row
        }
        if let refusal = ([row] + events + fills).lazy.compactMap(\.refusal).first { throw refusal }
    }

    func insert(in connection: borrowing SQLiteConnection) throws(SQLiteFailure) {
        try order.insert(into: "orders", in: connection)
        for event in events { try event.insert(into: "order_events", in: connection) }
        for fill in fills { try fill.insert(into: "order_fills", in: connection) }
    }
}

extension SQLiteConnection {
    /// The orders that a search finds, in its order. O(events + fills) each.
    fileprivate func orders(
        _ search: String, _ bind: (borrowing SQLiteStatement) -> Void
    ) throws(SQLiteFailure) -> [Order] {
        var found: [Order] = []
        let select = try prepare(search)
        let events = try prepare(TradingSchema.eventsOfOrder)
        let fills = try prepare(TradingSchema.fillsOfOrder)
        bind(select)
        while try select.step() {
            var order = try Self.order(select)
            events.bind(order.id)
            order.events = try events.rows { row throws(SQLiteFailure) in
                var reader = TradingRowReader(at: 2)
                let state: OrderState = try reader.choice(row)
                let time = try reader.time(row)
                return OrderEvent(state: state, time: time, reason: try reader.text(row))
            }
            fills.bind(order.id)
            order.fills = try fills.rows { row throws(SQLiteFailure) in
                var reader = TradingRowReader(at: 2)
                return try reader.fill(row)
            }
            found.append(order)
        }
        return found
    }

    /// A row of `orders`.
    private static func order(_ row: borrowing SQLiteStatement) throws(SQLiteFailure) -> Order {
        var reader = TradingRowReader()
        let (id, clientOrderID, signalID) = (try reader.text(row), try reader.text(row), try reader.text(row))
        let stream = try reader.text(row)
        let key = try reader.strategyKey(row)
        let tickID = try reader.counter(row)
        let signalReceiveTime = try reader.time(row)
        let leg = Int(try reader.number(row))
        let side: OrderSide = try reader.choice(row)
        let quantity = try reader.decimal(row)
        let type = try reader.orderType(row)
        let referencePrice = try reader.decimal(row)
        let quoteAsset = try reader.text(row)
        let (token, revision) = (try reader.counter(row), try reader.counter(row))
        let venueOrderID = reader.optionalText(row)
        let state: OrderState = try reader.choice(row)
        reader.skip()
        reader.skip()
        // The signal is what the initialiser takes most from; the rest of it an order does not keep.
        let signal = TradeSignal(
            id: signalID, key: key, side: side, isAfterGap: false, tickID: tickID, price: .zero,
            eventTime: UnixNanos(rawValue: 0), receiveTime: signalReceiveTime)
        var order = Order(
            id: id, clientOrderID: clientOrderID, signal: signal, stream: stream, leg: leg, side: side,
            quantity: quantity, type: type,
            referencePrice: referencePrice, quoteAsset: quoteAsset, token: token, createdTime: try reader.time(row))
        order.revision = revision
        order.venueOrderID = venueOrderID
        order.state = state
        return order
    }
}

extension SQLiteStatement {
    /// What `read` makes of each row; then ready for the next parameters.
    func rows<Value>(
        _ read: (borrowing SQLiteStatement) throws(SQLiteFailure) -> Value
    ) throws(SQLiteFailure) -> [Value] {
        defer { reset() }
        var values: [Value] = []
        while try step() { values.append(try read(self)) }
        return values
    }
}
