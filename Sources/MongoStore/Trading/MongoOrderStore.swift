public import TradingModel

/// The trader's orders, outcomes, positions and leases, and the paper venue's log, as documents of one MongoDB database.
///
/// Every write is one document's, acknowledged once a majority has it in its journals, and, but for leases, sent again once by
/// the driver under the same transaction number where the deployment can. Searches find only what a majority has, by their index alone.
/// Of a call that ended as `unavailable` nobody knows whether it took effect: repeated, it says so. Used by one thread at a
/// time; a call ends within the address's time limits, by default 1 s for a server that is gone and 3 s for one that hangs.
public struct MongoOrderStore: OrderStore, PaperOrderLog, ~Copyable {
    private let connection: MongoConnection
    private let database: String

    /// Checks the settings; contacts nobody, except that `mongodb+srv://` is looked up in the DNS.
    ///
    /// - Throws: `invalidURI`, `invalidName`, `sameCollection`, `invalidRetention`.
    public init(settings: MongoStoreSettings) throws(MongoStoreError) {
        try settings.validate()
        connection = try MongoConnection(uri: settings.uri)
        database = settings.database
    }

    /// Makes the indexes, and with them the collections.
    ///
    /// - Throws: `refused` where another index stands in the way of one.
    public mutating func prepareTrading() throws(TradeStoreError) { try prepare([.orders, .outcomes]) }

    /// Does nothing: the pool connects when something is asked for.
    public mutating func prepareReading() throws(TradeStoreError) {}

    /// Makes the indexes, and with them the collection.
    ///
    /// - Throws: `refused` where another index stands in the way of one.
    public mutating func preparePaper() throws(TradeStoreError) { try prepare([.paperLog]) }

    private func prepare(_ collections: [TradingCollection]) throws(TradeStoreError) {
        for collection in collections {
            for index in collection.indexes {
                try connection.create(index, on: collection.rawValue, of: database)
            }
        }
    }

    /// Does nothing: the pool closes its connections when the store is let go.
    public mutating func close() {}

    // What the parts of the port are made of.

    func insert(
        _ document: borrowing BSONDocument, into collection: TradingCollection
    ) throws(TradeStoreError) -> InsertionOutcome {
        try connection.insert(document, into: collection.rawValue, of: database)
    }

    /// Replaces the one document that `filter` finds; false where there is none.
    func replace(
        _ filter: borrowing BSONDocument, with document: borrowing BSONDocument, in collection: TradingCollection
    ) throws(TradeStoreError) -> Bool {
        try connection.replace(filter, with: document, in: collection.rawValue, of: database)
    }

    /// Stores documents, each over the one of its id, if there is any; `encode` makes them and returns that.
    func put(
        count: Int = 1, in collection: TradingCollection,
        _ encode: (Int, inout BSONDocument) -> String
    ) throws(TradeStoreError) {
        try connection.put(count: count, into: collection.rawValue, of: database, encode)
    }

    func write(_ command: borrowing BSONDocument) throws(TradeStoreError) -> BSONDocument {
        try connection.write(command, database: database)
    }

    /// What `read` makes of the documents that `filter` finds, in the index's order.
    func find<Value>(
        _ filter: borrowing BSONDocument, in collection: TradingCollection, by index: MongoIndex, most: Int? = nil,
        _ read: (borrowing FoundDocument) throws(TradeStoreError) -> Value
    ) throws(TradeStoreError) -> [Value] {
        var found: [Value] = []
        try connection.find(filter, in: collection.rawValue, of: database, by: index, most: most) {
            (document) throws(TradeStoreError) in found.append(try read(document))
        }
        return found
    }

    /// What `read` makes of the document of an id.
    func find<Value>(
        id: String, in collection: TradingCollection,
        _ read: (borrowing FoundDocument) throws(TradeStoreError) -> Value
    ) throws(TradeStoreError) -> Value? {
        try find(BSONDocument.of { $0.append("_id", id) }, in: collection, by: TradingCollection.byID, most: 1, read)
            .first
    }
}
