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
        let decisions = batch.decisions
        try connection.insert(
            count: decisions.count, into: settings.signalsCollection, of: settings.database, adding: &receipt
        ) { index, document in encoder.encode(decisions[index], createdAt: createdAt, into: &document) }
        let gaps = batch.gaps
        try connection.insert(
            count: gaps.count, into: settings.gapsCollection, of: settings.database, adding: &receipt
        ) { index, document in encoder.encode(gaps[index], createdAt: createdAt, into: &document) }
        let ticks = batch.ticks
        try connection.insert(
            count: ticks.count, into: settings.ticksCollection, of: settings.database, adding: &receipt
        ) { index, document in encoder.encode(ticks[index], createdAt: createdAt, into: &document) }
        let books = batch.books
        try connection.insert(
            count: books.count, into: settings.depthCollection, of: settings.database, adding: &receipt
        ) { index, document in encoder.encode(books[index], createdAt: createdAt, into: &document) }
        let klines = batch.klines
        try connection.insert(
            count: klines.count, into: settings.klinesCollection, of: settings.database, adding: &receipt
        ) { index, document in encoder.encode(klines[index], createdAt: createdAt, into: &document) }
        return receipt
    }

    /// Does nothing: the pool closes its connections when the store is let go.
    public mutating func close() {}
}
