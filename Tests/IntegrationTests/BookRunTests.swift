import Foundation
import TestSupport
import Testing

/// Book updates from recorded messages over a websocket into the stores, the exchange's text unchanged, and the signals
/// that stay as they are.
@Suite(.serialized, .enabled(if: SharedData.shouldRun)) struct BookRunTests {
    private let folder = try! TemporaryFolder()
    private static let spot = "binance/btcusdt.combined.20240808.ndjson.gz"
    private static let futures = "binance_usdm/btcusdt.combined.20240808.ndjson.gz"

    /// A book update as recorded, and as stored.
    private struct Event: Equatable {
        var first: Int64
        var last: Int64
        /// USD-M's `pu`, −1 for none.
        var previous: Int64 = -1
        var eventMillis: Int64
        var bids: [[String]]
        var asks: [[String]]
    }

    /// The book updates of a combined recording, in order, by the platform's own JSON parser.
    private static func events(of recording: String) throws -> [Event] {
        try SharedData.lines(gzip: recording).compactMap { line in
            guard line.contains("\"depthUpdate\"") else { return nil }
            let message = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            let data = try #require(message?["data"] as? [String: Any])
            func number(_ key: String) -> Int64? { (data[key] as? NSNumber)?.int64Value }
            return Event(
                first: try #require(number("U")), last: try #require(number("u")), previous: number("pu") ?? -1,
                eventMillis: try #require(number("E")), bids: try #require(data["b"] as? [[String]]),
                asks: try #require(data["a"] as? [[String]]))
        }
    }

    /// The `depth` view of the run's database.
    private func storedInSQLite() throws -> [Event] {
        try rows("SELECT * FROM depth ORDER BY finalupdateid").map { row in
            func number(_ key: String) -> Int64? { row[key].flatMap { Int64($0) } }
            func levels(_ key: String) throws -> [[String]] {
                try JSONDecoder().decode([[String]].self, from: Data((row[key] ?? "").utf8))
            }
            return Event(
                first: try #require(number("firstupdateid")), last: try #require(number("finalupdateid")),
                previous: number("previousupdateid") ?? -1, eventMillis: try #require(number("eventtime")),
                bids: try levels("bidupdates"), asks: try levels("askupdates"))
        }
    }

    /// The `data` of the `depth` collection's documents, which is the earlier services' shape.
    private func stored(in mongo: MongoServer) throws -> [Event] {
        var events: [Event] = []
        while true {
            let documents = try mongo.find(
                "depth", #"{"lastUpdateId": {"$gt": \#(events.last?.last ?? 0)}}"#, sort: #"{"lastUpdateId": 1}"#,
                most: 500)
            guard !documents.isEmpty else { return events }
            for document in documents {
                let data = try #require(document["data"] as? [String: Any])
                func number(_ key: String) throws -> Int64 {
                    try #require((data[key] as? [String: String])?["$numberLong"].flatMap { Int64($0) })
                }
                let event = Event(
                    first: try number("firstupdateid"), last: try number("finalupdateid"),
                    eventMillis: try number("eventtime"), bids: try #require(data["bidupdates"] as? [[String]]),
                    asks: try #require(data["askupdates"] as? [[String]]))
                #expect(document["_id"] as? String == "binance:BTCUSDT:depth:\(event.last)")
                events.append(event)
            }
        }
    }

    private func rows(_ query: String) throws -> [[String: String]] {
        try SQLiteReader.rows(query, of: folder.url.appendingPathComponent("data/tickline.sqlite").path)
    }

    /// Replays a recording into a run until all its trades and books are taken and stored; the run's own word on gaps,
    /// repeats and drops.
    private func replay(
        _ recording: String, feed: (Int) -> String, trades: Double, books: Double, _ arguments: [String] = []
    ) async throws {
        let simulator = try await RunningSimulator(
            [SharedData.path(recording), "--speed", "max"], folder: folder.url)
        let run = try RunningTickline(["--feed", feed(simulator.port)] + arguments, folder: folder.url)
        try await waitUntil("all trades taken, all books stored", timeout: .seconds(60)) {
            let taken = await run.metric("tickline_ticks_total", labels: "kind=\"trade\"")
            let stored = await run.metric("tickline_store_documents_total", labels: "collection=\"depth\"")
            return taken == trades && stored == books
        }
        #expect(await run.metric("tickline_ticks_total", labels: "kind=\"depth\"") == books)
        #expect(await run.metric("tickline_gaps_total") == 0)
        #expect(await run.metric("tickline_dropped_total") == 0)
        #expect(await run.metric("tickline_decode_errors_total") == 0)
        #expect(run.process.stop() == 0)
        simulator.process.stop()
    }

    private static func streams(_ depth: String) -> (Int) -> String {
        { "ws://127.0.0.1:\($0)/stream?streams=btcusdt@trade/btcusdt@bookTicker/\(depth)" }
    }

    @Test(.enabled(if: MongoServer.shouldRun))
    func `all 3,451 recorded updates reach MongoDB in the exchange's text, and the 37 signals stay`() async throws {
        defer { folder.remove() }
        let mongo = try MongoServer()
        defer { mongo.remove() }
        try await mongo.start()
        let expected = try Self.events(of: Self.spot)
        #expect(expected.count == 3_451)
        try await replay(
            Self.spot, feed: Self.streams("btcusdt@depth@100ms"), trades: 9_757, books: 3_451,
            ["--mongo", mongo.uri, "--depth-collection", "depth"])
        let found = try stored(in: mongo)
        #expect(found == expected)
        #expect(zip(found, found.dropFirst()).allSatisfy { $1.first == $0.last + 1 })
        let signals = try mongo.find("trade_signals", #"{"reason": "cross"}"#).compactMap { $0["_id"] as? String }
        #expect(signals.count == 37)
        #expect(try Set(signals) == Self.crossings("binance_btcusdt_trade_20240808", exchange: "binance"))
        let levels = found.reduce(0) { $0 + $1.bids.count + $1.asks.count }
        print(
            "figure: \(found.count) of 3451 book updates in MongoDB, \(levels) levels in the exchange's text, 37 signals"
        )
    }

    @Test func `the same reach SQLite, which needs no server`() async throws {
        defer { folder.remove() }
        let expected = try Self.events(of: Self.spot)
        try await replay(Self.spot, feed: Self.streams("btcusdt@depth@100ms"), trades: 9_757, books: 3_451)
        #expect(try storedInSQLite() == expected)
        #expect(try signals() == Self.crossings("binance_btcusdt_trade_20240808", exchange: "binance"))
    }

    @Test func `of USD-M all 6,551, each naming the one before it, and the 97 signals stay`() async throws {
        defer { folder.remove() }
        let expected = try Self.events(of: Self.futures)
        try await replay(
            Self.futures, feed: { "binance-usdm=" + Self.streams("btcusdt@depth@0ms")($0) }, trades: 21_313,
            books: 6_551)
        let found = try storedInSQLite()
        #expect(found == expected)
        #expect(zip(found, found.dropFirst()).allSatisfy { $1.previous == $0.last })
        #expect(try signals() == Self.crossings("binance_usdm_btcusdt_trade_20240808", exchange: "binance-usdm"))
    }

    @Test(arguments: ["/ws/btcusdt@depth@100ms", "/stream?streams=btcusdt@depth@100ms"])
    func `the earlier services' address, which names the book alone, gives signals too`(address: String) async throws {
        defer { folder.remove() }
        try await replay(Self.spot, feed: { "ws://127.0.0.1:\($0)\(address)" }, trades: 9_757, books: 3_451)
        #expect(try storedInSQLite().count == 3_451)
        #expect(try signals() == Self.crossings("binance_btcusdt_trade_20240808", exchange: "binance"))
    }

    /// The ids of the signals in the run's database.
    private func signals() throws -> Set<String> {
        Set(try rows("SELECT _id FROM trade_signals WHERE isSignal").compactMap { $0["_id"] })
    }

    private static func crossings(_ series: String, exchange: String) throws -> Set<String> {
        Set(try RecordedRunTests.crossings(series, exchange: exchange).keys)
    }
}
