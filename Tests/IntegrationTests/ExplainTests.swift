import Foundation
import TestSupport
import Testing

/// `tickline explain` against plain arithmetic over the recording.
@Suite(.serialized, .enabled(if: SharedData.shouldRun)) struct ExplainTests {
    private static let short = 50
    private static let long = 200

    private func explain(_ run: ProvenRun, _ arguments: [String]) throws -> [String: Any] {
        let result = try run.tickline(["explain", "--data", run.data, "--format", "json"] + arguments)
        #expect(result.status == 0 && result.error.isEmpty, "\(arguments): \(result.error)")
        let object = try JSONSerialization.jsonObject(with: Data(result.lines.joined().utf8))
        return object as? [String: Any] ?? [:]
    }

    @Test func `all 37 signals have the windows, sums and sides that the recording gives, across a restart`()
        async throws
    {
        let run = try ProvenRun()
        defer { run.folder.remove() }
        let redis = try await RedisServer()
        try await run.play(["--redis", redis.url])
        let entries = try redis.entries(of: "trade_signals_stream")
        // The first sign of all, with which the side in front of the first signal began.
        let first = try #require(
            (Self.long - 1..<run.trades.count).first { Self.difference(run.trades.map(\.price), at: $0) != 0 })
        var previous = (side: "", id: run.trades[first].id)
        previous.side = Self.difference(run.trades.map(\.price), at: first) > 0 ? "BUY" : "SELL"
        var prices = 0
        for (number, row) in run.crossings.enumerated() {
            let (index, id) = (Int(row[0])!, UInt64(row[1])!)
            let identifier = "binance:BTCUSDT:sma-50-200:\(id)"
            let found = try explain(run, [identifier, "--windows"])
            func text(_ name: String) -> String { found[name] as? String ?? "" }
            #expect(text("id") == identifier && text("signal") == row[3] && text("number") == "\(number + 1)")
            #expect(text("previousSignal") == previous.side && text("previousTickId") == "\(previous.id)")
            #expect(text("tickId") == "\(id)" && text("refilled") == "no" && text("connection") == "1")
            #expect(text("feed") == "0 (binance: btcusdt@trade)")
            let window = run.trades[index - Self.long + 1...index]
            #expect(window.last?.id == id)
            let (short, long) = (window.suffix(Self.short), window)
            for (name, part) in [("short", short), ("long", long)] {
                #expect(text("\(name)Count") == "\(part.count)")
                #expect(text("\(name)FirstTickId") == "\(part.first!.id)" && text("\(name)LastTickId") == "\(id)")
            }
            let (shortSum, longSum) = (Self.sum(short), Self.sum(long))
            #expect(text("shortSum") == decimalText(shortSum) && text("longSum") == decimalText(longSum))
            #expect(text("shortSMA") == row[5] && text("longSMA") == row[6])
            #expect(text("shortSumTimesLongPeriod") == decimalText(shortSum * Self.long))
            #expect(text("longSumTimesShortPeriod") == decimalText(longSum * Self.short))
            #expect(text("comparison") == (row[3] == "BUY" ? "greater" : "less"))
            let listed = (found["window"] as? [[String: String]] ?? []).map { "\($0["tickId"]!) \($0["price"]!)" }
            #expect(listed == window.map { "\($0.id) \(decimalText(Int($0.price)))" })
            prices += listed.count
            #expect(text("entryId") == entries[number].id && entries[number].fields["id"] == identifier)
            for stage in ["received", "taken", "handedOver", "acknowledged", "stored"] {
                #expect(text(stage).hasPrefix("+"), "\(stage): \(text(stage))")
            }
            previous = (String(row[3]), id)
        }
        print("figure: \(run.crossings.count) signals explained, \(prices) prices of their windows compared")
    }

    @Test(arguments: [true, false])
    func `signals after holes have windows without one, and refilled ticks are told`(isRefilled: Bool) async throws {
        let run = try ProvenRun()
        defer { run.folder.remove() }
        let simulator = try await RunningSimulator(
            [
                SharedData.path("binance/btcusdt@trade.20240808.ndjson.gz"), "--speed", "max", "--fault",
                isRefilled ? "gap,count=90,every=1500" : "gap,count=3,every=700",
            ], folder: run.folder.url)
        let feed = ["--feed", "ws://127.0.0.1:\(simulator.port)/ws/btcusdt@trade", "--short", "5", "--long", "20"]
        let process = try RunningTickline(
            feed + (isRefilled ? ["--history-url", "http://127.0.0.1:\(simulator.port)"] : ["--refill", "0"]),
            folder: run.folder.url)
        let lost = isRefilled ? 0 : 3 * (ProvenRun.ticks / 703)
        try await waitUntil("all ticks stored", timeout: .seconds(60)) {
            Int(await process.metric("tickline_store_documents_total", labels: "ticks")) >= ProvenRun.ticks - lost - 3
        }
        #expect(process.process.stop() == 0)
        simulator.process.stop()
        let database = run.data + "/tickline.sqlite"
        let rows = try SQLiteReader.rows("SELECT tickId, refilled FROM ticks ORDER BY tickId", of: database)
        let refilled = Set(rows.filter { $0["refilled"] == "1" }.compactMap { $0["tickId"] })
        #expect(isRefilled == !refilled.isEmpty)
        let prices = Dictionary(uniqueKeysWithValues: run.trades.map { ($0.id, $0.price) })
        let signals = try SQLiteReader.rows("SELECT _id, tickId FROM trade_signals WHERE isSignal = 1", of: database)
        let chosen = signals.filter { $0["_id"]!.hasSuffix(":gap") || refilled.contains($0["tickId"]!) }
        #expect(chosen.count > 1)
        for signal in chosen {
            let found = try explain(run, [signal["_id"]!, "--windows"])
            let window = found["window"] as? [[String: String]] ?? []
            let ids = window.compactMap { UInt64($0["tickId"] ?? "") }
            #expect(ids.count == 20 && ids.last == ids.first! + 19 && "\(ids.last!)" == signal["tickId"])
            #expect(window.map { $0["price"] } == ids.map { decimalText(Int(prices[$0]!)) })
            #expect((found["refilled"] as? String == "yes") == refilled.contains(signal["tickId"]!))
            #expect((found["received"] as? String == "by no stream") == refilled.contains(signal["tickId"]!))
        }
        let verified = try run.tickline(["verify", "--data", run.data])
        #expect(verified.status == 0, "\(verified)")
        print("figure: \(chosen.count) signals on refilled ticks or after gaps explained; \(verified.error)")
    }

    @Test func `says what a journal covers, and tells an unknown id from one that is none`() async throws {
        let run = try ProvenRun()
        defer { run.folder.remove() }
        try await run.play(["--store", "none"])
        let prefix = "binance:BTCUSDT:sma-50-200:"
        func refused(_ arguments: [String], _ status: Int32, _ words: [String]) throws {
            let result = try run.tickline(["explain"] + arguments)
            #expect(result.status == status && result.lines.isEmpty, "\(arguments): \(result.lines)")
            #expect(result.error.split(separator: "\n").count == 1)
            for word in words { #expect(result.error.contains(word), "\(result.error)") }
        }
        let (first, last) = (prefix + run.crossings[0][1], prefix + run.crossings[36][1])
        try refused(["\(prefix)1", "--data", run.data], 1, [first, last])
        try refused(["\(first):gap", "--data", run.data], 1, [first, last])
        try refused(["kraken:XBTUSD:sma-50-200:1", "--data", run.data], 1, ["has no signal of that instrument"])
        for text in ["binance", "\(prefix)x", "\(first):cross", "binance::sma:1", "\(first):gap:1"] {
            try refused([text, "--data", run.data], 64, ["is no signal's id"])
        }
        try refused([first, "--journal", run.folder.path], 78, ["no journal is there"])
        let table = try run.tickline(
            ["explain", last, "--journal", run.data + "/journal", "--format", "table", "--windows"])
        #expect(table.status == 0 && table.lines.first?.hasSuffix(last) == true)
        #expect(table.lines.contains { $0.hasPrefix("acknowledged by Redis") && $0.hasSuffix("not on record") })
        #expect(table.lines.count { $0.hasPrefix("short, long  ") } == Self.short)
        #expect(table.lines.count { $0.hasPrefix("long         ") } == Self.long - Self.short)
    }

    private static func sum(_ trades: ArraySlice<ProvenRun.Trade>) -> Int { trades.reduce(0) { $0 + Int($1.price) } }

    /// Short against long average at an index, by plain sums.
    private static func difference(_ prices: [Int64], at index: Int) -> Int {
        let window = prices[index - long + 1...index].map { Int($0) }
        return window.suffix(short).reduce(0, +) * long - window.reduce(0, +) * short
    }
}
