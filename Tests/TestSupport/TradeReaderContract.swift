import TradingModel

/// What every `TradeReader` must do with a store that holds `records`, whatever is behind it.
public enum TradeReaderContract {
    /// A breach of the contract.
    public struct Violation: Error, CustomStringConvertible {
        /// What was found and what should have been.
        public let description: String
    }

    /// Records of every table: several series, keys that two records share, records without the exchange's time.
    public static var records: StoreBatch {
        var batch = StoreBatch()
        // Not in the order of their keys.
        batch.ticks = (1...300).reversed().map { SampleMarket.stored($0) }
        batch.ticks += (1...5).map { SampleMarket.stored($0, kind: .aggregateTrade) }
        batch.ticks += (UInt64(1)...5).map { number in
            var quote = SampleMarket.stored(number, kind: .quote)
            quote.tick.exchangeTimeNanos = 0
            return quote
        }
        var unpriced = SampleMarket.stored(1 << 52, instrument: 1)
        unpriced.tick.flags = TickFlags.noPrice.rawValue
        unpriced.tick.price = 1
        batch.ticks.append(unpriced)
        batch.ticks += [SampleMarket.refilled(1 << 52 + 1), SampleMarket.refilled(1 << 52 + 2, fromAggregate: true)]
        for number in stride(from: UInt64(10), through: 50, by: 10) {
            batch.decisions.append(SampleMarket.decision(number, reason: .warming, side: .neutral))
            batch.decisions.append(SampleMarket.decision(number, reason: .tie, side: .neutral))
            batch.decisions.append(SampleMarket.decision(number))
        }
        batch.gaps = ([5, 5, 20] as [UInt64]).enumerated().map { index, first in
            var gap = SampleMarket.gap(first)
            gap.lastID += UInt64(index)
            let noticed = UnixNanos(rawValue: SampleMarket.startNanos - Int64(index) * 1_000_000)
            return StoredGap(gap: gap, noticedTime: noticed)
        }
        batch.gaps[0].gap.refilledFrom = .twin
        batch.gaps[2].gap.beforeTimeNanos = 0
        batch.books = [
            SampleMarket.book(77, first: 70), SampleMarket.book(78, previous: 77, instrument: 1),
            SampleMarket.book(77, kind: .partialDepth), SampleMarket.book(90, bids: 0, asks: 0),
        ]
        batch.klines = (0...3).map { SampleMarket.stored(SampleMarket.kline($0)) }
        return batch
    }

    /// Checks a reader of a store that holds `records` and nothing else.
    public static func check<Reader: TradeReader & ~Copyable>(_ reader: inout Reader) throws {
        let spot = StoredInstrument(exchange: "binance", symbol: "BTCUSDT")
        let futures = StoredInstrument(exchange: "binance-usdm", symbol: "BTCUSDT")
        try expect(reader.instruments(), [spot, futures], "instruments are sorted")
        // Kinds without records may be named or not.
        let kinds = Set(try reader.series(of: .ticks, instrument: spot).map(\.name))
        try expect(kinds.isSuperset(of: ["aggTrade", "bookTicker", "trade"]), true, "each kind is a series")
        try expect(reader.series(of: .decisions, instrument: spot).map(\.name), ["sma-50-200"], "strategies are series")
        try expect(reader.series(of: .signals, instrument: futures), [], "no series without records")
        try expect(reader.series(of: .klines, instrument: spot).map(\.name), ["1m"], "intervals are series")

        let trades = RecordSeries(table: .ticks, instrument: spot, name: "trade")
        var range = RecordRange()
        range.most = 1_000
        try expect(keys(trades, range, &reader), Array(1...300), "all, by key")
        range.isDescending = true
        range.most = 3
        try expect(keys(trades, range, &reader), [300, 299, 298], "highest first, at most as many")
        range.behind = try position(trades, range, &reader)
        try expect(keys(trades, range, &reader), [297, 296, 295], "the next page")
        range.keys = 296...300
        try expect(keys(trades, range, &reader), [297, 296], "a page ends at the last key")
        range = RecordRange()
        range.keys = 100...102
        range.most = 10
        try expect(keys(trades, range, &reader), [100, 101, 102], "both keys are in the range")
        range.keys = Int64.min...Int64.max
        let start = SampleMarket.startNanos
        range.timesNanos = start + 40_000..<start + 42_000
        try expect(keys(trades, range, &reader), [40, 41], "the first time is in the range, the last one is not")

        try checkTimes(spot, &reader)
        try checkEqualKeys(spot, &reader)
        try checkValues(spot, futures, &reader)
    }

    private static func checkTimes<Reader: TradeReader & ~Copyable>(
        _ spot: StoredInstrument, _ reader: inout Reader
    ) throws {
        let start = SampleMarket.startNanos
        var range = RecordRange()
        range.most = 10
        range.timesNanos = start + 2_500..<start + 3_500
        let quotes = RecordSeries(table: .ticks, instrument: spot, name: "bookTicker")
        try expect(keys(quotes, range, &reader), [2], "without the exchange's time that of receipt counts")
        let quote = try reader.records(of: quotes, in: range).first
        try expect(quote?.hasFirstTime, false, "it is told which time counts")
        try expect(quote?.timeNanos, start + 2_500, "and which it is")
        let books = RecordSeries(table: .depth, instrument: spot, name: "partialDepth")
        range.timesNanos = start + 77_500..<start + 77_501
        try expect(keys(books, range, &reader), [77], "likewise for books")
    }

    private static func checkEqualKeys<Reader: TradeReader & ~Copyable>(
        _ spot: StoredInstrument, _ reader: inout Reader
    ) throws {
        for table in [StoredTable.decisions, .signals] {
            let series = RecordSeries(table: table, instrument: spot, name: "sma-50-200")
            for isDescending in [false, true] {
                var range = RecordRange()
                range.isDescending = isDescending
                range.most = 100
                let whole = try reader.records(of: series, in: range).map(\.position)
                try expect(whole.count, table == .signals ? 5 : 15, "\(table) are complete")
                range.most = 2
                var paged: [RecordPosition] = []
                while true {
                    let page = try reader.records(of: series, in: range).map(\.position)
                    paged += page
                    guard page.count == 2 else { break }
                    range.behind = page.last
                }
                try expect(paged, whole, "pages of \(table) leave out none of those with one key and repeat none")
                let order = isDescending ? Array(whole.reversed()) : whole
                let sorted = order.sorted { ($0.key, $0.identifier) < ($1.key, $1.identifier) }
                try expect(order, sorted, "by key, then id")
            }
        }
        var range = RecordRange()
        range.most = 10
        let gaps = RecordSeries(table: .gaps, instrument: spot, name: "trade")
        try expect(keys(gaps, range, &reader), [5, 5, 20], "two gaps may begin at one id")
    }

    private static func checkValues<Reader: TradeReader & ~Copyable>(
        _ spot: StoredInstrument, _ futures: StoredInstrument, _ reader: inout Reader
    ) throws {
        func fields(_ table: StoredTable, _ name: String, _ instrument: StoredInstrument, key: Int64) throws -> [String]
        {
            var range = RecordRange()
            range.keys = key...key
            let series = RecordSeries(table: table, instrument: instrument, name: name)
            let record = try reader.records(of: series, in: range).first
            return zip(table.columns, record?.values ?? []).compactMap { column, value in
                switch value {
                case .none: nil
                case .text(let text): "\(column.name)=\(text)"
                case .integer(let number): "\(column.name)=\(number)"
                case .boolean(let flag): "\(column.name)=\(flag)"
                }
            }.filter { !$0.hasPrefix("created_at=") }
        }
        try expect(
            fields(.ticks, "trade", futures, key: 1 << 52),
            [
                "_id=binance-usdm:BTCUSDT:trade:4503599627370496", "exchange=binance-usdm", "symbol=BTCUSDT",
                "kind=trade", "tickId=4503599627370496", "price=0.00000001", "quantity=0.0015",
                "buyerIsMaker=false", "isMarketPrice=false",
            ] + times("eventTime", 4_503_599_627_370_496_000) + times("receiveTime", 4_503_599_627_370_496_500),
            "every digit is kept")
        let refilled = "binance-usdm:BTCUSDT:trade:4503599627370497"
        try expect(
            fields(.ticks, "trade", futures, key: 1 << 52 + 1).filter { !$0.contains("Time") },
            [
                "_id=\(refilled)", "exchange=binance-usdm", "symbol=BTCUSDT", "kind=trade", "tickId=4503599627370497",
                "price=0.00000001", "quantity=0.0015", "buyerIsMaker=false", "refilled=true",
            ], "a refilled tick is marked")
        try expect(
            fields(.ticks, "trade", futures, key: 1 << 52 + 2).dropFirst(5).filter { !$0.contains("Time") },
            [
                "price=0.00000001", "aggregateQuantity=0.0015", "buyerIsMaker=false", "refilled=true",
                "firstTradeId=4503599627370495", "lastTradeId=4503599627370498",
            ], "of one of several trades there is no quantity, but that of all of them")
        try expect(
            fields(.gaps, "trade", spot, key: 5).filter { $0.contains("Id=") || $0.contains("refilled") },
            ["fromId=5", "toId=7", "refilled=true", "refilledFrom=twin"], "a refilled gap tells from where")
        try expect(
            fields(.gaps, "trade", spot, key: 20),
            [
                "_id=binance:BTCUSDT:trade:gap:20-24", "exchange=binance", "symbol=BTCUSDT", "kind=trade", "fromId=20",
                "toId=24", "missing=5", "cause=reconnect",
            ] + times("afterTime", 9_000_000) + times("noticedTime", -2_000_000) + ["refilled=false"],
            "what a gap does not have is absent")
        try expect(
            fields(.depth, "depth", spot, key: 77),
            [
                "_id=binance:BTCUSDT:depth:77", "exchange=binance", "symbol=BTCUSDT", "kind=depth", "firstUpdateId=70",
                "lastUpdateId=77", #"bidupdates=[["61826.50000000","0"],["61826.49000000","0.01"]]"#,
                #"askupdates=[["61826.51000000","0"]]"#,
            ] + times("eventTime", 77_000) + times("receiveTime", 77_500), "levels are in the exchange's own text")
        try expect(
            fields(.depth, "depth", spot, key: 90).filter { $0.contains("updates") },
            ["bidupdates=[]", "askupdates=[]"], "empty sides are empty")
    }

    /// The two fields of a time so far from the sample market's start.
    private static func times(_ name: String, _ offset: Int64) -> [String] {
        let nanos = SampleMarket.startNanos &+ offset
        let millis = UnixNanos(rawValue: UnixNanos(rawValue: nanos).millis * 1_000_000)
        return ["\(name)=\(TextCursor.text { $0.append(rfc3339: millis) })", "\(name)Nanos=\(nanos)"]
    }

    private static func keys<Reader: TradeReader & ~Copyable>(
        _ series: RecordSeries, _ range: RecordRange, _ reader: inout Reader
    ) throws -> [Int64] {
        try reader.records(of: series, in: range).map(\.position.key)
    }

    private static func position<Reader: TradeReader & ~Copyable>(
        _ series: RecordSeries, _ range: RecordRange, _ reader: inout Reader
    ) throws -> RecordPosition? {
        try reader.records(of: series, in: range).last?.position
    }

    private static func expect<Value: Equatable>(_ found: Value, _ expected: Value, _ rule: String) throws {
        guard found == expected else {
            throw Violation(description: "\(rule): expected \(expected), got \(found)")
        }
    }
}
