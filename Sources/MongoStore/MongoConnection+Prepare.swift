internal import CMongoC
internal import TradingModel

extension MongoConnection {
    /// Makes all indexes; what is there already stays.
    ///
    /// None waits for a majority: after a failover that may take a second each, although the indexes are there. One that a
    /// further failover undoes is made again, since that failover breaks the connection too.
    func prepare(_ settings: MongoStoreSettings) throws(TradeStoreError) {
        let database = settings.database
        // Signals are decisions.
        for table in StoredTable.allCases where table != .signals {
            try createIndex(table.indexedFields, on: settings.collection(of: table), of: database)
        }
        try createIndex(["symbol", "eventTime"], on: settings.ticksCollection, of: database)
        try createRetentionIndex(
            "created_at", seconds: settings.tickRetentionSeconds, on: settings.ticksCollection, of: database)
        try createIndex(["symbol", "timestamp"], on: settings.depthCollection, of: database)
        // The earlier services' documents in the same collection have a `created_at` too, and never expired: their own index
        // was over another name. They stay.
        try createRetentionIndex(
            "created_at", seconds: settings.tickRetentionSeconds, on: settings.depthCollection, of: database,
            ofDocumentsWith: "kind")
        try createIndex(["symbol", "interval", "openTime"], on: settings.klinesCollection, of: database)
        try createIndex(["timestamp"], on: settings.signalsCollection, of: database)
        try createIndex(["symbol", "strategy", "timestamp"], on: settings.signalsCollection, of: database)
        try createIndex(["symbol", "noticedTime"], on: settings.gapsCollection, of: database)
    }

    private func createIndex(_ fields: [String], on collection: String, of database: String) throws(TradeStoreError) {
        switch apply(Self.createCommand(fields, retentionSeconds: nil, on: collection), database: database) {
        case .success: return
        case .failure(let failure):
            // An operator's own index over the same fields serves as well.
            guard Self.isConflict(failure.code) else { throw failure.error }
        }
    }

    /// An index by which the server deletes documents so long after the date in `field`: all, or those that have a field.
    private func createRetentionIndex(
        _ field: String, seconds: Int, on collection: String, of database: String,
        ofDocumentsWith mark: String? = nil
    ) throws(TradeStoreError) {
        let create = Self.createCommand([field], retentionSeconds: seconds, ofDocumentsWith: mark, on: collection)
        switch apply(create, database: database) {
        case .success: return
        case .failure(let failure):
            guard Self.isConflict(failure.code) else { throw failure.error }
        }
        // It exists with another retention, or with none.
        var index = BSONDocument()
        index.append("keyPattern", Self.keys([field]))
        index.append("expireAfterSeconds", Int64(seconds))
        var command = BSONDocument()
        command.append("collMod", collection)
        command.append("index", index)
        if case .failure(let failure) = apply(command, database: database) { throw failure.error }
    }

    private func apply(_ command: borrowing BSONDocument, database: String) -> CommandResult {
        var concern = BSONDocument()
        concern.append("w", int32: 1)
        var options = BSONDocument()
        options.append("writeConcern", concern)
        return run(command, options: options, database: database)
    }

    private static func isConflict(_ code: Int32) -> Bool {
        code == ServerErrorCode.indexOptionsConflict || code == ServerErrorCode.indexKeySpecsConflict
    }

    private static func createCommand(
        _ fields: [String], retentionSeconds: Int?, ofDocumentsWith mark: String? = nil, on collection: String
    ) -> BSONDocument {
        var index = BSONDocument()
        index.append("key", keys(fields))
        index.append("name", fields.map { "\($0)_1" }.joined(separator: "_"))
        if let retentionSeconds { index.append("expireAfterSeconds", Int64(retentionSeconds)) }
        if let mark {
            var exists = BSONDocument()
            exists.append("$exists", true)
            var filter = BSONDocument()
            filter.append(mark, exists)
            index.append("partialFilterExpression", filter)
        }
        var indexes = BSONDocument()
        indexes.append("0", index)
        var command = BSONDocument()
        command.append("createIndexes", collection)
        command.append("indexes", array: indexes)
        return command
    }

    /// Ascending keys.
    static func keys(_ fields: [String]) -> BSONDocument {
        var keys = BSONDocument()
        for field in fields { keys.append(field, int32: 1) }
        return keys
    }
}
