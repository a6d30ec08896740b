import ExchangeSimulator
import Foundation
import TestSupport
import Testing

/// The trade history against the recordings it is made from.
@Suite(.serialized) struct TradeHistoryTests {
    private static let usdMarginedTradeFile = "binance_usdm/btcusdt@trade.20240808.ndjson.gz"
    private static let spotTrades = "/api/v3/historicalTrades?symbol=BTCUSDT"
    private static let spotAggregates = "/api/v3/aggTrades?symbol=BTCUSDT"
    private static let usdMarginedAggregates = "/fapi/v1/aggTrades?symbol=BTCUSDT"

    /// Trades of equal price, maker side and time with consecutive ids, by an independent reading of the lines.
    private func groups(_ lines: [String]) -> [[Substring]] {
        var groups: [[Substring]] = []
        for line in lines.map({ Substring($0) }) {
            if let last = groups.last?.last,
                ["p", "m", "T"].allSatisfy({ field($0, of: last) == field($0, of: line) }),
                UInt64(field("t", of: last)!)! + 1 == UInt64(field("t", of: line)!)!
            {
                groups[groups.count - 1].append(line)
            } else {
                groups.append([line])
            }
        }
        return groups
    }

    @Test(.enabled(if: SharedData.shouldRun))
    func `recorded trades of both venues come back equal, each under its own root`() async throws {
        let (spot, futures) = (try recordedLines(tradeFile), try recordedLines(Self.usdMarginedTradeFile))
        let configuration = SimulatorConfiguration.recorded(tradeFile, Self.usdMarginedTradeFile)
        try await withFinishedReplay(configuration, streams: "btcusdt@trade") { port in
            let trades = try await askForAll(port, Self.spotTrades)
            #expect(trades.count == spot.count)
            for (trade, line) in zip(trades, spot) {
                let line = Substring(line)
                for (ours, theirs) in [
                    ("id", "t"), ("price", "p"), ("qty", "q"), ("time", "T"), ("isBuyerMaker", "m"),
                    ("isBestMatch", "M"),
                ] {
                    let (served, recorded) = (field(ours, of: trade), field(theirs, of: line))
                    if served != recorded { Issue.record("\(trade) is not \(line)") }
                }
                var product =
                    Decimal(string: String(field("p", of: line)!))! * Decimal(
                        string: String(field("q", of: line)!))!
                var rounded = Decimal()
                NSDecimalRound(&rounded, &product, 8, .down)
                if Decimal(string: String(field("quoteQty", of: trade)!)) != rounded { Issue.record("\(trade)") }
            }
            try await self.compareAggregates(port, Self.spotAggregates, spot, decimals: 8, hasBestMatch: true)
            try await self.compareAggregates(
                port, Self.usdMarginedAggregates, futures, decimals: 3, hasBestMatch: false)
        }
    }

    private func compareAggregates(
        _ port: Int, _ path: String, _ lines: [String], decimals: Int, hasBestMatch: Bool
    ) async throws {
        let first = UInt64(field("t", of: Substring(lines[0]))!)!
        let expected = groups(lines)
        let aggregates = try await askForAll(port, path)
        #expect(aggregates.count == expected.count && aggregates.count < lines.count)
        for (number, (aggregate, group)) in zip(aggregates, expected).enumerated() {
            let sum = group.reduce(0) { $0 + scaled(field("q", of: $1)!, decimals: decimals) }
            let isEqual =
                field("a", of: aggregate) == "\(first + UInt64(number))"
                && field("f", of: aggregate) == field("t", of: group[0])
                && field("l", of: aggregate) == field("t", of: group.last!)
                && ["p", "m", "T"].allSatisfy { field($0, of: aggregate) == field($0, of: group[0]) }
                && scaled(field("q", of: aggregate)!, decimals: decimals) == sum
                && (field("M", of: aggregate) != nil) == hasBestMatch
            if !isEqual { Issue.record("\(aggregate) is not \(group)") }
        }
    }

    @Test(.enabled(if: SharedData.shouldRun))
    func `aggregate trades that were recorded are served as they are`() async throws {
        let file = "binance_usdm/four_alts.combined.20210722.ndjson.gz"
        let recorded = try recordedLines(file).filter { $0.contains("sushiusdt@aggTrade") }.map(unwrapped)
        try await withFinishedReplay(.recorded(file), streams: "sushiusdt@aggTrade") { port in
            let served = try await askForAll(port, "/fapi/v1/aggTrades?symbol=SUSHIUSDT")
            #expect(served.count == recorded.count && !served.isEmpty)
            for (aggregate, line) in zip(served, recorded) {
                for key in ["a", "p", "q", "f", "l", "T", "m"] {
                    #expect(field(key, of: aggregate) == field(key, of: Substring(line)))
                }
            }
            // Its venue is USD-M, and nothing of it is traded by id.
            #expect(try await ask(port, "/api/v3/aggTrades?symbol=SUSHIUSDT").code == -1121)
            let refused = try await ask(port, "/fapi/v1/historicalTrades?symbol=SUSHIUSDT&fromId=1")
            #expect(refused.status == 401 && refused.code == -2014)
        }
    }

    @Test(.enabled(if: SharedData.shouldRun))
    func `ids, windows and limits choose what is served`() async throws {
        let lines = try recordedLines(tradeFile).map { Substring($0) }
        let ids = lines.compactMap { field("t", of: $0).flatMap { UInt64($0) } }
        let times = groups(lines.map(String.init)).map { Int(field("T", of: $0[0])!)! }
        // Recorded twice, they are in the history once.
        try await withFinishedReplay(.recorded(tradeFile, tradeFile), streams: "btcusdt@trade") { port in
            func trades(_ query: String, are expected: ArraySlice<UInt64>) async throws {
                let served = try await ask(port, Self.spotTrades + query).ids
                #expect(served == Array(expected), "\(query)")
            }
            try await trades("", are: ids.suffix(500))
            try await trades("&limit=1", are: ids.suffix(1))
            try await trades("&fromId=\(ids[100])&limit=3", are: ids[100..<103])
            try await trades("&fromId=1&limit=2", are: ids.prefix(2))
            try await trades("&fromId=\(ids.last!)&limit=1000", are: ids.suffix(1))
            try await trades("&fromId=\(ids.last! + 1)", are: [])

            func window(_ query: String, is expected: ArraySlice<Int>) async throws {
                let served = try await ask(port, Self.spotAggregates + query).objects
                #expect(served.map { field("T", of: $0).flatMap { Int($0) } } == Array(expected), "\(query)")
            }
            let (start, end) = (times[1_000], times[1_200])
            let inside = times.filter { (start...end).contains($0) }
            try await window("&startTime=\(start)&endTime=\(end)&limit=1000", is: inside[...])
            try await window("&startTime=\(start)&endTime=\(end)&limit=7", is: inside.prefix(7))
            try await window("&startTime=\(start)", is: times.filter { $0 >= start }.prefix(500))
            try await window("&endTime=\(end)&limit=5", is: times.filter { $0 <= end }.suffix(5))
            try await window("&endTime=\(times[0] - 1)", is: [])
            try await window("&startTime=\(times.last! + 1)&endTime=\(times.last! + 2)", is: [])
            try await window("&limit=1000", is: times.suffix(1_000))
            // The recording is Spot's.
            #expect(try await ask(port, Self.usdMarginedAggregates).code == -1121)
        }
    }

    /// One USD-M trade of id 10 or more, all at one moment and one price.
    private func trade(_ number: Int, cause: String = "MARKET") -> String {
        "{\"e\":\"trade\",\"E\":1723161256322,\"T\":1723161256322,\"s\":\"BTCUSDT\",\"t\":\(10 + number),"
            + "\"p\":\"61800.30\",\"q\":\"0.006\",\"X\":\"\(cause)\",\"m\":false}"
    }

    /// The USD-M aggregates behind a replay of `lines`.
    private func aggregates(of lines: [String]) async throws -> [Substring] {
        let folder = try TemporaryFolder("rest")
        defer { folder.remove() }
        let path = "\(folder.path)/usdm.ndjson"
        try lines.joined(separator: "\n").write(toFile: path, atomically: true, encoding: .utf8)
        let configuration = SimulatorConfiguration(source: .recordings([path]), pacing: .asFastAsPossible)
        var aggregates: [Substring] = []
        try await withFinishedReplay(configuration, streams: "btcusdt@trade") { port in
            aggregates = try await ask(port, Self.usdMarginedAggregates).objects
        }
        return aggregates
    }

    @Test func `USD-M trades that are no market trades are in no aggregate`() async throws {
        let causes = ["MARKET", "MARKET", "NA", "MARKET", "INSURANCE_FUND", "MARKET"]
        let aggregates = try await aggregates(of: causes.enumerated().map { trade($0, cause: $1) })
        #expect(aggregates.map { field("f", of: $0) } == ["10", "13", "15"])
        #expect(aggregates.map { field("l", of: $0) } == ["11", "13", "15"])
        #expect(aggregates.map { field("q", of: $0) } == ["0.012", "0.006", "0.006"])
        #expect(aggregates.map { field("a", of: $0) } == ["10", "11", "12"])
    }

    @Test func `none are made of trades where the recording has aggregate trades of its own`() async throws {
        let own =
            "{\"e\":\"aggTrade\",\"E\":1723161256330,\"a\":77,\"s\":\"BTCUSDT\",\"p\":\"61800.30\",\"q\":\"0.012\","
            + "\"f\":10,\"l\":11,\"T\":1723161256322,\"m\":false}"
        let aggregates = try await aggregates(of: [trade(0), trade(1), own, trade(2)])
        #expect(aggregates.map { field("a", of: $0) } == ["77"] && field("l", of: aggregates[0]) == "11")
    }
}
