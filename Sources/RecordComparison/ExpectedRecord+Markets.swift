public import TradingModel

/// Gaps, book updates and klines.
extension ExpectedRecord {
    /// A gap of `catalog`; nil for ids that stores refuse.
    public init?(_ stored: StoredGap, of catalog: MarketCatalog, sequence: UInt64) {
        let gap = stored.gap
        guard let first = Int64(exactly: gap.firstID), let last = Int64(exactly: gap.lastID), first <= last,
            catalog.instruments.indices.contains(Int(gap.instrument))
        else { return nil }
        let instrument = catalog.instruments[Int(gap.instrument)].instrument
        let identifier = "\(instrument):\(gap.kind.name):gap:\(first)-\(last)"
        var fields = StoredValue.named(instrument, identifier, "kind", gap.kind.name)
        fields["fromId"] = .integer(first)
        fields["toId"] = .integer(last)
        fields["missing"] = .integer(Int64(clamping: gap.missingCount))
        fields["cause"] = .text(gap.cause.name)
        fields.set("beforeTime", gap.beforeTimeNanos)
        fields.set("afterTime", gap.afterTimeNanos)
        fields.set("noticedTime", stored.noticedTime.rawValue)
        fields["refilled"] = .boolean(gap.isRefilled)
        if let source = gap.refilledFrom { fields["refilledFrom"] = .text(source.name) }
        self.init(
            .gaps, fields, RecordPosition(key: first, identifier: identifier), sequence: sequence,
            receiveTime: stored.noticedTime)
    }

    /// A book update of `catalog`; nil for ids that stores refuse. O(levels).
    public init?(_ book: BookUpdate, of catalog: MarketCatalog, sequence: UInt64) {
        let header = book.header
        guard let kind = RecordKind(rawValue: header.kind), let last = Int64(exactly: header.id),
            catalog.instruments.indices.contains(Int(header.instrument))
        else { return nil }
        let scale = catalog.instruments[Int(header.instrument)]
        let identifier = catalog.identifier(of: header)
        var fields = StoredValue.named(scale.instrument, identifier, "kind", kind.name)
        fields["firstUpdateId"] = .integer(header.price)
        fields["lastUpdateId"] = .integer(last)
        if header.quantity >= 0 { fields["previousUpdateId"] = .integer(header.quantity) }
        fields["bidupdates"] = .levels(book.bids, scale)
        fields["askupdates"] = .levels(book.asks, scale)
        fields.set("eventTime", header.exchangeTimeNanos)
        if header.secondaryPrice != 0 { fields["transactionTimeNanos"] = .integer(header.secondaryPrice) }
        fields.set("receiveTime", book.receiveTime.rawValue)
        self.init(
            .depth, fields, RecordPosition(key: last, identifier: identifier), sequence: sequence,
            receiveTime: book.receiveTime)
    }

    /// A closed kline of `catalog`.
    public init?(_ stored: StoredKline, of catalog: MarketCatalog, sequence: UInt64) {
        let kline = stored.kline
        guard catalog.instruments.indices.contains(Int(kline.instrument)) else { return nil }
        let scale = catalog.instruments[Int(kline.instrument)]
        let identifier = catalog.identifier(of: kline)
        var fields = StoredValue.named(scale.instrument, identifier, "interval", kline.interval.name)
        fields.set("openTime", kline.openTime.rawValue)
        fields.set("closeTime", kline.closeTime.rawValue)
        for (name, price) in [
            ("open", kline.open), ("high", kline.high), ("low", kline.low), ("close", kline.close),
        ] { fields[name] = .fixedPoint(price, scale.priceDecimals) }
        fields["volume"] = .fixedPoint(kline.volume, scale.quantityDecimals)
        fields["trades"] = .integer(kline.tradeCount)
        if let id = kline.firstTradeID { fields["firstTradeId"] = .integer(id) }
        if let id = kline.lastTradeID { fields["lastTradeId"] = .integer(id) }
        fields.set("eventTime", kline.eventTime.rawValue)
        fields.set("receiveTime", stored.receiveTime.rawValue)
        self.init(
            .klines, fields, RecordPosition(key: kline.openTime.rawValue, identifier: identifier), sequence: sequence,
            receiveTime: stored.receiveTime)
    }
}

extension StoredValue {
    /// `[["61500.10","0.5"],…]`, the exchange's own text; not by the code that stored it, whose mistakes
    /// a proof which shared it would share.
    fileprivate static func levels(_ levels: [BookLevel], _ scale: InstrumentSpecification) -> StoredValue {
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
        return .text("[\(texts.joined(separator: ","))]")
    }
}
