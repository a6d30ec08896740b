import ExchangeSimulator
import Foundation
import TestSupport
import Testing

/// More data than the engine takes, and an engine that takes none for a while; each test prints its figure.
@Suite(.serialized) struct OverloadTests {
    let folder = try! TemporaryFolder()
    /// The faults at their full length, for a long run; short ones have the same path through the code.
    static let isLong = ProcessInfo.processInfo.environment["LONG_FAULTS"] == "true"

    /// A process's largest resident size so far, bytes.
    private func peakMemory(_ process: ServerProcess) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(process.processID)/status", encoding: .utf8)
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") } ?? ""
        return (line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) } ?? 0) << 10
    }

    @Test func `a burst of a million ticks at line rate is processed to the last one`() async throws {
        defer { folder.remove() }
        let server = BurstServer(count: 1_000_000)
        let run = try RunningTickline(
            ["--feed", "ws://127.0.0.1:\(server.port)/ws/btcusdt@trade", "--short", "5", "--long", "20"],
            folder: folder.url)
        try await waitUntil("the last tick is handed to the socket", timeout: .seconds(180)) { server.sent != nil }
        try await waitUntil("all ticks", timeout: .seconds(60)) {
            await run.metric("tickline_ticks_total") == 1_000_000
        }
        let drained = ContinuousClock.now
        let sent = try #require(server.sent)
        let stalls = await run.metric("tickline_ring_stalls_total")
        let peak = try peakMemory(run.process)
        #expect(run.process.stop() == 0)
        let summary = try Data(contentsOf: folder.url.appendingPathComponent("run.json"))
        let object = try JSONSerialization.jsonObject(with: summary) as? [String: Any]
        let counts = try #require(object?["counts"] as? [String: Int])
        let log = run.process.output.split(separator: "\n").filter { $0.contains("\"feed") }.joined(separator: "\n")
        #expect(counts["ticks"] == 1_000_000 && counts["reconnects"] == 0, "\(log)")
        #expect(counts["missing"] == 0 && counts["repeated"] == 0 && counts["refused"] == 0)
        // Rings: 4 MiB of ticks and 64 MiB of records; the rest is the process and the store's cache.
        #expect(peak < 400 << 20)
        print(
            "figure: D7 1,000,000 ticks in \((drained - sent.first) / .seconds(1)) s, lost",
            "\(1_000_000 - (counts["ticks"] ?? 0)), drained \((drained - sent.last) / .seconds(1)) s after the last was",
            "handed to the socket, ring stalls \(Int(stalls)), peak memory \(peak >> 20) MiB, not stored",
            "\(counts["dropped"] ?? -1)")
    }

    @Test func `a full ring stops reading, holds the exchange back and loses nothing`() async throws {
        defer { folder.remove() }
        let redis = try await RedisServer()
        redis.kill()
        // The engine takes no tick while the outbox has no room for its signal: 1/2 signals at nearly every second trade.
        let count = 250_000
        let market = try await MarketRun(
            .trades(count), ["--short", "1", "--long", "2", "--redis", redis.url], folder: folder.url)
        var last = (sent: -1, changed: ContinuousClock.now)
        try await waitUntil("the exchange is held back", timeout: .seconds(120)) {
            let sent = market.simulator.statistics.messagesSent
            if sent != last.sent { last = (sent, .now) }
            let stalls = await market.run.metric("tickline_ring_stalls_total")
            return stalls > 0 && ContinuousClock.now - last.changed > .seconds(1)
        }
        let stalls = await market.run.metric("tickline_ring_stalls_total")
        #expect(last.sent < count && !market.simulator.statistics.isFinished)
        let start = ContinuousClock.now
        try await redis.restart()
        try await market.waitForTicks(count, timeout: .seconds(120))
        try await waitUntil("all signals published", timeout: .seconds(60)) {
            await market.run.metric("tickline_outbox_pending") == 0
        }
        let drained = (ContinuousClock.now - start) / .seconds(1)
        let (status, counts) = try await market.stop()
        #expect(status == 0 && counts["ticks"] == count && counts["missing"] == 0 && counts["repeated"] == 0)
        let entries = try redis.entries(of: "trade_signals_stream").map { $0.fields["id"] ?? "" }
        #expect(entries.count == counts["signals"] && Set(entries).count == entries.count && entries.count > 50_000)
        print(
            "figure: D8 the exchange stood still at \(last.sent) of \(count) ticks, stalls counted \(Int(stalls)), lost",
            "\(count - (counts["ticks"] ?? 0)), signals lost \((counts["signals"] ?? 0) - entries.count), drained in \(drained) s"
        )
    }

    @Test func `a stopped process finds the gap when it goes on, and stale ticks decide nothing`() async throws {
        defer { folder.remove() }
        let seconds = Self.isLong ? 30 : 6
        let market = try await MarketRun(.trades(rate: 2_000, pacing: .recorded), folder: folder.url)
        try await market.waitForTicks(2_000)
        market.run.process.signal(SIGSTOP)
        try await Task.sleep(for: .seconds(seconds))  // The length of the fault.
        market.run.process.signal(SIGCONT)
        let start = ContinuousClock.now
        try await waitUntil("a new connection") {
            await market.run.metric("tickline_reconnects_total", labels: "standstill") >= 1
        }
        let stored = await market.run.metric("tickline_ticks_total")
        try await waitUntil("ticks again") { await market.run.metric("tickline_ticks_total") > stored + 1_000 }
        let recovery = (ContinuousClock.now - start) / .seconds(1)
        let (status, counts) = try await market.stop()
        #expect(status == 0)
        let ids = try market.rows("SELECT min(tickId), max(tickId), count(*) FROM ticks")[0].compactMap { $0 as? Int }
        let silent = ids[1] - ids[0] + 1 - ids[2] - (counts["missing"] ?? 0)
        #expect(silent == 0 && (counts["missing"] ?? 0) > 2_000)
        let stale =
            try market.rows(
                "SELECT count(*) FROM trade_signals WHERE receiveTimeNanos - eventTimeNanos > 1000000000")[0][0] as? Int
        #expect(stale == 0)
        #expect(try market.signalIDs() == ReferenceSignals.ids(market.trades()))
        print(
            "figure: E11 stopped for \(seconds) s: missing \(counts["missing"] ?? -1) in \(counts["gaps"] ?? -1) gap record(s), silent",
            "\(silent), decisions from stale ticks \(stale ?? -1), 1,000 ticks again after \(recovery) s")
    }

    @Test func `the exchange's limit on a connection's life costs a gap, nothing silent`() async throws {
        defer { folder.remove() }
        let seconds = Self.isLong ? 20 : 4
        var configuration = SimulatorConfiguration.trades(rate: 2_000, pacing: .recorded)
        configuration.connectionLifetime = .seconds(seconds)
        let market = try await MarketRun(configuration, folder: folder.url)
        try await waitUntil("the third connection", timeout: .seconds(3 * seconds + 30)) {
            market.simulator.statistics.connectionsAccepted >= 3
        }
        let before = await market.run.metric("tickline_ticks_total")
        try await waitUntil("its ticks") { await market.run.metric("tickline_ticks_total") > before + 1_000 }
        let (status, counts) = try await market.stop()
        #expect(status == 0)
        let ids = try market.rows("SELECT min(tickId), max(tickId), count(*) FROM ticks")[0].compactMap { $0 as? Int }
        let silent = ids[1] - ids[0] + 1 - ids[2] - (counts["missing"] ?? 0)
        let signals = try market.signalIDs()
        #expect(silent == 0 && (counts["reconnects"] ?? 0) >= 2)
        #expect(signals == ReferenceSignals.ids(try market.trades()))
        print(
            "figure: E3 a limit of \(seconds) s: connections \(market.simulator.statistics.connectionsAccepted), missing",
            "\(counts["missing"] ?? -1) in \(counts["gaps"] ?? -1) gap records (it is below --reconnect-after),",
            "silent \(silent), duplicated",
            "\(signals.count - Set(signals).count)")
    }
}
