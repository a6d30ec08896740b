import Foundation
import TestSupport
import Testing

@Suite struct TidyTests {
    static let mostLines = 450
    static let swiftFolders = ["Sources", "Tests", "perf"]

    static func sources(_ extensions: Set<String> = ["swift", "c", "h"]) throws -> [SourceTree.File] {
        try (swiftFolders + ["CSupport"]).flatMap { try SourceTree.files(in: $0, extensions: extensions) }
    }

    @Test func `files stay short enough to read`() throws {
        for file in try Self.sources() {
            #expect(file.lines.count <= Self.mostLines, "split \(file.path): \(file.lines.count) lines")
        }
    }

    @Test func `indentation is spaces`() throws {
        for file in try Self.sources() {
            #expect(!file.text.contains("\t"), "\(file.path) has a tab")
        }
    }

    @Test func `a note of work left says when it goes away`() throws {
        // The word is put together here so that this file does not find itself.
        let word = "TO" + "DO"
        for file in try Self.sources() {
            for (number, line) in file.lines.enumerated() where line.contains(word) {
                let hasCondition = line.contains("\(word)(") || line.contains("when ") || line.contains("once ")
                #expect(hasCondition, "\(file.path):\(number + 1): \(word) without its condition")
            }
        }
    }

    @Test func `no path of one machine is written down`() throws {
        let folders = ["/" + "home/", "/" + "work/", "/" + "root/", "/" + "Users/"]
        for file in try Self.sources() + SourceTree.files(in: "scripts", extensions: [""]) {
            for (number, line) in file.lines.enumerated() {
                for folder in folders where line.contains("\"\(folder)") || line.contains(" \(folder)") {
                    Issue.record("\(file.path):\(number + 1): \(folder) belongs to one machine")
                }
            }
        }
    }

    @Test func `a C header opens with its contract`() throws {
        for file in try SourceTree.files(in: "CSupport", extensions: ["h"]) {
            #expect(
                file.text.hasPrefix("//") || file.text.hasPrefix("/*"), "\(file.path) does not open with a comment")
        }
    }
}
