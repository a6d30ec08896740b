import Foundation
import TestSupport
import Testing

/// `tickline verify` on everything a store keeps beside ticks and signals: book updates, klines, gaps, and decisions that are
/// no signals, deleted, altered and doubled in either store.
@Suite(.serialized, .enabled(if: SharedData.shouldRun)) struct VerifyKindsTests {
    private let folder = try! TemporaryFolder()
    private var data: String { folder.url.appendingPathComponent("data").path }
    private static let streams = "btcusdt@trade/btcusdt@depth@100ms/btcusdt@bookTicker/btcusdt@kline_1m"
    private static let averages = ["--short", "5", "--long", "20"]

    /// What another program does to a stored record.
    private enum Change {
        case delete
        /// A field's name, with its name and new value in the tables, and in the documents.
        case alter(String, sql: String, mongo: String)
        /// The same under another id.
        case double
    }

    /// 6,000 messages of the combined recording without three of its trades and with two in the wrong order, and three
    /// closed klines.
    private func recording() throws -> (path: String, trades: Int) {
        var lines = Array(try SharedData.lines(gzip: "binance/btcusdt.combined.20240808.ndjson.gz").prefix(6_000))
        let trades = lines.indices.filter { lines[$0].contains("@trade\"") }
        lines.swapAt(trades[800], trades[801])
        let lost = Set(trades[500..<503].map { lines[$0] })
        lines.removeAll { lost.contains($0) }
        for minute in 0..<3 {
            let open = 1_723_161_300_000 + minute * 60_000
            lines.append(
                #"{"stream":"btcusdt@kline_1m","data":{"e":"kline","E":\#(open + 60_001),"s":"BTCUSDT","k":{"t":\#(open),"#
                    + #""T":\#(open + 59_999),"s":"BTCUSDT","i":"1m","f":1,"L":9,"o":"61500.1","c":"61501","h":"61502","#
                    + #""l":"61499","v":"12.5","n":9,"x":true,"q":"1","V":"1","Q":"1","B":"0"}}}"#)
        }
        let file = folder.url.appendingPathComponent("run.ndjson")
        try (lines.joined(separator: "\n") + "\n").write(to: file, atomically: true, encoding: .utf8)
        return (file.path, trades.count - 3)
    }

    private func play(_ store: [String]) async throws {
        let (path, trades) = try recording()
        let simulator = try await RunningSimulator([path, "--speed", "max"], folder: folder.url)
        let run = try RunningTickline(
            ["--feed", "ws://127.0.0.1:\(simulator.port)/stream?streams=\(Self.streams)"] + Self.averages + store,
            folder: folder.url, name: "run", data: "data")
        try await waitUntil("all trades and klines taken", timeout: .seconds(60)) {
            let taken = await run.metric("tickline_ticks_total", labels: "kind=\"trade\"")
            let klines = await run.metric("tickline_ticks_total", labels: "kind=\"kline\"")
            return Int(taken) == trades && klines == 3
        }
        #expect(run.process.stop() == 0)
        simulator.process.stop()
    }

    private func verify(_ store: [String]) throws -> (status: Int32, lines: [String]) {
        let result = try Tickline.run(["verify", "--data", data, "--format", "table"] + store)
        return (result.status, result.output.split(separator: "\n").map(String.init))
    }

    /// Three changes of each kind, what must be said of them, and what could be done to no table: doubled book updates.
    private func check(
        _ store: [String], ids: (String, String) throws -> [String], doublesBooks: Bool,
        apply: (Change, String, String) throws -> Void
    ) throws {
        let clean = try verify(store)
        #expect(clean.status == 0, "\(clean)")
        print("figure: \(clean.lines)")
        var expected: Set<String> = []
        for (table, filter, change) in [
            ("depth", "", .alter("bidupdates", sql: "bids = '[]'", mongo: #""data.bidupdates": []"#)),
            ("klines", "", .alter("volume", sql: "volume = '13'", mongo: #""volume": "13""#)),
            ("gaps", "", .alter("cause", sql: "cause = 'skip'", mongo: #""cause": "skip""#)),
            ("trade_signals", "isSignal", .alter("reason", sql: "reason = 'odd'", mongo: #""reason": "odd""#)),
        ] as [(String, String, Change)] {
            let found = try ids(table, filter)
            try #require(found.count >= 2, "\(table): \(found)")
            if table != "depth" || doublesBooks {
                try apply(.double, table, found[0])
                expected.insert("doubled in the store: \(found[0]), again in entry \(found[0]):twice")
            }
            try apply(.delete, table, found[1])
            expected.insert("missing in the store: \(found[1])")
            try apply(change, table, found[0])
            guard case .alter(let field, _, _) = change else { continue }
            expected.insert("altered in the store: \(found[0]), \(field)")
        }
        let result = try verify(store)
        let named = result.lines.filter { $0.contains("in the store: ") && !$0.hasPrefix("not compared") }
        print("figure: \(named.count) differences named, \(expected.count) planted: \(result.lines.suffix(2))")
        #expect(result.status == 1)
        #expect(Set(named.map { $0.components(separatedBy: ": ours ")[0] }) == expected, "\(named)")
        #expect(named.count == expected.count)
    }

    @Test func `every kind of record deleted, altered or doubled in SQLite is named`() async throws {
        defer { folder.remove() }
        try await play([])
        let path = data + "/tickline.sqlite"
        try check(
            [],
            ids: { table, filter in
                try SQLiteReader.rows(
                    "SELECT _id FROM \(table) \(filter.isEmpty ? "" : "WHERE \(filter) = 0") ORDER BY _id LIMIT 2",
                    of: path
                ).map { $0["_id"]! }
            }, doublesBooks: false
        ) { change, table, id in
            let row =
                table == "depth"
                ? "depth_rows WHERE id = \(id.split(separator: ":").last!)" : "\(table) WHERE _id = '\(id)'"
            let statements =
                switch change {
                case .delete: ["DELETE FROM \(row)"]
                case .alter(_, let sql, _): ["UPDATE \(row.replacing(" WHERE", with: " SET \(sql) WHERE"))"]
                case .double:
                    [
                        "CREATE TEMP TABLE copy AS SELECT * FROM \(row)", "UPDATE copy SET _id = _id || ':twice'",
                        "INSERT INTO \(table) SELECT * FROM copy",
                    ]
                }
            try alterTables(statements)
        }
    }

    /// What another program does to the tables.
    private func alterTables(_ statements: [String]) throws {
        let script =
            "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); [c.execute(s) for s in sys.argv[2:]]; c.commit()"
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        process.arguments = ["-c", script, data + "/tickline.sqlite"] + statements
        try process.runUnmasked()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(statements)")
    }

    @Test func `where several write what only one of them can tell is no difference, and all else is`() async throws {
        defer { folder.remove() }
        let redis = try await RedisServer()
        let once = ["--redis", redis.url, "--publish", "once"]
        try await play(once)
        let clean = try verify(once)
        #expect(clean.status == 0, "\(clean)")
        let path = data + "/tickline.sqlite"
        func rows(_ query: String) throws -> [[String: String]] { try SQLiteReader.rows(query, of: path) }
        let gaps = try rows("SELECT _id FROM gaps ORDER BY fromId LIMIT 2").map { $0["_id"]! }
        let state = try #require(try rows("SELECT _id FROM trade_signals WHERE isSignal = 0 LIMIT 1").first?["_id"])
        let signals = try rows("SELECT _id, tickId FROM trade_signals WHERE isSignal = 1 ORDER BY tickId")
        let (signal, altered) = (try #require(signals.first), try #require(signals.last?["_id"]))
        let unknown = signal["_id"]!.replacing(signal["tickId"]!, with: "\(Int(signal["tickId"]!)! + 1)")
        // Another instance's gap and state, another's times and causes; then what nobody may write.
        try alterTables([
            "CREATE TEMP TABLE g AS SELECT * FROM gaps WHERE _id = '\(gaps[1])'",
            "UPDATE g SET _id = _id || '0', toId = toId + 1, missing = missing + 1", "INSERT INTO gaps SELECT * FROM g",
            "UPDATE gaps SET cause = 'skip', noticedTimeNanos = noticedTimeNanos + 1 WHERE _id = '\(gaps[0])'",
            "CREATE TEMP TABLE d AS SELECT * FROM trade_signals WHERE _id = '\(state)'",
            "UPDATE d SET _id = _id || '0', reason = 'odd'", "INSERT INTO trade_signals SELECT * FROM d",
            "UPDATE tick_rows SET receive_ns = receive_ns + 1",
            "CREATE TEMP TABLE s AS SELECT * FROM trade_signals WHERE _id = '\(signal["_id"]!)'",
            "UPDATE s SET _id = '\(unknown)', tickId = tickId + 1", "INSERT INTO trade_signals SELECT * FROM s",
            "UPDATE trade_signals SET reason = 'odd' WHERE _id = '\(altered)'",
        ])
        // In the stream: another's time, that time twice, and none.
        let entries = try redis.entries(of: "trade_signals_stream")
        try #require(entries.count > 3)
        for (index, times) in [["receiveTime", "1"], ["receiveTime", "1", "receiveTime", "2"], []].enumerated() {
            let others = entries[index].fields.filter { $0.key != "receiveTime" }.flatMap { [$0.key, $0.value] }
            try Command.run(["redis-cli", "-p", "\(redis.port)", "XDEL", "trade_signals_stream", entries[index].id])
            try Command.run(
                ["redis-cli", "-p", "\(redis.port)", "XADD", "trade_signals_stream", "*"] + others + times)
        }
        let shared = try verify(once)
        let named = shared.lines.filter { $0.contains("in the st") && !$0.hasPrefix("not compared") }
        #expect(shared.status == 1)
        let ids = entries.map { $0.fields["id"] ?? "" }
        #expect(
            Set(named.map { $0.components(separatedBy: ": ours ")[0] }) == [
                "unknown to the journal, in the store: \(unknown)", "altered in the store: \(altered), reason",
                "altered in the stream: \(ids[1]), receiveTime", "altered in the stream: \(ids[2]), receiveTime",
            ], "\(named)")
        #expect(shared.lines.contains { $0.hasPrefix("store: ") && $0.hasSuffix(", 2 outside of the journal") })
        // One writer alone answers for all of it.
        let alone = try verify(["--redis", redis.url])
        let expected = [
            "unknown to the journal, in the store: \(gaps[1])0", "altered in the store: \(gaps[0]), cause",
            "unknown to the journal, in the store: \(state)0", "altered in the stream: \(ids[0]), receiveTime",
        ]
        for line in expected {
            #expect(alone.lines.contains { $0.hasPrefix(line) }, "\(line): \(alone.lines.suffix(3))")
        }
        print("figure: where several write \(named.count) differences are named, alone \(alone.lines.count - 4)")
    }

    @Test(.enabled(if: MongoServer.shouldRun))
    func `every kind of record deleted, altered, doubled or of another type in MongoDB is named`() async throws {
        defer { folder.remove() }
        let mongo = try MongoServer()
        defer { mongo.remove() }
        try await mongo.start()
        let store = ["--mongo", mongo.uri]
        try await play(store)
        try check(
            store,
            ids: { table, filter in
                try mongo.find(table, filter.isEmpty ? "{}" : #"{"\#(filter)": false}"#, sort: #"{"_id": 1}"#, most: 2)
                    .map { $0["_id"] as? String ?? "" }
            }, doublesBooks: true
        ) { change, table, id in
            switch change {
            case .delete: try mongo.run(#"{"delete":"\#(table)","deletes":[{"q":{"_id":"\#(id)"},"limit":1}]}"#)
            case .alter(_, _, let field):
                try mongo.run(#"{"update":"\#(table)","updates":[{"q":{"_id":"\#(id)"},"u":{"$set":{\#(field)}}}]}"#)
            case .double:
                try mongo.run(
                    #"""
                    {"aggregate":"\#(table)","pipeline":[{"$match":{"_id":"\#(id)"}},{"$set":{"_id":"\#(id):twice"}},
                    {"$merge":"\#(table)"}],"cursor":{}}
                    """#)
            }
        }
        let kline = try verify(store).lines.first { $0.contains(", volume: ") }
        #expect(kline?.hasSuffix(#", volume: ours '12.5', theirs '"13"'"#) == true, "\(kline ?? "")")
        // The last of the first page of a thousand, and more of its key than a page holds.
        let last = try #require(
            try mongo.find("ticks", #"{"kind": "trade"}"#, sort: #"{"tickId": 1}"#, most: 1_000).last?["_id"] as? String
        )
        try mongo.run(
            #"""
            {"aggregate":"ticks","pipeline":[{"$match":{"_id":"\#(last)"}},{"$set":{"n":{"$range":[0,1100]}}},
            {"$unwind":"$n"},{"$set":{"_id":{"$concat":["$_id",":",{"$toString":"$n"}]}}},{"$unset":"n"},
            {"$merge":"ticks"}],"cursor":{}}
            """#)
        let doubled = try verify(store).lines.filter { $0.hasPrefix("doubled in the store: \(last), again in entry ") }
        #expect(doubled.count == 1_100)
    }
}
