internal import CMongoC
internal import TradingModel

extension FoundDocument {
    /// Whether there is anything at a path.
    func has(_ path: String) -> Bool { unsafe CMongoC_has(raw, path) }

    /// The boolean at a path, nil for anything else.
    func boolean(_ path: String) -> Bool? {
        guard case .boolean(let value) = value(path, .boolean) else { return nil }
        return value
    }

    /// The Decimal128 at a path, nil for anything else and for what is no exact decimal.
    func exactDecimal(_ path: String) -> ExactDecimal? {
        let field = unsafe CMongoC_field_at(raw, path)
        guard unsafe bson_type_t(field.type) == BSON_TYPE_DECIMAL128 else { return nil }
        return unsafe Decimal128(low: field.low, high: field.high).exact
    }

    /// Relaxed extended JSON, cut to what an error's text can bear.
    var json: String {
        guard let text = unsafe bson_as_relaxed_extended_json(raw, nil) else { return "" }
        defer { unsafe bson_free(text) }
        return unsafe String(String(cString: text).prefix(300))
    }

    /// What `body` makes of each document in the array at a path, in order; refused where there is no array of documents.
    func documents<Value>(
        _ path: String, _ body: (borrowing FoundDocument) throws(TradeStoreError) -> Value
    ) throws(TradeStoreError) -> [Value] {
        var values: [Value] = []
        var failure: TradeStoreError?
        let isArray = visit(path) { document in
            guard failure == nil else { return }
            do throws(TradeStoreError) { values.append(try body(document)) } catch { failure = error }
        }
        if let failure { throw failure }
        return try need(path, isArray ? values : nil)
    }

    /// What `body` makes of the document at a path; nil where there is nothing.
    func document<Value>(
        _ path: String, _ body: (borrowing FoundDocument) throws(TradeStoreError) -> Value
    ) throws(TradeStoreError) -> Value? {
        guard has(path) else { return nil }
        return try documents(path, body).first
    }

    /// Hands over the documents of an array, or the one document there is; false for anything else.
    private func visit(_ path: String, _ body: (borrowing FoundDocument) -> Void) -> Bool {
        withoutActuallyEscaping(body) { body in
            var visitor = Visitor(body: body)
            return unsafe withUnsafeMutablePointer(to: &visitor) { visitor in
                unsafe CMongoC_each_document(raw, path, visitor) { context, element in
                    unsafe context.assumingMemoryBound(to: Visitor.self).pointee.body(FoundDocument(element))
                }
            }
        }
    }

    /// What a C function's context points to.
    private struct Visitor {
        let body: (borrowing FoundDocument) -> Void
    }
}

extension BSONDocument {
    /// What `body` reads from this document.
    func found<Value>(
        _ body: (borrowing FoundDocument) throws(TradeStoreError) -> Value
    ) throws(TradeStoreError) -> Value { try body(unsafe FoundDocument(raw)) }
}
