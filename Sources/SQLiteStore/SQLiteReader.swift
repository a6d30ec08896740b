public import TradingModel

/// Reads the file that a `SQLiteStore` writes, also while it does.
///
/// The file is opened read-only; a write-ahead log that a killed process left beside it is read with it. Each call is a
/// transaction of its own. Used by one thread at a time.
public struct SQLiteReader: TradeReader, ~Copyable {
    /// How long a call waits for another program's lock, before it counts as unavailable.
    private static let busyMillis: Int32 = 1_000

    // The statement ends before the connection: fields are destroyed in order.
    private var prepared: PreparedSelect?
    private let connection: SQLiteConnection

    /// Opens the file, which is left as it is.
    ///
    /// - Throws: `absent`, `notOurs`, `damaged`, `newer`, `older`, `unopenable`.
    public init(path: String) throws(SQLiteStoreError) {
        try DatabaseFile.inspectForReading(path, is: Schema.format)
        do throws(SQLiteFailure) {
            connection = try Self.open(path)
        } catch {
            throw error.refusal(of: path)
        }
    }

    /// In a folder that can't be written SQLite can't make the file by which readers and a writer see each other; nobody
    /// writes there then.
    static func open(_ path: String) throws(SQLiteFailure) -> SQLiteConnection {
        do throws(SQLiteFailure) {
            let connection = try SQLiteConnection(path: path, mode: .readOnly, busyMillis: busyMillis)
            _ = try connection.number("SELECT count(*) FROM sqlite_schema")
            return connection
        } catch {
            guard error.isUnwritableFolder else { throw error }
            return try SQLiteConnection(path: path, mode: .immutable, busyMillis: busyMillis)
        }
    }

    /// Every instrument that a run subscribed.
    public mutating func instruments() throws(TradeStoreError) -> [StoredInstrument] {
        var found: [StoredInstrument] = []
        try reading { connection throws(SQLiteFailure) in
            let select = try connection.prepare("SELECT DISTINCT exchange, symbol FROM streams")
            while try select.step() {
                found.append(StoredInstrument(exchange: select.text(0) ?? "", symbol: select.text(1) ?? ""))
            }
        }
        return found.sorted()
    }

    /// One for each kind, strategy or interval.
    public mutating func series(
        of table: StoredTable, instrument: StoredInstrument
    ) throws(TradeStoreError) -> [RecordSeries] {
        var names: [String] = []
        try reading { connection throws(SQLiteFailure) in
            switch table {
            case .ticks, .depth:
                let select = try connection.prepare("SELECT kind FROM streams WHERE exchange = ? AND symbol = ?")
                select.bind(instrument.exchange, at: 0)
                select.bind(instrument.symbol, at: 1)
                while try select.step() { if let name = select.text(0) { names.append(name) } }
            case .decisions, .signals, .gaps, .klines:
                // From one to the next by the index, without reading the records between.
                let next = try connection.prepare(
                    """
                    SELECT min(\(table.seriesColumn)) FROM \(table.sqliteName)
                    WHERE exchange = ? AND symbol = ? AND \(table.seriesColumn) > ?
                    """)
                next.bind(instrument.exchange, at: 0)
                next.bind(instrument.symbol, at: 1)
                next.bind("", at: 2)
                while let name = try next.firstText() {
                    names.append(name)
                    next.bind(name, at: 2)
                }
            }
        }
        return names.sorted().map { RecordSeries(table: table, instrument: instrument, name: $0) }
    }

    /// In one statement.
    public mutating func records(
        of series: RecordSeries, in range: RecordRange
    ) throws(TradeStoreError) -> [StoredRecord] {
        do throws(SQLiteFailure) {
            if prepared?.isFor(series.table, isDescending: range.isDescending) != true {
                prepared = nil
                prepared = try PreparedSelect(series.table, isDescending: range.isDescending, in: connection)
            }
            return try prepared!.records(of: series, in: range)
        } catch {
            throw error.storeError
        }
    }

    private func reading(
        _ body: (borrowing SQLiteConnection) throws(SQLiteFailure) -> Void
    ) throws(TradeStoreError) {
        do throws(SQLiteFailure) { try body(connection) } catch { throw error.storeError }
    }
}
