import Foundation
import TestSupport
import Testing

/// The product's websocket client under the Autobahn test suite's fuzzing server, all cases without compression.
@Suite(.serialized, .enabled(if: SharedTools.shouldRun)) struct ConformanceTests {
    private struct Verdict: Decodable {
        var behavior: String
        var behaviorClose: String
    }

    @Test func `passes all 301 cases, at most 4 of them non-strict`() throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "bash", SharedTools.path("autobahn.sh"), "run", "tickline", Tickline.executable(named: "websocket-echo"),
        ]
        process.environment = ProcessInfo.processInfo.environment.merging([
            "AUTOBAHN_EXCLUDE": #"["12.*","13.*"]"#, "AUTOBAHN_OUT": folder.url.appendingPathComponent("report").path,
            "AUTOBAHN_PORT": "\(freePort())",
        ]) { $1 }
        let log = folder.url.appendingPathComponent("autobahn.log")
        _ = FileManager.default.createFile(atPath: log.path, contents: nil)
        let output = try FileHandle(forWritingTo: log)
        (process.standardOutput, process.standardError) = (output, output)
        try process.runUnmasked()
        process.waitUntilExit()
        let words = try String(contentsOf: log, encoding: .utf8)
        try #require(process.terminationStatus == 0, "\(words)")
        let index = try Data(contentsOf: folder.url.appendingPathComponent("report/index.json"))
        let verdicts = try JSONDecoder().decode([String: [String: Verdict]].self, from: index)["tickline"] ?? [:]
        let failed = verdicts.filter {
            !["OK", "NON-STRICT", "INFORMATIONAL"].contains($0.value.behavior)
                || !["OK", "INFORMATIONAL"].contains($0.value.behaviorClose)
        }
        let nonStrict = verdicts.filter { $0.value.behavior == "NON-STRICT" }
        print("Autobahn: \(verdicts.count) cases, \(failed.count) failed, \(nonStrict.count) non-strict")
        #expect(verdicts.count == 301 && failed.isEmpty && nonStrict.count <= 4, "\(failed) \(nonStrict.keys)")
    }

    @Test func `names what is wrong with its arguments`() throws {
        for arguments in [[], ["ws://127.0.0.1:1"], ["ws://127.0.0.1:1", "a b"], ["http://x", "agent"]] {
            let (status, _, error) = try Tickline.run(arguments, executable: "websocket-echo")
            #expect(status == 64 && error.contains("ws://127.0.0.1:9001"))
        }
        let (status, _, error) = try Tickline.run(["ws://127.0.0.1:1", "agent"], executable: "websocket-echo")
        #expect(status == 1 && error.contains("127.0.0.1:1"))
    }

    @Test func `helps when asked`() throws {
        let (status, output, error) = try Tickline.run(["--help"], executable: "websocket-echo")
        #expect(status == 0 && output.contains("URL AGENT") && output.contains("Exit status") && error.isEmpty)
    }
}
