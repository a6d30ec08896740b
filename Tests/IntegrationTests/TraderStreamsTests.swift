import Foundation
import TestSupport
import Testing

/// One trader of several streams: each has a lease, orders and a venue's account of its own.
@Suite(.serialized, .timeLimit(.minutes(5)), .enabled(if: MongoServer.shouldRun)) struct TraderStreamsTests {
    private let folder = try! TemporaryFolder("tickline-streams")
    private static let symbols = ["BTCUSDT", "ETHUSDT"]
    /// Of each stream: far more than are handled between two looks at the store.
    private static let (first, all) = (1_000, 1_200)

    private func start(_ redis: RedisServer, _ mongo: MongoServer, _ streams: [String], name: String) throws
        -> RunningTrader
    {
        try RunningTrader(
            streams.flatMap { ["--trader-stream", $0] } + [
                "--feed", "wss://data-stream.binance.vision/stream?streams=btcusdt@trade/ethusdt@trade", "--redis",
                redis.url, "--mongo", mongo.uri, "--paper-fill", "signal", "--signal-expiry", "0", "--trade-size",
                "quantity:0.01", "--sell-target", "short",
            ], folder: folder.url, name: name, data: "data-\(name)")
    }

    @Test func `several streams are traded at once, and whoever dies, each goes on with its own orders`() async throws {
        defer { folder.remove() }
        let redis = try await RedisServer()
        let mongo = try MongoServer()
        try await mongo.start()
        defer { mongo.remove() }
        var random = SeededRandom(seed: 3)
        let markets = Self.symbols.map { symbol in
            SampleSignals(
                symbol: symbol, stream: "signals:{binance:\(symbol)}",
                sides: (0..<Self.all).map { _ in Bool.random(using: &random) })
        }
        func outcomes(_ symbol: String) throws -> Int {
            let reply = try mongo.run(#"{"count": "signal_outcomes", "query": {"symbol": "\#(symbol)"}}"#)
            return Int((reply["n"] as? [String: String])?["$numberInt"] ?? "") ?? 0
        }
        for signals in markets { try signals.publish(0..<Self.first, to: redis) }
        let both = try start(redis, mongo, markets.map(\.stream), name: "both")
        try await waitUntil("signals of both are handled: \(both.process.output.suffix(400))") {
            try Self.symbols.allSatisfy { try outcomes($0) >= 40 }
        }
        both.process.stop(SIGKILL)
        #expect(try Self.symbols.allSatisfy { try outcomes($0) < Self.first }, "the kill came behind all signals")
        // Each by a trader of its own, which has nothing to do with the other one's.
        let heirs = try markets.map { try start(redis, mongo, [$0.stream], name: $0.symbol) }
        for signals in markets { try signals.publish(Self.first..<Self.all, to: redis) }
        try await waitUntil("all are handled", timeout: .seconds(60)) {
            try Self.symbols.allSatisfy { try outcomes($0) == Self.all }
        }
        #expect(heirs.allSatisfy { $0.metric("tickline_trader_active") == 1 })
        try await waitUntil("all are acknowledged") { try redis.entries(of: "processed_signals").count == 2 * Self.all }
        for trader in heirs { #expect(trader.process.stop() == 0) }
        for signals in markets {
            let end = try signals.compareWithOrders(of: mongo)
            #expect(end.lost == 0 && end.doubled == 0)
            #expect(try mongo.find("leases", #"{"_id": "\#(signals.stream)"}"#).count == 1)
        }
    }
}
