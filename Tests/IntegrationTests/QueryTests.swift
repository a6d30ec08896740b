import Foundation
import MongoStore
import SQLiteStore
import TestSupport
import Testing
import TradingModel

/// `tickline query` as a user meets it.
@Suite(.serialized) struct QueryTests {
    private let folder = try! TemporaryFolder()
    private var data: String { folder.url.appendingPathComponent("data").path }
    /// One time of insertion for both stores; now, or MongoDB would delete what it takes for expired.
    private static let createdAt = UnixNanos(rawValue: Int64(Date().timeIntervalSince1970 * 1_000) * 1_000_000 + 1)

    private func query(_ arguments: [String], _ environment: [String: String] = [:]) throws -> String {
        let result = try Tickline.run(["query"] + arguments, environment: environment)
        #expect(result.status == 0 && result.error.isEmpty, "\(arguments): \(result.error)")
        return result.output
    }

    private func sqliteStore() throws -> SQLiteStore {
        try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
        var store = try SQLiteStore(
            path: data + "/tickline.sqlite", retentionSeconds: 3_600, catalog: SampleMarket.catalog,
            wallClock: { Self.createdAt })
        try store.prepare()
        return store
    }

    @Test(.enabled(if: MongoServer.shouldRun))
    func `both stores print the same bytes for the same records`() async throws {
        defer { folder.remove() }
        let mongo = try MongoServer()
        defer { mongo.remove() }
        try await mongo.start()
        var file = try sqliteStore()
        var server = try MongoStore(
            settings: MongoStoreSettings(uri: mongo.uri), catalog: SampleMarket.catalog,
            wallClock: { Self.createdAt })
        try server.prepare()
        var batch = TradeReaderContract.records
        // More than a page of each of two series whose times lie between each other's.
        batch.ticks += (1_000..<3_500).map { SampleMarket.stored($0) }
        batch.ticks += (1_000..<3_500).map { SampleMarket.stored($0, instrument: 1) }
        #expect(try file.write(batch) == server.write(batch))
        file.close()
        let ranges = [
            [], ["--newest", "--limit", "7"],
            ["--from", "2024-08-08T23:54:13.124Z", "--to", "2024-08-08T23:54:13.126Z"],
            ["--instrument", "binance-usdm:BTCUSDT"],
        ]
        var bytes = 0
        for table in StoredTable.allCases {
            for format in ["json", "csv", "table"] {
                for range in table == .ticks ? ranges : Array(ranges.prefix(2)) {
                    let arguments = ["--table", table.rawValue, "--format", format] + range
                    let fromFile = try query(arguments + ["--data", data])
                    #expect(try query(arguments + ["--mongo", mongo.uri]) == fromFile, "\(arguments)")
                    bytes += fromFile.utf8.count
                }
            }
        }
        print("figure: \(bytes) bytes the same from both stores")
        let lines = try query(["--table", "ticks", "--data", data, "--newest"]).split(separator: "\n")
        #expect(lines.count == batch.ticks.count)
        #expect(
            lines[0].contains(#""tickId":"4503599627370498","price":"0.00000001","aggregateQuantity":"0.0015""#),
            "newest first")
        #expect(try query(["--data", data]).split(separator: "\n").count == 5, "signals are the default")
    }

    @Test(.enabled(if: SharedData.shouldRun && MongoServer.shouldRun))
    func `a recorded run leaves the same in both stores, and SQLite's is read while it runs and after a kill`()
        async throws
    {
        defer { folder.remove() }
        let mongo = try MongoServer()
        defer { mongo.remove() }
        try await mongo.start()
        let file = SharedData.path("binance/btcusdt@trade.20240808.ndjson.gz")
        for (round, arguments) in [["--store", "sqlite"], ["--mongo", mongo.uri]].enumerated() {
            let simulator = try await RunningSimulator(
                [file, "--speed", "max"], folder: folder.url, name: "simulate\(round)")
            let run = try RunningTickline(
                ["--feed", "ws://127.0.0.1:\(simulator.port)/ws/btcusdt@trade"] + arguments, folder: folder.url,
                name: "run\(round)", data: round == 0 ? "data" : "data-mongo")
            try await waitUntil("all ticks stored") {
                await run.metric("tickline_store_documents_total", labels: "ticks") == 9_757
            }
            if round == 0 {
                #expect(try ids("ticks", ["--data", data]).count == 9_757, "while it runs")
                run.process.stop(SIGKILL)
            } else {
                #expect(run.process.stop() == 0)
            }
            simulator.process.stop()
        }
        #expect(FileManager.default.fileExists(atPath: data + "/tickline.sqlite-wal"), "the kill left the log")
        for (table, count) in [("ticks", 9_757), ("signals", 37)] {
            let fromFile = try ids(table, ["--data", data])
            #expect(fromFile.count == count && Set(fromFile).count == count)
            #expect(try ids(table, ["--mongo", mongo.uri]) == fromFile)
            // The settings' names in the environment work as they do for run.
            let environment = ["MONGO_URI": mongo.uri, "DATABASE_NAME": "btc_data"]
            #expect(try query(["--table", table, "--limit", "3"], environment).split(separator: "\n").count == 3)
        }
        let minute = ["--from", "2024-08-08T23:54:00Z", "--to", "2024-08-08T23:55:00Z", "--data", data]
        let csv = try query(["--table", "ticks", "--format", "csv"] + minute).split(separator: "\r\n").dropFirst()
        #expect(!csv.isEmpty && csv.allSatisfy { $0.contains(",2024-08-08T23:54:") })
    }

    /// The ids of a table's records, with what depends on neither clock nor store compared whole.
    private func ids(_ table: String, _ arguments: [String]) throws -> [String] {
        try query(["--table", table, "--format", "json"] + arguments).split(separator: "\n").map { line in
            let ours = [",\"receiveTime\":", ",\"created_at\":"].compactMap { line.range(of: $0)?.lowerBound }.min()
            return String(line[..<(ours ?? line.endIndex)])
        }
    }

    @Test func `a reader that goes away ends it quietly, and its memory does not grow with the result`() throws {
        defer { folder.remove() }
        var store = try sqliteStore()
        for first in stride(from: UInt64(1), to: 300_000, by: 10_000) {
            _ = try store.write(SampleMarket.batch(first: first, ticks: 10_000))
        }
        store.close()
        // Its output through a pipe whose reader takes one line; exit status, errors and the largest resident size.
        let script = """
            import resource, subprocess, sys
            p = subprocess.Popen(sys.argv[2:], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            first = p.stdout.readline()
            count = 0 if sys.argv[1] == "head" else sum(1 for _ in p.stdout)
            p.stdout.close()
            error = p.stderr.read()
            print(p.wait(), len(error), len(first) > 0, count, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
            """
        func run(_ mode: String, _ arguments: [String]) throws -> [Substring] {
            let (process, output) = (Process(), Pipe())
            process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
            process.arguments =
                ["-c", script, mode, Tickline.executable, "query", "--table", "ticks", "--data", data] + arguments
            process.standardOutput = output
            try process.runUnmasked()
            let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            return text.dropLast().split(separator: " ")
        }
        #expect(try run("head", []).prefix(3) == ["0", "0", "True"])
        let small = try run("whole", ["--limit", "3000"])
        let large = try run("whole", [])
        #expect(large.prefix(4) == ["0", "0", "True", "299999"])
        let kibibytes = [small, large].map { Int($0.last ?? "") ?? 0 }
        print("figure: \(kibibytes[0]) KiB for 3,000 records, \(kibibytes[1]) KiB for 300,000")
        #expect(kibibytes[1] < kibibytes[0] + 8_192)
    }

    @Test func `says in one line what is wrong, with the right exit status`() async throws {
        defer { folder.remove() }
        let absent = folder.url.appendingPathComponent("absent").path
        func refused(
            _ arguments: [String], environment: [String: String] = [:], _ status: Int32, _ words: [String]
        ) throws {
            let result = try Tickline.run(["query"] + arguments, environment: environment)
            #expect(result.status == status && result.output.isEmpty, "\(arguments): \(result.error)")
            #expect(result.error.split(separator: "\n").count == 1, "\(result.error)")
            for word in words { #expect(result.error.contains(word), "\(result.error)") }
        }
        try refused(["--data", absent], 78, [absent + "/tickline.sqlite", "--data"])
        try refused(["--store", "none"], 78, ["--store none"])
        try refused(["--mongo", "localhost"], 78, ["mongodb://"])
        try refused(["--table", "tick"], 64, ["did you mean ticks?"])
        try refused(["--from", "-1h", "--to", "-2h"], 64, ["is not before"])
        let port = freePort()
        try refused(
            [], environment: ["MONGO_URI": "mongodb://user:canary@127.0.0.1:\(port)/"], 1,
            ["127.0.0.1:\(port)", "check --mongo", "***"])
        var store = try sqliteStore()
        _ = try store.write(SampleMarket.batch(first: 1, ticks: 10))
        store.close()
        try refused(["--data", data, "--instrument", "BTCUSD"], 64, ["did you mean BTCUSDT?"])
        #expect(!FileManager.default.fileExists(atPath: absent), "reading makes no folder")
        let file = URL(fileURLWithPath: data + "/tickline.sqlite")
        var newer = try Data(contentsOf: file)
        newer.replaceSubrange(60..<64, with: [0, 0, 0, 9])
        try newer.write(to: file)
        try refused(["--data", data], 78, ["has format 9", "newer Tickline"])
        try Data("notes of someone else\n".utf8).write(to: file)
        try refused(["--data", data], 78, ["is not a Tickline database"])
        #expect(try String(contentsOf: file, encoding: .utf8) == "notes of someone else\n")
    }
}
