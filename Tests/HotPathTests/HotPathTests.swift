import Foundation
import TestSupport
import Testing

enum ReleaseProbe {
    static let url = Repository.root.appendingPathComponent(".build/release/HotPathProbe")

    /// Skipped visibly without a release build; in CI it runs and fails.
    static let shouldRun = Repository.isCI || FileManager.default.isExecutableFile(atPath: url.path)
}

/// Evidence for "no allocation, no reference counting per tick", from the release build that `make test` makes first.
@Suite(.serialized, .enabled(if: ReleaseProbe.shouldRun)) struct HotPathTests {

    struct ThreadCounts: Equatable { var mallocs = 0, retains = 0, releases = 0 }

    /// Runs the probe under the counting library; counts by thread name.
    private func count(_ arguments: [String]) throws -> (output: String, counts: [String: ThreadCounts]) {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let library = try PreloadLibrary("Tests/HotPathTests/Preload/counting_preload.c", folder: folder.url)
        let result = try run(ReleaseProbe.url.path, arguments, environment: ["LD_PRELOAD": library.path])
        try #require(result.status == 0, "\(result.error)")
        var counts: [String: ThreadCounts] = [:]
        for line in result.error.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count == 4, let mallocs = Int(words[1]), let retains = Int(words[2]),
                let releases = Int(words[3])
            else { continue }
            counts[String(words[0]), default: ThreadCounts()].mallocs += mallocs
            counts[String(words[0]), default: ThreadCounts()].retains += retains
            counts[String(words[0]), default: ThreadCounts()].releases += releases
        }
        return (result.output, counts)
    }

    private func run(
        _ program: String, _ arguments: [String], environment: [String: String] = [:]
    ) throws -> (status: Int32, output: String, error: String) {
        let process = Process()
        let (output, error) = (Pipe(), Pipe())
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardOutput = output
        process.standardError = error
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        let errorText = String(decoding: error.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, text, errorText)
    }

    @Test func `the counters see allocations and reference counting`() throws {
        let counts = try count(["control"]).counts.values
        #expect(counts.map(\.mallocs).max() ?? 0 >= 1_000)
        #expect(counts.map(\.retains).max() ?? 0 >= 1_000)
        #expect(counts.map(\.releases).max() ?? 0 >= 1_000)
    }

    @Test func `the engine's thread neither allocates nor counts references in a million trades with books and klines`()
        throws
    {
        let result = try count(["engine", "1000000"])
        print("engine, 1,000,000 trades:", result.output.trimmingCharacters(in: .whitespacesAndNewlines), result.counts)
        // With warm-up 1,100,000 trades, behind each sixteenth a book update and two klines, and 268 times two held up.
        #expect(result.output.contains("\"ticks\":1306250,") && !result.output.contains("\"journaledMiB\":0,"))
        #expect(!result.output.contains("\"booksStored\":0,") && result.output.contains("\"gaps\":0,\"refilled\":536,"))
        #expect(result.output.contains("\"firsts\":137500,") && !result.output.contains("\"signals\":0"))
        // The record ring was full now and then: records went by the journal, and came back to the ring.
        #expect(result.output.contains("\"returnsToRing\":") && !result.output.contains("\"returnsToRing\":0,"))
        // The engine's thread is absent where it never counted anything.
        #expect(result.counts["engine", default: ThreadCounts()] == ThreadCounts())
    }

    @Test func `the feed's thread neither allocates nor counts references in a million trades, books between`() throws {
        let result = try count(["feed", "1000000"])
        print("feed, 1,000,000 trades:", result.output.trimmingCharacters(in: .whitespacesAndNewlines), result.counts)
        #expect(
            result.output.contains(
                "\"trades\":1000192,\"books\":62512,\"klines\":62512,\"journaledMiB\":224,\"ignored\":125024,"
                    + "\"refused\":0,\"stalls\":0"))
        #expect(result.counts["feed-0", default: ThreadCounts()] == ThreadCounts())
    }

    @Test func `the engine's thread neither allocates nor counts references while it publishes to Redis`() async throws
    {
        let server = try await RedisServer()
        let result = try count(["sink", "100000", server.url])
        print("sink, 100,000 signals:", result.output.trimmingCharacters(in: .whitespacesAndNewlines), result.counts)
        #expect(result.output.contains("\"signals\":100000") && result.output.contains("\"unacknowledged\":0"))
        #expect(!result.output.contains("\"sentAtOnce\":0,"))
        #expect(result.counts["engine", default: ThreadCounts()] == ThreadCounts())
    }

    @Test func `the engine's thread neither allocates nor counts references while its signals go out over TLS`()
        async throws
    {
        let redis = try await EncryptedRedisServer()
        let result = try count(["sink", "100000", redis.url, redis.authority.caFile])
        print("sink over TLS, 100,000 signals:", result.output, result.counts)
        #expect(result.output.contains("\"signals\":100000") && result.output.contains("\"unacknowledged\":0"))
        #expect(result.output.contains("\"sentAtOnce\":0,"))
        #expect(result.counts["engine", default: ThreadCounts()] == ThreadCounts())
    }

    /// By each function's first address the one behind its last.
    private func functionEnds() throws -> [UInt64: UInt64] {
        let symbols = try run("/usr/bin/env", ["nm", "--print-size", ReleaseProbe.url.path])
        try #require(symbols.status == 0, "\(symbols.error)")
        var ends: [UInt64: UInt64] = [:]
        for line in symbols.output.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count == 4, let start = UInt64(words[0], radix: 16), let size = UInt64(words[1], radix: 16)
            else { continue }
            ends[start] = start + size
        }
        return ends
    }

    @Test func `the listed hot functions call no allocation or reference counting routine`() throws {
        let listing = try run("/usr/bin/env", ["objdump", "-d", "--no-show-raw-insn", ReleaseProbe.url.path])
        try #require(listing.status == 0, "\(listing.error)")
        // Mangled names' readable parts; each must be there, or be inlined into `drain`.
        let hot = [
            "5drain", "4take", "7process", "5admit", "5begin", "6follow", "8evaluate", "4push", "14recordDecision",
            "12recordSignal", "8holdBack", "9beginHold", "11releaseNext", "4note",
            "12noteRepeated",
        ]
        let ends = try functionEnds()
        var (function, end) = ("", UInt64.max)
        var seen: Set<String> = []
        for line in listing.output.split(separator: "\n") {
            if line.hasSuffix(">:") {
                function = String(line)
                let start = try #require(UInt64(line.prefix { $0 != " " }, radix: 16))
                end = ends[start] ?? .max
            }
            // What stands behind a function's end is another one, which has no name.
            let address = UInt64(line.drop { $0 == " " }.prefix { $0 != ":" }, radix: 16)
            guard address.map({ $0 < end }) ?? true else { continue }
            guard function.contains("StrategyEngine") || function.contains("Indicators") else { continue }
            guard let name = hot.first(where: { function.contains($0) }), !function.contains("HotPathTests") else {
                continue
            }
            seen.insert(name)
            let isForbidden = ["swift_retain", "swift_release", "swift_alloc", "malloc"].contains { line.contains($0) }
            if line.contains("call"), isForbidden { Issue.record("\(function) calls \(line)") }
        }
        #expect(seen.contains("5drain") && seen.contains("7process"))
    }

    @Test func `a hundred million records keep their order between two threads`() throws {
        let result = try run(ReleaseProbe.url.path, ["ring", "100000000"])
        print("ring:", result.output.trimmingCharacters(in: .whitespacesAndNewlines))
        #expect(result.output.contains("\"records\":100000000,\"faults\":0"))
    }

    @Test func `the embedded store takes two million rows in flat memory, and their speed is printed`() throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let path = folder.url.appendingPathComponent("tickline.sqlite").path
        let result = try run(ReleaseProbe.url.path, ["store", "2000000", path])
        print("store:", result.output.trimmingCharacters(in: .whitespacesAndNewlines))
        #expect(result.output.contains("\"rows\":2000000,"))
        let resident = result.output.split(separator: "[").last?.split(whereSeparator: { ",]".contains($0) }) ?? []
        let kibibytes = resident.compactMap { Int($0) }
        #expect(kibibytes.count == 2 && kibibytes[0] > 0 && kibibytes[1] < kibibytes[0] + 8_192, "\(result.output)")
    }
}
