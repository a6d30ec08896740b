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
        var command = BSONDocument()
        command.append("insert", collection)
        command.append("documents", each: document)
        let reply = try reply(to: command, database: database)
        // The index of `_id` is the first to be asked, so that it is named where several have the document.
        guard reply.integer("writeErrors.0.code") == Int64(ServerErrorCode.duplicateKey) else {
            try checkWriteError(of: reply)
            return .inserted
        }
        return reply.has("writeErrors.0.keyPattern._id") ? .sameID : .sameKey
    }

    /// Replaces the one document that `filter` finds, or inserts it where `isUpsert`; false where none was found.
    ///
    /// - Throws: as `insert`; a unique index that has the values already refuses the document.
    func replace(
        _ filter: borrowing BSONDocument, with document: borrowing BSONDocument, in collection: String,
        of database: String, isUpsert: Bool = false
    ) throws(TradeStoreError) -> Bool {
        try checkSize(of: document, for: collection)
        var update = BSONDocument()
        update.append("q", filter)
        update.append("u", document)
        update.append("upsert", isUpsert)
        var command = BSONDocument()
        command.append("update", collection)
        command.append("updates", each: update)
        return try write(command, database: database).integer("n") == 1
    }

    /// Runs a command that writes; its reply.
    ///
    /// - Throws: `refused` for a document that the server refuses, otherwise as the server answers.
    func write(_ command: borrowing BSONDocument, database: String) throws(TradeStoreError) -> BSONDocument {
        let reply = try reply(to: command, database: database)
        try checkWriteError(of: reply)
        return reply
    }

    private func reply(
        to command: borrowing BSONDocument, database: String
    ) throws(TradeStoreError) -> BSONDocument {
        let options = BSONDocument.of { options in
            options.append("writeConcern") { concern in
                concern.append("w", "majority")
                concern.append("j", true)
                concern.append("wtimeout", Self.majorityTimeoutMillis)
            }
        }
        switch run(command, options: options, database: database) {
        case .failure(let failure): throw failure.error
        case .success(let reply):
            guard !reply.has("writeConcernError") else {
                throw .unavailable(withoutSecrets(reply.text("writeConcernError.errmsg") ?? "no majority"))
            }
            return reply
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

extension BSONDocument {
    /// Appends an array of one document.
    mutating func append(_ key: String, each document: borrowing BSONDocument) {
        var array = BSONDocument()
        array.append("0", document)
        append(key, array: array)
    }
}
