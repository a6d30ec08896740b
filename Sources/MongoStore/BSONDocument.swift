internal import CMongoC

/// One BSON document that is built, sent, emptied and built again. Used by one thread.
@safe struct BSONDocument: ~Copyable {
    let raw: OpaquePointer

    /// An empty document.
    init() { unsafe raw = bson_new() }

    /// A document from MongoDB's extended JSON, nil where it is none.
    init?(json: String) {
        guard let parsed = unsafe bson_new_from_json(json, -1, nil) else { return nil }
        unsafe raw = parsed
    }

    deinit { unsafe bson_destroy(raw) }

    /// Canonical extended JSON, which keeps every type apart.
    var json: String {
        guard let text = unsafe bson_as_canonical_extended_json(raw, nil) else { return "" }
        defer { unsafe bson_free(text) }
        return unsafe String(cString: text)
    }

    /// Encoded length.
    var bytes: Int { unsafe Int(CMongoC_document_bytes(raw)) }

    /// Empties the document and keeps its memory.
    mutating func removeAll() { unsafe bson_reinit(raw) }

    // Appending fails only beyond 2 GiB; such a document is far over the limit the caller checks, so it is not asked.

    mutating func append(_ key: String, _ value: String) {
        var value = value
        value.withUTF8 { bytes in
            _ = unsafe bytes.withMemoryRebound(to: CChar.self) { characters in
                // An empty string has no address, and libbson takes nil for "no value".
                unsafe bson_append_utf8(
                    raw, key, -1, characters.baseAddress ?? emptyText, Int32(clamping: characters.count))
            }
        }
    }

    mutating func append(_ key: String, _ value: Int64) { _ = unsafe bson_append_int64(raw, key, -1, value) }

    mutating func append(_ key: String, int32 value: Int32) { _ = unsafe bson_append_int32(raw, key, -1, value) }

    mutating func append(_ key: String, _ value: Bool) { _ = unsafe bson_append_bool(raw, key, -1, value) }

    mutating func appendNull(_ key: String) { _ = unsafe bson_append_null(raw, key, -1) }

    mutating func append(_ key: String, dateMillis: Int64) {
        _ = unsafe bson_append_date_time(raw, key, -1, dateMillis)
    }

    mutating func append(_ key: String, _ value: Decimal128) {
        var decimal = bson_decimal128_t()
        decimal.low = value.low
        decimal.high = value.high
        _ = unsafe bson_append_decimal128(raw, key, -1, &decimal)
    }

    mutating func append(_ key: String, _ child: borrowing BSONDocument) {
        _ = unsafe bson_append_document(raw, key, -1, child.raw)
    }

    mutating func append(_ key: String, array child: borrowing BSONDocument) {
        _ = unsafe bson_append_array(raw, key, -1, child.raw)
    }

    /// Appends to an array, at `index`, the array of the texts `first` and `second`.
    mutating func append(index: Int, _ first: UnsafeBufferPointer<UInt8>, _ second: UnsafeBufferPointer<UInt8>) {
        _ = unsafe first.withMemoryRebound(to: CChar.self) { first in
            unsafe second.withMemoryRebound(to: CChar.self) { second in
                unsafe CMongoC_append_pair(
                    raw, UInt32(index), first.baseAddress ?? emptyText, Int32(clamping: first.count),
                    second.baseAddress ?? emptyText, Int32(clamping: second.count))
            }
        }
    }

    func text(_ path: String) -> String? { unsafe CMongoC_text(raw, path).map { unsafe String(cString: $0) } }

    func has(_ path: String) -> Bool { unsafe CMongoC_has(raw, path) }

    func integer(_ path: String) -> Int64? {
        let value = unsafe CMongoC_integer(raw, path, Int64.min)
        return value == .min ? nil : value
    }
}

/// One NUL byte, for the address an empty string lacks; a constant, never freed.
private nonisolated(unsafe) let emptyText: UnsafePointer<CChar> = {
    let memory = UnsafeMutablePointer<CChar>.allocate(capacity: 1)
    unsafe memory.initialize(to: 0)
    return unsafe UnsafePointer(memory)
}()
