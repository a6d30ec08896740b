internal import TradingModel

extension SQLiteWriter {
    /// nil: refused, else the rows that are new.
    func insert(_ stored: StoredTick, createdMillis: Int64) throws(SQLiteFailure) -> Int? {
        let tick = stored.tick
        guard let id = Int64(exactly: tick.id), Int(tick.instrument) < catalog.instruments.count, tick.kind < 16 else {
            return nil
        }
        let stream = streams[Int(tick.instrument) * 16 + Int(tick.kind)]
        guard stream > 0 else { return nil }
        let scale = catalog.instruments[Int(tick.instrument)]
        insertTick.bind(stream, at: 0)
        insertTick.bind(id, at: 1)
        insertTick.bind(tick.price, at: 2)
        insertTick.bind(tick.quantity, at: 3)
        insertTick.bind(tick.secondaryPrice, at: 4)
        insertTick.bind(tick.secondaryQuantity, at: 5)
        insertTick.bind(Int64(scale.priceDecimals), at: 6)
        insertTick.bind(Int64(scale.quantityDecimals), at: 7)
        insertTick.bind(Int64(tick.flags), at: 8)
        insertTick.bind(tick.exchangeTimeNanos, at: 9)
        insertTick.bind(stored.receiveTime.rawValue, at: 10)
        insertTick.bind(createdMillis, at: 11)
        try insertTick.run()
        return connection.changes
    }
}
