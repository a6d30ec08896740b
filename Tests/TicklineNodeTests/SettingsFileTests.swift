import Foundation
import TestSupport
import Testing

@testable import TicklineNode

/// What a settings file may hold, and what a wrong one is told.
@Suite struct SettingsFileTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var yaml: String
        /// The refusal; nil where the file is taken.
        var says: String?
        /// Whether the schema can tell: some rules only `tickline` knows.
        var isKnownToSchema = true
        var testDescription: String { yaml.split(separator: "\n").joined(separator: "|") }
    }

    static let cases = [
        Case(yaml: ""),
        Case(yaml: "# nothing\n"),
        Case(yaml: "strategy:\n  # short: 5\n"),
        Case(yaml: "strategy:\n  short: 5\n  long: 1_000\n"),
        Case(yaml: "feeds: [ws://h/ws/a@trade, simulator=ws://h/ws/b@trade]\n"),
        Case(yaml: "feeds:\n  - url: ws://h/ws/a@trade\n    exchange: binance\n  - ws://h/ws/b@trade\n"),
        Case(yaml: "instruments:\n  BTCUSDT: {priceDecimals: 2, quantityDecimals: 5}\n  binance:ETHUSDT: {}\n"),
        Case(yaml: "http:\n  collector: 8080\n  processor: ':8081'\n  trader: 127.0.0.1:0\n"),
        Case(yaml: "strategy: &a {short: 5, long: 20}\n"),
        Case(yaml: "redis: {url: 'redis://h', stream: '5', publish: once}\n"),
        Case(yaml: "summaryJson: x.json\nlog: {level: debug}\nstore: {kind: none}\n"),
        Case(yaml: "connection: {silenceAlarms: [60, BTCUSDT@trade=600, 'off']}\n"),
        Case(yaml: "mongo:\n  uri: &u mongodb://h\n  database: *u\n"),

        Case(yaml: "strategy:\n  shrt: 5\n", says: "x.yaml:2:3: unknown key 'shrt' in strategy; did you mean short?"),
        Case(yaml: "short: 5\n", says: "x.yaml:1:1: unknown key 'short'; did you mean strategy.short?"),
        Case(yaml: "log-level: info\n", says: "x.yaml:1:1: unknown key 'log-level'; did you mean log.level?"),
        Case(
            yaml: "feeds:\n  - url: ws://h/ws/a@trade\n    exchnge: x\n",
            says: "x.yaml:3:5: unknown key 'exchnge' in feeds[0]; did you mean exchange?"),
        Case(
            yaml: "instruments:\n  BTCUSDT: {decimals: 2}\n",
            says: "x.yaml:2:13: unknown key 'decimals' in instruments.BTCUSDT; did you mean priceDecimals?"),
        Case(yaml: "? [a, b]\n: 5\n", says: "x.yaml:1:3: a key is one word", isKnownToSchema: false),
        Case(
            yaml: "strategy:\n  short: 5\n  short: 6\n", says: "x.yaml:2:3: the key short is there more than once",
            isKnownToSchema: false),
        Case(yaml: "strategy: {short: '5'}\n", says: "x.yaml:1:19: strategy.short is text; give a whole number from 1"),
        Case(yaml: "strategy: {short: 1.5}\n", says: "x.yaml:1:19: strategy.short is no text to YAML"),
        Case(yaml: "strategy: {short: yes}\n", says: "x.yaml:1:19: strategy.short is no text to YAML"),
        Case(yaml: "strategy: {short: 0}\n", says: "x.yaml:1:19: strategy.short is out of range; give a whole number"),
        Case(yaml: "strategy: {short: 1048577}\n", says: "is out of range; give a whole number from 1 to 1048576"),
        Case(yaml: "strategy: {short: 99999999999999999999999}\n", says: "is out of range"),
        Case(yaml: "strategy: {short: }\n", says: "x.yaml:1:19: strategy.short has no value"),
        Case(yaml: "strategy: 5\n", says: "x.yaml:1:11: strategy is a single value; give a map with the keys short"),
        Case(yaml: "strategy: [5, 20]\n", says: "x.yaml:1:11: strategy is a list; give a map with the keys short"),
        Case(yaml: "- strategy\n", says: "x.yaml:1:1: the file is a list; give a map with the keys feeds"),
        Case(yaml: "5\n", says: "x.yaml:1:1: the file is a single value"),
        Case(yaml: "feeds: []\n", says: "x.yaml:1:8: feeds is an empty list; give at least one [EXCHANGE=]URL"),
        Case(yaml: "feeds: wss://h/ws/a@trade\n", says: "x.yaml:1:8: feeds is a single value"),
        Case(yaml: "feeds: [5]\n", says: "x.yaml:1:9: feeds[0] is a number to YAML"),
        Case(yaml: "feeds: [{exchange: binance}]\n", says: "x.yaml:1:9: feeds[0] lacks its url"),
        Case(
            yaml: "instruments: {BTCUSDT: {priceDecimals: 13}}\n", says: "is out of range; give a whole number from 0"),
        Case(yaml: "instruments: {BTCUSDT: 2}\n", says: "instruments.BTCUSDT is a single value; give a map"),
        Case(yaml: "redis: {stream: 5}\n", says: "x.yaml:1:17: redis.stream is a number to YAML; text that looks"),
        Case(yaml: "redis: {stream: ''}\n", says: "x.yaml:1:17: redis.stream is empty; give a key"),
        Case(yaml: "redis: {stream: on}\n", says: "x.yaml:1:17: redis.stream is no text to YAML"),
        Case(yaml: "redis: {url: [canary]}\n", says: "x.yaml:1:14: redis.url is a list; give an address such as"),
        Case(yaml: "redis: {publish: twice}\n", says: "x.yaml:1:18: redis.publish is another word; give one of append"),
        Case(yaml: "http: {collector: 65536}\n", says: "x.yaml:1:19: http.collector is out of range; give a port"),
        Case(
            yaml: "http: {collector: 'a:b'}\n", says: "x.yaml:1:19: http.collector is refused; give a port",
            isKnownToSchema: false),
        Case(
            yaml: "connection: {proxy: foo}\n", says: "x.yaml:1:21: connection.proxy is refused; give http://host:port",
            isKnownToSchema: false),
        Case(
            yaml: "connection: {silenceAlarms: [0]}\n", says: "x.yaml:1:30: connection.silenceAlarms[0] is out of range"
        ),
        Case(yaml: "connection: {silenceAlarms: [off]}\n", says: "x.yaml:1:30: connection.silenceAlarms[0] is no text"),
        Case(
            yaml: "connection: {silenceAlarms: [BTCUSDT=x]}\n",
            says: "x.yaml:1:29: connection.silenceAlarms is refused; give seconds or off", isKnownToSchema: false),
        Case(yaml: "store: mongo\n", says: "x.yaml:1:8: store is a single value; give a map with the keys kind"),
    ]

    /// Reads a file as `tickline` does; the refusal, nil where it is taken.
    static func refusal(_ text: String) -> String? {
        do throws(SettingsError) {
            var resolver = SettingsResolver(flags: [:], environment: [:])
            var settings = Settings()
            try resolver.read(SettingsFile(text: text, name: "x.yaml"), into: &settings)
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test(arguments: cases) func `a file is taken, or refused with its place and the remedy`(one: Case) throws {
        let refusal = Self.refusal(one.yaml)
        guard let says = one.says else {
            #expect(refusal == nil)
            return
        }
        let text = try #require(refusal)
        #expect(text.contains(says), "\(text)")
        #expect(!text.contains("\n") && !text.contains("canary"))
    }

    static let broken = [
        ("strategy:\n\tshort: 5\n", "x.yaml:2:1: a tab; YAML is indented with blanks"),
        ("redis: [a\n", "x.yaml:2:1: no valid YAML"),
        ("redis: {url: 'canary\n", "no valid YAML: while scanning a quoted scalar"),
        ("a: 1\n---\nb: 2\n", "x.yaml:2:1: no valid YAML: expected a single document"),
        ("strategy: *nothing\n", "x.yaml:1:11: no valid YAML: found undefined alias"),
        ("log: \u{1}\n", "x.yaml:1: no valid YAML: control characters are not allowed"),
    ]

    @Test(arguments: broken) func `what is no YAML is refused in one line without quoting it`(
        text: String, says: String
    ) {
        let refusal = Self.refusal(text) ?? "taken"
        #expect(refusal.contains(says), "\(refusal)")
        #expect(!refusal.contains("\n") && !refusal.contains("canary"))
    }

    /// What opens it, as often as a file of the largest size holds: not repeated here, since arguments are printed.
    @Test(arguments: ["[", "- ", "? ", "{a: "]) func `nesting without end is refused before it is followed`(
        opening: String
    ) {
        let text = String(repeating: opening, count: (1 << 20) / opening.utf8.count / 2)
        #expect(Self.refusal(text)?.contains("no valid YAML") == true)
    }

    /// Nine lists of nine aliases each would be 9⁹ nodes, and as a key they would be hashed one by one.
    @Test func `aliases that would expand without end are refused before they are`() {
        var text = "a: &a [x, x, x, x, x, x, x, x, x]\n"
        for (before, name) in zip("abcdefgh", "bcdefghi") {
            text += "\(name): &\(name) [\(Array(repeating: "*\(before)", count: 9).joined(separator: ", "))]\n"
        }
        let start = ContinuousClock.now
        #expect(Self.refusal(text + "? *i\n: 5\n")?.contains("more than 24 aliases") == true)
        #expect(ContinuousClock.now - start < .seconds(5))
        // As many as are taken, arranged for the largest expansion.
        var most = "a: &a [x, x, x]\n"
        for (before, name) in zip("abcdefgh", "bcdefghi") {
            most += "\(name): &\(name) [*\(before), *\(before), *\(before)]\n"
        }
        #expect(Self.refusal(most)?.contains("unknown key 'a'") == true)
    }

    @Test func `a file that can't be taken as a whole says why`() throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let file = folder.url.appendingPathComponent("tickline.yaml")
        func refusal(_ content: Data) throws -> String {
            try content.write(to: file)
            return Self.refusal(path: file.path)
        }
        #expect(
            Self.refusal(path: folder.path + "/none").hasSuffix("/none: No such file or directory; --config names it"))
        #expect(Self.refusal(path: folder.path).hasSuffix(": Is a directory; --config names it"))
        #expect(try refusal(Data([0x61, 0x3A, 0x20, 0xFF])).hasSuffix(": not UTF-8; --config names it"))
        let large = Data(repeating: UInt8(ascii: "#"), count: SettingsFile.mostBytes + 1)
        #expect(try refusal(large).hasSuffix(": larger than 1048576 bytes; --config names it"))
        #expect(try refusal(large.dropLast()) == "taken")
        #expect(try refusal(Data()) == "taken")
        #expect(try refusal(Data("\u{FEFF}log: {level: info}\n".utf8)) == "taken")
    }

    private static func refusal(path: String) -> String {
        do throws(SettingsError) {
            var resolver = SettingsResolver(flags: ["config": [path]], environment: [:])
            _ = try resolver.resolve()
            return "taken"
        } catch {
            return "\(error)"
        }
    }

    /// What python's jsonschema says to the same files: true where it takes one.
    private static func validate(_ documents: [String]) throws -> [Bool] {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let script = """
            import json, sys, yaml, jsonschema
            schema, documents = json.load(open(sys.argv[1])), json.load(open(sys.argv[2]))
            jsonschema.Draft202012Validator.check_schema(schema)
            validator = jsonschema.Draft202012Validator(schema)
            print(json.dumps([validator.is_valid(yaml.safe_load(text)) for text in documents]))
            """
        let files = ["schema", "documents"].map { folder.url.appendingPathComponent($0) }
        try Data(SettingsSchema.json().utf8).write(to: files[0])
        try JSONSerialization.data(withJSONObject: documents).write(to: files[1])
        let (process, output) = (Process(), Pipe())
        process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        process.arguments = ["-c", script] + files.map(\.path)
        process.standardOutput = output
        try process.runUnmasked()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return try #require(try JSONSerialization.jsonObject(with: data) as? [Bool])
    }

    @Test func `the schema takes and refuses the same files`() throws {
        let known = Self.cases.filter(\.isKnownToSchema)
        let verdicts = try Self.validate(known.map(\.yaml))
        for (one, isTaken) in zip(known, verdicts) {
            #expect(isTaken == (one.says == nil), "\(one.testDescription)")
        }
        let example = try String(
            contentsOf: Repository.root.appendingPathComponent("tickline.example.yaml"), encoding: .utf8)
        let everything = try SettingsTableTests.examples().yaml { _ in .byDefault }
        #expect(try Self.validate([example, everything]) == [true, true])
        print("figure: \(verdicts.count) files judged alike by schema and reader")
    }
}
