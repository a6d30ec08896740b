/// Where a place differs from what the journal gives.
public struct RecordDifference: Sendable, Equatable {
    /// Where it was looked for.
    public enum Place: String, Sendable {
        /// The Redis stream of signals.
        case stream
        /// MongoDB or SQLite.
        case store
    }

    /// What is wrong.
    public enum Kind: Sendable, Equatable {
        /// It must be there and is not.
        case missing
        /// Its id is there once more, in the entry named.
        case doubled(entry: String)
        /// A field has another value; empty where one side has none.
        case altered(field: String, ours: String, theirs: String)
        /// It is there, in the part the journal covers, and the journal does not give it.
        case unknown
    }

    /// Where.
    public var place: Place
    /// What.
    public var kind: Kind
    /// The signal's or the record's id.
    public var identifier: String

    /// Creates a difference.
    public init(place: Place, kind: Kind, identifier: String) {
        self.place = place
        self.kind = kind
        self.identifier = identifier
    }

    /// One line for a person.
    public var line: String {
        switch kind {
        case .missing: "missing in the \(place.rawValue): \(identifier)"
        case .doubled(let entry): "doubled in the \(place.rawValue): \(identifier), again in entry \(entry)"
        case .altered(let field, let ours, let theirs):
            "altered in the \(place.rawValue): \(identifier), \(field): ours '\(ours)', theirs '\(theirs)'"
        case .unknown: "unknown to the journal, in the \(place.rawValue): \(identifier)"
        }
    }

    /// One JSON object (RFC 8259) without a line end.
    public var json: String {
        var members = [("place", place.rawValue)]
        switch kind {
        case .missing: members.append(("difference", "missing"))
        case .doubled(let entry): members += [("difference", "doubled"), ("entry", entry)]
        case .altered(let field, let ours, let theirs):
            members += [("difference", "altered"), ("field", field), ("ours", ours), ("theirs", theirs)]
        case .unknown: members.append(("difference", "unknown"))
        }
        members.append(("id", identifier))
        return "{" + members.map { "\"\($0)\":\"\(Self.escaped($1))\"" }.joined(separator: ",") + "}"
    }

    /// What others wrote may hold anything.
    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": escaped += "\\\(scalar)"
            case "\u{0}"..."\u{1F}":
                escaped += "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
