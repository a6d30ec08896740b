internal import TradingModel

extension SQLiteWriter {
    /// nil: refused, else the rows that are new.
    func insert(_ decision: Decision, _ created: String) throws(SQLiteFailure) -> Int? {
        guard let id = Int64(exactly: decision.tickID), Int(decision.instrument) < catalog.instruments.count,
            catalog.strategies.indices.contains(Int(decision.strategy))
        else { return nil }
        let scale = catalog.instruments[Int(decision.instrument)]
        let periods = catalog.strategies[Int(decision.strategy)]
        let texts: [String] = [
            catalog.identifier(of: decision), scale.instrument.exchange.rawValue, scale.instrument.symbol,
            catalog.strategyName(instrument: decision.instrument, strategy: decision.strategy), "\(decision.side.name)",
        ]
        for (index, text) in texts.enumerated() { insertDecision.bind(text, at: Int32(index)) }
        insertDecision.bind(decision.isSignal ? 1 : 0, at: 5)
        insertDecision.bind("\(decision.reason.name)", at: 6)
        // Sums of 0 mean that there is no whole window: prices are above 0.
        let averages = [(decision.shortSum, periods.shortPeriod), (decision.longSum, periods.longPeriod)]
        for (index, (sum, count)) in averages.enumerated() {
            let text =
                decision.longSum == 0
                ? nil : TextCursor.text { $0.append(averageOf: sum, count: count, decimals: scale.priceDecimals) }
            insertDecision.bind(text, at: Int32(7 + index))
        }
        insertDecision.bind(
            TextCursor.text { $0.append(fixedPoint: decision.price, decimals: scale.priceDecimals) }, at: 9)
        insertDecision.bind(id, at: 10)
        insertDecision.bind(Self.dateText(decision.exchangeTime), at: 11)
        insertDecision.bind(decision.exchangeTime.rawValue, at: 12)
        insertDecision.bind(Self.date(decision.receiveTime.rawValue), at: 13)
        insertDecision.bind(decision.receiveTime.rawValue, at: 14)
        insertDecision.bind(created, at: 15)
        try insertDecision.run()
        return connection.changes
    }

    /// nil: refused, else the rows that are new.
    func insert(_ stored: StoredGap, _ created: String) throws(SQLiteFailure) -> Int? {
        let gap = stored.gap
        guard let first = Int64(exactly: gap.firstID), let last = Int64(exactly: gap.lastID), last >= first,
            Int(gap.instrument) < catalog.instruments.count
        else { return nil }
        let instrument = catalog.instruments[Int(gap.instrument)].instrument
        insertGap.bind("\(instrument):\(gap.kind.name):gap:\(first)-\(last)", at: 0)
        insertGap.bind(instrument.exchange.rawValue, at: 1)
        insertGap.bind(instrument.symbol, at: 2)
        insertGap.bind(gap.kind.name, at: 3)
        insertGap.bind(first, at: 4)
        insertGap.bind(last, at: 5)
        insertGap.bind(Int64(clamping: gap.missingCount), at: 6)
        insertGap.bind(gap.cause.name, at: 7)
        for (index, nanos) in [gap.beforeTimeNanos, gap.afterTimeNanos, stored.noticedTime.rawValue].enumerated() {
            insertGap.bind(Self.date(nanos), at: Int32(8 + 2 * index))
            insertGap.bind(nanos, at: Int32(9 + 2 * index))
        }
        insertGap.bind(gap.isRefilled ? 1 : 0, at: 14)
        insertGap.bind(gap.refilledFrom?.name, at: 15)
        insertGap.bind(created, at: 16)
        try insertGap.run()
        return connection.changes
    }

    /// RFC 3339 in milliseconds; nil for 0, the exchange's "none".
    static func date(_ nanos: Int64) -> String? { nanos == 0 ? nil : dateText(UnixNanos(rawValue: nanos)) }

    /// RFC 3339 in milliseconds.
    static func dateText(_ time: UnixNanos) -> String {
        TextCursor.text { $0.append(rfc3339: UnixNanos(rawValue: time.millis * 1_000_000)) }
    }
}
