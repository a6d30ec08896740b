public import TradingModel

/// Ticks, book updates, klines, decisions and gaps as documents of one MongoDB database.
///
/// Documents are inserted unordered with write concern `majority` and `journal`, so what is acknowledged survives the
/// loss of a server; the driver retries once under the same transaction number where the deployment can. Each `_id` is a
/// function of the record, so what a retry finds there already counts as success. Collections are regular ones:
/// time-series collections do not enforce `_id`. Only ticks and book updates expire, by `created_at`, the date of insertion:
/// an event date would delete replayed history. Used by one thread at a time; a call ends within the address's time limits, by default
/// 1 s for a server that is gone and 3 s for one that hangs.
public struct MongoStore: TradeStore, ~Copyable {
    private let connection: MongoConnection
    private let settings: MongoStoreSettings
    private let encoder: RecordEncoder
    private let wallClock: @Sendable () -> UnixNanos

    /// Checks the settings; contacts nobody, except that `mongodb+srv://` is looked up in the DNS.
    ///
    /// `wallClock` gives the date of insertion that ticks and book updates expire by.
    ///
    /// - Throws: `invalidURI`, `invalidName`, `sameCollection`, `invalidRetention`.
    public init(
        settings: MongoStoreSettings, catalog: MarketCatalog, wallClock: @escaping @Sendable () -> UnixNanos
    ) throws(MongoStoreError) {
        try settings.validate()
        connection = try MongoConnection(uri: settings.uri)
        self.settings = settings
        encoder = RecordEncoder(catalog: catalog)
        self.wallClock = wallClock
    }

    /// Makes the indexes, and with them the collections; a changed retention is applied to the index that is there.
    public mutating func prepare() throws(TradeStoreError) {
        try connection.prepare(settings)
    }

    /// Inserts the batch, one bulk for each collection.
    ///
    /// A document that is invalid, over 16 MiB, or has an id over 2⁶³ − 1 is refused alone and counted.
    public mutating func write(_ batch: borrowing StoreBatch) throws(TradeStoreError) -> StoreReceipt {
        let createdAt = wallClock()
        let encoder = encoder
        var receipt = StoreReceipt()
        // Decisions first: they are few, and what consumers wait for.
        try insert(batch.decisions, into: settings.signalsCollection, adding: &receipt) { decision, document in
            encoder.encode(decision, createdAt: createdAt, into: &document)
        }
        try insert(batch.gaps, into: settings.gapsCollection, adding: &receipt) { gap, document in
            encoder.encode(gap, createdAt: createdAt, into: &document)
        }
        try insert(batch.ticks, into: settings.ticksCollection, adding: &receipt) { tick, document in
            encoder.encode(tick, createdAt: createdAt, into: &document)
        }
        try insert(batch.books, into: settings.depthCollection, adding: &receipt) { book, document in
            encoder.encode(book, createdAt: createdAt, into: &document)
        }
        try insert(batch.klines, into: settings.klinesCollection, adding: &receipt) { kline, document in
            encoder.encode(kline, createdAt: createdAt, into: &document)
        }
        return receipt
    }

    private func insert<Record>(
        _ records: [Record], into collection: String, adding receipt: inout StoreReceipt,
        encode: (Record, inout BSONDocument) -> Bool
    ) throws(TradeStoreError) {
        try connection.insert(
            count: records.count, into: collection, of: settings.database, adding: &receipt
        ) { index, document in encode(records[index], &document) }
    }

    /// Does nothing: the pool closes its connections when the store is let go.
    public mutating func close() {}
}
