internal import CSQLite
public import TradingModel

/// The trader's orders, outcomes, positions and leases, and the paper venue's log, in one SQLite file.
///
/// A file of its own, `trading.sqlite` beside the ticks' one: there a batch may hold the write lock for as long as a slow disk
/// takes, and its `synchronous = NORMAL` is too little for orders. Each call is one transaction in write-ahead logging mode
/// with `synchronous = FULL`, on the disk when it returns. Readers never block the writer, nor it them; a call that finds
/// another one's write lock waits at most a second. Used by one thread at a time.
public struct SQLiteOrderStore: OrderStore, PaperOrderLog, ~Copyable {
    private static let busyMillis: Int32 = 1_000

    private let path: String
    private let wallClock: @Sendable () -> UnixNanos
    private var connection: SQLiteConnection?

    /// Looks at the file, if there is one, without changing it or the folder; opens nothing for writing.
    ///
    /// `wallClock` is the clock that leases end by.
    ///
    /// - Throws: `notOurs`, `damaged`, `newer`, `older`, `unopenable`.
    public init(path: String, wallClock: @escaping @Sendable () -> UnixNanos) throws(SQLiteStoreError) {
        try DatabaseFile.inspect(path, is: TradingSchema.format)
        self.path = path
        self.wallClock = wallClock
    }

    /// Opens the file, makes tables and indexes where absent.
    public mutating func prepareTrading() throws(TradeStoreError) { try open() }

    /// Opens the file read-only; it is left as it is.
    public mutating func prepareReading() throws(TradeStoreError) {
        do throws(SQLiteFailure) {
            connection = try SQLiteReader.open(path)
        } catch {
            throw error.storeError
        }
    }

    /// Opens the file, makes tables and indexes where absent.
    public mutating func preparePaper() throws(TradeStoreError) { try open() }

    private mutating func open() throws(TradeStoreError) {
        // Anew after each failure: the file may have been replaced.
        connection = nil
        do throws(SQLiteFailure) {
            let opened = try SQLiteConnection(path: path, mode: .readWrite, busyMillis: Self.busyMillis)
            try opened.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;")
            try opened.execute("BEGIN IMMEDIATE; \(TradingSchema.statements) COMMIT;")
            connection = consume opened
        } catch {
            throw error.storeError
        }
    }

    /// Closes the file; the log is written back into it.
    public mutating func close() { connection = nil }

    /// The clock that leases end by.
    var now: UnixNanos { wallClock() }

    /// Runs `body` in a transaction that writes, which is undone where `body` fails.
    func writing<Value>(
        _ body: (borrowing SQLiteConnection) throws(SQLiteFailure) -> Value
    ) throws(TradeStoreError) -> Value { try transaction("BEGIN IMMEDIATE", body) }

    /// Runs `body` in a transaction that sees one state of the file.
    func reading<Value>(
        _ body: (borrowing SQLiteConnection) throws(SQLiteFailure) -> Value
    ) throws(TradeStoreError) -> Value { try transaction("BEGIN", body) }

    private func transaction<Value>(
        _ begin: String, _ body: (borrowing SQLiteConnection) throws(SQLiteFailure) -> Value
    ) throws(TradeStoreError) -> Value {
        // Not `connection!` behind a look at nil: over that the optimiser of Swift 6.3.1 ends itself.
        switch connection {
        case .none: throw .unavailable("the database is not open")
        case .some(let connection):
            do throws(SQLiteFailure) { return try connection.transaction(begin, body) } catch { throw error.storeError }
        }
    }
}

extension SQLiteConnection {
    /// What `body` returns, its statements in one transaction.
    fileprivate borrowing func transaction<Value>(
        _ begin: String, _ body: (borrowing SQLiteConnection) throws(SQLiteFailure) -> Value
    ) throws(SQLiteFailure) -> Value {
        do throws(SQLiteFailure) {
            try execute(begin)
            let value = try body(self)
            try execute("COMMIT")
            return value
        } catch {
            // SQLite may have rolled back by itself, which makes this fail: nothing is left to do then.
            do throws(SQLiteFailure) { try execute("ROLLBACK") } catch {}
            throw error
        }
    }
}

extension SQLiteFailure {
    // Extended codes are macros that Swift does not import (sqlite3.h).
    private static let uniqueCode = SQLITE_CONSTRAINT | 8 << 8
    private static let primaryKeyCode = SQLITE_CONSTRAINT | 6 << 8

    /// Whether a unique index or a primary key has the values already.
    var isDuplicate: Bool { code == Self.uniqueCode || code == Self.primaryKeyCode }
}
