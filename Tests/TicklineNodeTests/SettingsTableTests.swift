import Foundation
import TestSupport
import Testing

@testable import TicklineNode

/// The table of settings describes each property once, and everything made from it agrees.
@Suite struct SettingsTableTests {
    /// Settings with every value other than its default, each from its description's example.
    static func examples() throws -> Settings {
        var settings = Settings()
        for setting in Setting.all {
            #expect(setting.parse([setting.example], &settings), "\(setting.name) refuses its own example")
        }
        return settings
    }

    /// The names of the properties in which two trees differ.
    static func differences(_ one: Settings, _ other: Settings) -> Set<String> {
        let pairs = zip(Mirror(reflecting: one).children, Mirror(reflecting: other).children)
        return Set(pairs.filter { "\($0.value)" != "\($1.value)" }.map { $0.0.label ?? "" })
    }

    @Test func `every property is described by exactly one setting, whose example is not its default`() {
        var described: [String] = []
        for setting in Setting.all {
            var settings = Settings()
            #expect(setting.parse([setting.example], &settings))
            let changed = Self.differences(settings, Settings())
            #expect(changed.count == 1, "the example of \(setting.name) changes \(changed)")
            described += changed
        }
        let properties = Mirror(reflecting: Settings()).children.map { $0.label ?? "" }
        #expect(described.sorted() == properties.sorted(), "describe every property in Setting+Table.swift")
    }

    @Test func `flags, variables and paths are each one setting's alone`() {
        let variables = Setting.all.flatMap { $0.variables + ($0.isSecret ? $0.secretFiles : []) }
        #expect(Set(variables).count == variables.count)
        #expect(Set(Setting.all.map(\.flag)).count == Setting.all.count)
        #expect(Set(Setting.all.map(\.name)).count == Setting.all.count)
    }

    @Test func `settings of one section stand together`() {
        let sections = Setting.all.map { $0.path.dropLast().joined(separator: ".") }
        let runs = sections.enumerated().filter { $0.offset == 0 || sections[$0.offset - 1] != $0.element }
        #expect(Set(runs.map(\.element)).subtracting([""]).count == runs.filter { !$0.element.isEmpty }.count)
    }

    @Test func `what is printed reads back as the same settings, the defaults as well as all others`() throws {
        var examples = try Self.examples()
        examples.tradingToken = nil  // secret as a whole, so it is never printed
        for settings in [Settings(), examples] {
            let yaml = try settings.yaml { _ in .byDefault }
            var read = Settings()
            for (setting, node, _) in try SettingsFile(text: yaml, name: "x").found {
                #expect(try setting.decode(node, &read))
            }
            #expect(read == settings, "\(Self.differences(read, settings))")
        }
    }

    @Test func `the example file is what config prints, sets nothing but defaults and names every setting`() throws {
        let text = try String(
            contentsOf: Repository.root.appendingPathComponent("tickline.example.yaml"), encoding: .utf8)
        #expect(
            text == (try Settings().yaml { _ in .byDefault }),
            "tickline config > tickline.example.yaml writes it anew")
        let file = try SettingsFile(text: text, name: "tickline.example.yaml")
        var settings = Settings()
        for (setting, node, _) in file.found { #expect(try setting.decode(node, &settings)) }
        #expect(settings == Settings())
        // What is not set by default stands there as a comment, which taken in is a setting of that name.
        let lines = text.split(separator: "\n").map {
            $0.hasSuffix("# not set; an example") || $0.drop { $0 == " " }.hasPrefix("#   ")
        }
        let uncommented = zip(text.split(separator: "\n"), lines).map { line, isExample in
            guard isExample, let sign = line.firstRange(of: "# ") else { return String(line) }
            return String(line[..<sign.lowerBound]) + line[sign.upperBound...]
        }
        let complete = try SettingsFile(text: uncommented.joined(separator: "\n"), name: "x")
        #expect(complete.found.map(\.setting.flag) == Setting.all.map(\.flag))
    }

    @Test func `a secret is masked, and the line that holds it is a comment`() throws {
        var settings = Settings()
        settings.redis = #"redis://user:can"ar'y@x/?#@host:6379/0"#
        settings.mongo = "mongodb://user:canary@one:27017,two:27017/?authMechanismProperties=AWS_SESSION_TOKEN:canary"
        settings.proxy = "http://canary:canary@host:1"
        let yaml = try settings.yaml { _ in .variable("X") }
        #expect(!yaml.contains("can\"ar") && !yaml.contains("canary"))
        #expect(yaml.contains("# url: redis://***@host:6379/0  # X; secret left out"))
        #expect(yaml.contains("# uri: mongodb://***@one:27017,two:27017/?authMechanismProperties=***"))
        #expect(yaml.contains("# proxy: http://***@host:1"))
    }
}
