import ExchangeSimulator
import Foundation
import TestSupport
import Testing

/// Fault E3: exchanges end each connection after a day, or ask for a new one; recorded trades, and nothing is missed.
@Suite(.serialized, .timeLimit(.minutes(10)), .enabled(if: SharedData.shouldRun)) struct OverlapTests {
    let folder = try! TemporaryFolder()
    /// With `LONG_FAULTS=true` connections live as long as E3 says.
    private static let isLong = ProcessInfo.processInfo.environment["LONG_FAULTS"] == "true"

    /// 5 min 46 s of trades, ten times as fast, or at a pace at which a connection of 20 s is cut several times.
    private func exchange(_ faults: [FaultRule] = []) -> SimulatorConfiguration {
        var configuration = SimulatorConfiguration(
            source: .recordings([RecordedRunTests.spot]), pacing: .speed(Self.isLong ? 3 : 12))
        configuration.faults = faults
        return configuration
    }

    @Test(arguments: [1_000, 0])
    func `E3 connections that the exchange limits are replaced in time, with nothing missed`(refill: Int) async throws {
        defer { folder.remove() }
        var configuration = exchange()
        let lifetime = Self.isLong ? 20 : 5
        configuration.connectionLifetime = .seconds(lifetime)
        let market = try await RecordedMarket(
            configuration, ["--reconnect-after", "\(lifetime - 3)", "--refill", "\(refill)"], folder: folder.url)
        try await market.checkNothingMissed(
            "E3 limit of \(lifetime) s, --refill \(refill)", reason: "planned", leastReplacements: Self.isLong ? 4 : 6)
    }

    @Test func `E3 the exchange's word is followed at once, with nothing missed`() async throws {
        defer { folder.remove() }
        let market = try await RecordedMarket(
            exchange([FaultRule(.serverShutdown, .every(.seconds(4) ... .seconds(4)))]), ["--reconnect-after", "0"],
            folder: folder.url)
        try await market.checkNothingMissed("E3 serverShutdown", reason: "server_shutdown", leastReplacements: 5)
    }

    @Test func `a connection cut while its successor is already open is missed by nobody`() async throws {
        defer { folder.remove() }
        var configuration = exchange()
        // The successor takes over a second after its first trade at the earliest: too late for a cut after three.
        configuration.connectionLifetime = .seconds(3)
        let market = try await RecordedMarket(configuration, ["--reconnect-after", "2"], folder: folder.url)
        try await market.checkNothingMissed("cut during the overlap", reason: "closed", leastReplacements: 5)
    }

    @Test func `while the successor fails to open the old connection goes on, and the feed is ready`() async throws {
        defer { folder.remove() }
        let market = try await RecordedMarket(exchange(), ["--reconnect-after", "0"], folder: folder.url)
        let run = market.market.run
        try await waitUntil("ready") { await run.get("/readyz").status == 200 }
        try await market.market.simulator.inject(.handshake(.wrongAccept, count: 4))
        try await market.market.simulator.inject(.serverShutdown)
        var failures = 0.0
        try await waitUntil("another connection has taken over") {
            let status = await run.get("/readyz").status
            #expect(status == 200)
            failures = max(failures, await run.metric("tickline_reconnects_total", labels: "\"handshake\""))
            return await run.metric("tickline_reconnects_total", labels: "\"server_shutdown\"") == 1
        }
        #expect(failures == 4)
        try await market.checkNothingMissed(
            "a successor that fails four times", reason: "server_shutdown", leastReplacements: 1, failures: 4)
    }
}

/// The recorded trades of BTCUSDT, and the product on them.
private struct RecordedMarket {
    let market: MarketRun

    init(_ configuration: SimulatorConfiguration, _ arguments: [String], folder: URL) async throws {
        market = try await MarketRun(
            configuration, ["--short", "50", "--long", "200"] + arguments, folder: folder, exchange: "binance")
    }

    func checkNothingMissed(_ name: String, reason: String, leastReplacements: Int, failures: Int = 0) async throws {
        try await waitUntil("all trades", timeout: .seconds(300)) {
            await market.run.metric("tickline_ticks_total") == 9_757
        }
        let replaced = await market.run.metric("tickline_reconnects_total", labels: "\"\(reason)\"")
        // Some successors take over just before the cut.
        let planned =
            reason == "closed" ? await market.run.metric("tickline_reconnects_total", labels: "\"planned\"") : 0
        let others = await market.run.metric("tickline_reconnects_total") - replaced - planned
        let asked = await market.run.metric("tickline_rest_requests_total")
        let (status, counts) = try await market.stop()
        #expect(status == 0 && Int(others) == failures && asked == 0)
        #expect(Int(replaced) >= leastReplacements)
        #expect(counts["ticks"] == 9_757 && counts["gaps"] == 0 && counts["missing"] == 0 && counts["signals"] == 37)
        let trades = try market.trades()
        #expect(trades.count == 9_757 && Set(trades.map(\.id)).count == 9_757)
        let expected = try RecordedRunTests.crossings("binance_btcusdt_trade_20240808", exchange: "binance")
        #expect(try Set(market.signalIDs()) == Set(expected.keys))
        let data = market.folder.appendingPathComponent("data").path
        let replay = try Tickline.run(["replay", data])
        let replayed = replay.output.split(separator: "\n").count { $0.hasPrefix("{\"signal\"") }
        #expect(replay.status == 0 && replayed == 37, "\(replay.error)")
        let pause = try latestAfterSending()
        print(
            "figure: \(name): 9757 trades and 37 signals once, 0 missing, \(Int(replaced)) connections replaced,"
                + " \(counts["repeated"] ?? 0) repeats dropped; most a trade came later than the quickest:"
                + String(format: " %.1f ms", pause))
        // A pause would be as long as a connection takes to be made anew: a tenth of a second at the least.
        #expect(pause < 1_000)
    }

    /// How much later than the quickest one the slowest trade was received, measured from the exchange's first sending of
    /// it, ms.
    private func latestAfterSending() throws -> Double {
        var sent: [UInt64: Int64] = [:]
        for entry in market.ledger {
            guard let id = entry.firstID, sent[id] == nil else { continue }
            sent[id] = entry.sentNanos
        }
        let rows = try market.rows("SELECT id, receive_ns FROM tick_rows")
        let delays = rows.compactMap { row -> Int64? in
            guard let id = (row[0] as? NSNumber)?.uint64Value, let received = (row[1] as? NSNumber)?.int64Value else {
                return nil
            }
            return sent[id].map { received - $0 }
        }
        return Double((delays.max() ?? .max) - (delays.min() ?? 0)) / 1e6
    }
}
