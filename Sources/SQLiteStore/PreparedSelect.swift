internal import TradingModel

extension StoredTable {
    /// The table or view that holds it.
    var sqliteName: String {
        switch self {
        case .ticks: "ticks"
        case .decisions, .signals: "trade_signals"
        case .gaps: "gaps"
        case .depth: "depth"
        case .klines: "klines"
        }
    }

    /// What a column is called there: `depth` has the earlier services' names, and SQL does not tell `eventTime` from their
    /// `eventtime`.
    fileprivate func sqliteName(_ column: String) -> String {
        switch (self, column) {
        case (.depth, "lastUpdateId"): "finalupdateid"
        case (.depth, "eventTime"): "eventTimestamp"
        default: column
        }
    }

    /// Whether two records of a series may have one key.
    fileprivate var hasEqualKeys: Bool {
        switch self {
        case .ticks, .depth, .klines: false
        case .decisions, .signals, .gaps: true
        }
    }
}

/// The statement that reads a part of a series of one table in one direction.
struct PreparedSelect: ~Copyable {
    private let table: StoredTable
    private let isDescending: Bool
    private let columns: [StoredColumn]
    private let select: SQLiteStatement

    init(
        _ table: StoredTable, isDescending: Bool, in connection: borrowing SQLiteConnection
    ) throws(SQLiteFailure) {
        self.table = table
        self.isDescending = isDescending
        columns = table.columns
        select = try connection.prepare(Self.text(table, isDescending: isDescending))
    }

    func isFor(_ table: StoredTable, isDescending: Bool) -> Bool {
        self.table == table && self.isDescending == isDescending
    }

    /// Behind the table's columns: the key, the time, whether it is the first of the time columns.
    private static func text(_ table: StoredTable, isDescending: Bool) -> String {
        // Tables keep 0 where the exchange gave no time; documents have no such field.
        func expression(_ name: String) -> String {
            name.hasSuffix("Nanos") ? "NULLIF(\(name), 0)" : table.sqliteName(name)
        }
        let time = "COALESCE(\((table.timeColumns.map(expression) + ["0"]).joined(separator: ", ")))"
        let (key, direction) = (table.sqliteName(table.keyColumn), isDescending ? "DESC" : "ASC")
        let columns =
            table.columns.map { expression($0.name) } + [key, time, "\(expression(table.timeColumns[0])) IS NOT NULL"]
        return """
            SELECT \(columns.joined(separator: ", ")) FROM \(table.sqliteName)
            WHERE exchange = ?1 AND symbol = ?2 AND \(table.seriesColumn) = ?3 AND \(key) BETWEEN ?4 AND ?5
            AND NOT (\(key) = ?6 AND _id \(isDescending ? ">=" : "<=") ?7) AND \(time) BETWEEN ?8 AND ?9
            \(table == .signals ? "AND isSignal = 1" : "")
            ORDER BY \(key) \(direction)\(table.hasEqualKeys ? ", _id \(direction)" : "") LIMIT ?10
            """
    }

    func records(of series: RecordSeries, in range: RecordRange) throws(SQLiteFailure) -> [StoredRecord] {
        var keys = range.keys
        if let behind = range.behind {
            guard keys.contains(behind.key) else { return [] }
            keys = isDescending ? keys.lowerBound...behind.key : behind.key...keys.upperBound
        }
        select.bind(series.instrument.exchange, at: 0)
        select.bind(series.instrument.symbol, at: 1)
        select.bind(series.name, at: 2)
        select.bind(keys.lowerBound, at: 3)
        select.bind(keys.upperBound, at: 4)
        // Without a place to begin behind: one that no record is at.
        select.bind(range.behind?.key ?? keys.lowerBound, at: 5)
        select.bind(range.behind?.identifier ?? (isDescending ? "\u{10FFFF}" : ""), at: 6)
        select.bind(range.timesNanos?.lowerBound ?? Int64.min, at: 7)
        // Both are lower ends of nanoseconds, so none is left out.
        select.bind((range.timesNanos?.upperBound).map { $0 - 1 } ?? Int64.max, at: 8)
        select.bind(Int64(range.most), at: 9)
        defer { select.reset() }
        var found: [StoredRecord] = []
        while try select.step() { found.append(record()) }
        return found
    }

    private func record() -> StoredRecord {
        let values = columns.indices.map { value(columns[$0].form, at: Int32($0)) }
        let count = Int32(columns.count)
        return StoredRecord(
            values: values,
            position: RecordPosition(key: select.number(count), identifier: select.text(0) ?? ""),
            timeNanos: select.number(count + 1), hasFirstTime: select.number(count + 2) != 0)
    }

    private func value(_ form: StoredColumn.Form, at column: Int32) -> StoredValue {
        guard !select.isNull(column) else { return .none }
        return switch form {
        case .integer: .integer(select.number(column))
        case .boolean: .boolean(select.number(column) != 0)
        case .text, .decimal, .time, .levels: .text(select.text(column) ?? "")
        }
    }
}
