/// Why an entry of the signal stream is not a signal.
package enum SignalEntryError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Written by the Go services that Tickline replaces: it names no instrument.
    case earlierService
    /// It has no `schema`: somebody else's entry.
    case foreign
    /// Another schema than `SignalEntryReader.schema`.
    case unknownSchema(String)
    /// A field is not there.
    case missing(String)
    /// A field's value is not what the contract says.
    case malformed(String, value: String)
    /// An exchange that this version does not know.
    case unknownExchange(String)
    /// The id is not that of the entry's own fields.
    case foreignID(String, expected: String)
    /// `time` is not `eventTime`, or the averages are not on the signal's side of each other.
    case contradiction(String)

    /// What it is counted under.
    package var label: String {
        switch self {
        case .earlierService: "earlier-service"
        case .foreign: "foreign"
        case .unknownSchema: "unknown-schema"
        case .missing: "missing-field"
        case .malformed: "malformed-field"
        case .unknownExchange: "unknown-exchange"
        case .foreignID: "foreign-id"
        case .contradiction: "contradiction"
        }
    }

    /// One line for operators; values are cut, since they are somebody else's.
    package var description: String {
        switch self {
        case .earlierService:
            "an entry of the earlier services, without a symbol: nothing can be traded on it; publish to this stream with "
                + "tickline alone"
        case .foreign: "no entry of tickline: it has no schema"
        case .unknownSchema(let schema):
            "schema \(Self.cut(schema)) is not known here, only \(SignalEntryReader.schema); a newer tickline may read it"
        case .missing(let field): "the field \(field) is missing"
        case .malformed(let field, let value): "the field \(field) can't be \"\(Self.cut(value))\""
        case .unknownExchange(let exchange): "the exchange \"\(Self.cut(exchange))\" is not known here"
        case .foreignID(let id, let expected): "the id \"\(Self.cut(id))\" is not that of its fields, \(expected)"
        case .contradiction(let reason): reason
        }
    }

    private static func cut(_ text: String) -> String { text.count > 80 ? "\(text.prefix(80))…" : text }
}
