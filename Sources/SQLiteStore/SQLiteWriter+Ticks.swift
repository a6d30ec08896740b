internal import TradingModel

extension SQLiteWriter {
    /// Inserts all ticks of a batch by one statement, in the order of arrival: sorting them by their key first was measured
    /// to gain nothing.
    mutating func insertTicks(
        of batch: borrowing StoreBatch, createdMillis: Int64, adding receipt: inout StoreReceipt
    ) throws(SQLiteFailure) {
        tickRows.removeAll(keepingCapacity: true)
        for index in batch.ticks.indices {
            if let row = row(of: batch.ticks[index], createdMillis: createdMillis) { tickRows.append(row) }
        }
        receipt.refused += batch.ticks.count - tickRows.count
        guard !tickRows.isEmpty else { return }
        try tickSource.lend(tickRows) { () throws(SQLiteFailure) in try insertTicks.run() }
        let inserted = connection.changes
        receipt.duplicates += tickRows.count - inserted
        if inserted > 0 { receipt.inserted["ticks", default: 0] += inserted }
    }

    /// nil: refused.
    private func row(of stored: StoredTick, createdMillis: Int64) -> TickRow? {
        let tick = stored.tick
        guard let id = Int64(exactly: tick.id), Int(tick.instrument) < catalog.instruments.count, tick.kind < 16 else {
            return nil
        }
        let stream = streams[Int(tick.instrument) * 16 + Int(tick.kind)]
        guard stream > 0 else { return nil }
        let scale = catalog.instruments[Int(tick.instrument)]
        return TickRow(
            stream: stream, id: id, price: tick.price, quantity: tick.quantity, secondPrice: tick.secondaryPrice,
            secondQuantity: tick.secondaryQuantity,
            format: Int64(scale.priceDecimals | scale.quantityDecimals << 4 | Int(tick.flags) << 8),
            eventNanos: tick.exchangeTimeNanos, receiveNanos: stored.receiveTime.rawValue, createdMillis: createdMillis)
    }
}
