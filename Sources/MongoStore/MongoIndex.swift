internal import CMongoC
internal import TradingModel

/// An index of a collection, by the name that searches give the server as a hint.
struct MongoIndex: Sendable {
    /// The fields with 1 for ascending and -1 for descending.
    let fields: [(name: String, direction: Int32)]
    /// Whether the server refuses a second document with the same values.
    let isUnique: Bool
    /// The index holds only documents with this value in this field; a search must ask for it.
    let only: (field: String, value: Value)?

    /// What a partial index demands.
    enum Value: Sendable {
        case boolean(Bool)
        case text(String)
    }

    init(
        _ fields: [(name: String, direction: Int32)], isUnique: Bool = false, only: (field: String, value: Value)? = nil
    ) {
        self.fields = fields
        self.isUnique = isUnique
        self.only = only
    }

    /// As the server would name it; a partial index says so, since another over the same fields may hold all documents.
    var name: String {
        // The server makes this one by itself, under a name of its own.
        if fields.map(\.name) == ["_id"] { return "_id_" }
        return fields.map { "\($0.name)_\($0.direction)" }.joined(separator: "_")
            + (only.map { "_of_\($0.field)" } ?? "")
    }

    /// The fields as an index key or a sort order.
    var keys: BSONDocument {
        BSONDocument.of { document in for (name, direction) in fields { document.append(name, int32: direction) } }
    }

    /// Appends what the index demands of its documents.
    func appendCondition(to filter: inout BSONDocument) {
        switch only {
        case nil: break
        case (let field, .boolean(let value))?: filter.append(field, value)
        case (let field, .text(let value))?: filter.append(field, value)
        }
    }
}

extension MongoConnection {
    /// Makes the index and, with it, the collection; a majority has it then, since searches see no other.
    ///
    /// - Throws: `refused` where another index stands in its way, or documents that a unique one can't hold.
    func create(_ index: MongoIndex, on collection: String, of database: String) throws(TradeStoreError) {
        let command = BSONDocument.of { command in
            command.append("createIndexes", collection)
            command.append("indexes", documents: [index]) { index, document in
                document.append("key", index.keys)
                document.append("name", index.name)
                if index.isUnique { document.append("unique", true) }
                if index.only != nil { document.append("partialFilterExpression") { index.appendCondition(to: &$0) } }
            }
        }
        let failure: Failure
        switch run(command, options: Self.majority, database: database) {
        case .success(let reply):
            guard reply.has("writeConcernError") else { return }
            throw .unavailable(withoutSecrets(reply.text("writeConcernError.errmsg") ?? "no majority"))
        case .failure(let found): failure = found
        }
        let standsInTheWay = [
            ServerErrorCode.indexOptionsConflict, ServerErrorCode.indexKeySpecsConflict, ServerErrorCode.duplicateKey,
        ]
        guard standsInTheWay.contains(failure.code) else { throw failure.error }
        throw .refused(
            "\(database).\(collection) can't have the index \(index.name), mend or drop what is in its way:"
                + " \(failure.error)")
    }

    /// Finds documents by an index, in its order, at most `most` (nil: all), and hands each to `body`.
    ///
    /// Only what a majority has is found, so nothing that a failover might take back.
    ///
    /// - Throws: `refused` where there is no such index, otherwise as the server answers or `body` throws.
    func find(
        _ filter: borrowing BSONDocument, in collectionName: String, of database: String, by index: MongoIndex,
        most: Int?, _ body: (borrowing FoundDocument) throws(TradeStoreError) -> Void
    ) throws(TradeStoreError) {
        let options = BSONDocument.of { options in
            options.append("sort", index.keys)
            options.append("hint", index.name)
            if let most {
                options.append("limit", Int64(most))
                options.append("batchSize", Int64(most))
            }
            options.append("readConcern") { $0.append("level", "majority") }
        }
        try find(filter, in: collectionName, of: database, options: options, index: index.name, body)
    }
}
