internal import CMongoC
internal import TradingModel

extension MongoConnection {
    /// Finds documents and hands each to `body`, in the order of `sort`, at most `most`.
    ///
    /// The server may use the index over `indexed` alone, so that it neither scans nor sorts a collection.
    ///
    /// - Throws: `refused` where there is no such index, otherwise as the server answers.
    func find(
        _ filter: borrowing BSONDocument, in collectionName: String, of database: String, sort: [(String, Int32)],
        indexed: [String], most: Int, _ body: (borrowing FoundDocument) -> Void
    ) throws(TradeStoreError) {
        var options = BSONDocument()
        var order = BSONDocument()
        for (field, direction) in sort { order.append(field, int32: direction) }
        options.append("sort", order)
        options.append("hint", Self.keys(indexed))
        options.append("limit", Int64(most))
        options.append("batchSize", Int64(most))
        try find(
            filter, in: collectionName, of: database, options: options,
            index: "over \(indexed.joined(separator: ", "))"
        ) { (document) throws(TradeStoreError) in body(document) }
    }

    /// Finds documents with the driver's options, among them a hint at the index that `index` names for an error's text.
    ///
    /// - Throws: `refused` where there is no such index, otherwise as the server answers or `body` throws.
    func find(
        _ filter: borrowing BSONDocument, in collectionName: String, of database: String,
        options: borrowing BSONDocument, index: String,
        _ body: (borrowing FoundDocument) throws(TradeStoreError) -> Void
    ) throws(TradeStoreError) {
        try unsafe withClient { client throws(TradeStoreError) in
            let collection = unsafe mongoc_client_get_collection(client, database, collectionName)
            defer { unsafe mongoc_collection_destroy(collection) }
            guard
                let cursor = unsafe mongoc_collection_find_with_opts(collection, filter.raw, options.raw, nil)
            else { throw .unavailable("the driver makes no cursor") }
            defer { unsafe mongoc_cursor_destroy(cursor) }
            var document: OpaquePointer?
            while unsafe mongoc_cursor_next(cursor, &document), let found = unsafe document {
                try body(unsafe FoundDocument(found))
            }
            var error = bson_error_t()
            guard unsafe mongoc_cursor_error(cursor, &error) else { return }
            let failure = failure(&error)
            guard failure.code != ServerErrorCode.badValue else {
                // The only bad value there can be.
                throw .refused("\(database).\(collectionName) has no index \(index); tickline makes it at its start")
            }
            throw failure.error
        }
    }
}
