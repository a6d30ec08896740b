import Foundation
import Glibc
import TestSupport
import Testing

/// Start, stop, cuts and certificates of the running product.
@Suite(.serialized) struct LifecycleTests {
    let folder = try! TemporaryFolder()

    private func market(_ arguments: [String] = []) async throws -> (ServerProcess, Int) {
        let simulator = try await RunningSimulator(
            ["--rate", "2000", "--symbols", "2"] + arguments, folder: folder.url)
        return (simulator.process, simulator.port)
    }

    @Test func `a stop signal drains and exits 0 within five seconds`() async throws {
        defer { folder.remove() }
        let (simulator, port) = try await market()
        let redis = try await RedisServer()
        let run = try RunningTickline(
            [
                "--feed", "simulator=ws://127.0.0.1:\(port)/stream?streams=btcusdt@trade/ethusdt@trade", "--short",
                "5", "--long", "20", "--redis", redis.url,
            ], folder: folder.url)
        try await waitUntil("signals flow") { try redis.entries(of: "trade_signals_stream").count > 20 }
        let start = ContinuousClock.now
        #expect(run.process.stop() == 0)
        let took = ContinuousClock.now - start
        print("stop took \(took)")
        #expect(took < .seconds(5))
        simulator.stop()
        let summary = try String(contentsOf: folder.url.appendingPathComponent("run.json"), encoding: .utf8)
        let object = try JSONSerialization.jsonObject(with: Data(summary.utf8)) as? [String: Any]
        let counts = object?["counts"] as? [String: Int]
        let entries = try redis.entries(of: "trade_signals_stream")
        #expect(counts?["signals"] == entries.count)
        #expect(Set(entries.map { $0.fields["id"] ?? "" }).count == entries.count)
    }

    @Test func `a stop signal at any moment of the start ends with 0`() async throws {
        defer { folder.remove() }
        let (simulator, port) = try await market()
        for attempt in 0..<12 {
            let run = try RunningTickline(
                ["--feed", "simulator=ws://127.0.0.1:\(port)/ws/btcusdt@trade"], folder: folder.url,
                name: "start\(attempt)")
            try await waitUntil("the signal is trapped") { run.process.ignoresOrCatches(SIGTERM) }
            try await Task.sleep(for: .milliseconds(20 * attempt))  // The moment is what varies.
            #expect(run.process.stop() == 0)
        }
        simulator.stop()
    }

    @Test func `a stop signal while the outbox is full ends within five seconds`() async throws {
        defer { folder.remove() }
        let (simulator, port) = try await market(["--rate", "60000"])
        let run = try RunningTickline(
            [
                "--feed", "simulator=ws://127.0.0.1:\(port)/ws/btcusdt@trade/ethusdt@trade", "--short", "1", "--long",
                "2", "--redis", "redis://127.0.0.1:1",
            ], folder: folder.url)
        try await waitUntil("the outbox is full", timeout: .seconds(60)) {
            await run.metric("tickline_engine_stalls_total") > 0
        }
        for role in ["collector", "processor"] {
            let port = run.port(of: role)
            try await waitUntil("\(role)'s readiness says so") {
                let answer = await run.get("/readyz", port: port)
                return answer.status == 503 && answer.body.contains("the outbox is full: 16384 signals wait for Redis")
            }
        }
        let start = ContinuousClock.now
        #expect(run.process.stop() == 0)
        #expect(ContinuousClock.now - start < .seconds(5))
        simulator.stop()
        let summary = try String(contentsOf: folder.url.appendingPathComponent("run.json"), encoding: .utf8)
        #expect(!summary.contains("\"dropped\":0,"))
    }

    @Test(arguments: [true, false])
    func `a start with Redis away takes ticks within two seconds`(isRefused: Bool) async throws {
        defer { folder.remove() }
        let (simulator, port) = try await market()
        let silent = try SilentListener()
        let start = ContinuousClock.now
        let run = try RunningTickline(
            [
                "--feed", "simulator=ws://127.0.0.1:\(port)/ws/btcusdt@trade", "--redis",
                "redis://127.0.0.1:\(isRefused ? 1 : silent.port)",
            ], folder: folder.url)
        try await waitUntil("a tick is taken") { await run.metric("tickline_ticks_total") > 0 }
        let took = ContinuousClock.now - start
        print("figure: first tick after \(took) with Redis \(isRefused ? "refused" : "stalled")")
        #expect(took < .seconds(2))
        #expect(run.process.stop() == 0)
        simulator.stop()
    }

    @Test func `a second stop signal exits at once`() async throws {
        defer { folder.remove() }
        // A Redis that accepts and never answers, so that the drain has something to wait for.
        let listener = try SilentListener()
        let run = try RunningTickline(
            ["--feed", "ws://127.0.0.1:1/ws/a@trade", "--redis", "redis://127.0.0.1:\(listener.port)"],
            folder: folder.url)
        try await waitUntil("runs") { await run.get("/livez").status == 200 }
        run.process.signal(SIGSTOP)
        run.process.signal(SIGTERM)
        run.process.signal(SIGINT)
        run.process.signal(SIGCONT)
        let status = run.process.stop(SIGTERM)
        #expect([130, 143].contains(status))
    }

    @Test func `cuts are reconnected and every missing trade is in a gap`() async throws {
        defer { folder.remove() }
        let (simulator, port) = try await market(["--fault", "cut:reset,every=1s"])
        let run = try RunningTickline(
            [
                "--feed", "simulator=ws://127.0.0.1:\(port)/ws/btcusdt@trade", "--short", "5", "--long", "20",
                "--refill",
                "0",
            ], folder: folder.url)
        try await waitUntil("three reconnects") { await run.metric("tickline_reconnects_total") >= 3 }
        #expect(run.process.stop() == 0)
        simulator.stop()
        let summary = try Data(contentsOf: folder.url.appendingPathComponent("run.json"))
        let counts = (try JSONSerialization.jsonObject(with: summary) as? [String: Any])?["counts"] as? [String: Int]
        #expect((counts?["gaps"] ?? 0) >= 1 && (counts?["missing"] ?? 0) >= 1)
    }

    @Test func `the demo needs nothing and prints what it did`() throws {
        defer { folder.remove() }
        let result = try Tickline.run([
            "demo", "--duration", "3s", "--short", "5", "--long", "20", "--data", folder.url.path + "/data",
        ])
        #expect(result.status == 0, "\(result.error)")
        #expect(result.output.split(separator: "\n").count > 3)
        for word in ["ticks", "signals", "gaps", "dropped", "tick_to_signal", "p99.9"] {
            #expect(result.error.contains(word), "\(result.error)")
        }
    }
}

/// A listening socket that accepts (by backlog) and never answers.
final class SilentListener {
    let port: Int
    private let descriptor: Int32

    init() throws {
        port = freePort()
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let isBound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        try #require(isBound && listen(descriptor, 8) == 0)
    }

    deinit { close(descriptor) }
}
