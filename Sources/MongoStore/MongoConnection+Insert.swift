internal import CMongoC
internal import TradingModel

extension MongoConnection {
    /// The server's limit on one document, 16 MiB; the driver would give up the whole bulk for one that is larger.
    static let mostDocumentBytes = 16 << 20
    /// How long the server waits for the majority; below the socket's 3 s, so that its own words arrive.
    static let majorityTimeoutMillis: Int64 = 2_500

    /// Inserts `count` documents, each built by `encode`, which returns false for a record it can't represent.
    ///
    /// - Throws: as `TradeStore.write`; `receipt` then has no meaning.
    func insert(
        count: Int, into collectionName: String, of database: String, adding receipt: inout StoreReceipt,
        encode: (Int, inout BSONDocument) -> Bool
    ) throws(TradeStoreError) {
        guard count > 0 else { return }
        let outcome = try unsafe withBulk(on: collectionName, of: database) { bulk throws(TradeStoreError) in
            try unsafe execute(bulk, count: count, encode: encode)
        }
        receipt.inserted[collectionName, default: 0] += outcome.inserted
        receipt.duplicates += outcome.duplicates
        receipt.refused += outcome.refused
    }

    /// Lends an unordered bulk operation whose writes count once a majority has them in its journals.
    func withBulk<Result: ~Copyable>(
        on collectionName: String, of database: String, _ body: (OpaquePointer) throws(TradeStoreError) -> Result
    ) throws(TradeStoreError) -> Result {
        try unsafe withClient { client throws(TradeStoreError) in
            let collection = unsafe mongoc_client_get_collection(client, database, collectionName)
            defer { unsafe mongoc_collection_destroy(collection) }
            let concern = unsafe mongoc_write_concern_new()
            defer { unsafe mongoc_write_concern_destroy(concern) }
            unsafe mongoc_write_concern_set_wmajority(concern, Int32(Self.majorityTimeoutMillis))
            unsafe mongoc_write_concern_set_journal(concern, true)
            unsafe mongoc_collection_set_write_concern(collection, concern)
            var options = BSONDocument()
            options.append("ordered", false)
            guard let bulk = unsafe mongoc_collection_create_bulk_operation_with_opts(collection, options.raw) else {
                throw .unavailable("the driver makes no bulk operation")
            }
            defer { unsafe mongoc_bulk_operation_destroy(bulk) }
            return try unsafe body(bulk)
        }
    }

    private func execute(
        _ bulk: OpaquePointer, count: Int, encode: (Int, inout BSONDocument) -> Bool
    ) throws(TradeStoreError) -> InsertOutcome {
        var outcome = InsertOutcome()
        var error = bson_error_t()
        var document = BSONDocument()
        var added = 0
        for index in 0..<count {
            document.removeAll()
            guard encode(index, &document), document.bytes <= Self.mostDocumentBytes,
                unsafe mongoc_bulk_operation_insert_with_opts(bulk, document.raw, nil, &error)
            else {
                outcome.refused += 1
                continue
            }
            added += 1
        }
        // An empty bulk is an error to the driver.
        guard added > 0 else { return outcome }
        let reply = BSONDocument()
        let isDone = unsafe CMongoC_execute(bulk, reply.raw, &error)
        let inserted = reply.integer("nInserted").map { Int($0) } ?? 0
        if isDone {
            outcome.inserted = inserted
            return outcome
        }
        let codes = reply.writeErrorCodes(most: added)
        if let failure = failure(codes: codes, reply: reply) { throw failure }
        outcome.duplicates = codes.count { $0 == ServerErrorCode.duplicateKey }
        outcome.refused += codes.count - outcome.duplicates
        outcome.inserted = inserted
        // What is neither inserted nor answered for was not written: the connection broke, or the server gave no reply.
        guard !codes.isEmpty, inserted + codes.count == added else { throw self.failure(&error).error }
        return outcome
    }

    /// The error of the whole batch, nil where each write error concerns its own document only.
    private func failure(codes: [Int32], reply: borrowing BSONDocument) -> TradeStoreError? {
        if reply.has("writeConcernErrors.0") {
            let text = reply.text("writeConcernErrors.0.errmsg") ?? "write concern not satisfied"
            return .unavailable(withoutSecrets(text))
        }
        let other = codes.indices.first {
            codes[$0] != ServerErrorCode.duplicateKey && !ServerErrorCode.refusesDocument(codes[$0])
        }
        guard let other else { return nil }
        let text = withoutSecrets(reply.text("writeErrors.\(other).errmsg") ?? "write error \(codes[other])")
        return ServerErrorCode.refusesUs(codes[other]) ? .refused(text) : .unavailable(text)
    }
}

/// What became of one collection's documents.
private struct InsertOutcome {
    var inserted = 0
    var duplicates = 0
    var refused = 0
}

extension BSONDocument {
    /// The codes of a bulk reply's write errors, at most `most` of them.
    fileprivate func writeErrorCodes(most: Int) -> [Int32] {
        unsafe [Int32](unsafeUninitializedCapacity: most) { codes, count in
            guard let start = codes.baseAddress else { return }
            count = Int(unsafe CMongoC_write_error_codes(raw, start, UInt32(most)))
        }
    }
}
