import Foundation
import Monitoring
import Yams

/// The YAML file of settings.
struct SettingsFile {
    /// Largest file taken; the one with everything in it has a hundredth of this.
    static let mostBytes = 1 << 20
    /// Most aliases (`*name`). Expanded inside each other, so many of them stay below 3⁸ nodes.
    static let mostAliases = 24

    /// What it sets, in its order, with the place in the file.
    let found: [(setting: Setting, node: YAMLNode, place: String)]

    /// Reads and checks the file at `path`.
    ///
    /// - Parameter source: what named the file, for refusals.
    /// - Throws: `unreadableFile`, `misplaced`.
    init(path: String, source: String) throws(SettingsError) {
        let text = try BoundedFile.text(path: path, mostBytes: Self.mostBytes, source: source)
        try self.init(text: text, name: path)
    }

    /// Checks the text of a file called `name`; an empty one sets nothing.
    ///
    /// - Throws: `misplaced`.
    init(text: String, name: String) throws(SettingsError) {
        guard Self.aliases(in: text) <= Self.mostAliases else {
            throw .misplaced(name, "more than \(Self.mostAliases) aliases (*name); write the values out")
        }
        let root: YAMLNode?
        do { root = try Yams.compose(yaml: text) } catch {
            throw Self.refusal(error, text: text, name: name)
        }
        var checker = SettingShapeChecker(file: name)
        if let root, root.tag != Tag(.null) { try checker.check(root, Self.shape, name: "") }
        found = checker.found
    }

    /// The shape of the whole file, made from the settings' paths.
    static let shape = SettingShape.object(fields(of: Setting.all, depth: 0))

    private static func fields(of settings: [Setting], depth: Int) -> [SettingShape.Field] {
        var fields: [SettingShape.Field] = []
        for setting in settings where !fields.contains(where: { $0.name == setting.path[depth] }) {
            let name = setting.path[depth]
            guard setting.path.count > depth + 1 else {
                fields.append(.init(name: name, shape: setting.shape, help: setting.help + ".", setting: setting))
                continue
            }
            let inside = settings.filter { $0.path[depth] == name }
            fields.append(
                .init(
                    name: name, shape: .object(self.fields(of: inside, depth: depth + 1)), isSection: true,
                    help: "Settings of \(name)."))
        }
        return fields
    }

    /// At least as many as there are: a `*` in front of a letter or digit counts wherever a node could begin.
    private static func aliases(in text: String) -> Int {
        var count = 0
        var before = UInt8(ascii: "\n")
        var isStar = false
        for byte in text.utf8 {
            if isStar, byte > 0x20 { count += 1 }
            isStar = byte == UInt8(ascii: "*") && (before <= 0x20 || "[]{},:?-\"'".utf8.contains(before))
            before = byte
        }
        return count
    }

    /// The parser's error in one line; the line it quotes is left out, as it may hold a password.
    private static func refusal(_ error: any Error, text: String, name: String) -> SettingsError {
        func at(_ mark: Mark) -> String { "\(name):\(mark.line):\(mark.column)" }
        switch error as? YamlError {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
            let line = lines.indices.contains(mark.line - 1) ? lines[mark.line - 1] : ""
            if line.prefix(mark.column).contains("\t") {
                return .misplaced(at(mark), "a tab; YAML is indented with blanks")
            }
            return .misplaced(at(mark), "no valid YAML: \(context.map { $0.text + ", " } ?? "")\(problem)")
        case .duplicatedKeysInMapping(let keys, let context):
            let key = maskedSecret(keys.first ?? "")
            return .misplaced(at(context.mark), "the key \(key) is there more than once; keep one of them")
        case .reader(let problem, let offset, _, _):
            let before = text.prefix(offset ?? 0)
            let line = before.reduce(1) { $0 + ($1 == "\n" ? 1 : 0) }
            return .misplaced("\(name):\(line)", "no valid YAML: \(problem)")
        default: return .misplaced(name, "no valid YAML")
        }
    }
}

/// Small text files: settings and secrets.
enum BoundedFile {
    /// The text of a file.
    ///
    /// - Parameter source: what named the file, for refusals.
    /// - Throws: `unreadableFile` where it can't be read, is larger than `mostBytes` or not UTF-8.
    static func text(path: String, mostBytes: Int, source: String) throws(SettingsError) -> String {
        let data: Data
        do {
            let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            data = try file.read(upToCount: mostBytes + 1) ?? Data()
        } catch {
            throw .unreadableFile(path: path, reason: "\(systemReason(error)); \(source) names it")
        }
        guard data.count <= mostBytes else {
            throw .unreadableFile(path: path, reason: "larger than \(mostBytes) bytes; \(source) names it")
        }
        guard let text = String(validating: data, as: UTF8.self) else {
            throw .unreadableFile(path: path, reason: "not UTF-8; \(source) names it")
        }
        return text
    }

    /// The system's words for a file error.
    static func systemReason(_ error: any Error) -> String {
        let code = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
        return code.map { String(cString: strerror(Int32($0.code))) } ?? error.localizedDescription
    }
}
