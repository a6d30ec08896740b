internal import CMongoC
internal import TradingModel

/// What became of one document that was to be inserted.
enum InsertionOutcome {
    /// It is there now.
    case inserted
    /// A document of the same `_id` is there already.
    case sameID
    /// Another unique index has a document with the same values already.
    case sameKey
}

/// Writes of one document each: acknowledged once a majority has it in its journals, and sent again once by the driver, under
/// the same transaction number, where the deployment can.
extension MongoConnection {
    /// Inserts one document; a duplicate is told only once what is there is itself held by a majority.
    ///
    /// - Throws: `refused` for a document over 16 MiB or that the server refuses, otherwise as the server answers.
    func insert(
        _ document: borrowing BSONDocument, into collection: String, of database: String
    ) throws(TradeStoreError) -> InsertionOutcome {
        try checkSize(of: document, for: collection)
        let reply = try unsafe withBulk(on: collection, of: database) { bulk throws(TradeStoreError) in
            var error = bson_error_t()
            guard unsafe mongoc_bulk_operation_insert_with_opts(bulk, document.raw, nil, &error) else {
                throw .refused(failure(&error).error.description)
            }
            return try unsafe execute(bulk)
        }
        // The index of `_id` is the first to be asked, so that it is named where several have the document.
        guard reply.integer("writeErrors.0.code") == Int64(ServerErrorCode.duplicateKey) else {
            try checkWriteError(of: reply)
            return .inserted
        }
        return reply.has("writeErrors.0.keyPattern._id") ? .sameID : .sameKey
    }

    /// Replaces the one document that `filter` finds; false where there is none.
    ///
    /// - Throws: as `insert`; a unique index that has the values already refuses the document.
    func replace(
        _ filter: borrowing BSONDocument, with document: borrowing BSONDocument, in collection: String,
        of database: String
    ) throws(TradeStoreError) -> Bool {
        let reply = try unsafe withBulk(on: collection, of: database) { bulk throws(TradeStoreError) in
            try unsafe add(document, over: filter, isUpsert: false, to: bulk, for: collection)
            return try unsafe execute(bulk)
        }
        try checkWriteError(of: reply)
        return reply.integer("nMatched") == 1
    }

    /// Stores `count` documents, each over the one of its `_id`, if there is any; `encode` makes them and returns that.
    ///
    /// - Throws: as `replace`.
    func put(
        count: Int, into collection: String, of database: String,
        _ encode: (Int, inout BSONDocument) -> String
    ) throws(TradeStoreError) {
        guard count > 0 else { return }
        let reply = try unsafe withBulk(on: collection, of: database) { bulk throws(TradeStoreError) in
            for index in 0..<count {
                var document = BSONDocument()
                let id = encode(index, &document)
                let filter = BSONDocument.of { $0.append("_id", id) }
                try unsafe add(document, over: filter, isUpsert: true, to: bulk, for: collection)
            }
            return try unsafe execute(bulk)
        }
        try checkWriteError(of: reply)
    }

    private func add(
        _ document: borrowing BSONDocument, over filter: borrowing BSONDocument, isUpsert: Bool,
        to bulk: OpaquePointer, for collection: String
    ) throws(TradeStoreError) {
        try checkSize(of: document, for: collection)
        let options = BSONDocument.of { $0.append("upsert", isUpsert) }
        var error = bson_error_t()
        guard
            unsafe mongoc_bulk_operation_replace_one_with_opts(bulk, filter.raw, document.raw, options.raw, &error)
        else { throw .refused(failure(&error).error.description) }
    }

    /// The reply, which may hold write errors.
    private func execute(_ bulk: OpaquePointer) throws(TradeStoreError) -> BSONDocument {
        let reply = BSONDocument()
        var error = bson_error_t()
        let isDone = unsafe CMongoC_execute(bulk, reply.raw, &error)
        guard !reply.has("writeConcernErrors.0") else {
            throw .unavailable(withoutSecrets(reply.text("writeConcernErrors.0.errmsg") ?? "no majority"))
        }
        guard isDone || reply.has("writeErrors.0") else { throw failure(&error).error }
        return reply
    }

    /// Runs a command that writes; its reply. The driver does not send it again.
    ///
    /// - Throws: as the server answers.
    func write(_ command: borrowing BSONDocument, database: String) throws(TradeStoreError) -> BSONDocument {
        switch run(command, options: Self.majority, database: database) {
        case .failure(let failure): throw failure.error
        case .success(let reply):
            guard !reply.has("writeConcernError") else {
                throw .unavailable(withoutSecrets(reply.text("writeConcernError.errmsg") ?? "no majority"))
            }
            return reply
        }
    }

    /// The driver's options for a command that waits for a majority.
    static var majority: BSONDocument {
        BSONDocument.of { options in
            options.append("writeConcern") { concern in
                concern.append("w", "majority")
                concern.append("j", true)
                concern.append("wtimeout", Self.majorityTimeoutMillis)
            }
        }
    }

    private func checkSize(
        of document: borrowing BSONDocument, for collection: String
    ) throws(TradeStoreError) {
        guard document.bytes > Self.mostDocumentBytes else { return }
        throw .refused(
            "a document of \(document.bytes) bytes for \(collection) is above MongoDB's \(Self.mostDocumentBytes)")
    }

    private func checkWriteError(of reply: borrowing BSONDocument) throws(TradeStoreError) {
        guard reply.has("writeErrors.0") else { return }
        let code = Int32(truncatingIfNeeded: reply.integer("writeErrors.0.code") ?? 0)
        let text = withoutSecrets(reply.text("writeErrors.0.errmsg") ?? "write error \(code)")
        let isRefusal =
            ServerErrorCode.refusesUs(code) || ServerErrorCode.refusesDocument(code)
            || code == ServerErrorCode.duplicateKey
        throw isRefusal ? .refused(text) : .unavailable(text)
    }
}
