internal import CMongoC
internal import TradingModel

/// A document that a search found; it belongs to the cursor and is gone with the next one.
@safe struct FoundDocument: ~Copyable {
    let raw: OpaquePointer

    init(_ raw: OpaquePointer) { unsafe self.raw = raw }

    /// The integer at a path, nil for anything else.
    func integer(_ path: String) -> Int64? {
        guard case .integer(let number) = value(path, .integer) else { return nil }
        return number
    }

    /// The text at a path, anything else as JSON; nil where there is nothing.
    func text(_ path: String) -> String? {
        guard case .text(let text) = value(path, .text) else { return nil }
        return text
    }

    /// What is at a path. What an operator put there instead is text: its JSON, which says its type.
    func value(_ path: String, _ form: StoredColumn.Form) -> StoredValue {
        let field = unsafe CMongoC_field_at(raw, path)
        switch (form, unsafe bson_type_t(field.type)) {
        case (.text, BSON_TYPE_UTF8):
            return unsafe .text(
                String(
                    decoding: UnsafeRawBufferPointer(start: field.text, count: Int(field.text_bytes)), as: UTF8.self))
        case (.integer, BSON_TYPE_INT64), (.integer, BSON_TYPE_INT32): return unsafe .integer(field.integer)
        case (.boolean, BSON_TYPE_BOOL): return unsafe .boolean(field.integer != 0)
        case (.decimal, BSON_TYPE_DECIMAL128):
            return unsafe Decimal128(low: field.low, high: field.high).text.map { .text($0) } ?? json(path)
        case (.time, BSON_TYPE_DATE_TIME):
            // Beyond the years that nanoseconds reach.
            let (nanos, isOver) = unsafe field.integer.multipliedReportingOverflow(by: 1_000_000)
            return isOver ? json(path) : .text(TextCursor.text { $0.append(rfc3339: UnixNanos(rawValue: nanos)) })
        case (.levels, BSON_TYPE_ARRAY): return levels(path)
        case (_, BSON_TYPE_EOD), (_, BSON_TYPE_NULL): return .none
        default: return json(path)
        }
    }

    private func json(_ path: String) -> StoredValue {
        guard let json = unsafe CMongoC_value_json(raw, path) else { return .none }
        defer { unsafe bson_free(json) }
        // An array's brackets with a space inside each.
        return unsafe .text(String(String(cString: json).dropFirst(2).dropLast(2)))
    }

    private func levels(_ path: String) -> StoredValue {
        guard let json = unsafe CMongoC_array_json(raw, path) else { return .none }
        defer { unsafe bson_free(json) }
        // The driver writes spaces between the parts; the exchange's texts are numbers, which have none.
        return unsafe .text(String(decoding: String(cString: json).utf8.filter { $0 != 0x20 }, as: UTF8.self))
    }
}
