import Foundation
import Glibc
import Monitoring
import TradingModel
import Yams

/// How values of one type are read from flags, variables and YAML, and written.
struct SettingForm<Value: Codable & Equatable & Sendable>: Sendable {
    /// What stands for the value in the help.
    var valueName: String
    /// What a refusal asks for.
    var expected: String
    /// Its form in the YAML file: all of a value's rules that a schema can express.
    var shape: SettingShape
    /// Whether flags add up, and a variable holds several values with blanks between.
    var isList = false
    /// Whether the flag alone, without a value, is `on`.
    var isSwitch = false
    /// Whether the value may hold a password: then it can be given by file (`NAME_FILE`), and no refusal shows it.
    var isSecret = false
    /// The value without what must not be printed.
    var mask: @Sendable (Value) -> Value = { $0 }
    /// Looks at the file that a value names, before a run starts; what is wrong with it.
    var fileProblem: @Sendable (Value) -> SettingFileProblem? = { _ in nil }
    /// The value of what flags or a variable say; nil where it is refused.
    var parse: @Sendable ([String]) -> Value?
    /// The value of a node of the right shape; nil where it is refused.
    var decode: @Sendable (YAMLNode) throws -> Value? = { try YAMLDecoder().decode(Value.self, from: $0) }
    /// The value as YAML without a newline at the end.
    var encode: @Sendable (Value) throws -> String = { try yamlText($0) }
}

/// What is wrong with a file that a setting names.
enum SettingFileProblem {
    case unreadable(path: String, reason: String)
    case unwritable(path: String, reason: String)
}

/// A value as YAML: block style, quoted where needed, no newline at the end.
func yamlText(_ value: some Encodable) throws -> String {
    let encoder = YAMLEncoder()
    encoder.options = YAMLEncoder.Options(width: -1, allowUnicode: true, sortKeys: true)
    var text = try encoder.encode(value)
    while text.last == "\n" { text.removeLast() }
    return text
}

extension SettingForm where Value == Int {
    /// A whole number.
    static func number(_ range: ClosedRange<Int>, _ valueName: String = "n") -> Self {
        Self(
            valueName: valueName, expected: "a whole number from \(range.lowerBound) to \(range.upperBound)",
            shape: .integer(range),
            parse: { texts in texts.last.flatMap { Int($0) }.flatMap { range.contains($0) ? $0 : nil } })
    }
}

extension SettingForm where Value == String {
    /// Text that is not empty.
    static func text(_ valueName: String, expected: String) -> Self {
        text(valueName, expected: expected) { _ in true }
    }

    /// Text that is not empty and has a form only we can check.
    static func text(_ valueName: String, expected: String, where accepts: @escaping @Sendable (String) -> Bool) -> Self
    {
        let checked: @Sendable (String) -> String? = { !$0.isEmpty && accepts($0) ? $0 : nil }
        return Self(
            valueName: valueName, expected: expected, shape: .text, parse: { $0.last.flatMap(checked) },
            decode: { $0.string.flatMap(checked) })
    }

    /// An exact decimal, zero or above.
    static var decimal: Self {
        Self(
            valueName: "number", expected: "a decimal number that is not below 0", shape: .textOrInteger(0...Int.max),
            parse: { $0.last.flatMap(decimalText) }, decode: { $0.string.flatMap(decimalText) })
    }

    private static func decimalText(_ text: String) -> String? {
        ExactDecimal(text).flatMap { $0.isNegative ? nil : $0.description }
    }

    /// An address that may hold a password.
    static func secret(
        _ valueName: String, expected: String, where accepts: @escaping @Sendable (String) -> Bool = { _ in true }
    ) -> Self {
        var form = text(valueName, expected: expected, where: accepts)
        form.isSecret = true
        form.mask = { maskedSecret($0) }
        return form
    }

    /// What is secret as a whole.
    static var token: Self {
        var form = text("token", expected: "a token of visible ASCII characters") { text in
            text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
        }
        form.isSecret = true
        form.mask = { _ in "***" }
        return form
    }

    /// A file that is read.
    static var readableFile: Self {
        var form = text("file", expected: "the path of a file")
        form.fileProblem = { path in
            do {
                _ = try FileHandle(forReadingFrom: URL(fileURLWithPath: path)).read(upToCount: 1)
                return nil
            } catch {
                return .unreadable(path: path, reason: BoundedFile.systemReason(error))
            }
        }
        return form
    }

    /// A file that is written at the end; opened at the start, so that a run does not end with nowhere to write to.
    static var writableFile: Self {
        var form = text("file", expected: "the path of a file")
        form.fileProblem = { path in
            let descriptor = open(path, O_WRONLY | O_CREAT, 0o644)
            guard descriptor >= 0 else {
                return .unwritable(path: path, reason: String(cString: strerror(errno)))
            }
            close(descriptor)
            return nil
        }
        return form
    }

    /// One of some words.
    static func word(_ words: [String], _ valueName: String) -> Self {
        Self(
            valueName: valueName, expected: "one of \(words.joined(separator: ", "))", shape: .choice(words),
            parse: { texts in texts.last.flatMap { words.contains($0) ? $0 : nil } })
    }
}

extension SettingForm where Value: RawRepresentable<String> & CaseIterable {
    /// One of the cases' names.
    static func choice(_ valueName: String) -> Self {
        let words = Value.allCases.map(\.rawValue)
        return Self(
            valueName: valueName, expected: "one of \(words.joined(separator: ", "))", shape: .choice(words),
            parse: { $0.last.flatMap { Value(rawValue: $0) } })
    }
}

extension SettingForm where Value == SwitchKind {
    /// Something that is off unless its flag is given, or a variable or the file says `on`.
    static var off: Self {
        var form = choice("on|off")
        form.isSwitch = true
        return form
    }
}

extension SettingForm where Value == ListenAddress {
    /// An address to listen on.
    static var address: Self {
        Self(
            valueName: "[host:]port", expected: ListenAddress.expected, shape: .textOrInteger(0...65_535),
            parse: { $0.last.flatMap { ListenAddress(parsing: $0) } },
            decode: { $0.string.flatMap { ListenAddress(parsing: $0) } }, encode: { try yamlText("\($0)") })
    }
}

extension SettingForm where Value == [String] {
    /// Feeds, each `[EXCHANGE=]URL` or in YAML a map of the two.
    static var feeds: Self {
        let entry = SettingShape.object([
            .init(name: "url", shape: .text, isRequired: true, help: "The address, ws:// or wss://."),
            .init(
                name: "exchange", shape: .text, help: "Whose market it is; known by the host, else binance."),
        ])
        return Self(
            valueName: "[exchange=]url", expected: "at least one [EXCHANGE=]URL", shape: .list(.either(.text, entry)),
            isList: true, mask: { $0.map(maskedSecret) }, parse: { separated($0) },
            decode: { node in
                node.sequence?.compactMap { item in
                    guard let map = item.mapping else { return item.string }
                    return (map["exchange"]?.string.map { "\($0)=" } ?? "") + (map["url"]?.string ?? "")
                }
            })
    }
}

extension SettingForm where Value == [String] {
    /// Texts of one form, which may be mere numbers; there may be none.
    static func texts(
        _ valueName: String, numbers: ClosedRange<Int>, expected: String,
        where accepts: @escaping @Sendable (String) -> Bool
    ) -> Self {
        Self(
            valueName: valueName, expected: expected, shape: .list(.textOrInteger(numbers)), isList: true,
            parse: { texts in separated(texts).flatMap { $0.allSatisfy(accepts) ? $0 : nil } },
            decode: { node in
                let texts = node.sequence?.compactMap(\.string)
                return texts.flatMap { $0.allSatisfy(accepts) ? $0 : nil }
            })
    }
}

extension SettingForm where Value == [String: InstrumentSetting] {
    /// Instruments' own settings; flags give `SYMBOL=PRICE_DECIMALS[,QUANTITY_DECIMALS]`.
    static func instruments(decimals: ClosedRange<Int>) -> Self {
        let entry = SettingShape.object([
            .init(name: "priceDecimals", shape: .integer(decimals), help: "Decimals of its prices."),
            .init(name: "quantityDecimals", shape: .integer(decimals), help: "Decimals of its quantities."),
        ])
        return Self(
            valueName: "symbol=price[,quantity]",
            expected: "SYMBOL=PRICE_DECIMALS[,QUANTITY_DECIMALS] with \(decimals.lowerBound) to \(decimals.upperBound)",
            shape: .map(entry), isList: true,
            parse: { texts in
                var found: Value = [:]
                for text in separated(texts) ?? [] {
                    let parts = text.split(separator: "=", omittingEmptySubsequences: false)
                    let numbers = parts.last?.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
                    guard parts.count == 2, !parts[0].isEmpty, let numbers, numbers.count <= 2,
                        numbers.allSatisfy({ $0.map(decimals.contains) ?? false })
                    else { return nil }
                    found[String(parts[0])] = InstrumentSetting(
                        priceDecimals: numbers[0], quantityDecimals: numbers.count == 2 ? numbers[1] : nil)
                }
                return found
            })
    }
}

/// The values of a repeated flag or of a variable with blanks between; nil for none.
private func separated(_ texts: [String]) -> [String]? {
    let values = texts.flatMap { $0.split(separator: " ").map(String.init) }
    return values.isEmpty ? nil : values
}
