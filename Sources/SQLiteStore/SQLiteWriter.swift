internal import TradingModel

/// An open database with its statements.
struct SQLiteWriter: ~Copyable {
    /// How long a call waits for another program's lock, before it counts as unavailable.
    private static let busyMillis: Int32 = 1_000
    /// Streams whose expired rows are looked for behind one batch.
    private static let streamsPerTurn = 20
    /// Pages of the log after which it is written back: 16 MiB, so that it happens some times a second at full rate.
    private static let checkpointPages = 4_096

    private let catalog: MarketCatalog
    // Statements end before the connection: fields are destroyed in order.
    private let insertTick: SQLiteStatement
    private let insertBook: SQLiteStatement
    private let insertDecision: SQLiteStatement
    private let insertGap: SQLiteStatement
    private let oldestTick: SQLiteStatement
    private let oldestBook: SQLiteStatement
    private let expireTicks: SQLiteStatement
    private let expireBooks: SQLiteStatement
    /// The number of each (instrument, kind), by `instrument * 16 + kind`.
    private let streams: [Int64]
    /// The same with whether it is book updates', for their expiry in turn.
    private let storedStreams: [(Int64, Bool)]
    private var nextStream = 0
    private let connection: SQLiteConnection

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
        let insertTick = try connection.prepare(insert("tick_rows", 12))
        let insertBook = try connection.prepare(insert("depth_rows", 10))
        let insertDecision = try connection.prepare(insert("trade_signals", 16))
        let insertGap = try connection.prepare(insert("gaps", 16))
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
        self.insertTick = insertTick
        self.insertBook = insertBook
        self.insertDecision = insertDecision
        self.insertGap = insertGap
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
    func write(_ batch: borrowing StoreBatch, createdAt: UnixNanos) throws(SQLiteFailure) -> StoreReceipt {
        var receipt = StoreReceipt()
        guard batch.count > 0 else { return receipt }
        try connection.execute("BEGIN IMMEDIATE")
        let created = TextCursor.text { $0.append(rfc3339: createdAt) }
        for index in batch.decisions.indices {
            count(try insert(batch.decisions[index], created), "trade_signals", &receipt)
        }
        for index in batch.gaps.indices { count(try insert(batch.gaps[index], created), "gaps", &receipt) }
        for index in batch.ticks.indices {
            count(try insert(batch.ticks[index], createdMillis: createdAt.millis), "ticks", &receipt)
        }
        for index in batch.books.indices {
            count(try insert(batch.books[index], createdMillis: createdAt.millis), "depth", &receipt)
        }
        try connection.execute("COMMIT")
        return receipt
    }

    /// Ends a transaction that failed, if it is still open.
    func rollBack() {
        // SQLite may have rolled back by itself, which makes this fail: nothing is left to do then.
        do throws(SQLiteFailure) { try connection.execute("ROLLBACK") } catch {}
    }

    /// Removes at most `most` rows of each of the next few streams that were inserted before `millis`.
    ///
    /// Only the oldest id of a stream is looked at while nothing has expired, since ids rise with time: no index over the
    /// time of insertion has to be kept, which would cost half as much as the rows themselves. An old id that came late
    /// holds those behind it back, until it expires too.
    mutating func expire(before millis: Int64, most: Int) throws(SQLiteFailure) {
        for _ in 0..<min(Self.streamsPerTurn, storedStreams.count) {
            let (stream, isBook) = storedStreams[nextStream % storedStreams.count]
            nextStream = (nextStream + 1) % storedStreams.count
            if isBook {
                try Self.expire(oldestBook, expireBooks, stream, millis, most)
            } else {
                try Self.expire(oldestTick, expireTicks, stream, millis, most)
            }
        }
    }

    private static func expire(
        _ oldest: borrowing SQLiteStatement, _ expire: borrowing SQLiteStatement, _ stream: Int64, _ millis: Int64,
        _ most: Int
    ) throws(SQLiteFailure) {
        oldest.bind(stream, at: 0)
        let createdMillis = try oldest.firstNumber()
        guard let createdMillis, createdMillis < millis else { return }
        expire.bind(stream, at: 0)
        expire.bind(millis, at: 1)
        expire.bind(Int64(most), at: 2)
        try expire.run()
    }

    /// nil: refused.
    private func count(_ changes: Int?, _ table: String, _ receipt: inout StoreReceipt) {
        switch changes {
        case nil: receipt.refused += 1
        case 0: receipt.duplicates += 1
        case .some(let rows): receipt.inserted[table, default: 0] += rows
        }
    }

    private func insert(_ stored: StoredTick, createdMillis: Int64) throws(SQLiteFailure) -> Int? {
        let tick = stored.tick
        guard let id = Int64(exactly: tick.id), Int(tick.instrument) < catalog.instruments.count, tick.kind < 16 else {
            return nil
        }
        let stream = streams[Int(tick.instrument) * 16 + Int(tick.kind)]
        guard stream > 0 else { return nil }
        let scale = catalog.instruments[Int(tick.instrument)]
        insertTick.bind(stream, at: 0)
        insertTick.bind(id, at: 1)
        insertTick.bind(tick.price, at: 2)
        insertTick.bind(tick.quantity, at: 3)
        insertTick.bind(tick.secondaryPrice, at: 4)
        insertTick.bind(tick.secondaryQuantity, at: 5)
        insertTick.bind(Int64(scale.priceDecimals), at: 6)
        insertTick.bind(Int64(scale.quantityDecimals), at: 7)
        insertTick.bind(Int64(tick.flags), at: 8)
        insertTick.bind(tick.exchangeTimeNanos, at: 9)
        insertTick.bind(stored.receiveTime.rawValue, at: 10)
        insertTick.bind(createdMillis, at: 11)
        try insertTick.run()
        return connection.changes
    }

    private func insert(_ book: BookUpdate, createdMillis: Int64) throws(SQLiteFailure) -> Int? {
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

    private func insert(_ decision: Decision, _ created: String) throws(SQLiteFailure) -> Int? {
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
        insertDecision.bind(Self.date(decision.exchangeTime.rawValue), at: 11)
        insertDecision.bind(decision.exchangeTime.rawValue, at: 12)
        insertDecision.bind(Self.date(decision.receiveTime.rawValue), at: 13)
        insertDecision.bind(decision.receiveTime.rawValue, at: 14)
        insertDecision.bind(created, at: 15)
        try insertDecision.run()
        return connection.changes
    }

    private func insert(_ stored: StoredGap, _ created: String) throws(SQLiteFailure) -> Int? {
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
        insertGap.bind(0, at: 14)
        insertGap.bind(created, at: 15)
        try insertGap.run()
        return connection.changes
    }

    /// RFC 3339 in milliseconds; nil for 0, the exchange's "none".
    private static func date(_ nanos: Int64) -> String? {
        nanos == 0
            ? nil
            : TextCursor.text { $0.append(rfc3339: UnixNanos(rawValue: UnixNanos(rawValue: nanos).millis * 1_000_000)) }
    }
}
