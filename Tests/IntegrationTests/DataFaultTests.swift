import ExchangeSimulator
import Foundation
import TestSupport
import Testing

/// Wrong, repeated, missing and too many data, sent by the simulated exchange to the executable; each test prints its figure.
@Suite(.serialized) struct DataFaultTests {
    let folder = try! TemporaryFolder()
    private static let stream = "btcusdt@trade"

    /// Stored tick ids of the signals' table within a range of ids, and the next one behind it.
    private func decisions(_ market: MarketRun, within ids: ClosedRange<UInt64>) throws -> (within: Int, next: UInt64?)
    {
        let column = try market.rows("SELECT tickId FROM trade_signals ORDER BY tickId")
            .compactMap { ($0[0] as? NSNumber)?.uint64Value }
        return (column.count { ids.contains($0) }, column.first { $0 > ids.upperBound })
    }

    @Test func `a price far outside the band is kept and flagged and decides nothing while it is in the window`()
        async throws
    {
        defer { folder.remove() }
        var control = 0
        for band in [nil, "20"] {
            let spike = FaultRule(.spike(factor: 10, count: 10), on: Self.stream, .afterMessages(2_000))
            let market = try await MarketRun(
                .trades(5_000, faults: [spike]), band.map { ["--price-band", $0] } ?? [],
                folder: folder.url.appendingPathComponent(band ?? "free"))
            try await market.waitForTicks(5_000)
            let (status, counts) = try await market.stop()
            #expect(status == 0 && counts["ticks"] == 5_000)
            let spiked = market.ledger.filter { $0.treatment == .spiked }.compactMap(\.firstID)
            let (first, last) = (try #require(spiked.first), try #require(spiked.last))
            let (within, next) = try decisions(market, within: first...last + 19)
            let flagged = try market.rows("SELECT tickId FROM ticks WHERE isOutsideBand = 1 ORDER BY tickId")
                .compactMap { ($0[0] as? NSNumber)?.uint64Value }
            guard band != nil else {
                control = within
                #expect(flagged.isEmpty && within > 0, "without a band the spike decides")
                continue
            }
            #expect(flagged == spiked && spiked.count == 10)
            #expect(within == 0)
            let resumed = try #require(next) - last
            print(
                "figure: D3 decisions while a spike is in the window \(within) (without a band \(control)),",
                "flagged and stored \(flagged.count) of \(spiked.count), next decision \(resumed) trades behind it")
        }
    }

    @Test func `repeated and older ids are dropped and counted one for one`() async throws {
        defer { folder.remove() }
        let market = try await MarketRun(
            .trades(
                20_000,
                faults: [
                    FaultRule(.duplicate(count: 1), .everyMessages(50)),
                    FaultRule(.duplicate(count: 20), .everyMessages(777)),
                ]), folder: folder.url)
        try await waitUntil("the replay's end", timeout: .seconds(60)) { market.simulator.statistics.isFinished }
        try await market.waitForTicks(market.ledger.count)
        let (status, counts) = try await market.stop()
        let repeated = market.ledger.count { $0.treatment == .duplicate }
        #expect(status == 0 && repeated > 800)
        #expect(counts["ticks"] == 20_000 && counts["repeated"] == repeated && counts["gaps"] == 0)
        let trades = try market.trades()
        #expect(trades.map(\.id) == market.ledger.filter { $0.treatment == .sound }.compactMap(\.firstID))
        let signals = try market.signalIDs()
        #expect(signals == ReferenceSignals.ids(trades) && signals.count > 100)
        print(
            "figure: D4 \(repeated) repeated and older ids sent, \(counts["repeated"] ?? -1) dropped, duplicated",
            "\(trades.count - Set(trades.map(\.id)).count) ticks and \(signals.count - Set(signals).count) signals")
    }

    @Test func `each hole is in a gap record and nothing is decided from a window with a hole in it`() async throws {
        defer { folder.remove() }
        let market = try await MarketRun(
            .trades(
                20_000,
                faults: [
                    FaultRule(.gap(count: 3), .everyMessages(333)), FaultRule(.gap(count: 1), .everyMessages(1_009)),
                    FaultRule(.reorder(count: 2), .everyMessages(2_003)),
                ]), ["--refill", "0"], folder: folder.url)
        try await waitUntil("the replay's end", timeout: .seconds(60)) { market.simulator.statistics.isFinished }
        try await market.waitForTicks(market.ledger.count(where: \.treatment.isReadable))
        let (status, counts) = try await market.stop()
        #expect(status == 0)
        // A reader in order takes each id above the last one.
        var taken: [UInt64] = []
        for case let entry in market.ledger where entry.treatment.isReadable {
            if let id = entry.firstID, taken.last.map({ id > $0 }) ?? true { taken.append(id) }
        }
        let holes = zip(taken, taken.dropFirst()).filter { $1 != $0 + 1 }.map { [$0 + 1, $1 - 1] }
        let recorded = try market.rows("SELECT fromId, toId FROM gaps WHERE cause = 'skipped' ORDER BY fromId")
            .map { $0.compactMap { ($0 as? NSNumber)?.uint64Value } }
        #expect(recorded == holes && holes.count > 70)
        let trades = try market.trades()
        #expect(trades.map(\.id) == taken)
        let signals = try market.signalIDs()
        #expect(signals == ReferenceSignals.ids(trades) && signals.contains { $0.hasSuffix(":gap") })
        let missing = Int(taken.last! - taken[0]) + 1 - taken.count
        #expect(counts["missing"] == missing && counts["gaps"] == holes.count)
        print(
            "figure: D5 \(missing) ids missing in \(holes.count) holes, \(recorded.count) gap records, silent 0,",
            "signals \(signals.count) as the reference says, \(signals.count { $0.hasSuffix(":gap") }) of them after a gap"
        )
    }

    @Test func `each hole is refilled from the exchange's history, and signals are those of a stream without holes`()
        async throws
    {
        defer { folder.remove() }
        let market = try await MarketRun(
            .trades(
                20_000, rate: 4_000, pacing: .recorded,
                faults: [
                    FaultRule(.gap(count: 3), .everyMessages(333)), FaultRule(.gap(count: 900), .everyMessages(9_001)),
                    FaultRule(.reorder(count: 2), .everyMessages(2_003)),
                ]), folder: folder.url)
        try await waitUntil("the replay's end", timeout: .seconds(60)) { market.simulator.statistics.isFinished }
        try await waitUntil("all trades, those of the history among them", timeout: .seconds(30)) {
            await market.run.metric("tickline_ticks_total") == 20_000
        }
        let refilled = Int(await market.run.metric("tickline_ticks_refilled_total"))
        let (status, counts) = try await market.stop()
        #expect(status == 0 && counts["missing"] == 0 && counts["gaps"] == 0)
        let trades = try market.trades()
        #expect(trades.count == 20_000 && trades.last!.id - trades[0].id == 19_999)
        let signals = try market.signalIDs()
        #expect(signals == ReferenceSignals.ids(trades) && signals.count > 100)
        let gaps = try market.rows("SELECT count(*), min(refilled) FROM gaps")[0].compactMap { $0 as? Int }
        #expect(gaps[0] > 55 && gaps[1] == 1)
        let withheld = market.ledger.count { !$0.treatment.isReadable }
        #expect(refilled >= withheld - 3 && withheld > 1_900)
        print(
            "figure: D5 \(withheld) ids withheld, \(refilled) refilled in \(gaps[0]) records, silent 0,",
            "\(signals.count) signals as without a hole")
    }

    @Test func `trades missed on a reconnect are refilled, and deciding goes on within three seconds`() async throws {
        defer { folder.remove() }
        let market = try await MarketRun(.trades(rate: 400, pacing: .recorded), folder: folder.url)
        try await market.waitForTicks(500)
        var seconds: [Double] = []
        for _ in 0..<5 {
            let (refilled, made) = (
                await market.run.metric("tickline_ticks_refilled_total"),
                market.simulator.statistics.connectionsAccepted
            )
            try await market.simulator.inject(.cut(.reset))
            try await waitUntil("a new connection") { market.simulator.statistics.connectionsAccepted > made }
            let connected = ContinuousClock.now
            try await waitUntil("what passed meanwhile is refilled") {
                let now = await market.run.metric("tickline_ticks_refilled_total")
                let held = await market.run.metric("tickline_held_ticks")
                return now > refilled && held == 0
            }
            let decided = await market.run.metric("tickline_signals_total")
            try await waitUntil("decisions go on") { await market.run.metric("tickline_signals_total") > decided }
            seconds.append((ContinuousClock.now - connected) / .seconds(1))
        }
        let refilled = Int(await market.run.metric("tickline_ticks_refilled_total"))
        let (status, counts) = try await market.stop()
        #expect(status == 0 && (counts["reconnects"] ?? 0) >= 5 && counts["missing"] == 0)
        let trades = try market.trades()
        let silent = Int(trades.last!.id - trades[0].id) + 1 - trades.count - (counts["missing"] ?? 0)
        #expect(try market.signalIDs() == ReferenceSignals.ids(trades))
        #expect(
            goal("D5 trades missed silently over \(seconds.count) reconnects, \(refilled) refilled", silent, atMost: 0))
        #expect(goal("D5 deciding goes on after a reconnect, the slowest", seconds.max()!, atMost: 3, "s"))
    }

    /// Kinds after which a reader can't go on with the connection.
    private static let endings: [Malformation] = [.oversized, .lyingLength, .binary, .invalidUTF8]

    @Test(arguments: Malformation.allCases.filter { !endings.contains($0) })
    func `a spoiled message is counted, its id is in a gap record, and the connection goes on`(
        kind: Malformation
    ) async throws {
        defer { folder.remove() }
        let rule = FaultRule(.malformed(kind, count: 1), .everyMessages(100))
        let market = try await MarketRun(.trades(2_000, faults: [rule]), ["--refill", "0"], folder: folder.url)
        try await waitUntil("all trades taken or missing") {
            let taken = await market.run.metric("tickline_ticks_total")
            return taken + (await market.run.metric("tickline_ticks_missing_total")) == 2_000
        }
        try await judge(market, kind, sent: 19, reconnects: 0)
    }

    @Test(arguments: endings)
    func `a message that ends its connection is counted, and what is lost with it is in a gap record`(
        kind: Malformation
    ) async throws {
        defer { folder.remove() }
        let market = try await MarketRun(
            .trades(rate: 2_000, pacing: .recorded), ["--refill", "0"], folder: folder.url)
        for round in 1...2 {
            let before = await market.run.metric("tickline_ticks_total")
            try await waitUntil("ticks") { await market.run.metric("tickline_ticks_total") > before + 200 }
            try await market.simulator.inject(.malformed(kind, count: 1))
            try await waitUntil("a new connection") { market.simulator.statistics.connectionsAccepted == round + 1 }
        }
        let before = await market.run.metric("tickline_ticks_total")
        try await waitUntil("ticks again") { await market.run.metric("tickline_ticks_total") > before + 200 }
        try await judge(market, kind, sent: 2, reconnects: 2)
    }

    /// Each spoiled message was counted and each id is a stored tick or in a gap record.
    private func judge(_ market: MarketRun, _ kind: Malformation, sent: Int, reconnects: Int) async throws {
        let implausible = Int(await market.run.metric("tickline_ticks_implausible_total"))
        let (status, counts) = try await market.stop()
        let counted = (counts["refused"] ?? 0) + implausible
        #expect(market.ledger.count { $0.treatment == .malformed(kind) } == sent)
        #expect(status == 0 && counted == sent && counts["reconnects"] == reconnects)
        let trades = try market.trades()
        let span = Int((trades.last?.id ?? 0) - (trades.first?.id ?? 0)) + 1
        let silent = span - trades.count - (counts["missing"] ?? 0)
        #expect(silent == 0 && trades.count == counts["ticks"])
        let unreadable = Set(market.ledger.filter { !$0.treatment.isReadable }.compactMap(\.firstID))
        #expect(unreadable.isDisjoint(with: trades.map(\.id)))
        print(
            "figure: D1 \(kind.rawValue): sent \(sent), counted \(counted), reconnects \(counts["reconnects"] ?? -1), missing",
            "\(counts["missing"] ?? -1) in \(counts["gaps"] ?? -1) gap records, silent \(silent)")
    }

    @Test(arguments: [3_600, -3_600])
    func `exchange times an hour off leave no absurd latency and do not touch the order`(shift: Int64) async throws {
        defer { folder.remove() }
        var configuration = SimulatorConfiguration.trades(rate: 2_000, pacing: .recorded)
        guard case .synthetic(var market) = configuration.source else { return }
        let now = Int64(Date().timeIntervalSince1970 * 1e9)
        market.startTimeNanos = now + shift * 1_000_000_000
        configuration.source = .synthetic(market)
        let run = try await MarketRun(configuration, folder: folder.url)
        try await run.waitForTicks(4_000)
        let metrics = await run.run.get("/metrics").body
        let (status, counts) = try await run.stop()
        #expect(status == 0 && counts["gaps"] == 0 && counts["repeated"] == 0)
        let samples = try LatencyLines(metrics)
        #expect(samples.families >= 3 && samples.beyondTenSeconds == 0 && samples.negative == 0)
        let times = try run.rows("SELECT min(receiveTimeNanos), max(receiveTimeNanos), min(eventTimeNanos) FROM ticks")[
            0
        ]
        .compactMap { ($0 as? NSNumber)?.int64Value }
        #expect(times[0] > now && times[1] < now + 120_000_000_000, "receive times are those of this machine's clock")
        #expect(abs(times[2] - now - shift * 1_000_000_000) < 1_000_000_000, "exchange times are kept as they are")
        print(
            "figure: D6 exchange times \(shift) s off: \(samples.count) samples in \(samples.families) histograms, negative",
            "\(samples.negative), above 10 s \(samples.beyondTenSeconds)")
    }
}

/// What an exposition says of its histograms of seconds.
private struct LatencyLines {
    private(set) var families = 0
    private(set) var count = 0
    private(set) var negative = 0
    private(set) var beyondTenSeconds = 0

    init(_ text: String) throws {
        var upToTen = 0
        for line in text.split(separator: "\n") where line.hasPrefix("tickline_") {
            guard let value = line.split(separator: " ").last.flatMap({ Double($0) }) else { continue }
            let name = line.prefix { $0 != "{" && $0 != " " }
            if name.hasSuffix("_seconds_sum"), value < 0 { negative += 1 }
            if name.hasSuffix("_seconds_bucket"), let start = line.range(of: "le=\"")?.upperBound {
                guard let bound = Double(line[start...].prefix { $0 != "\"" }), bound <= 10 else { continue }
                upToTen = Int(value)
            }
            if name.hasSuffix("_seconds_count") {
                if value > 0 { families += 1 }
                count += Int(value)
                beyondTenSeconds += Int(value) - upToTen
                upToTen = 0
            }
        }
    }
}
