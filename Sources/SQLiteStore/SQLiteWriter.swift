internal import TradingModel

/// An open database with its statements.
struct SQLiteWriter: ~Copyable {
    /// How long a call waits for another program's lock, before it counts as unavailable.
    private static let busyMillis: Int32 = 1_000
    /// Pages of the log after which it is written back: 16 MiB, so that it happens some times a second at full rate.
    private static let checkpointPages = 4_096

    let catalog: MarketCatalog
    // Statements end before the connection: fields are destroyed in order.
    let insertTicks: SQLiteStatement
    let insertBook: SQLiteStatement
    let insertDecision: SQLiteStatement
    let insertGap: SQLiteStatement
    let insertKline: SQLiteStatement
    let oldestTick: SQLiteStatement
    let oldestBook: SQLiteStatement
    let expireTicks: SQLiteStatement
    let expireBooks: SQLiteStatement
    /// The number of each (instrument, kind), by `instrument * 16 + kind`.
    let streams: [Int64]
    /// The same with whether it is book updates', for their expiry in turn.
    let storedStreams: [(Int64, Bool)]
    var nextStream = 0
    let connection: SQLiteConnection
    /// What `insertTicks` reads; ends after the connection.
    let tickSource: TickRowSource
    /// The batch's ticks as rows; kept for its memory.
    var tickRows: [TickRow] = []

    init(path: String, catalog: MarketCatalog) throws(SQLiteFailure) {
        let connection = try SQLiteConnection(path: path, mode: .readWrite, busyMillis: Self.busyMillis)
        try connection.execute(
            """
            PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
            PRAGMA wal_autocheckpoint = \(Self.checkpointPages); PRAGMA temp_store = MEMORY;
            """)
        try connection.execute("BEGIN IMMEDIATE; \(Schema.statements) COMMIT;")
        func insert(_ table: String, _ columns: Int) -> String {
            let marks = Array(repeating: "?", count: columns).joined(separator: ",")
            return "INSERT INTO \(table) VALUES (\(marks)) ON CONFLICT DO NOTHING"
        }
        let tickSource = try TickRowSource(in: connection)
        let insertTicks = try connection.prepare(TickRowSource.insertStatement)
        let insertBook = try connection.prepare(insert("depth_rows", 10))
        let insertDecision = try connection.prepare(insert("trade_signals", 16))
        let insertGap = try connection.prepare(insert("gaps", 17))
        let insertKline = try connection.prepare(insert("klines", 21))
        func expire(_ table: String) -> String {
            """
            DELETE FROM \(table) WHERE stream = ?1 AND created_ms < ?2 AND id IN
            (SELECT id FROM \(table) WHERE stream = ?1 ORDER BY id LIMIT ?3)
            """
        }
        func oldest(_ table: String) -> String {
            "SELECT created_ms FROM \(table) WHERE stream = ? ORDER BY id LIMIT 1"
        }
        let oldestTick = try connection.prepare(oldest("tick_rows"))
        let oldestBook = try connection.prepare(oldest("depth_rows"))
        let expireTicks = try connection.prepare(expire("tick_rows"))
        let expireBooks = try connection.prepare(expire("depth_rows"))
        let streams = try Self.streams(of: catalog, in: connection)
        self.catalog = catalog
        self.insertTicks = insertTicks
        self.tickSource = tickSource
        self.insertBook = insertBook
        self.insertDecision = insertDecision
        self.insertGap = insertGap
        self.insertKline = insertKline
        self.oldestTick = oldestTick
        self.oldestBook = oldestBook
        self.expireTicks = expireTicks
        self.expireBooks = expireBooks
        self.streams = streams
        storedStreams = streams.enumerated().filter { $0.element > 0 }.map {
            ($0.element, $0.offset % 16 >= Int(RecordKind.depth.rawValue))
        }
        self.connection = connection
    }

    private static let kinds: [RecordKind] = [.trade, .aggregateTrade, .quote, .depth, .partialDepth]

    private static func streams(
        of catalog: MarketCatalog, in connection: borrowing SQLiteConnection
    ) throws(SQLiteFailure) -> [Int64] {
        let insert = try connection.prepare(
            "INSERT INTO streams (exchange, symbol, kind) VALUES (?,?,?) ON CONFLICT DO NOTHING")
        var numbers = [Int64](repeating: 0, count: catalog.instruments.count * 16)
        for (index, specification) in catalog.instruments.enumerated() {
            for kind in kinds {
                insert.bind(specification.instrument.exchange.rawValue, at: 0)
                insert.bind(specification.instrument.symbol, at: 1)
                insert.bind(kind.name, at: 2)
                try insert.run()
                let select = try connection.prepare(
                    "SELECT stream FROM streams WHERE exchange = ? AND symbol = ? AND kind = ?")
                select.bind(specification.instrument.exchange.rawValue, at: 0)
                select.bind(specification.instrument.symbol, at: 1)
                select.bind(kind.name, at: 2)
                if try select.step() { numbers[index * 16 + Int(kind.rawValue)] = select.number(0) }
            }
        }
        return numbers
    }

    /// One transaction; after an error call `rollBack`.
    mutating func write(_ batch: borrowing StoreBatch, createdAt: UnixNanos) throws(SQLiteFailure) -> StoreReceipt {
        var receipt = StoreReceipt()
        guard batch.count > 0 else { return receipt }
        try connection.execute("BEGIN IMMEDIATE")
        let created = Self.dateText(createdAt)
        for index in batch.decisions.indices {
            count(try insert(batch.decisions[index], created), "trade_signals", &receipt)
        }
        for index in batch.gaps.indices { count(try insert(batch.gaps[index], created), "gaps", &receipt) }
        try insertTicks(of: batch, createdMillis: createdAt.millis, adding: &receipt)
        for index in batch.books.indices {
            count(try insert(batch.books[index], createdMillis: createdAt.millis), "depth", &receipt)
        }
        for index in batch.klines.indices { count(try insert(batch.klines[index], created), "klines", &receipt) }
        try connection.execute("COMMIT")
        return receipt
    }

    /// Ends a transaction that failed, if it is still open.
    func rollBack() {
        // SQLite may have rolled back by itself, which makes this fail: nothing is left to do then.
        do throws(SQLiteFailure) { try connection.execute("ROLLBACK") } catch {}
    }

    /// nil: refused.
    private func count(_ changes: Int?, _ table: String, _ receipt: inout StoreReceipt) {
        switch changes {
        case nil: receipt.refused += 1
        case 0: receipt.duplicates += 1
        case .some(let rows): receipt.inserted[table, default: 0] += rows
        }
    }
}
