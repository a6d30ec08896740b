/// JSON text taken apart so that a test can spoil one place of it: strings and numbers stay as they were written.
indirect enum JSONTree {
    /// What stands between the quotes.
    case string(String)
    /// A number, `true`, `null` or any other text without structure, good JSON or not.
    case word(String)
    case array([JSONTree])
    case object([Member])

    struct Member {
        var key: String
        var value: JSONTree
    }

    /// Reads text that is known to be JSON.
    init(_ text: String) {
        var rest = Substring(text)
        self = Self.take(&rest)
    }

    private static func skipSpace(_ rest: inout Substring) { rest = rest.drop { " \n\r\t".contains($0) } }

    private static func take(_ rest: inout Substring) -> JSONTree {
        skipSpace(&rest)
        switch rest.first {
        case "\"": return .string(takeString(&rest))
        case "[":
            var elements: [JSONTree] = []
            takeElements(&rest, closing: "]") { elements.append(take(&$0)) }
            return .array(elements)
        case "{":
            var members: [Member] = []
            takeElements(&rest, closing: "}") {
                skipSpace(&$0)
                let key = takeString(&$0)
                skipSpace(&$0)
                $0.removeFirst()
                members.append(Member(key: key, value: take(&$0)))
            }
            return .object(members)
        default:
            let word = rest.prefix { !",]} \n\r\t".contains($0) }
            rest = rest.dropFirst(word.count)
            return .word(String(word))
        }
    }

    private static func takeElements(
        _ rest: inout Substring, closing: Character, element: (inout Substring) -> Void
    ) {
        repeat {
            rest.removeFirst()
            skipSpace(&rest)
            guard rest.first != closing else { break }
            element(&rest)
            skipSpace(&rest)
        } while rest.first == ","
        rest.removeFirst()
    }

    private static func takeString(_ rest: inout Substring) -> String {
        rest.removeFirst()
        var (text, isEscaped) = ("", false)
        while let character = rest.popFirst(), character != "\"" || isEscaped {
            text.append(character)
            isEscaped = character == "\\" && !isEscaped
        }
        return text
    }

    /// The text, with `space` wherever white space may stand.
    func text(space: String = "") -> String {
        switch self {
        case .string(let text): "\"\(text)\""
        case .word(let text): text
        case .array(let elements):
            "[\(space)" + elements.map { $0.text(space: space) }.joined(separator: "\(space),\(space)") + "\(space)]"
        case .object(let members):
            "{\(space)"
                + members.map { "\"\($0.key)\"\(space):\(space)\($0.value.text(space: space))" }
                .joined(separator: "\(space),\(space)") + "\(space)}"
        }
    }

    /// How many values it is made of, itself included.
    var count: Int {
        switch self {
        case .string, .word: 1
        case .array(let elements): elements.reduce(1) { $0 + $1.count }
        case .object(let members): members.reduce(1) { $0 + $1.value.count }
        }
    }

    /// Changes the value at `position`, counted from itself on, depth first.
    mutating func change(at position: Int, _ change: (inout JSONTree) -> Void) {
        var left = position
        descend(&left, change)
    }

    private mutating func descend(_ left: inout Int, _ change: (inout JSONTree) -> Void) {
        if left == 0 { change(&self) }
        left -= 1
        switch self {
        case .string, .word: break
        case .array(var elements):
            for index in elements.indices where left >= 0 { elements[index].descend(&left, change) }
            self = .array(elements)
        case .object(var members):
            for index in members.indices where left >= 0 { members[index].value.descend(&left, change) }
            self = .object(members)
        }
    }

    /// Containers inside each other.
    var depth: Int {
        switch self {
        case .string, .word: 0
        case .array(let elements): 1 + (elements.map(\.depth).max() ?? 0)
        case .object(let members): 1 + (members.map(\.value.depth).max() ?? 0)
        }
    }

    /// Whether it has what the decoders refuse although JSON allows it: a key twice in an object, an escape, deep nesting or
    /// a minus before a zero.
    var isBeyondOurRules: Bool { depth > 16 || hasOddity }

    private var hasOddity: Bool {
        switch self {
        case .string(let text): text.contains("\\")
        case .word(let text): text.hasPrefix("-0")
        case .array(let elements): elements.contains(where: \.hasOddity)
        case .object(let members):
            Set(members.map(\.key)).count < members.count
                || members.contains { $0.key.contains("\\") || $0.value.hasOddity }
        }
    }
}

extension JSONTree {
    /// Spoils one place, or only moves things around, as `generator` says.
    mutating func mutate(using generator: inout SeededGenerator) {
        let kind = Int.random(in: 0...9, using: &generator)
        var seed = generator
        change(at: Int.random(in: 0..<count, using: &seed)) { node in
            switch (kind, node) {
            case (0...2, .object(var members)) where !members.isEmpty:
                Self.mutateMembers(&members, using: &seed)
                node = .object(members)
            case (3, .string(let text)) where !text.isEmpty: node = .string(Self.escaped(text, using: &seed))
            case (4, _):
                for _ in 0..<Int.random(in: 1...40, using: &seed) { node = .array([node]) }
            case (5, _): node = .word(Self.words.randomElement(using: &seed)!)
            case (6, _): node = .string(Self.numbers.randomElement(using: &seed)!)
            case (7, .string(let text)): node = .word(text)
            case (8, .word(let text)): node = .string(text)
            case (_, .array(var elements)) where !elements.isEmpty:
                let index = Int.random(in: 0..<elements.count, using: &seed)
                if kind % 2 == 0 { elements.remove(at: index) } else { elements.append(elements[index]) }
                node = .array(elements)
            default: node = [.array([]), .object([]), node].randomElement(using: &seed)!
            }
        }
        generator = seed
    }

    private static func mutateMembers(_ members: inout [Member], using generator: inout SeededGenerator) {
        let index = Int.random(in: 0..<members.count, using: &generator)
        switch Int.random(in: 0...5, using: &generator) {
        case 0: members.remove(at: index)
        case 1: members.insert(members[index], at: Int.random(in: 0...members.count, using: &generator))
        case 2: members[index].key = escaped(members[index].key, using: &generator)
        case 3:
            let value = [JSONTree.word("1"), .string("x"), .array([.object([])])].randomElement(using: &generator)!
            members.insert(Member(key: "zz", value: value), at: index)
        case 4: members[index].key += "_"
        default: members.shuffle(using: &generator)
        }
    }

    /// The same string to JSON, with one character written as an escape; plain text only.
    private static func escaped(_ text: String, using generator: inout SeededGenerator) -> String {
        guard !text.contains("\\"), !text.isEmpty else { return text }
        let index = text.unicodeScalars.indices.randomElement(using: &generator)!
        let hex = String(text.unicodeScalars[index].value, radix: 16)
        let escape = "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
        return String(text.unicodeScalars[..<index]) + escape
            + String(text.unicodeScalars[text.unicodeScalars.index(after: index)...])
    }

    /// Texts without structure, good JSON and bad.
    private static let words = [
        "null", "true", "false", "0", "-0", "-1", "1", "1.0", "1.5", "1e3", "9223372036854775807",
        "9223372036854775808",
        "18446744073709551616", "100000000000000", "99999999999999", "9223372036855", "NaN", "-", "01", "+1", ".5",
        "tru",
        "-9223372036854775808", "Infinity", "1e400", String(repeating: "7", count: 40),
    ]

    /// Numbers as strings, taken and refused.
    private static let numbers = [
        "", "0", "0.0", "-0", "-1", "1", "1.", ".1", "01", "1e5", "1E-5", "NaN", "Infinity", "1e400", "0.00000001",
        "0.000000001", "0.000000000", "92233720368.54775807", "92233720368.54775808", "1.50", "1.5000000000000", "x",
        " 1", "1 ", "0x1", "1,5", String(repeating: "9", count: 40), "1." + String(repeating: "0", count: 255),
        "1." + String(repeating: "0", count: 256), "MARKET", "BTCUSDT", "1m", "1M", "depthUpdate", "kline", "trade",
    ]
}
