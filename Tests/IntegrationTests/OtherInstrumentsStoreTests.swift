import ExchangeSimulator
import Foundation
import Glibc
import TestSupport
import Testing

/// Runs that are killed while the store is away, and a next one with other instruments, averages or scales: what the killed ones
/// had not stored is stored as a run would have stored it that nothing disturbed.
@Suite(.serialized, .timeLimit(.minutes(10))) struct OtherInstrumentsStoreTests {
    /// What is different from the killed run, whose instruments are BTCUSDT and ETHUSDT, in that order.
    enum Change: String, CaseIterable, Sendable {
        case removed, reordered, added, averages, scales

        var symbols: [String] {
            switch self {
            case .removed: ["ETHUSDT"]
            case .reordered: ["ETHUSDT", "BTCUSDT"]
            case .added: ["SOLUSDT", "BTCUSDT", "ETHUSDT"]
            case .averages, .scales: ["BTCUSDT", "ETHUSDT"]
            }
        }
        var settings: [String] {
            switch self {
            case .averages: ["--short", "2", "--long", "3"] + OtherInstrumentsStoreTests.scale
            case .scales: OtherInstrumentsStoreTests.averages
            case .removed: OtherInstrumentsStoreTests.averages
            case .reordered, .added: OtherInstrumentsStoreTests.averages + OtherInstrumentsStoreTests.scale
            }
        }
    }

    private static let averages = ["--short", "1", "--long", "2"]
    private static let scale = ["--scale", "BTCUSDT=2,3"]
    private static let symbols = ["BTCUSDT", "ETHUSDT"]
    /// Of each instrument and run, without the trades left out.
    private static let trades = 400
    private static let leftOut = 200...202
    /// Trades, quotes, book updates and klines that a run takes of an instrument.
    private static let taken = trades - leftOut.count + trades + trades + 2
    private static let tables = ["ticks", "trade_signals", "gaps", "depth", "klines"]
    /// When something happened to the one run and to the other.
    private static let times: Set = [
        "created_at", "receiveTime", "receiveTimeNanos", "noticedTime", "noticedTimeNanos",
    ]
    private let folder = try! TemporaryFolder()

    /// Every kind of record of each instrument, whose numbers none of the others has, but for ids; as the exchange sends them.
    private func recording(_ symbols: [String], from first: Int) throws -> String {
        let prices = ["BTCUSDT": 61_500, "ETHUSDT": 2_650, "SOLUSDT": 150]
        var lines: [String] = []
        func add(_ symbol: String, _ type: String, _ data: String) {
            lines.append(#"{"stream":"\#(symbol.lowercased())@\#(type)","data":{\#(data)}}"#)
        }
        for id in first..<first + Self.trades {
            for symbol in symbols {
                let (price, time) = ("\(prices[symbol]! + id % 2).2\(id % 10)", 1_723_161_255_000 + id)
                if !Self.leftOut.contains(id - first) {
                    add(
                        symbol, "trade",
                        #""e":"trade","E":\#(time),"s":"\#(symbol)","t":\#(id),"p":"\#(price)","q":"0.00\#(1 + id % 9)","#
                            + #""T":\#(time),"m":true,"M":true"#)
                }
                add(
                    symbol, "bookTicker",
                    #""u":\#(id),"s":"\#(symbol)","b":"\#(price)","B":"1.5","a":"\#(price)","A":"0.25""#)
                add(
                    symbol, "depth@100ms",
                    #""e":"depthUpdate","E":\#(time),"s":"\#(symbol)","U":\#(id),"u":\#(id),"b":[["\#(price)","0.5"],"#
                        + #"["\#(price)","1.50"],["\#(price)","2"],["\#(price)","0.0"]],"a":[["\#(price)","3.125"]]"#)
                guard id < first + 2 else { continue }
                let open = 1_723_161_300_000 + id * 60_000
                add(
                    symbol, "kline_1m",
                    #""e":"kline","E":\#(open + 60_001),"s":"\#(symbol)","k":{"t":\#(open),"T":\#(open + 59_999),"#
                        + #""s":"\#(symbol)","i":"1m","f":1,"L":9,"o":"\#(price)","c":"\#(price)","h":"\#(price)","#
                        + #""l":"\#(price)","v":"12.5","n":9,"x":true,"q":"1","V":"1","Q":"1","B":"0"}"#)
            }
        }
        let file = folder.url.appendingPathComponent("\(symbols.joined())-\(first).ndjson")
        try (lines.joined(separator: "\n") + "\n").write(to: file, atomically: true, encoding: .utf8)
        return file.path
    }

    /// Starts a run on an exchange that sends `trades` of each instrument, or on none.
    private func start(
        _ name: String, _ symbols: [String], from first: Int?, _ arguments: [String], data: String = "data"
    ) async throws -> (run: RunningTickline, exchange: RunningSimulator?) {
        var exchange: RunningSimulator?
        if let first {
            exchange = try await RunningSimulator(
                [try recording(symbols, from: first), "--speed", "max"], folder: folder.url, name: "exchange-\(name)")
        }
        let streams = symbols.flatMap { symbol in
            ["trade", "bookTicker", "depth@100ms", "kline_1m"].map { "\(symbol.lowercased())@\($0)" }
        }
        let feed = "ws://127.0.0.1:\(exchange?.port ?? 1)/stream?streams=\(streams.joined(separator: "/"))"
        let run = try RunningTickline(
            ["--feed", feed, "--refill", "0"] + arguments, folder: folder.url, name: name, data: data)
        guard exchange != nil else { return (run, nil) }
        try await waitUntil("all is taken: \(run.process.output.suffix(500))", timeout: .seconds(60)) {
            await run.metric("tickline_ticks_total") == Double(symbols.count * Self.taken)
        }
        return (run, exchange)
    }

    /// A run that ends in order once all is stored.
    private func finish(
        _ name: String, _ symbols: [String], from first: Int?, _ arguments: [String], data: String = "data",
        detours: Double = 0
    ) async throws {
        let (run, exchange) = try await start(name, symbols, from: first, arguments, data: data)
        try await waitUntil("all is stored: \(run.process.output.suffix(500))", timeout: .seconds(120)) {
            guard await run.metric("tickline_store_detours_total") >= detours else { return false }
            guard await run.metric("tickline_store_backlog_entries") == 0 else { return false }
            return await run.scrapedMetric("tickline_store_lag_seconds") == 0
        }
        #expect(await run.scrapedMetric("tickline_store_refused_total") == 0, "\(name)")
        #expect(await run.metric("tickline_dropped_total") == 0, "\(name)")
        #expect(run.process.stop() == 0)
        #expect(!run.process.output.contains("refused records"), "\(run.process.output.suffix(500))")
        #expect(!run.process.output.contains("lacks records"), "\(run.process.output.suffix(500))")
        exchange?.process.stop()
    }

    /// A run that is killed when all is taken, while the store is away.
    private func kill(_ name: String, _ symbols: [String], from first: Int, _ arguments: [String]) async throws {
        let (run, exchange) = try await start(name, symbols, from: first, arguments)
        run.process.stop(SIGKILL)
        exchange?.process.stop()
    }

    /// What the store has of the killed run, and what that of the undisturbed one has; `rows` gives a table's by id.
    private func compare(
        _ change: String, _ rows: (_ table: String, _ isTwin: Bool) throws -> [String: String]
    ) throws {
        var counts: [String] = []
        for table in Self.tables {
            let (expected, stored) = (try rows(table, true), try rows(table, false))
            let (missing, others) = (
                expected.filter { stored[$0.key] == nil }, stored.filter { expected[$0.key] == nil }
            )
            let different = expected.filter { stored[$0.key] != nil && stored[$0.key] != $0.value }
            #expect(missing.isEmpty, "\(table): \(missing.count) missing, such as \(missing.first!.value)")
            #expect(others.isEmpty, "\(table): \(others.count) others, such as \(others.first!.value)")
            #expect(
                different.isEmpty,
                "\(table): \(different.first!.value), not \(stored[different.first!.key]!) and \(different.count) in all"
            )
            #expect(!expected.isEmpty)
            counts.append("\(table) \(stored.count)")
        }
        print("figure: \(change): \(counts.joined(separator: ", ")), as of a run that nothing disturbed")
    }

    private func verify(_ store: [String] = []) throws {
        let data = folder.url.appendingPathComponent("data").path
        let result = try Tickline.run(["verify", "--data", data, "--format", "table"] + store)
        let summary = result.output.split(separator: "\n").first { $0.hasPrefix("store: ") } ?? ""
        #expect(
            result.status == 0 && summary.contains(" 0 differences"), "\(result.output.suffix(800)) \(result.error)")
        print("figure: verify: \(summary)")
    }

    private func database(_ data: String) -> String {
        folder.url.appendingPathComponent("\(data)/tickline.sqlite").path
    }

    private func rows(_ table: String, of data: String, _ condition: String = "1") throws -> [String: String] {
        var found: [String: String] = [:]
        for row in try SQLiteReader.rows("SELECT * FROM \(table) WHERE \(condition)", of: database(data)) {
            let fields = row.filter { !Self.times.contains($0.key) }.sorted { $0.key < $1.key }
            #expect(found.updateValue("\(fields.map { "\($0.key) \($0.value)" })", forKey: row["_id"]!) == nil)
        }
        return found
    }

    /// Another program that holds the embedded store's lock for writing, on a store that is there already.
    private func lock() async throws -> ServerProcess {
        let (run, _) = try await start("first", Self.symbols, from: nil, Self.averages + Self.scale)
        try await waitUntil("there is a file") { FileManager.default.fileExists(atPath: database("data")) }
        #expect(run.process.stop() == 0)
        let script = """
            import sqlite3, sys, time
            c = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
            c.execute("BEGIN IMMEDIATE")
            print("locked", flush=True)
            time.sleep(600)
            """
        let holder = try ServerProcess(
            "/usr/bin/env", ["python3", "-c", script, database("data")], folder: folder.url, name: "lock")
        try await waitUntil("the store is locked: \(holder.output)") { holder.output.contains("locked") }
        return holder
    }

    @Test(arguments: Change.allCases)
    func `what a killed run had not put into a locked SQLite file comes under its own names`(change: Change)
        async throws
    {
        defer { folder.remove() }
        let settings = Self.averages + Self.scale
        try await finish("twin", Self.symbols, from: 1, settings, data: "twin")
        let holder = try await lock()
        try await kill("killed", Self.symbols, from: 1, settings)
        #expect(try rows("ticks", of: "data").isEmpty)
        holder.stop(SIGKILL)
        let (symbols, next) = (change.symbols, 1_001)
        try await finish("next", symbols, from: next, change.settings, detours: 1)
        // By ids, and klines' by time: those of the next run are higher.
        let columns = ["ticks": "tickId", "trade_signals": "tickId", "gaps": "toId", "depth": "finalupdateid"]
        try compare("SQLite, \(change.rawValue)") { table, isTwin in
            let condition = columns[table].map { "\($0) < \(next - 1)" } ?? "openTimeNanos < 1723200000000000000"
            return try rows(table, of: isTwin ? "twin" : "data", condition)
        }
        for symbol in symbols {
            let count = try SQLiteReader.number(
                "SELECT count(*) FROM ticks WHERE symbol = '\(symbol)' AND tickId >= \(next)", of: database("data"))
            #expect(count == 2 * Self.trades - Self.leftOut.count, "\(symbol) of the next run")
        }
        try verify()
    }

    @Test func `what two killed runs had not put into a locked SQLite file comes under the names of each`() async throws
    {
        defer { folder.remove() }
        let settings = Self.averages + Self.scale
        try await finish("twin", Self.symbols, from: 1, settings, data: "twin")
        try await finish("second twin", ["SOLUSDT"], from: 1, ["--short", "2", "--long", "3"], data: "second twin")
        let holder = try await lock()
        try await kill("killed", Self.symbols, from: 1, settings)
        try await kill("killed again", ["SOLUSDT"], from: 1, ["--short", "2", "--long", "3"])
        holder.stop(SIGKILL)
        try await finish("next", ["ETHUSDT"], from: nil, Self.averages, detours: 1)
        try compare("SQLite, two killed runs") { table, isTwin in
            guard isTwin else { return try rows(table, of: "data") }
            return try rows(table, of: "twin").merging(try rows(table, of: "second twin")) { first, _ in first }
        }
        try verify()
    }

    @Test(.enabled(if: MongoServer.shouldRun), arguments: [Change.removed, .added, .averages, .scales])
    func `what a killed run had not put into MongoDB comes under its own names`(change: Change) async throws {
        defer { folder.remove() }
        let mongo = try MongoServer()
        defer { mongo.remove() }
        try await mongo.start()
        let (store, settings) = (["--mongo", mongo.uri], Self.averages + Self.scale)
        try await finish(
            "twin", Self.symbols, from: 1, settings + store + ["--mongo-database", "twin"], data: "twin")
        mongo.kill()
        try await kill("killed", Self.symbols, from: 1, settings + store)
        try await mongo.start()
        try await finish("next", change.symbols, from: nil, change.settings + store, detours: 1)
        try compare("MongoDB, \(change.rawValue)") { table, isTwin in
            let found = try mongo.run(
                #"{"find": "\#(table)", "limit": 10000, "batchSize": 10000}"#, database: isTwin ? "twin" : "btc_data")
            let documents = (found["cursor"] as? [String: Any])?["firstBatch"] as? [[String: Any]] ?? []
            return try Dictionary(uniqueKeysWithValues: documents.map { try text($0) })
        }
        try verify(store)
    }

    /// A document's id, and the document without its times.
    private func text(_ document: [String: Any]) throws -> (String, String) {
        func stripped(_ value: Any) -> Any {
            guard let fields = value as? [String: Any] else { return value }
            return fields.filter { !Self.times.contains($0.key) }.mapValues(stripped)
        }
        let bytes = try JSONSerialization.data(withJSONObject: stripped(document), options: [.sortedKeys])
        return (document["_id"] as? String ?? "", String(decoding: bytes, as: UTF8.self))
    }
}
