internal import TradingModel

extension SQLiteWriter {
    /// nil: refused, else the rows that are new.
    func insert(_ stored: StoredKline, _ created: String) throws(SQLiteFailure) -> Int? {
        let kline = stored.kline
        guard Int(kline.instrument) < catalog.instruments.count else { return nil }
        let scale = catalog.instruments[Int(kline.instrument)]
        let names = [
            catalog.identifier(of: kline), scale.instrument.exchange.rawValue, scale.instrument.symbol,
            kline.interval.name,
        ]
        for (index, name) in names.enumerated() { insertKline.bind(name, at: Int32(index)) }
        bind(kline.openTime, at: 4)
        bind(kline.closeTime, at: 6)
        for (index, price) in [kline.open, kline.high, kline.low, kline.close].enumerated() {
            insertKline.bind(
                TextCursor.text { $0.append(fixedPoint: price, decimals: scale.priceDecimals) }, at: Int32(8 + index))
        }
        insertKline.bind(
            TextCursor.text { $0.append(fixedPoint: kline.volume, decimals: scale.quantityDecimals) }, at: 12)
        insertKline.bind(kline.tradeCount, at: 13)
        for (index, id) in [kline.firstTradeID, kline.lastTradeID].enumerated() {
            if let id {
                insertKline.bind(id, at: Int32(14 + index))
            } else {
                insertKline.bind(nil, at: Int32(14 + index))
            }
        }
        bind(kline.eventTime, at: 16)
        bind(stored.receiveTime, at: 18)
        insertKline.bind(created, at: 20)
        try insertKline.run()
        return connection.changes
    }

    /// A time as text and, behind it, in nanoseconds.
    private func bind(_ time: UnixNanos, at index: Int32) {
        insertKline.bind(Self.date(time.rawValue), at: index)
        insertKline.bind(time.rawValue, at: index + 1)
    }
}
