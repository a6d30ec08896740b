import Telemetry
import Testing
import TradingModel

@testable import StrategyEngine

/// Prices far outside of what the instrument traded at.
@Suite struct PriceBandTests {
    /// The engine's answers to prices with ids from 1 on, under a band of 20 %.
    private func run(
        short: Int, long: Int, _ prices: [Int64], percent: Int? = 20
    ) throws -> (ticks: [Tick], decisions: [Decision], signals: [Decision], outside: Double) {
        var fixture = CoreFixture(try catalog(short: short, long: long), priceBandPercent: percent)
        var signals: [Decision] = []
        for (index, price) in prices.enumerated() { signals += fixture.signals(trade(UInt64(index + 1), price)) }
        let records = fixture.recorded()
        return (records.ticks, records.decisions, signals, fixture.metrics.total("tickline_ticks_outside_band_total"))
    }

    private func flagged(_ ticks: [Tick]) -> [UInt64] {
        ticks.filter { TickFlags(rawValue: $0.flags).contains(.outsideBand) }.map(\.id)
    }

    @Test func `a spike is kept and flagged, and nothing is decided until it has left the window`() throws {
        // Rising, a spike as tick 6, then falling: without a band the spike makes signals of its own.
        let prices: [Int64] = [100, 101, 102, 103, 104, 1_040, 103, 102, 101, 100, 99, 98]
        let free = try run(short: 1, long: 4, prices, percent: nil)
        #expect(flagged(free.ticks).isEmpty && free.signals.map(\.tickID) == [7])
        let banded = try run(short: 1, long: 4, prices)
        #expect(flagged(banded.ticks) == [6] && banded.outside == 1 && banded.ticks.count == 12)
        #expect(!banded.decisions.contains { (6...9).contains($0.tickID) })
        // The side before was BUY: the new one is told as after a gap, at the first tick without the spike in the window.
        #expect(banded.signals.map(\.tickID) == [10])
        #expect(banded.signals.map(\.reason) == [.gap] && banded.signals.first?.side == .sell)
    }

    @Test func `the averages afterwards are those of the prices alone`() throws {
        let prices: [Int64] = [100, 101, 102, 1_000, 100, 99, 98, 97, 98, 99, 100, 101]
        let banded = try run(short: 2, long: 4, prices)
        for decision in banded.decisions where decision.tickID > 7 {
            let end = Int(decision.tickID)
            #expect(decision.shortSum == prices[(end - 2)..<end].reduce(0) { $0 + Int128($1) })
            #expect(decision.longSum == prices[(end - 4)..<end].reduce(0) { $0 + Int128($1) })
        }
        #expect(banded.decisions.contains { $0.tickID > 7 })
    }

    @Test func `the band's edge is inside, and only the last price inside counts`() throws {
        #expect(flagged(try run(short: 1, long: 9, [100, 120, 80, 96, 97, 200, 300, 98]).ticks) == [3, 6, 7])
        #expect(flagged(try run(short: 1, long: 9, [100, 80, 79, 64, 63, 50]).ticks) == [6])
        #expect(flagged(try run(short: 1, long: 9, [.max, 1, .max, .max / 2]).ticks) == [2, 4])
    }

    @Test func `a move that lasts a whole window becomes the new reference`() throws {
        let prices = [100, 100, 100] + Array(repeating: Int64(200), count: 10) + [201, 202, 203]
        let banded = try run(short: 1, long: 3, prices)
        #expect(flagged(banded.ticks) == [4, 5, 6])
        #expect(!banded.decisions.contains { (4...8).contains($0.tickID) })
        #expect(banded.decisions.last?.side == .buy)
    }

    @Test func `the first price after a gap is the reference`() throws {
        var fixture = CoreFixture(try catalog(short: 1, long: 2), priceBandPercent: 20)
        for (id, price) in [(1, 100), (2, 101), (9, 500), (10, 501), (11, 100)] as [(UInt64, Int64)] {
            _ = fixture.signals(trade(id, price))
        }
        #expect(flagged(fixture.recorded().ticks) == [11])
    }

    @Test func `prices that give no price and quotes are not judged`() throws {
        var fixture = CoreFixture(try catalog(short: 1, long: 2), priceBandPercent: 20)
        for record in [
            trade(1, 100), trade(2, 900, flags: .noPrice), trade(7, 900, kind: .quote), trade(3, 101),
        ] { _ = fixture.signals(record) }
        #expect(flagged(fixture.recorded().ticks).isEmpty)
    }
}
