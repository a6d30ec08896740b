import ExchangeSimulator
import Foundation
import TestSupport
import Testing

/// What is missing in a journal, damaged, or something else in its place: what its readers say, and with which status.
@Suite(.serialized) struct JournalDamageTests {
    private let folder = try! TemporaryFolder()
    private var data: String { folder.url.appendingPathComponent("data").path }
    private var copy: String { folder.url.appendingPathComponent("copy").path }

    /// A run of 4,000 trades that was killed.
    private func makeRun() async throws {
        let market = try await MarketRun(
            .trades(4_000), ["--store", "none", "--journal-budget", "128", "--data", data],
            folder: folder.url.appendingPathComponent("run"))
        try await market.waitForTicks(4_000)
        market.run.process.stop(SIGKILL)
        await market.simulator.stop()
    }

    /// A fresh copy of the run's folder; the segments of `chain` in it.
    private func segments(of chain: String) throws -> [String] {
        try? FileManager.default.removeItem(atPath: copy)  // There is none at first.
        try FileManager.default.copyItem(atPath: data, toPath: copy)
        return try FileManager.default.contentsOfDirectory(atPath: copy + "/journal")
            .filter { $0.hasPrefix(chain) && FileManager.default.isBegun("\(copy)/journal/\($0)") }.sorted()
            .map { "\(copy)/journal/\($0)" }
    }

    private func expect(_ arguments: [String], _ status: Int32, _ words: String...) throws {
        let result = try Tickline.run(arguments)
        #expect(result.status == status, "\(arguments): \(result.status) \(result.output)\(result.error)")
        let text = result.output + result.error
        for word in words { #expect(text.contains(word), "\(arguments): \(text)") }
        #expect(!text.contains("NSCocoaErrorDomain"))
        if status == 78 { #expect(result.error.split(separator: "\n").count == 1, "\(result.error)") }
    }

    @Test func `a chain that is missing, or empty, is named and no sound journal`() async throws {
        defer { folder.remove() }
        try await makeRun()
        try expect(["journal", "verify", data], 0, "sound")
        for chain in ["engine-0", "feed-0"] {
            for path in try segments(of: chain) { try FileManager.default.removeItem(atPath: path) }
            try expect(["journal", "verify", copy], 1, "\(chain): all segments are missing", "damaged in 1 place:")
            let paths = try segments(of: chain)
            for path in paths { #expect(truncate(path, 0) == 0) }
            try expect(
                ["journal", "verify", copy], 1, "\(chain): all segments are missing", "\(paths[0]): empty",
                "damaged in \(paths.count + 1) places")
            try expect(["journal", "ls", copy, "--format", "json"], 0, #""state":"empty""#)
            try expect(["journal", "ls", copy, "--format", "table"], 0, " empty\n")
        }
        for path in try segments(of: "engine-0") { try FileManager.default.removeItem(atPath: path) }
        try expect(["replay", copy], 78, "has no segment of engine-0")
    }

    @Test func `whole entries behind a damaged one in an open segment are said to be passed over`() async throws {
        defer { folder.remove() }
        try await makeRun()
        let whole = try Tickline.run(["replay", data])
        #expect(whole.status == 0)
        for (chain, commands) in [
            ("engine-0", [["replay", copy], ["journal", "export", copy, "--chain", "engine"]]),
            ("feed-0", [["journal", "export", copy, "--chain", "feed-0"]]),
        ] {
            let path = try #require(try segments(of: chain).last)
            let listed = try Tickline.run(["journal", "ls", copy, "--format", "json"]).output
            let line = try #require(
                listed.split(separator: "\n").last { $0.contains(#""chain":"\#(chain)""#) && $0.contains("state") })
            #expect(field("state", of: line) == "open")
            let entries = try #require(field("entries", of: line).flatMap { Int($0) })
            var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
            bytes[4_096 + entries / 2 * 64 + 20] ^= 4
            try bytes.write(to: URL(fileURLWithPath: path))
            let text = "\(path) is damaged (entry \(entries / 2) of \(entries) is not whole"
            // Known to have been on disk, and as a power loss leaves it that took entries in the middle.
            try TornSegment.note(entries / 2 + 1, in: path)
            try expect(["journal", "verify", copy], 1, "entry \(entries / 2): damaged")
            for arguments in commands { try expect(arguments, 78, "\(text))") }
            try TornSegment.note(entries / 2, in: path)
            try expect(
                ["journal", "verify", copy], 0, "torn tail, \(entries / 2) whole entries of \(entries)", "sound")
            for arguments in commands { try expect(arguments, 0) }
            // Of a version that noted nothing.
            try TornSegment.note(nil, in: path)
            try expect(["journal", "verify", copy], 1, "entry \(entries / 2): damaged")
            for arguments in commands {
                try expect(
                    arguments, 78, "\(text); the \(entries - entries / 2 - 1) whole ones behind it are passed over)")
            }
        }
    }

    @Test func `something else in the place of a journal, its folder or a segment is named`() async throws {
        defer { folder.remove() }
        let file = folder.url.appendingPathComponent("file").path
        try Data("text".utf8).write(to: URL(fileURLWithPath: file))
        for command in ["ls", "verify", "export"] {
            try expect(["journal", command, file], 78, "\(file) is a file, and a journal is a folder; give")
        }
        let toRedis = ["verify", "--store", "none", "--redis", "redis://127.0.0.1:1"]
        try expect(toRedis + ["--journal", file], 78, "\(file) is a file, and a journal is a folder")
        try FileManager.default.createDirectory(atPath: copy, withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: file, toPath: copy + "/journal")
        try expect(["run", "--data", copy], 78, "\(copy)/journal is a file, and a journal is a folder")
        try await makeRun()
        let odd = "\(copy)/journal/feed-0.000000000009.segment"
        _ = try segments(of: "feed-0")
        try FileManager.default.createDirectory(atPath: odd, withIntermediateDirectories: true)
        for command in ["ls", "verify", "export"] {
            try expect(["journal", command, copy], 78, "\(odd) is a folder, not a journal segment; move it")
        }
        try FileManager.default.removeItem(atPath: odd)
        #expect(mkfifo(odd, 0o600) == 0)
        for command in ["ls", "verify", "export"] {
            try expect(["journal", command, copy], 78, "\(odd) is no regular file, not a journal segment; move it")
        }
    }

    @Test func `a user that may not read a segment or the folder is told so`() async throws {
        defer { folder.remove() }
        try await makeRun()
        let path = try #require(try segments(of: "engine-0").first)
        let journal = copy + "/journal"
        #expect(chmod(folder.path, 0o755) == 0 && chmod(copy, 0o755) == 0 && chmod(journal, 0o755) == 0)
        for (place, mode) in [(path, 0o000), (journal, 0o000)] as [(String, mode_t)] {
            #expect(chmod(place, mode) == 0)
            for command in ["ls", "verify", "export --chain engine"] {
                let arguments = ["journal"] + command.split(separator: " ").map(String.init)
                let result = try asNobody(arguments + [journal])
                #expect(result.status == 78, "\(arguments): \(result)")
                #expect(
                    result.error.contains("cannot read \(place): Permission denied; run as the user that wrote it"),
                    "\(result.error)")
            }
        }
        #expect(chmod(journal, 0o755) == 0)
    }

    /// Runs a command as a user who owns nothing, where this one may read everything.
    private func asNobody(_ arguments: [String]) throws -> (status: Int32, error: String) {
        let (process, pipe) = (Process(), Pipe())
        let isRoot = geteuid() == 0
        process.executableURL = URL(fileURLWithPath: isRoot ? "/usr/bin/setpriv" : Tickline.executable)
        let user = ["--reuid", "65534", "--regid", "65534", "--clear-groups", Tickline.executable]
        process.arguments = (isRoot ? user : []) + arguments
        process.standardError = pipe
        process.standardOutput = FileHandle.nullDevice
        try process.runUnmasked()
        let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, text)
    }
}

extension FileManager {
    /// Whether a segment's file was begun: it has its magic number.
    fileprivate func isBegun(_ path: String) -> Bool {
        guard let file = FileHandle(forReadingAtPath: path), let magic = try? file.read(upToCount: 8) else {
            return false
        }
        return magic.contains { $0 != 0 }
    }
}
