internal import TradingModel

extension BSONDocument {
    /// A document of what `body` appends.
    static func of(_ body: (inout BSONDocument) -> Void) -> BSONDocument {
        var document = BSONDocument()
        body(&document)
        return document
    }

    /// Appends a document of what `body` appends to it.
    mutating func append(_ key: String, document body: (inout BSONDocument) -> Void) {
        append(key, BSONDocument.of(body))
    }

    /// Appends an array of what `body` appends under "0", "1" and so on.
    mutating func appendArray(_ key: String, of body: (inout BSONDocument) -> Void) {
        append(key, array: BSONDocument.of(body))
    }

    /// Appends an array of documents, each of what `body` appends to it.
    mutating func append<Element>(
        _ key: String, documents elements: some Sequence<Element>, _ body: (Element, inout BSONDocument) -> Void
    ) {
        var array = BSONDocument()
        for (index, element) in elements.enumerated() {
            var document = BSONDocument()
            body(element, &document)
            array.append("\(index)", document)
        }
        append(key, array: array)
    }

    /// Appends an exact decimal as Decimal128.
    mutating func append(_ key: String, _ value: ExactDecimal) { append(key, Decimal128(value)) }

    /// Appends a date and, with `Nanos` behind the name, the nanoseconds.
    mutating func append(_ key: String, moment: UnixNanos) {
        append(key, dateMillis: moment.millis)
        append(key + "Nanos", moment.rawValue)
    }
}
