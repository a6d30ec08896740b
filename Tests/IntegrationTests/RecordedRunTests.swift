import Foundation
import TestSupport
import Testing

/// The product from end to end on real parts: recorded messages over a websocket into Redis and MongoDB.
@Suite(.serialized, .enabled(if: SharedData.shouldRun && MongoServer.shouldRun)) struct RecordedRunTests {
    let folder = try! TemporaryFolder()
    static let spot = SharedData.path("binance/btcusdt@trade.20240808.ndjson.gz")

    /// The ids of the true crossings of a series.
    static func crossings(_ series: String, exchange: String) throws -> [String: [Substring]] {
        let rows = try SharedData.rows(csv: "series/\(series).sma50_200.expected.csv").filter { $0.last == "cross" }
        return Dictionary(uniqueKeysWithValues: rows.map { ("\(exchange):BTCUSDT:sma-50-200:\($0[1])", $0) })
    }

    private func simulate(_ file: String, name: String) async throws -> (ServerProcess, Int) {
        let simulator = try await RunningSimulator([file, "--speed", "max"], folder: folder.url, name: name)
        return (simulator.process, simulator.port)
    }

    @Test func `spot trades leave exactly the 37 signals and 9,757 documents, and a second run adds nothing`()
        async throws
    {
        defer { folder.remove() }
        let redis = try await RedisServer()
        let mongo = try MongoServer()
        try await mongo.start()
        defer { mongo.remove() }
        let expected = try Self.crossings("binance_btcusdt_trade_20240808", exchange: "binance")
        for round in 1...2 {
            let (simulator, port) = try await simulate(Self.spot, name: "simulate\(round)")
            let run = try RunningTickline(
                [
                    "--feed", "ws://127.0.0.1:\(port)/ws/btcusdt@trade", "--short", "50", "--long", "200", "--redis",
                    redis.url, "--mongo", mongo.uri,
                ], folder: folder.url, name: "run\(round)")
            try await waitUntil("all ticks taken") { await run.metric("tickline_ticks_total") == 9_757 }
            #expect(run.process.stop() == 0)
            simulator.stop()
            let entries = try redis.entries(of: "trade_signals_stream")
            #expect(entries.count == 37)
            #expect(Set(entries.map { $0.fields["id"] ?? "" }) == Set(expected.keys))
            for entry in entries {
                guard let id = entry.fields["id"], let row = expected[id] else { continue }
                #expect(entry.fields["tickId"] == String(row[1]))
                #expect(entry.fields["signal"] == String(row[3]))
                #expect(entry.fields["shortSMA"] == String(row[5]) && entry.fields["longSMA"] == String(row[6]))
                #expect(entry.fields["reason"] == "cross" && entry.fields["schema"] == "1")
                #expect(entry.fields["eventTime"] == "\(row[2])000000")
            }
            #expect(try mongo.count("ticks") == 9_757)
            #expect(try mongo.find("trade_signals", #"{"reason":"cross"}"#).count == 37)
        }
    }

    @Test func `both combined recordings through two feeds leave 134 signals`() async throws {
        defer { folder.remove() }
        let redis = try await RedisServer()
        let (spot, spotPort) = try await simulate(
            SharedData.path("binance/btcusdt.combined.20240808.ndjson.gz"), name: "spot")
        let (futures, futuresPort) = try await simulate(
            SharedData.path("binance_usdm/btcusdt.combined.20240808.ndjson.gz"), name: "futures")
        let streams = "stream?streams=btcusdt@trade/btcusdt@bookTicker"
        let run = try RunningTickline(
            [
                "--feed", "ws://127.0.0.1:\(spotPort)/\(streams)/btcusdt@depth@100ms", "--feed",
                "binance-usdm=ws://127.0.0.1:\(futuresPort)/\(streams)/btcusdt@depth@0ms", "--redis",
                redis.url,
            ], folder: folder.url)
        try await waitUntil("all trades taken", timeout: .seconds(60)) {
            await run.metric("tickline_ticks_total", labels: "kind=\"trade\"") == 9_757 + 21_313
        }
        try await waitUntil("all quotes seen", timeout: .seconds(60)) {
            let accepted = await run.metric("tickline_ticks_total", labels: "kind=\"bookTicker\"")
            let repeated = await run.metric("tickline_ticks_repeated_total", labels: "kind=\"bookTicker\"")
            return accepted + repeated == 28_040 + 66_089
        }
        #expect(run.process.stop() == 0)
        spot.stop()
        futures.stop()
        let expected = try Self.crossings("binance_btcusdt_trade_20240808", exchange: "binance")
            .merging(try Self.crossings("binance_usdm_btcusdt_trade_20240808", exchange: "binance-usdm")) { first, _ in
                first
            }
        let ids = try redis.entries(of: "trade_signals_stream").map { $0.fields["id"] ?? "" }
        #expect(ids.count == 134 && Set(ids) == Set(expected.keys))
    }

    @Test func `Redis and MongoDB down at start are caught up with, nothing lost`() async throws {
        defer { folder.remove() }
        let redis = try await RedisServer()
        redis.kill()
        let mongo = try MongoServer()
        defer { mongo.remove() }
        let (simulator, port) = try await simulate(Self.spot, name: "simulate")
        let run = try RunningTickline(
            [
                "--feed", "ws://127.0.0.1:\(port)/ws/btcusdt@trade", "--redis", redis.url,
                "--mongo", mongo.directURI,
            ], folder: folder.url)
        try await waitUntil("all ticks taken") { await run.metric("tickline_ticks_total") == 9_757 }
        let readiness = await run.get("/readyz")
        #expect(readiness.status == 503 && readiness.body.contains("store"))
        try await redis.restart()
        try await mongo.start()
        try await waitUntil("caught up", timeout: .seconds(60)) {
            let signals = try redis.entries(of: "trade_signals_stream").count
            let documents = await run.metric("tickline_store_documents_total", labels: "ticks")
            return signals == 37 && documents == 9_757
        }
        try await waitUntil("ready") { await run.get("/readyz").status == 200 }
        #expect(run.process.stop() == 0)
        simulator.stop()
        #expect(try redis.entries(of: "trade_signals_stream").count == 37)
        #expect(try mongo.count("ticks") == 9_757)
    }
}
