import Foundation
import Testing

/// The modules' documents say which test shows each guarantee; a test that was renamed or deleted is found here.
@Suite struct GuaranteeTests {
    /// A mention of a suite, and the tests of it that are named behind it.
    struct Mention: Equatable {
        let suite: String
        let tests: [String]
    }

    @Test func `each test that a document names is there`() throws {
        let suites = try suiteTexts()
        for document in try documents() {
            for mention in Self.mentions(in: document.text) {
                let texts = suites[mention.suite] ?? []
                // A target's name stands for all of its suites.
                let isTarget = try SourceTree.folders(in: "Tests").contains(mention.suite)
                #expect(!texts.isEmpty || isTarget, "\(document.path): no suite \(mention.suite)")
                for test in mention.tests {
                    let isThere = texts.contains { $0.contains("`\(test)`") || $0.contains("\"\(test)\"") }
                    #expect(isThere, "\(document.path): \(mention.suite) has no test \"\(test)\"")
                }
            }
        }
    }

    @Test func `each guarantee names a test`() throws {
        for document in try documents() {
            var isGuarantees = false
            for line in document.lines {
                if line.hasPrefix("| guarantee | test |") {
                    isGuarantees = true
                } else if !line.hasPrefix("|") {
                    isGuarantees = false
                } else if isGuarantees, !line.hasPrefix("|---") {
                    #expect(!Self.mentions(in: String(line)).isEmpty, "\(document.path): no test for \(line)")
                }
            }
        }
    }

    @Test func `mentions are read with the tests that stand behind them`() {
        let line = #"| it holds | `OneTests` "first", "second, with a comma"; `Tests/HotPathTests` and `TwoTests` |"#
        #expect(
            Self.mentions(in: line) == [
                Mention(suite: "OneTests", tests: ["first", "second, with a comma"]),
                Mention(suite: "HotPathTests", tests: []), Mention(suite: "TwoTests", tests: []),
            ])
    }

    static func mentions(in text: String) -> [Mention] {
        text.matches(of: /`(?:Tests\/)?(\w+Tests)`((?:,? "[^"]+")*)/).map { match in
            Mention(
                suite: String(match.1),
                tests: match.2.matches(of: /"([^"]+)"/).map { String($0.1) })
        }
    }

    private func documents() throws -> [SourceTree.File] {
        let found = try SourceTree.files(in: "Sources", extensions: ["md"])
        try #require(!found.isEmpty)
        return found
    }

    /// By each suite's name the files that declare or extend it.
    private func suiteTexts() throws -> [String: [String]] {
        var texts: [String: [String]] = [:]
        for file in try SourceTree.files(in: "Tests", extensions: ["swift"]) {
            for match in file.text.matches(of: /(?:struct|class|extension) (\w+Tests)\b/) {
                texts[String(match.1), default: []].append(file.text)
            }
        }
        return texts
    }
}
