import ExchangeSimulator
import Foundation
import Logging
import TestSupport
import Testing

/// A feed and its redundant one at two exchanges with the same recorded trades, nothing refilled: what one of them lacks the
/// other has, what both have counts once.
@Suite(.serialized, .timeLimit(.minutes(10)), .enabled(if: SharedData.shouldRun)) struct RedundantFeedTests {
    static let tradeCount = 9_757
    static let stream = "btcusdt@trade"

    @Test func `each id counts once, and the feed that is delayed is the second, by its delay`() async throws {
        // Far above what a loaded machine may delay the other one by.
        let run = try await RedundantRun([[], []], delayMillis: 500)
        try await run.waitForAll()
        let result = try await run.finish("one feed 500 ms behind")
        #expect(result.repeated == Self.tradeCount)
        #expect(result.wins[0] > Self.tradeCount * 9 / 10 && result.meanLeadMillis[0] > 250)
        try run.expectTheRecordedSignals(result)
    }

    @Test func `what one exchange skips the other one has: no gap, nothing lost, nothing twice`() async throws {
        let run = try await RedundantRun(
            [
                [FaultRule(.gap(count: 3), on: Self.stream, .everyMessages(500))],
                [FaultRule(.gap(count: 2), on: Self.stream, .everyMessages(430))],
            ], delayMillis: 20)
        try await run.waitForAll()
        let sent = run.sent
        let result = try await run.finish("both skip ids")
        #expect(sent[0].count < Self.tradeCount - 50 && sent[1].count < Self.tradeCount - 40)
        #expect(result.repeated == sent[0].intersection(sent[1]).count)
        #expect(result.wins[0] > 0 && result.filledByTwin > 0)
        try run.expectTheRecordedSignals(result)
    }

    @Test(arguments: [0, 1]) func `a feed whose exchange is killed is missed by nobody`(killed: Int) async throws {
        let run = try await RedundantRun([[], []], delayMillis: 60, killed: killed)
        try await waitUntil("a third of the trades", timeout: .seconds(120)) {
            await run.metric("tickline_ticks_total") > Double(Self.tradeCount / 3)
        }
        #expect(try await run.readiness() == RedundantRun.Readiness(status: 200, ready: [true, true]))
        run.kill()
        try await waitUntil("the loss is noticed") { try await run.readiness().ready[killed] == false }
        // Each stream still has a connection; who is down is named.
        let readiness = try await run.readiness()
        var expected = RedundantRun.Readiness(status: 200, ready: [true, true])
        (expected.ready[killed], expected.covered[killed]) = (false, true)
        #expect(readiness == expected)
        try await waitUntil("a scrape says so too") {
            await run.metric("tickline_feed_ready", labels: "feed=\"simulator#\(killed)\"") == 0
        }
        #expect(await run.metric("tickline_feed_ready", labels: "feed=\"simulator#\(1 - killed)\"") == 1)
        try await waitUntil("all trades", timeout: .seconds(120)) {
            await run.metric("tickline_ticks_total") == Double(Self.tradeCount)
        }
        await run.stopExchanges()
        try await waitUntil("no feed delivers the stream") { try await run.readiness().status == 503 }
        #expect(try await run.readiness() == RedundantRun.Readiness(status: 503, ready: [false, false]))
        let result = try await run.finish("the \(killed == 0 ? "first" : "delayed") one killed")
        #expect(result.repeated > 0 && result.repeated < Self.tradeCount)
        try run.expectTheRecordedSignals(result)
    }

    @Test func `what neither has is a gap a second later, and the replay of the journal decides the same`() async throws
    {
        let skip = FaultRule(.gap(count: 3), on: Self.stream, .afterMessages(4_000))
        let run = try await RedundantRun([[skip], [skip]], delayMillis: 20)
        try await run.waitForAll()
        let result = try await run.finish("both skip the same 3")
        #expect(result.gaps == 1 && result.missing == 3 && result.trades.count == Self.tradeCount - 3)
        #expect(result.repeated == Self.tradeCount - 3)
    }
}

/// Two simulated exchanges, the second behind a proxy that delays, and the product on both.
private final class RedundantRun {
    struct Result {
        var repeated = 0, gaps = 0, missing = 0, filledByTwin = 0
        /// By feed.
        var wins: [Int] = []
        var meanLeadMillis: [Double] = []
        var trades: [(id: UInt64, price: Int)] = []
        var signals: [String] = []
    }

    private let folder = try! TemporaryFolder()
    private let simulators: [ExchangeSimulator]
    private let ledgers = [LedgerCollector(), LedgerCollector()]
    /// The one that can be killed is a process.
    private let process: RunningSimulator?
    private let proxy: FaultProxy
    private let run: RunningTickline

    init(_ faults: [[FaultRule]], delayMillis: Int, killed: Int? = nil) async throws {
        var (simulators, ports): ([ExchangeSimulator], [Int]) = ([], [])
        var process: RunningSimulator?
        for index in 0...1 {
            if index == killed {
                process = try await RunningSimulator([RecordedRunTests.spot, "--speed", "20"], folder: folder.url)
                ports.append(process!.port)
                continue
            }
            var configuration = SimulatorConfiguration(source: .recordings([RecordedRunTests.spot]), pacing: .speed(20))
            configuration.faults = faults[index]
            let ledger = ledgers[index]
            let simulator = ExchangeSimulator(
                configuration: configuration,
                logger: Logger(label: "exchange", factory: { _ in SwiftLogNoOpLogHandler() }),
                ledger: { ledger.record($0) })
            ports.append(try await simulator.start())
            simulators.append(simulator)
        }
        (self.simulators, self.process) = (simulators, process)
        var fault = FaultProxy.Fault()
        fault.reply.delayMillis = delayMillis
        proxy = FaultProxy(target: ports[1], fault: fault)
        run = try RunningTickline(
            [
                "--feed", "simulator=ws://127.0.0.1:\(ports[0])/ws/\(RedundantFeedTests.stream)", "--redundant-feed",
                "simulator=ws://127.0.0.1:\(proxy.port)/ws/\(RedundantFeedTests.stream)", "--refill", "0",
            ], folder: folder.url)
    }

    deinit { folder.remove() }

    /// What `/readyz` says of the two feeds.
    struct Readiness: Equatable {
        var status: Int
        /// By feed.
        var ready: [Bool]
        var covered = [false, false]
    }

    func readiness() async throws -> Readiness {
        let answer = await run.get("/readyz")
        let object = try JSONSerialization.jsonObject(with: Data(answer.body.utf8)) as? [String: Any]
        let checks = (object?["checks"] as? [[String: Any]] ?? []).filter {
            ($0["name"] as? String)?.hasPrefix("feed:simulator#") == true
        }
        return Readiness(
            status: answer.status, ready: checks.map { $0["ready"] as? Bool ?? false },
            covered: checks.map { $0["covered"] as? Bool ?? false })
    }

    /// The exchanges go away, all of them.
    func stopExchanges() async {
        for simulator in simulators { await simulator.stop() }
        process?.process.stop()
    }

    func metric(_ name: String, labels: String = "") async -> Double { await run.metric(name, labels: labels) }

    func kill() { process?.process.signal(SIGKILL) }

    /// The ids that each exchange has put on the wire.
    var sent: [Set<UInt64>] {
        ledgers.map { Set($0.entries.filter { $0.treatment == .sound }.compactMap(\.firstID)) }
    }

    /// Waits until the engine has seen what both exchanges have sent of all trades.
    func waitForAll() async throws {
        let count = RedundantFeedTests.tradeCount
        try await waitUntil("both replays end", timeout: .seconds(120)) {
            ledgers.allSatisfy { $0.entries.count == count }
        }
        let expected = sent.map(\.count).reduce(0, +)
        try await waitUntil("all trades of both") {
            let taken = await run.metric("tickline_ticks_total")
            let repeated = await run.metric("tickline_ticks_repeated_total")
            let held = await run.metric("tickline_held_ticks")
            return Int(taken + repeated) == expected && held == 0
        }
    }

    /// Ends the run, checks what holds in each case, and says what it counted.
    func finish(_ name: String) async throws -> Result {
        var result = Result()
        for feed in ["simulator#0", "simulator#1"] {
            let wins = await run.metric("tickline_redundant_wins_total", labels: "feed=\"\(feed)\"")
            let count = await run.metric("tickline_redundant_lead_seconds_count", labels: "feed=\"\(feed)\"")
            let sum = await run.metric("tickline_redundant_lead_seconds_sum", labels: "feed=\"\(feed)\"")
            #expect(wins == count)
            result.wins.append(Int(wins))
            result.meanLeadMillis.append(count > 0 ? sum / count * 1_000 : 0)
        }
        result.repeated = Int(await run.metric("tickline_ticks_repeated_total"))
        result.gaps = Int(await run.metric("tickline_gaps_total"))
        result.missing = Int(await run.metric("tickline_ticks_missing_total"))
        result.filledByTwin = Int(await run.metric("tickline_ticks_refilled_total", labels: "source=\"twin\""))
        #expect(await run.metric("tickline_refill_requests_total") == 0)
        #expect(run.process.stop() == 0)
        await stopExchanges()
        proxy.stop()
        #expect(result.wins.reduce(0, +) == result.repeated)
        let data = folder.url.appendingPathComponent("data").path
        let store = data + "/tickline.sqlite"
        let rows = try SQLiteReader.rows("SELECT tickId, price FROM ticks ORDER BY tickId", of: store)
        result.trades = rows.map { (UInt64($0["tickId"]!)!, Int(scaled($0["price"]![...], decimals: 8))) }
        result.signals = try SQLiteReader.rows(
            "SELECT _id FROM trade_signals WHERE isSignal = 1 ORDER BY tickId", of: store
        ).map { $0["_id"]! }
        #expect(Set(result.trades.map(\.id)).count == result.trades.count)
        #expect(result.signals == ReferenceSignals.ids(result.trades, short: 50, long: 200))
        let replay = try Tickline.run(["replay", data])
        let replayed = replay.output.split(separator: "\n").filter { $0.hasPrefix("{\"signal\"") }
        #expect(replay.status == 0 && replayed.count == result.signals.count, "\(replay.error)")
        for (line, id) in zip(replayed, result.signals) { #expect(line.contains("\"\(id)\"")) }
        print(
            "figure: \(name): \(result.trades.count) trades and \(result.signals.count) signals once,"
                + " \(result.missing) missing; \(result.repeated) ids came twice, first by \(result.wins),"
                + " \(result.filledByTwin) of them late; mean lead"
                + result.meanLeadMillis.map { String(format: " %.1f ms", $0) }.joined(separator: ","))
        return result
    }

    /// Nothing is missing, and the signals are those of one feed with all trades.
    func expectTheRecordedSignals(_ result: Result) throws {
        #expect(result.gaps == 0 && result.missing == 0 && result.trades.count == RedundantFeedTests.tradeCount)
        let expected = try RecordedRunTests.crossings("binance_btcusdt_trade_20240808", exchange: "simulator")
        #expect(result.signals.count == expected.count && Set(result.signals) == Set(expected.keys))
    }
}
