import Foundation
import TestSupport
import Testing

/// `tickline verify` on real servers: a clean run, then each kind of difference planted by another program.
@Suite(.serialized, .enabled(if: SharedData.shouldRun)) struct VerifyTests {
    private let stream = "trade_signals_stream"

    private func verify(
        _ run: ProvenRun, _ arguments: [String]
    ) throws -> (status: Int32, lines: [String], error: String) {
        try run.tickline(["verify", "--data", run.data] + arguments)
    }

    @discardableResult
    private func command(_ program: String, _ arguments: [String]) throws -> String {
        let (process, output) = (Process(), Pipe())
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [program] + arguments
        process.standardOutput = output
        try process.runUnmasked()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(arguments)")
        return text
    }

    private func change(_ run: ProvenRun, _ statements: String...) throws {
        let script =
            "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); [c.execute(s) for s in sys.argv[2:]]; c.commit()"
        try command("python3", ["-c", script, run.data + "/tickline.sqlite"] + statements)
    }

    @Test func `a recorded run in Redis and SQLite is clean, and each planted difference is named`() async throws {
        let run = try ProvenRun()
        defer { run.folder.remove() }
        let redis = try await RedisServer()
        try await run.play(["--redis", redis.url]) {
            let live = try verify(run, ["--redis", redis.url, "--format", "json"])
            #expect(live.status == 0 && live.lines.isEmpty, "\(live)")
        }
        let clean = try verify(run, ["--redis", redis.url, "--format", "table"])
        #expect(clean.status == 0 && clean.error.isEmpty, "\(clean.error)")
        #expect(
            clean.lines == [
                "journal: 9757 ticks, 37 signals in 39 decisions, 0 book updates, 0 klines, 0 gaps",
                "stream: 37 equal, 0 differences, 0 pending, 0 trimmed, 0 outside of the journal",
                "store: 9796 equal, 0 differences, 0 pending, 0 expired",
                "not compared in the store: what is before a series' first record in the journal or behind its last, times of"
                    + " insertion, fields that `tickline query` does not print",
            ])
        print("figure: \(clean.lines)")
        let prefix = "binance:BTCUSDT:sma-50-200:"
        let ids = run.crossings.map { prefix + $0[1] }
        let entries = try redis.entries(of: stream)
        func redisCommand(_ words: [String]) throws -> String {
            try command("redis-cli", ["-p", "\(redis.port)"] + words).trimmingCharacters(in: .whitespacesAndNewlines)
        }
        func add(_ index: Int, _ change: (inout [String: String]) -> Void) throws -> String {
            var fields = entries[index].fields
            change(&fields)
            return try redisCommand(["XADD", stream, "*"] + fields.flatMap { [$0.key, $0.value] })
        }
        _ = try redisCommand(["XDEL", stream, entries[0].id, entries[7].id])
        let doubled = try add(5) { _ in }
        _ = try add(7) { $0["shortSMA"] = "1\"2" }
        _ = try add(3) { $0["id"] = "\(prefix)\(run.trades[4_000].id)" }
        // A field more, and one that is there twice: `redis-cli` shows both, a dictionary would not.
        let words = [9, 11].map { entries[$0].fields.flatMap { [$0.key, $0.value] } }
        _ = try redisCommand(["XDEL", stream, entries[9].id, entries[11].id])
        _ = try redisCommand(["XADD", stream, "*"] + words[0] + ["note", "added"])
        _ = try redisCommand(["XADD", stream, "*"] + words[1] + ["signal", "HOLD"])
        // Not ours, and behind the journal's end.
        _ = try redisCommand(["XADD", stream, "*", "note", "of someone else"])
        _ = try add(3) { $0["id"] = "\(prefix)\(run.trades.last!.id + 1)" }
        let ticks = run.trades.map(\.id)
        try change(
            run, "DELETE FROM tick_rows WHERE id = \(ticks[0])", "DELETE FROM tick_rows WHERE id = \(ticks[9_756])",
            "UPDATE tick_rows SET quantity = quantity + 1 WHERE id = \(ticks[5_000])",
            "UPDATE tick_rows SET id = \(ticks[0] - 9) WHERE id = \(ticks[6_000])",
            "DELETE FROM trade_signals WHERE _id = '\(ids[36])'",
            "UPDATE trade_signals SET signal = 'BUY' WHERE _id = '\(ids[1])'",
            "UPDATE trade_signals SET tickId = \(ticks[6_001]), _id = '\(prefix)\(ticks[6_001])' WHERE _id = '\(ids[20])'"
        )
        let found = try verify(run, ["--redis", redis.url, "--format", "json"])
        #expect(found.status == 1)
        let tick = "binance:BTCUSDT:trade:"
        func object(_ place: String, _ kind: String, _ id: String, _ more: String = "") -> String {
            #"{"place":"\#(place)","difference":"\#(kind)",\#(more)"id":"\#(id)"}"#
        }
        let quantity = try SharedData.lines(gzip: "binance/btcusdt@trade.20240808.ndjson.gz")[5_000]
        let ours = Int(scaled(field("q", of: quantity)!, decimals: 8))
        let expected: Set = [
            object("stream", "missing", ids[0]), object("stream", "doubled", ids[5], #""entry":"\#(doubled)","#),
            object(
                "stream", "altered", ids[7],
                #""field":"shortSMA","ours":"\#(run.crossings[7][5])","theirs":"1\"2","#),
            object("stream", "unknown", "\(prefix)\(ticks[4_000])"),
            object("stream", "altered", ids[9], #""field":"note","ours":"","theirs":"added","#),
            object(
                "stream", "altered", ids[11],
                #""field":"signal","ours":"\#(run.crossings[11][3])","theirs":"\#(run.crossings[11][3]), HOLD","#),
            object("store", "missing", "\(tick)\(ticks[0])"), object("store", "missing", "\(tick)\(ticks[9_756])"),
            object("store", "missing", "\(tick)\(ticks[6_000])"),
            object(
                "store", "altered", "\(tick)\(ticks[5_000])",
                #""field":"quantity","ours":"\#(decimalText(ours))","theirs":"\#(decimalText(ours + 1))","#),
            object("store", "missing", ids[36]), object("store", "missing", ids[20]),
            object("store", "altered", ids[1], #""field":"signal","ours":"SELL","theirs":"BUY","#),
            object("store", "unknown", "\(prefix)\(ticks[6_001])"),
        ]
        #expect(Set(found.lines) == expected)
        #expect(found.error.contains("stream: 33 equal, 6 differences, 0 pending, 0 trimmed, 2 outside of the journal"))
        #expect(found.error.contains("14 differences from the journal"))
        print("figure: \(found.lines.count) differences named, \(expected.count) planted")
        // Without the store writer's marks nothing is known to be stored: what is not there is still to come.
        let journal = run.data + "/journal"
        for name in try FileManager.default.contentsOfDirectory(atPath: journal) where name.hasPrefix("stored") {
            try FileManager.default.removeItem(atPath: "\(journal)/\(name)")
        }
        let unmarked = try verify(run, ["--format", "json"])
        #expect(unmarked.lines.count == 3 && unmarked.error.contains("5 pending"), "\(unmarked)")
    }

    @Test func `entries are trimmed only where the server says that it removed some, else missing`() async throws {
        let run = try ProvenRun()
        defer { run.folder.remove() }
        let redis = try await RedisServer()
        try await run.play(["--redis", redis.url, "--store", "none"])
        let entries = try redis.entries(of: stream)
        func redisCommand(_ words: String...) throws { try command("redis-cli", ["-p", "\(redis.port)"] + words) }
        /// Makes the stream anew with entries of the first one, under their own ids or new ones, and trims it then.
        func remake(_ kept: [Int], isRenamed: Bool = false, trimmedTo most: Int? = nil) throws {
            try redisCommand("DEL", stream)
            for index in kept {
                let words = entries[index].fields.flatMap { [$0.key, $0.value] }
                try command(
                    "redis-cli", ["-p", "\(redis.port)", "XADD", stream, isRenamed ? "*" : entries[index].id] + words)
            }
            if let most { try redisCommand("XTRIM", stream, "MAXLEN", "\(most)") }
        }
        func expect(missing: Range<Int>, trimmed: Int, _ place: SourceLocation = #_sourceLocation) throws {
            let found = try verify(run, ["--redis", redis.url, "--store", "none", "--format", "json"])
            let ids = missing.map { "binance:BTCUSDT:sma-50-200:\(run.crossings[$0][1])" }
            #expect(
                found.lines == ids.map { #"{"place":"stream","difference":"missing","id":"\#($0)"}"# },
                sourceLocation: place)
            #expect(found.status == (ids.isEmpty ? 0 : 1), sourceLocation: place)
            let figures = "\(ids.count) differences, 0 pending, \(trimmed) trimmed"
            #expect(found.error.contains(figures), "\(found.error)", sourceLocation: place)
        }
        try redisCommand("XTRIM", stream, "MAXLEN", "30")
        try expect(missing: 0..<0, trimmed: 7)
        try redisCommand("XTRIM", stream, "MAXLEN", "0")
        try expect(missing: 0..<0, trimmed: 37)
        try remake(Array(12..<37))
        try expect(missing: 0..<12, trimmed: 0)
        try remake(Array(0..<9) + Array(10..<37), isRenamed: true)
        try expect(missing: 9..<10, trimmed: 0)
        // What such a stream is trimmed of accounts for as many as it had, not for those in front.
        try remake(Array(12..<37), trimmedTo: 20)
        try expect(missing: 0..<12, trimmed: 5)
        try redisCommand("DEL", stream)
        try expect(missing: 0..<37, trimmed: 0)
    }

    @Test func `ticks stay compared to the last one when a later run took none of them`() async throws {
        let run = try ProvenRun()
        defer { run.folder.remove() }
        try await run.play([])
        try await run.repeatAll([])
        let clean = try verify(run, ["--format", "table"])
        #expect(clean.status == 0, "\(clean)")
        #expect(clean.lines.dropLast().last?.hasPrefix("store: 9796 equal, 0 differences") == true, "\(clean.lines)")
        let (ticks, tick) = (run.trades.map(\.id), "binance:BTCUSDT:trade:")
        try change(
            run, "DELETE FROM tick_rows WHERE id = \(ticks[9_756])", "DELETE FROM tick_rows WHERE id = \(ticks[9_100])",
            "UPDATE tick_rows SET event_ns = 0 WHERE id = \(ticks[9_500])")
        let found = try verify(run, ["--format", "table"])
        #expect(found.status == 1)
        let named = ["missing in the store: \(tick)\(ticks[9_100])", "missing in the store: \(tick)\(ticks[9_756])"]
        for line in named { #expect(found.lines.contains(line), "\(found.lines)") }
        #expect(found.lines.contains { $0.hasPrefix("altered in the store: \(tick)\(ticks[9_500]), eventTimeNanos:") })
    }

    @Test func `an output that is full or closed ends verify and explain with a status`() async throws {
        let run = try ProvenRun()
        defer { run.folder.remove() }
        try await run.play([])
        try change(run, "DELETE FROM tick_rows WHERE id % 2 = 0")
        let verifying = ["verify", "--data", run.data, "--format", "json"]
        let signal = "binance:BTCUSDT:sma-50-200:\(run.crossings[2][1])"
        let explaining = ["explain", signal, "--data", run.data]
        for (arguments, place) in [
            (verifying, ">/dev/full"), (verifying, ">&-"), (explaining, ">/dev/full"), (explaining, ">&-"),
            (["config"], ">/dev/full"),
        ] {
            let result = try Tickline.run(arguments, inShell: "\"$@\" \(place)")
            #expect(result.status == 1, "\(arguments) \(place): \(result)")
            #expect(result.error.split(separator: "\n").count == 1, "\(arguments) \(place): \(result.error)")
        }
        // What `head` leaves unread.
        let cut = try Tickline.run(verifying, inShell: "set -o pipefail; \"$@\" | head -2")
        #expect(cut.status == 1 && cut.output.split(separator: "\n").count == 2, "\(cut)")
        let silent = try Tickline.run(verifying, inShell: "\"$@\" 2>/dev/full >/dev/null")
        #expect(silent.status == 1)
    }

    @Test func `two combined recordings are clean, quotes and futures included`() async throws {
        let run = try ProvenRun()
        defer { run.folder.remove() }
        let redis = try await RedisServer()
        var feeds: [String] = []
        var simulators: [RunningSimulator] = []
        for (folder, exchange, depth) in [("binance", "binance", "100"), ("binance_usdm", "binance-usdm", "0")] {
            let simulator = try await RunningSimulator(
                [SharedData.path("\(folder)/btcusdt.combined.20240808.ndjson.gz"), "--speed", "max"],
                folder: run.folder.url, name: folder)
            let streams = "btcusdt@trade/btcusdt@bookTicker/btcusdt@depth@\(depth)ms"
            feeds += ["--feed", "\(exchange)=ws://127.0.0.1:\(simulator.port)/stream?streams=\(streams)"]
            simulators.append(simulator)
        }
        let process = try RunningTickline(feeds + ["--redis", redis.url], folder: run.folder.url)
        try await waitUntil("all ticks taken", timeout: .seconds(60)) {
            await process.metric("tickline_ticks_total") >= 135_201
        }
        #expect(process.process.stop() == 0)
        for simulator in simulators { simulator.process.stop() }
        let result = try verify(run, ["--redis", redis.url, "--format", "table"])
        #expect(result.status == 0, "\(result.error)")
        #expect(
            result.lines.dropFirst().first
                == "stream: 134 equal, 0 differences, 0 pending, 0 trimmed, 0 outside of the journal")
        print("figure: \(result.lines)")
    }

    @Test func `signals that Redis has not acknowledged are pending, and wrong settings are refused`() async throws {
        let run = try ProvenRun()
        defer { run.folder.remove() }
        let redis = try await RedisServer()
        redis.kill()
        try await run.play(["--redis", redis.url, "--store", "none"])
        let unreachable = try verify(run, ["--redis", redis.url, "--store", "none"])
        #expect(unreachable.status == 1 && unreachable.error.contains("\(redis.port)"), "\(unreachable.error)")
        try await redis.restart()
        let pending = try verify(run, ["--redis", redis.url, "--store", "none", "--format", "table"])
        #expect(pending.status == 0, "\(pending.error)")
        #expect(pending.lines.last?.hasPrefix("stream: 0 equal, 0 differences, 37 pending") == true, "\(pending.lines)")
        for (arguments, status, word) in [
            (["--store", "none"], 78, "--redis"), (["--redis", "http://localhost"], 78, "redis://"),
            (["--redis", redis.url], 78, "tickline.sqlite"),
            (["--journal", run.folder.path, "--redis", redis.url, "--store", "none"], 78, "no journal is there"),
            (["--redis", redis.url, "--format", "jsn"], 64, "did you mean json?"),
        ] as [([String], Int32, String)] {
            let refused = try verify(run, arguments)
            #expect(refused.status == status && refused.error.contains(word), "\(arguments): \(refused)")
        }
    }

    @Test(.enabled(if: MongoServer.shouldRun))
    func `a recorded run in MongoDB is clean, and altered and deleted documents are named`() async throws {
        let run = try ProvenRun()
        defer { run.folder.remove() }
        let mongo = try MongoServer()
        defer { mongo.remove() }
        try await mongo.start()
        try await run.play(["--mongo", mongo.uri])
        let clean = try verify(run, ["--mongo", mongo.uri, "--format", "table"])
        #expect(clean.status == 0, "\(clean)")
        #expect(clean.lines.dropLast().last == "store: 9796 equal, 0 differences, 0 pending, 0 expired")
        let ticks = run.trades.map(\.id)
        let signal = "binance:BTCUSDT:sma-50-200:\(run.crossings[2][1])"
        try mongo.run(#"{"delete":"ticks","deletes":[{"q":{"tickId":\#(ticks[77])},"limit":1}]}"#)
        try mongo.run(
            #"{"update":"trade_signals","updates":[{"q":{"_id":"\#(signal)"},"u":{"$set":{"reason":"gap"}}}]}"#)
        let found = try verify(run, ["--mongo", mongo.uri, "--format", "table"])
        #expect(found.status == 1)
        #expect(
            Set(found.lines.prefix(2)) == [
                "missing in the store: binance:BTCUSDT:trade:\(ticks[77])",
                "altered in the store: \(signal), reason: ours 'cross', theirs 'gap'",
            ])
    }
}
