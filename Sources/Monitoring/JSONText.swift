/// Writes JSON text; keys keep the order they are given in.
struct JSONText {
    private(set) var text = ""
    private var needsComma = false

    /// A JSON string literal, RFC 8259 section 7. U+2028 and U+2029 are escaped too, as some readers take them for line ends.
    static func quoted(_ value: some StringProtocol) -> String {
        var text = "\""
        text.reserveCapacity(value.utf8.count + 2)
        // Scalars, not characters: "\r\n" and a quote with a combining mark are one character each.
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case _
            where scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value) || scalar == "\u{2028}"
                || scalar == "\u{2029}":
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text + "\""
    }

    /// An object of what `body` writes.
    static func object(_ body: (inout JSONText) -> Void) -> String {
        var json = JSONText()
        body(&json)
        return "{\(json.text)}"
    }

    /// One member whose value is JSON already.
    mutating func member(_ key: String, json value: String) {
        if needsComma { text += "," }
        needsComma = true
        text += "\(Self.quoted(key)):\(value)"
    }

    /// One member with a text.
    mutating func member(_ key: String, _ value: some StringProtocol) { member(key, json: Self.quoted(value)) }

    /// One member with a truth value.
    mutating func member(_ key: String, _ value: Bool) { member(key, json: value ? "true" : "false") }
}
