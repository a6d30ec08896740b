import Foundation
import TestSupport
import Testing
import TradingModel

@testable import StrategyEngine

/// Every `cross` row of the recorded series, index, direction and both averages, and no other signal.
@Suite(.enabled(if: SharedData.shouldRun)) struct RecordedCrossingsTests {
    struct Series: CustomTestStringConvertible, Sendable {
        let name: String
        let short: Int
        let long: Int
        let count: Int
        let source: Source
        enum Source: Sendable { case trades(String), bars(String, Bool) }
        var testDescription: String { "\(name) \(short)/\(long)" }
    }

    static let series = [
        Series(name: "btcusdt_1d", short: 50, long: 200, count: 17, source: .bars("series/btcusdt_1d.csv.gz", true)),
        Series(name: "btc_perp_1m", short: 50, long: 200, count: 296, source: .bars("series/btc_perp_1m.csv.gz", true)),
        Series(
            name: "btcusdt_1m_20250805", short: 50, long: 200, count: 7,
            source: .bars("series/btcusdt_1m_20250805.csv.gz", true)),
        Series(
            name: "binance_btcusdt_trade_20240808", short: 50, long: 200, count: 37,
            source: .trades("binance/btcusdt@trade.20240808.ndjson.gz")),
        Series(
            name: "binance_btcusdt_trade_20240808", short: 5, long: 20, count: 221,
            source: .trades("binance/btcusdt@trade.20240808.ndjson.gz")),
        Series(
            name: "binance_usdm_btcusdt_trade_20240808", short: 50, long: 200, count: 97,
            source: .trades("binance_usdm/btcusdt@trade.20240808.ndjson.gz")),
        Series(
            name: "binance_usdm_btcusdt_trade_20240808", short: 5, long: 20, count: 605,
            source: .trades("binance_usdm/btcusdt@trade.20240808.ndjson.gz")),
    ]

    @Test(arguments: series) func `finds every true crossing and no other`(series: Series) throws {
        let ticks = try ticks(of: series)
        var fixture = CoreFixture(try catalog(short: series.short, long: series.long))
        var found: [(index: Int, decision: Decision)] = []
        for (index, tick) in ticks.enumerated() {
            for signal in fixture.signals(tick) { found.append((index, signal)) }
            if index % 1_000 == 0 { _ = fixture.recorded() }
        }
        let expected = try SharedData.rows(
            csv: "series/\(series.name).sma\(series.short)_\(series.long).expected.csv"
        ).filter { $0.last == "cross" }
        #expect(expected.count == series.count)
        #expect(found.count == series.count)
        let shift = expected.first?.count == 8 ? 2 : 1
        for (row, (index, decision)) in zip(expected, found) {
            let short = TextCursor.text { $0.append(averageOf: decision.shortSum, count: series.short, decimals: 8) }
            let long = TextCursor.text { $0.append(averageOf: decision.longSum, count: series.long, decimals: 8) }
            #expect(Int(row[0]) == index)
            #expect(row[1 + shift] == "\(decision.side.name)")
            #expect(short == row[3 + shift] && long == row[4 + shift])
            #expect(decision.reason == .cross && decision.price == scaled(row[2 + shift], decimals: 8))
            if shift == 2 { #expect(UInt64(row[1]) == decision.tickID) }
        }
    }

    private func ticks(of series: Series) throws -> [Tick] {
        switch series.source {
        case .trades(let name):
            return try SharedData.lines(gzip: name).map { line in
                trade(UInt64(field("t", of: line)!)!, scaled(field("p", of: line)!, decimals: 8))
            }
        case .bars(let name, let hasHeader):
            let lines = try SharedData.lines(gzip: name).dropFirst(hasHeader ? 1 : 0)
            return lines.enumerated().map { trade(UInt64($0), scaled($1.split(separator: ",")[4], decimals: 8)) }
        }
    }
}
