public import TradingModel

/// Reads the documents that a `MongoStore` writes.
///
/// Documents of the earlier Go services, which name no exchange, are passed over. Each call finds one page and ends its
/// cursor. Used by one thread at a time; a call ends within the address's time limits, by default 1 s for a server that is
/// gone and a minute for one that hangs or has much to read over.
public struct MongoReader: TradeReader, ~Copyable {
    /// How long an answer may take, unless the address says it, milliseconds.
    private static let answerMillis: Int32 = 60_000

    private let connection: MongoConnection
    private let settings: MongoStoreSettings

    /// Checks the settings; contacts nobody, except that `mongodb+srv://` is looked up in the DNS.
    ///
    /// - Throws: `invalidURI`, `invalidName`, `invalidRetention`.
    public init(settings: MongoStoreSettings) throws(MongoStoreError) {
        try settings.validate()
        connection = try MongoConnection(uri: settings.uri, answerMillis: Self.answerMillis)
        self.settings = settings
    }

    /// Those with a document in any collection.
    public mutating func instruments() throws(TradeStoreError) -> [StoredInstrument] {
        var found: Set<StoredInstrument> = []
        // Signals are decisions.
        for table in StoredTable.allCases where table != .signals {
            var last: StoredInstrument?
            while let next = try instrument(of: table, behind: last) {
                found.insert(next)
                last = next
            }
        }
        return found.sorted()
    }

    private func instrument(
        of table: StoredTable, behind last: StoredInstrument?
    ) throws(TradeStoreError) -> StoredInstrument? {
        if let last {
            var filter = BSONDocument()
            filter.append("exchange", last.exchange)
            filter.append("symbol", "$gt", last.symbol)
            if let found = try instrument(of: table, filter) { return found }
        }
        var filter = BSONDocument()
        // Texts alone: documents without the field are not above the empty text.
        filter.append("exchange", "$gt", last?.exchange ?? "")
        return try instrument(of: table, filter)
    }

    private func instrument(
        of table: StoredTable, _ filter: borrowing BSONDocument
    ) throws(TradeStoreError) -> StoredInstrument? {
        var found: StoredInstrument?
        try find(table, filter, sort: ["exchange", "symbol"], direction: 1, most: 1) { document in
            if let exchange = document.text("exchange"), let symbol = document.text("symbol") {
                found = StoredInstrument(exchange: exchange, symbol: symbol)
            }
        }
        return found
    }

    /// Those with a document.
    public mutating func series(
        of table: StoredTable, instrument: StoredInstrument
    ) throws(TradeStoreError) -> [RecordSeries] {
        var names: [String] = []
        var isMore = true
        while isMore {
            var filter = BSONDocument()
            filter.append("exchange", instrument.exchange)
            filter.append("symbol", instrument.symbol)
            filter.append(table.seriesColumn, "$gt", names.last ?? "")
            isMore = false
            try find(
                table, filter, sort: ["exchange", "symbol", table.seriesColumn], direction: 1, most: 1
            ) { document in
                guard let name = document.text(table.seriesColumn) else { return }
                names.append(name)
                isMore = true
            }
        }
        return names.sorted().map { RecordSeries(table: table, instrument: instrument, name: $0) }
    }

    /// In one search.
    public mutating func records(
        of series: RecordSeries, in range: RecordRange
    ) throws(TradeStoreError) -> [StoredRecord] {
        let table = series.table
        let columns = table.columns.map { (path: table.path($0), form: $0.form) }
        var found: [StoredRecord] = []
        try find(
            table, Self.filter(series, range), sort: table.indexedFields, direction: range.isDescending ? -1 : 1,
            most: range.most
        ) { document in
            let times = table.timeColumns.map { document.integer($0) }
            found.append(
                StoredRecord(
                    values: columns.map { document.value($0.path, $0.form) },
                    position: RecordPosition(
                        key: document.integer(table.keyColumn) ?? 0, identifier: document.text("_id") ?? ""),
                    timeNanos: times.lazy.compactMap { $0 }.first ?? 0, hasFirstTime: times[0] != nil))
        }
        return found
    }

    private static func filter(_ series: RecordSeries, _ range: RecordRange) -> BSONDocument {
        let table = series.table
        var filter = BSONDocument()
        filter.append("exchange", series.instrument.exchange)
        filter.append("symbol", series.instrument.symbol)
        filter.append(table.seriesColumn, series.name)
        var keys = range.keys
        if let behind = range.behind {
            keys =
                range.isDescending
                ? min(keys.lowerBound, behind.key)...behind.key : behind.key...max(keys.upperBound, behind.key)
            var same = BSONDocument()
            same.append(table.keyColumn, behind.key)
            same.append("_id", range.isDescending ? "$gte" : "$lte", behind.identifier)
            filter.append("$nor", each: same)
        }
        filter.append(table.keyColumn, from: keys.lowerBound, "$lte", keys.upperBound)
        if let times = range.timesNanos { filter.append("$or", array: Self.times(table, times)) }
        if table == .signals { filter.append("isSignal", true) }
        return filter
    }

    /// One alternative for each time column: it is in the range, and those in front of it are absent.
    private static func times(_ table: StoredTable, _ times: Range<Int64>) -> BSONDocument {
        var alternatives = BSONDocument()
        var absent: [String] = []
        for (index, column) in table.timeColumns.enumerated() {
            var alternative = BSONDocument()
            for name in absent { alternative.appendNull(name) }  // equal to null: absent
            alternative.append(column, from: times.lowerBound, "$lt", times.upperBound)
            alternatives.append("\(index)", alternative)
            absent.append(column)
        }
        return alternatives
    }

    private func find(
        _ table: StoredTable, _ filter: borrowing BSONDocument, sort: [String], direction: Int32, most: Int,
        _ body: (borrowing FoundDocument) -> Void
    ) throws(TradeStoreError) {
        try connection.find(
            filter, in: settings.collection(of: table), of: settings.database, sort: sort.map { ($0, direction) },
            indexed: table.indexedFields, most: most, body)
    }
}

extension StoredTable {
    /// The fields of the index that holds its series in order.
    var indexedFields: [String] {
        let fields = ["exchange", "symbol", seriesColumn, keyColumn]
        return switch self {
        case .ticks, .depth, .klines: fields
        // Several may have one key.
        case .decisions, .signals, .gaps: fields + ["_id"]
        }
    }

    /// Where a document has a column.
    fileprivate func path(_ column: StoredColumn) -> String {
        // The earlier services' shape.
        column.form == .levels ? "data.\(column.name)" : column.name
    }
}

extension MongoStoreSettings {
    /// The collection that holds a table.
    func collection(of table: StoredTable) -> String {
        switch table {
        case .ticks: ticksCollection
        case .decisions, .signals: signalsCollection
        case .gaps: gapsCollection
        case .depth: depthCollection
        case .klines: klinesCollection
        }
    }
}

extension BSONDocument {
    /// Appends a comparison with a text, such as `{symbol: {$gt: "BTCUSDT"}}`.
    fileprivate mutating func append(_ key: String, _ comparison: String, _ text: String) {
        var condition = BSONDocument()
        condition.append(comparison, text)
        append(key, condition)
    }

    /// Appends a range of integers with its upper end by `comparison`.
    fileprivate mutating func append(_ key: String, from: Int64, _ comparison: String, _ to: Int64) {
        var condition = BSONDocument()
        condition.append("$gte", from)
        condition.append(comparison, to)
        append(key, condition)
    }

    /// Appends an array of one document.
    fileprivate mutating func append(_ key: String, each document: borrowing BSONDocument) {
        var array = BSONDocument()
        array.append("0", document)
        append(key, array: array)
    }
}
