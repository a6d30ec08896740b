import Foundation
import TestSupport
import Testing

/// The trader from the stream, or the journal, to orders and positions, on real parts, against a reference that is computed
/// apart.
@Suite(
    .serialized, .timeLimit(.minutes(5)), .enabled(if: SharedData.shouldRun && MongoServer.shouldRun))
struct TraderRunTests {
    private let folder = try! TemporaryFolder()

    /// Publishes the recorded session's 37 signals.
    private func publish(to redis: RedisServer) async throws {
        let simulator = try await RunningSimulator([RecordedRunTests.spot, "--speed", "max"], folder: folder.url)
        let run = try RunningTickline(
            [
                "--feed", "ws://127.0.0.1:\(simulator.port)/ws/btcusdt@trade", "--redis", redis.url, "--store", "none",
            ], folder: folder.url)
        try await waitUntil("all ticks taken") { await run.metric("tickline_ticks_total") == 9_757 }
        #expect(run.process.stop() == 0)
        simulator.process.stop()
        #expect(try redis.entries(of: "trade_signals_stream").count == 37)
    }

    @Test(arguments: ["flat", "short"])
    func `the recorded session's orders and positions are the reference's to the last digit`(
        sellTarget: String
    ) async throws {
        defer { folder.remove() }
        let expected = try TradingReference(sellTarget: sellTarget)
        let redis = try await RedisServer()
        let mongo = try MongoServer()
        try await mongo.start()
        defer { mongo.remove() }
        try await publish(to: redis)
        let store = ["--mongo", mongo.uri]
        let trader = try RunningTrader(
            ["--redis", redis.url] + TradingReference.arguments(sellTarget: sellTarget) + store, folder: folder.url)
        try await waitUntil("all signals are handled", timeout: .seconds(60)) {
            try redis.entries(of: "processed_signals").count == 37
        }
        #expect(trader.process.stop() == 0)
        try expected.check(store)
        print(
            "figure: 37 signals, sell target \(sellTarget): \(expected.orders.count) orders, realised",
            "\(expected.realised), fees \(expected.fees), as the reference computes them")
    }

    @Test func `without Redis a run trades on its journal's signals, once each over SIGKILLs and a trader of its own`()
        async throws
    {
        defer { folder.remove() }
        let expected = try TradingReference(sellTarget: "short")
        let arguments = TradingReference.arguments(sellTarget: "short")
        let simulator = try await RunningSimulator([RecordedRunTests.spot, "--speed", "12"], folder: folder.url)
        let data = folder.url.appendingPathComponent("data").path
        let database = data + "/trader/trading.sqlite"
        func outcomes() -> Int {
            (try? SQLiteReader.number("SELECT count(*) FROM signal_outcomes", of: database)) ?? 0
        }
        for (number, least) in [5, 12, 20, 37].enumerated() {
            let run = try RunningTickline(
                ["--trader", "--feed", "ws://127.0.0.1:\(simulator.port)/ws/btcusdt@trade"] + arguments,
                folder: folder.url, name: "run\(number)", data: "data")
            try await waitUntil("\(least) signals are handled", timeout: .seconds(60)) { outcomes() >= least }
            #expect(run.process.stop(least < 37 ? SIGKILL : SIGTERM) == (least < 37 ? SIGKILL : 0))
        }
        simulator.process.stop()
        try expected.check(["--data", data])
        // What is read again is known.
        let position = "SELECT max(position) FROM trader_state"
        #expect(try SQLiteReader.number(position, of: database) >= 37)
        let trader = try RunningTrader(arguments, folder: folder.url, data: "data")
        try await waitUntil("the trader has looked at the journal") {
            trader.metric("tickline_trader_active") == 1 && trader.metric("tickline_trader_lag_entries") != nil
        }
        #expect(trader.process.stop() == 0)
        try expected.check(["--data", data])
    }

    @Test func `with live quotes orders are filled near the prices they were decided at`() async throws {
        defer { folder.remove() }
        let expected = try TradingReference(sellTarget: "short")
        let recording = SharedData.path("binance/btcusdt.combined.20240808.ndjson.gz")
        let simulator = try await RunningSimulator([recording, "--speed", "12"], folder: folder.url)
        let data = folder.url.appendingPathComponent("data").path
        // A latency of its own would be twelve times as long in the recording's time.
        let run = try RunningTickline(
            [
                "--trader", "--feed", "ws://127.0.0.1:\(simulator.port)/ws/btcusdt@trade", "--trade-size",
                "quantity:0.01", "--sell-target", "short", "--trading-rules", TradingReference.rules, "--order-band",
                "50", "--paper-latency", "0", "--paper-jitter", "0",
            ], folder: folder.url, data: "data")
        try await waitUntil("all signals are handled and no order is open", timeout: .seconds(90)) {
            let (handled, open) = (
                await run.metric("tickline_trader_entries_total"), await run.metric("tickline_orders_open")
            )
            return Int(handled) == 37 && open == 0
        }
        #expect(await run.metric("tickline_unrealised_profit") != 0)
        #expect(run.process.stop() == 0)
        simulator.process.stop()
        let orders = try TradingReference.shown("orders", ["--limit", "1000", "--data", data])
        // A quote may offer less than is asked for, and the next signal end what is left of the order.
        let filled = orders.filter { $0["state"] == "filled" }
        #expect(filled.count * 10 >= expected.orders.count * 9)
        #expect(Set(orders.map { $0["id"] }).isSubset(of: expected.orders.map(\.id)))
        let position = try TradingReference.shown("positions", ["--data", data]).first
        #expect(position?["quantity"] == expected.quantity)
        var most = 0.0
        for order in filled {
            let price = try #require(order["price"].flatMap { Double($0) })
            let average = try #require(order["average"].flatMap { Double($0) })
            most = max(most, abs(average - price) / price * 10_000)
        }
        // A market order's slippage of a basis point, and what the market moves meanwhile.
        #expect(most > 0.5 && most < 20)
        print("figure: \(filled.count) orders filled against live quotes, at most \(most) basis points from the signal")
    }
}
