internal import TradingModel

extension SQLiteWriter {
    /// nil: refused, else the rows that are new.
    func insert(_ book: BookUpdate, createdMillis: Int64) throws(SQLiteFailure) -> Int? {
        let header = book.header
        guard let id = Int64(exactly: header.id), Int(header.instrument) < catalog.instruments.count, header.kind < 16
        else { return nil }
        let stream = streams[Int(header.instrument) * 16 + Int(header.kind)]
        guard stream > 0 else { return nil }
        let scale = catalog.instruments[Int(header.instrument)]
        insertBook.bind(stream, at: 0)
        insertBook.bind(id, at: 1)
        insertBook.bind(header.price, at: 2)
        if header.quantity >= 0 { insertBook.bind(header.quantity, at: 3) } else { insertBook.bind(nil, at: 3) }
        insertBook.bind(Self.json(book.bids, scale), at: 4)
        insertBook.bind(Self.json(book.asks, scale), at: 5)
        insertBook.bind(header.exchangeTimeNanos, at: 6)
        insertBook.bind(header.secondaryPrice, at: 7)
        insertBook.bind(book.receiveTime.rawValue, at: 8)
        insertBook.bind(createdMillis, at: 9)
        try insertBook.run()
        return connection.changes
    }

    /// `[["61500.10","0.5"],…]`, the exchange's own text.
    private static func json(_ levels: [BookLevel], _ scale: InstrumentSpecification) -> String {
        let texts = levels.map { level in
            TextCursor.text(capacityBytes: 640) { text in
                text.append("[\"")
                text.append(fixedPoint: level.price, decimals: scale.priceDecimals, digits: Int(level.priceDigits))
                text.append("\",\"")
                text.append(
                    fixedPoint: level.quantity, decimals: scale.quantityDecimals, digits: Int(level.quantityDigits))
                text.append("\"]")
            }
        }
        return "[\(texts.joined(separator: ","))]"
    }
}
