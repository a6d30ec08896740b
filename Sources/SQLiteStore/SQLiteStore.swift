public import TradingModel

/// Ticks, book updates, klines, decisions and gaps in one SQLite file, the store that needs no server.
///
/// Each batch is one transaction in write-ahead logging mode. What is acknowledged survives the death of this process;
/// with `synchronous = NORMAL` a power failure can take the transactions since the last checkpoint, never the file's
/// consistency. Every row's key is a function of the record, so what is there already is success. Readers never block the
/// writer, nor it them. Ticks and book updates expire by the time of their insertion, in slices no longer than the batch
/// they follow. Used by one thread at a time.
public struct SQLiteStore: TradeStore, ~Copyable {
    /// Longest retention: a hundred years, as elsewhere.
    static let mostRetentionSeconds = 36_525 * 86_400

    private let path: String
    private let retentionSeconds: Int
    private let catalog: MarketCatalog
    private let wallClock: @Sendable () -> UnixNanos
    private var writer: SQLiteWriter?

    /// Looks at the file, if there is one, without changing it or the folder; opens nothing for writing.
    ///
    /// `wallClock` gives the time of insertion that rows expire by.
    ///
    /// - Throws: `notOurs`, `damaged`, `newer`, `older`, `unopenable`, `invalidRetention`.
    public init(
        path: String, retentionSeconds: Int, catalog: MarketCatalog, wallClock: @escaping @Sendable () -> UnixNanos
    ) throws(SQLiteStoreError) {
        guard (1...Self.mostRetentionSeconds).contains(retentionSeconds) else {
            throw .invalidRetention(retentionSeconds)
        }
        try DatabaseFile.inspect(path, is: Schema.format)
        self.path = path
        self.retentionSeconds = retentionSeconds
        self.catalog = catalog
        self.wallClock = wallClock
    }

    /// Opens the file, makes tables and views where absent.
    public mutating func prepare() throws(TradeStoreError) {
        // Anew after each failure: the file may have been replaced.
        writer = nil
        do throws(SQLiteFailure) {
            writer = try SQLiteWriter(path: path, catalog: catalog)
        } catch {
            throw error.storeError
        }
    }

    /// Writes the batch in one transaction, then removes what has expired, of each stream at most twice as many rows.
    ///
    /// A record with an id over 2⁶³ − 1 is refused alone and counted.
    public mutating func write(_ batch: borrowing StoreBatch) throws(TradeStoreError) -> StoreReceipt {
        guard writer != nil else { throw .unavailable("the database is not open") }
        let now = wallClock()
        do throws(SQLiteFailure) {
            let receipt = try writer!.write(batch, createdAt: now)
            try writer!.expire(before: now.millis - Int64(retentionSeconds) * 1_000, most: 2 * batch.count + 100)
            return receipt
        } catch {
            writer!.rollBack()
            throw error.storeError
        }
    }

    /// Closes the file; the log is written back into it.
    public mutating func close() { writer = nil }
}

extension SQLiteFailure {
    /// What an operator can mend by waiting or making room is retried; what needs another file or other rights is not
    /// expected to mend itself.
    var storeError: TradeStoreError {
        let words = "SQLite: \(message) (code \(code))"
        return isRefusal ? .refused(words) : .unavailable(words)
    }
}
