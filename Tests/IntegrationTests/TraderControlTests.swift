import Foundation
import MongoStore
import TestSupport
import Testing

/// Whether trading is on, as operators set it: by a request, by a command, by a file; and what the trader shows of itself.
@Suite(.serialized, .timeLimit(.minutes(5))) struct TraderControlTests {
    private let folder = try! TemporaryFolder()
    private static let token = "s3cret"

    private func start(_ redis: RedisServer, name: String = "trader", _ more: [String] = []) throws -> RunningTrader {
        try RunningTrader(
            [
                "--redis", redis.url, "--single-trader", "--trading-token", Self.token, "--paper-fill", "signal",
                "--signal-expiry", "0", "--trade-size", "quantity:0.01", "--sell-target", "short",
            ] + more, folder: folder.url, name: name)
    }

    private var data: [String] { ["--data", folder.url.appendingPathComponent("data-trader").path] }

    private func state(_ trader: RunningTrader) -> [String: String] {
        let object = try? JSONSerialization.jsonObject(with: Data(trader.request("GET", "/trading").body.utf8))
        return object as? [String: String] ?? [:]
    }

    private func mode(_ trader: RunningTrader) -> String? { state(trader)["mode"] }

    private func handled(_ count: Int, _ redis: RedisServer) async throws {
        try await waitUntil("\(count) entries are handled", timeout: .seconds(30)) {
            try redis.entries(of: "processed_signals").count == count
        }
    }

    private func orders() throws -> [[String: String]] {
        let result = try Tickline.run(["orders", "--json", "--limit", "1000"] + data)
        #expect(result.status == 0, "\(result.error)")
        return try result.output.split(separator: "\n").map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: String])
        }
    }

    @Test func `a halt by request outlives a restart, and ends by command`() async throws {
        defer { folder.remove() }
        let redis = try await RedisServer()
        let signals = SampleSignals(sides: [true, false, false, false])
        let first = try start(redis)
        try await waitUntil("the trader trades") { mode(first) == "active" }
        try signals.publish(0..<1, to: redis)
        try await handled(1, redis)
        #expect(first.request("POST", "/trading?mode=halted&reason=drill", token: "other").status == 401)
        #expect(first.request("POST", "/trading?mode=halted&reason=drill", token: Self.token).status == 202)
        try await waitUntil("it is halted") { mode(first) == "halted" }
        try signals.publish(1..<2, to: redis)
        try await handled(2, redis)
        first.process.stop(SIGKILL)
        let second = try start(redis, name: "second")
        try await waitUntil("it is still halted") { mode(second) == "halted" }
        try signals.publish(2..<3, to: redis)
        try await handled(3, redis)
        #expect(try Tickline.run(["trading"] + data).output == "halted: drill\n")
        #expect(try Tickline.run(["trading", "active"] + data).status == 0)
        try await waitUntil("it trades") { mode(second) == "active" }
        try signals.publish(3..<4, to: redis)
        try await handled(4, redis)
        #expect(second.metric("tickline_order_refusals_total", labels: "halted") == 2)
        #expect(second.process.stop() == 0)
        let all = try orders()
        #expect(
            all.filter { $0["state"] == "filled" }.compactMap { $0["id"] }
                == ["1-01", "4-00", "4-01"].map {
                    "\(signals.key):\($0)"
                })
        let refused = all.filter { $0["state"] == "rejected" }
        #expect(refused.count == 4 && refused.allSatisfy { $0["reason"] == "halted" })
        #expect(!first.process.output.contains(Self.token) && !second.process.output.contains(Self.token))
    }

    @Test func `a file halts, and while it is there nothing else counts; reduce-only closes and opens nothing`()
        async throws
    {
        defer { folder.remove() }
        let redis = try await RedisServer()
        let signals = SampleSignals(sides: [true, false, true, false])
        let file = folder.url.appendingPathComponent("halt")
        let trader = try start(redis, ["--halt-file", file.path])
        try await waitUntil("the trader trades") { mode(trader) == "active" }
        try signals.publish(0..<1, to: redis)
        try await handled(1, redis)
        try Data().write(to: file)
        try await waitUntil("it is halted") { mode(trader) == "halted" }
        let halted = state(trader)
        #expect(trader.request("POST", "/trading?mode=active", token: Self.token).status == 202)
        try await waitUntil("the request is looked at") { state(trader) != halted }
        #expect(mode(trader) == "halted")
        try FileManager.default.removeItem(at: file)
        #expect(trader.request("POST", "/trading?mode=reduce-only", token: Self.token).status == 202)
        try await waitUntil("it only reduces") { mode(trader) == "reduce-only" }
        try signals.publish(1..<4, to: redis)
        try await handled(4, redis)
        #expect(trader.process.stop() == 0)
        let all = try orders()
        #expect(
            all.filter { $0["state"] == "filled" }.compactMap { $0["id"] }
                == ["1-01", "2-00"].map {
                    "\(signals.key):\($0)"
                })
        let refused = all.filter { $0["state"] == "rejected" }
        #expect(refused.count == 3 && refused.allSatisfy { $0["reason"] == "reduce-only" })
    }

    @Test func `metrics show orders, refusals, position, profit, the stream's backlog and the latency`() async throws {
        defer { folder.remove() }
        let redis = try await RedisServer()
        let signals = SampleSignals(sides: [true, false, true])
        let trader = try start(redis, ["--max-order", "600.015"])
        // At 60,000, 60,001 and 60,002 a hundredth is worth 600, 600.01 and 600.02.
        try signals.publish(0..<2, to: redis)
        try await handled(2, redis)
        try Command.run(["redis-cli", "-p", "\(redis.port)", "XADD", "trade_signals_stream", "*", "foreign", "1"])
        try await waitUntil("what can't be understood is set aside") {
            try redis.entries(of: "dead_signals").count == 1
        }
        try await waitUntil("positions are shown") { trader.metric("tickline_position_quantity") == -0.01 }
        for (state, count) in [("new", 3.0), ("submitting", 3), ("filled", 3), ("rejected", 0)] {
            #expect(trader.metric("tickline_orders_total", labels: "state=\"\(state)\"") == count, "\(state)")
        }
        #expect(trader.metric("tickline_orders_open") == 0)
        #expect(trader.metric("tickline_trader_entries_total", labels: "outcome=\"ordered\"") == 2)
        #expect(trader.metric("tickline_trader_entries_total", labels: "outcome=\"malformed\"") == 1)
        #expect(trader.metric("tickline_trader_active") == 1 && trader.metric("tickline_trading_mode") == 0)
        try signals.publish(2..<3, to: redis)
        try await waitUntil("the third is refused") {
            trader.metric("tickline_order_refusals_total", labels: "order-too-large") == 1
        }
        try await waitUntil("it only closes") { trader.metric("tickline_position_quantity") == 0 }
        #expect(trader.metric("tickline_trader_entries_total", labels: "outcome=\"ordered\"") == 3)
        #expect(trader.metric("tickline_trader_pending_entries") == 0)
        #expect(trader.metric("tickline_trader_lag_entries") == 0)
        #expect(trader.metric("tickline_signal_to_order_seconds_count") == 4)
        let realised = try #require(trader.metric("tickline_realised_profit"))
        #expect(realised < 0 && (trader.metric("tickline_fees") ?? 0) > 0)
        let stored = try Tickline.run(["pnl", "--json"] + data).output.split(separator: "\n").first ?? ""
        let profit = try JSONSerialization.jsonObject(with: Data(stored.utf8)) as? [String: String]
        #expect(profit?["realised"].flatMap { Double($0) } == realised)
        #expect(trader.process.stop() == 0)
        #expect(try Tickline.run(["positions"] + data).output.contains("account"))
    }

    @Test(.enabled(if: MongoServer.shouldRun), arguments: ["", "&serverSelectionTimeoutMS=300"])
    func `a store that can't be reached is told once, holds the signals back, and costs none`(
        timeout: String
    ) async throws {
        defer { folder.remove() }
        let redis = try await RedisServer()
        let mongo = try MongoServer()
        defer { mongo.remove() }
        let signals = SampleSignals(sides: [true])
        try signals.publish(0..<1, to: redis)
        let trader = try start(redis, ["--mongo", mongo.uri + timeout])
        try await waitUntil("it says so") { trader.process.output.contains("trading is interrupted") }
        try await waitUntil("readiness says so") { trader.request("GET", "/readyz").status == 503 }
        #expect(try redis.entries(of: "processed_signals").isEmpty && trader.process.isRunning)
        try await mongo.start()
        do { try await handled(1, redis) } catch {
            print(trader.process.output.suffix(2_000))
            throw error
        }
        #expect(trader.request("GET", "/readyz").status == 200)
        #expect(trader.process.stop() == 0)
        // Once for each of the reasons there may be.
        let told = trader.process.output.split(separator: "\n").count { $0.contains("trading is interrupted") }
        #expect((1...3).contains(told))
        #expect(try mongo.count("orders") == 1)
    }

    @Test(.enabled(if: MongoServer.shouldRun))
    func `what is shown needs no more than the right to read`() async throws {
        defer { folder.remove() }
        let redis = try await RedisServer()
        let mongo = try MongoServer(replicaSet: false, arguments: ["--auth"])
        defer { mongo.remove() }
        try await mongo.start()
        try mongo.run(#"{"createUser": "root", "pwd": "root", "roles": ["root"]}"#, database: "admin")
        func uri(_ user: String) -> String { "mongodb://\(user):\(user)@127.0.0.1:\(mongo.port)/?authSource=admin" }
        let root = try MongoConnection(uri: uri("root"))
        for (user, role) in [("trader", "readWrite"), ("viewer", "read")] {
            _ = try root.run(
                #"{"createUser": "\#(user)", "pwd": "\#(user)", "roles": [{"role": "\#(role)", "db": "btc_data"}]}"#,
                database: "admin")
        }
        let viewer = ["--mongo", uri("viewer")]
        // Also before there is anything.
        #expect(try Tickline.run(["orders", "--json"] + viewer).output.isEmpty)
        let signals = SampleSignals(sides: [true, false])
        let trader = try start(redis, ["--mongo", uri("trader")])
        try signals.publish(0..<2, to: redis)
        try await handled(2, redis)
        #expect(trader.process.stop() == 0)
        for (command, count) in [("orders", 3), ("positions", 2), ("pnl", 2)] {
            #expect(try TradingReference.shown(command, viewer).count == count, "\(command)")
        }
        let state = try Tickline.run(["trading"] + viewer)
        #expect(state.status == 0 && state.output == "active\n", "\(state.error)")
        let refused = try Tickline.run(["trading", "halted"] + viewer)
        #expect(refused.status != 0 && refused.error.contains("not authorized"), "\(refused.status) \(refused.error)")
    }

    @Test func `a user of Redis with the rights that are documented is enough, and without any of them it is named`()
        async throws
    {
        defer { folder.remove() }
        let redis = try await RedisServer()
        func cli(_ words: String...) throws { try Command.run(["redis-cli", "-p", "\(redis.port)"] + words) }
        let rights = [
            "xreadgroup", "xgroup|create", "xautoclaim", "xpending", "xack", "xadd", "xinfo|groups", "xinfo|stream",
            "multi", "exec",
        ]
        let readme = try String(contentsOf: Repository.root.appendingPathComponent("README.md"), encoding: .utf8)
        #expect(readme.contains("ACL SETUSER trader " + rights.map { "+\($0)" }.joined(separator: " ") + "\n"))
        let keys = ["~trade_signals_stream", "~processed_signals", "~dead_signals"]
        #expect(readme.contains("ACL SETUSER trader on >PASSWORD " + keys.joined(separator: " ") + " -@all\n"))
        try Command.run(
            ["redis-cli", "-p", "\(redis.port)", "ACL", "SETUSER", "trader", "on", ">pw"] + keys + ["-@all"]
                + rights.map { "+\($0)" })
        let trader = try RunningTrader(
            [
                "--redis", "redis://trader:pw@127.0.0.1:\(redis.port)", "--single-trader", "--paper-fill", "signal",
            ], folder: folder.url)
        try await waitUntil("it trades") { trader.metric("tickline_trader_active") == 1 }
        for right in rights {
            try cli("ACL", "SETUSER", "trader", "-\(right)")
            try cli("CLIENT", "KILL", "USER", "trader")
            try cli("XADD", "trade_signals_stream", "*", "foreign", "1")
            try await waitUntil("\(right) is named") { trader.request("GET", "/readyz").body.contains("'\(right)'") }
            try cli("ACL", "SETUSER", "trader", "+\(right)")
            try await waitUntil("it trades again") { trader.request("GET", "/readyz").status == 200 }
        }
        try await waitUntil("all are set aside") { try redis.entries(of: "dead_signals").count == rights.count }
        #expect(trader.process.stop() == 0)
    }
}
