internal import TradingModel

extension RecordEncoder {
    /// The longest text of a price or quantity: sign, 19 digits, dot, and the most digits behind it.
    private static let mostTextBytes = 21 + Int(UInt8.max)

    /// A document of `depth`: the shape of the earlier Go services under `data`, with the exchange's own text, and ours
    /// beside it.
    func encode(_ book: BookUpdate, createdAt: UnixNanos, into document: inout BSONDocument) -> Bool {
        let header = book.header
        guard let kind = RecordKind(rawValue: header.kind), kind == .depth || kind == .partialDepth,
            let last = Int64(exactly: header.id), let names = names(header.instrument)
        else { return false }
        let eventNanos = header.exchangeTimeNanos
        var data = BSONDocument()
        // A partial book comes without either.
        if kind == .depth { data.append("eventtype", "depthUpdate") }
        if eventNanos != 0 { data.append("eventtime", UnixNanos(rawValue: eventNanos).millis) }
        data.append("symbol", names.symbol)
        data.append("firstupdateid", header.price)
        data.append("finalupdateid", last)
        data.append("bidupdates", array: Self.levels(book.bids, names))
        data.append("askupdates", array: Self.levels(book.asks, names))

        document.append("_id", "\(names.identifier):\(kind.name):\(header.id)")
        document.append("data", data)
        document.append(
            "timestamp",
            dateMillis: (eventNanos == 0 ? book.receiveTime : UnixNanos(rawValue: eventNanos)).millis)
        document.append("exchange", names.exchange)
        document.append("symbol", names.symbol)
        document.append("kind", kind.name)
        document.append("firstUpdateId", header.price)
        document.append("lastUpdateId", last)
        if header.quantity >= 0 { document.append("previousUpdateId", header.quantity) }
        document.append("eventTime", time: eventNanos)
        document.append("transactionTime", time: header.secondaryPrice)
        document.append("receiveTime", time: book.receiveTime.rawValue)
        document.append("created_at", dateMillis: createdAt.millis)
        return true
    }

    /// `[[price, quantity], …]` as texts.
    private static func levels(_ levels: [BookLevel], _ names: Names) -> BSONDocument {
        var array = BSONDocument()
        unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 2 * mostTextBytes) { memory in
            for (index, level) in levels.enumerated() {
                var text = unsafe TextCursor(buffer: memory)
                text.append(
                    fixedPoint: level.price, decimals: names.priceDecimals, digits: Int(level.priceDigits))
                let priceBytes = text.count
                text.append(
                    fixedPoint: level.quantity, decimals: names.quantityDecimals, digits: Int(level.quantityDigits))
                let written = UnsafeBufferPointer(memory)
                unsafe array.append(
                    index: index, UnsafeBufferPointer(rebasing: written[..<priceBytes]),
                    UnsafeBufferPointer(rebasing: written[priceBytes..<text.count]))
            }
        }
        return array
    }

    /// A document of `klines`.
    func encode(_ stored: StoredKline, createdAt: UnixNanos, into document: inout BSONDocument) -> Bool {
        let kline = stored.kline
        guard let names = names(kline.instrument) else { return false }
        document.append("_id", catalog.identifier(of: kline))
        document.append("exchange", names.exchange)
        document.append("symbol", names.symbol)
        document.append("interval", kline.interval.name)
        document.append("openTime", time: kline.openTime.rawValue)
        document.append("closeTime", time: kline.closeTime.rawValue)
        for (name, price) in [
            ("open", kline.open), ("high", kline.high), ("low", kline.low), ("close", kline.close),
        ] { document.append(name, Decimal128(fixedPoint: price, decimals: names.priceDecimals)) }
        document.append("volume", Decimal128(fixedPoint: kline.volume, decimals: names.quantityDecimals))
        document.append("trades", kline.tradeCount)
        if let first = kline.firstTradeID { document.append("firstTradeId", first) }
        if let last = kline.lastTradeID { document.append("lastTradeId", last) }
        document.append("eventTime", time: kline.eventTime.rawValue)
        document.append("receiveTime", time: stored.receiveTime.rawValue)
        document.append("created_at", dateMillis: createdAt.millis)
        return true
    }
}
