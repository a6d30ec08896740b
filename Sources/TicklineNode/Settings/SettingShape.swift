import Monitoring
import Yams

/// A node of the YAML file, with its place in it.
typealias YAMLNode = Yams.Node

/// The form of a value in the YAML file: what is checked before anything is read, and what the schema says.
///
/// Check and schema are made from the same shape, so that they agree.
indirect enum SettingShape: Sendable {
    /// A whole number.
    case integer(ClosedRange<Int>)
    /// Text that is not empty.
    case text
    /// Text that is not empty, or a whole number.
    case textOrInteger(ClosedRange<Int>)
    /// One of some words.
    case choice([String])
    /// A list with at least one item.
    case list(SettingShape)
    /// A map with any keys.
    case map(SettingShape)
    /// A map with known keys.
    case object([Field])
    /// A map as the second says, anything else as the first.
    case either(SettingShape, SettingShape)

    /// A key of an object.
    struct Field: Sendable {
        var name: String
        var shape: SettingShape
        var isRequired = false
        /// Whether the key may stand without a value, as a section does whose keys are all comments.
        var isSection = false
        var help: String
        /// For a setting.
        var setting: Setting?
    }

    /// What the shape is, in a refusal's words.
    var description: String {
        switch self {
        case .integer(let range): "a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .text: "text"
        case .textOrInteger: "text or a whole number"
        case .choice(let words): "one of \(words.joined(separator: ", "))"
        case .list(let item): "a list of which each item is \(item.description)"
        case .map(let value): "a map of which each value is \(value.description)"
        case .object(let fields): "a map with the keys \(fields.map(\.name).joined(separator: ", "))"
        case .either(let one, let map): "\(one.description), or \(map.description)"
        }
    }
}

/// Checks nodes of a YAML file against shapes, and says where in the file something is wrong.
struct SettingShapeChecker {
    /// The file's name, for refusals.
    let file: String
    /// Where each setting was given.
    private(set) var found: [(setting: Setting, node: YAMLNode, place: String)] = []

    init(file: String) { self.file = file }

    /// `file:line:column`.
    func place(_ node: YAMLNode) -> String {
        guard let mark = node.mark else { return file }
        return "\(file):\(mark.line):\(mark.column)"
    }

    /// Checks one node and all below it, and collects the settings among them. O(nodes).
    ///
    /// - Throws: `SettingsError.misplaced` for the first that is wrong. Values are never shown: they may be passwords.
    /// - Parameter expected: what a refusal of the node itself asks for; nil for the shape's own words.
    mutating func check(
        _ node: YAMLNode, _ shape: SettingShape, name: String, expected: String? = nil
    ) throws(SettingsError) {
        func wrong() -> SettingsError { refusal(of: node, shape, name: name, expected: expected) }
        switch shape {
        case .integer(let range):
            guard let number = integer(node), range.contains(number) else { throw wrong() }
        case .text:
            guard isText(node) else { throw wrong() }
        case .textOrInteger(let range):
            guard isText(node) || integer(node).map(range.contains) == true else { throw wrong() }
        case .choice(let words):
            guard isText(node), words.contains(node.string ?? "") else { throw wrong() }
        case .list(let item):
            guard let items = node.sequence, !items.isEmpty else { throw wrong() }
            for (index, node) in items.enumerated() { try check(node, item, name: "\(name)[\(index)]") }
        case .map(let value):
            guard let map = node.mapping else { throw wrong() }
            for (key, node) in map { try check(node, value, name: "\(name).\(key.string ?? "")") }
        case .object(let fields):
            guard let map = node.mapping else { throw wrong() }
            try check(map, fields, in: node, name: name)
        case .either(let one, let map):
            try check(node, node.mapping == nil ? one : map, name: name, expected: expected)
        }
    }

    private mutating func check(
        _ map: YAMLNode.Mapping, _ fields: [SettingShape.Field], in node: YAMLNode, name: String
    ) throws(SettingsError) {
        let prefix = name.isEmpty ? "" : name + "."
        for (key, value) in map {
            guard let field = fields.first(where: { $0.name == key.string }) else {
                throw unknown(key, fields, in: name)
            }
            if field.isSection, value.tag == Tag(.null) { continue }
            if let setting = field.setting { found.append((setting, value, place(value))) }
            try check(value, field.shape, name: prefix + field.name, expected: field.setting?.expected)
        }
        for field in fields where field.isRequired && map[field.name] == nil {
            throw .misplaced(place(node), "\(name) lacks its \(field.name)")
        }
    }

    private func unknown(_ key: YAMLNode, _ fields: [SettingShape.Field], in name: String) -> SettingsError {
        guard let text = key.string else {
            return .misplaced(
                place(key), "a key is one word; give one of \(fields.map(\.name).joined(separator: ", "))")
        }
        let elsewhere = Setting.all.first { $0.path.last == text || $0.flag == text }?.name
        let meant = elsewhere ?? nearest(to: text, in: fields.map(\.name)) ?? ""
        let home = name.isEmpty ? "" : " in \(name)"
        return .misplaced(place(key), "unknown key '\(maskedSecret(text))'\(home); did you mean \(meant)?")
    }

    private func refusal(
        of node: YAMLNode, _ shape: SettingShape, name: String, expected: String?
    ) -> SettingsError {
        let problem =
            switch node {
            case .sequence(let items) where items.isEmpty: "is an empty list"
            case .sequence: "is a list"
            case .mapping: "is a map"
            default: scalarProblem(node, shape)
            }
        let wanted = expected ?? shape.description
        return .misplaced(place(node), "\(name.isEmpty ? "the file" : name) \(problem); give \(wanted)")
    }

    private func scalarProblem(_ node: YAMLNode, _ shape: SettingShape) -> String {
        switch shape {
        case .list, .map, .object: return node.tag == Tag(.null) ? "has no value" : "is a single value"
        default: break
        }
        if node.tag == Tag(.null) { return "has no value" }
        if node.tag == Tag(.str) {
            if node.string?.isEmpty == true { return "is empty" }
            return if case .choice = shape { "is another word" } else { "is text" }
        }
        if node.tag == Tag(.int) {
            return switch shape {
            case .integer, .textOrInteger: "is out of range"
            default: "is a number to YAML; text that looks like one stands in quotes"
            }
        }
        return "is no text to YAML, such as a truth value, a fraction or a date; text stands in quotes"
    }

    private func isText(_ node: YAMLNode) -> Bool { node.tag == Tag(.str) && node.string?.isEmpty == false }

    private func integer(_ node: YAMLNode) -> Int? { node.tag == Tag(.int) ? node.int : nil }
}
