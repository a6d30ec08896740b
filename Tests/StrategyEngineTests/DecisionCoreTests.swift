import Telemetry
import Testing
import TradingModel

@testable import StrategyEngine

@Suite struct DecisionCoreTests {
    @Test func `records warming, the first sign as state, ties and crossings`() throws {
        var fixture = CoreFixture(try catalog(short: 1, long: 2))
        // averages:            -   up  up  tie  up  down  tie  up
        let prices: [Int64] = [10, 12, 13, 13, 14, 12, 12, 13]
        var signals: [Decision] = []
        for (index, price) in prices.enumerated() { signals += fixture.signals(trade(UInt64(index + 1), price)) }
        let decisions = fixture.recorded().decisions
        #expect(decisions.map(\.reason) == [.warming, .state, .tie, .state, .cross, .tie, .cross])
        #expect(decisions.map(\.side) == [.neutral, .buy, .neutral, .buy, .sell, .neutral, .buy])
        #expect(decisions.map(\.tickID) == [1, 2, 4, 5, 6, 7, 8])
        #expect(signals == decisions.filter { $0.reason == .cross })
    }

    @Test func `drops repeats and older ids over all feeds and counts them`() throws {
        var fixture = CoreFixture(try catalog(short: 1, long: 2))
        for (id, feed) in [(1, 0), (1, 1), (2, 1), (1, 0), (2, 0), (3, 0)] as [(UInt64, UInt16)] {
            _ = fixture.signals(trade(id, Int64(id), feed: feed))
        }
        #expect(fixture.recorded().ticks.map(\.id) == [1, 2, 3])
        #expect(fixture.metrics.total("tickline_ticks_repeated_total") == 3)
        #expect(fixture.metrics.total("tickline_gaps_total") == 0)
    }

    @Test func `one rogue quote id does not silence the quotes behind it, a confirmed one goes on from there`() throws {
        var fixture = CoreFixture(try catalog(short: 1, long: 2))
        let far: UInt64 = 1 << 40
        for id in [5, 7, far, 8, 12, far, far + 3, far + 4, 13] as [UInt64] {
            _ = fixture.signals(trade(id, 1, kind: .quote))
        }
        #expect(fixture.recorded().ticks.map(\.id) == [5, 7, 8, 12, far + 3, far + 4])
        #expect(fixture.metrics.total("tickline_ticks_implausible_total") == 2)
        #expect(fixture.metrics.total("tickline_ticks_repeated_total") == 1)
    }

    @Test func `rogue quote ids with true ones between do not confirm each other`() throws {
        var fixture = CoreFixture(try catalog(short: 1, long: 2))
        let far: UInt64 = 1 << 40
        for id in [5, far + 6, 7, far + 8, 9] as [UInt64] { _ = fixture.signals(trade(id, 1, kind: .quote)) }
        #expect(fixture.recorded().ticks.map(\.id) == [5, 7, 9])
        #expect(fixture.metrics.total("tickline_ticks_implausible_total") == 2)
    }

    @Test func `one rogue id does not silence an instrument, a confirmed one begins a new sequence`() throws {
        var fixture = CoreFixture(try catalog(short: 1, long: 2))
        for id in [1, 2, 1 << 62, 3, 4] as [UInt64] { _ = fixture.signals(trade(id, Int64(id % 7))) }
        #expect(fixture.metrics.total("tickline_ticks_implausible_total") == 1)
        let first = fixture.recorded()
        #expect(first.ticks.map(\.id) == [1, 2, 3, 4] && first.gaps.isEmpty)
        for id in [1 << 50, 1 << 50 + 1, 1 << 50 + 2] as [UInt64] { _ = fixture.signals(trade(id, Int64(id % 7))) }
        let second = fixture.recorded()
        #expect(second.ticks.map(\.id) == [1 << 50 + 1, 1 << 50 + 2])
        #expect(second.gaps.map { [$0.firstID, $0.lastID] } == [[5, 1 << 50]])
    }

    @Test func `a hole is recorded and nothing is decided until the window is whole again`() throws {
        var fixture = CoreFixture(try catalog(short: 1, long: 3))
        for id in 1...4 as ClosedRange<UInt64> { _ = fixture.signals(trade(id, Int64(id))) }
        _ = fixture.recorded()
        // 5 to 7 are missing; the new side after the gap is SELL.
        var signals: [Decision] = []
        for id in 8...11 as ClosedRange<UInt64> { signals += fixture.signals(trade(id, -Int64(id))) }
        let records = fixture.recorded()
        #expect(records.gaps.map { [$0.firstID, $0.lastID] } == [[5, 7]])
        #expect(records.gaps.first?.cause == .skipped)
        #expect(records.decisions.map(\.reason) == [.gap, .gap])
        #expect(records.decisions.map(\.tickID) == [8, 10])
        #expect(signals.map { fixture.catalog.identifier(of: $0) } == ["binance:SYM0:sma-1-3:10:gap"])
        #expect(signals.first?.side == .sell)
        #expect(fixture.metrics.total("tickline_ticks_missing_total") == 3)
    }

    @Test func `the same side after a gap is state, not a signal`() throws {
        var fixture = CoreFixture(try catalog(short: 1, long: 3))
        var signals: [Decision] = []
        for id in [1, 2, 3, 4, 8, 9, 10, 11] as [UInt64] { signals += fixture.signals(trade(id, Int64(id))) }
        #expect(signals.isEmpty)
        #expect(fixture.recorded().decisions.map(\.reason) == [.warming, .state, .gap, .state])
    }

    @Test func `a hole behind a new connection is a reconnect gap`() throws {
        var fixture = CoreFixture(try catalog(short: 1, long: 2))
        func session(_ connection: UInt64) -> Tick {
            SessionRecord(
                event: .opened, feed: 0, connection: connection, wallOffsetNanos: 7_000,
                monotonic: MonotonicNanos(rawValue: 1)
            ).slot
        }
        for record in [session(1), trade(1, 5), session(2), trade(4, 6)] { _ = fixture.signals(record) }
        let records = fixture.recorded()
        #expect(records.gaps.map(\.cause) == [.reconnect])
        #expect(records.sessions.count == 2)
        // Receive time = monotonic receive time + the session's offset.
        #expect(records.decisions.last?.receiveTime == UnixNanos(rawValue: 11_000))
    }

    @Test func `futures trades without a market price keep the ids and give no price`() throws {
        var fixture = CoreFixture(try catalog(short: 1, long: 2))
        var signals: [Decision] = []
        for record in [
            trade(1, 10), trade(2, 12), trade(3, 1, flags: .noPrice), trade(4, 13), trade(5, 14),
        ] { signals += fixture.signals(record) }
        #expect(signals.isEmpty)
        #expect(fixture.recorded().gaps.isEmpty)
    }

    @Test func `quotes only rise and never make a gap`() throws {
        var fixture = CoreFixture(try catalog(short: 1, long: 2))
        for id in [5, 9, 8, 9, 20] as [UInt64] { _ = fixture.signals(trade(id, 1, kind: .quote)) }
        let records = fixture.recorded()
        #expect(records.ticks.map(\.id) == [5, 9, 20])
        #expect(records.gaps.isEmpty && records.decisions.isEmpty)
    }

    @Test func `averages are taken over aggregate trades where they are the source`() throws {
        var fixture = CoreFixture(try catalog(short: 1, long: 2, source: .aggregateTrade))
        for id in 1...3 as ClosedRange<UInt64> { _ = fixture.signals(trade(id, Int64(id))) }
        #expect(fixture.recorded().decisions.isEmpty)
        var signals: [Decision] = []
        for (id, price) in [(1, 5), (2, 6), (3, 4)] as [(UInt64, Int64)] {
            signals += fixture.signals(trade(id, price, kind: .aggregateTrade))
        }
        #expect(signals.map { fixture.catalog.identifier(of: $0) } == ["binance:SYM0:sma-1-2@aggTrade:3"])
    }

    @Test func `instruments do not disturb each other`() throws {
        var fixture = CoreFixture(try catalog(short: 1, long: 2, instruments: 2))
        var signals: [Decision] = []
        for record in [
            trade(1, 1), trade(100, 9, instrument: 1), trade(2, 2), trade(105, 8, instrument: 1), trade(3, 1),
        ] { signals += fixture.signals(record) }
        #expect(signals.map(\.tickID) == [3])
        #expect(fixture.recorded().gaps.map(\.instrument) == [1])
    }

    @Test func `a full record ring refuses ticks first and counts them`() throws {
        var fixture = CoreFixture(try catalog(short: 1, long: 2), recordSlots: 64)
        for id in 1...100 as ClosedRange<UInt64> { _ = fixture.signals(trade(id, Int64(id % 2))) }
        let records = fixture.recorded()
        let dropped = fixture.metrics.total("tickline_dropped_total")
        #expect(records.ticks.count <= 48)
        #expect(!records.decisions.isEmpty)
        let recordedDecisions = fixture.metrics.total("tickline_decisions_total")
        #expect(Double(records.ticks.count + records.decisions.count) + dropped == 100 + recordedDecisions)
    }
}

@Suite struct PublishedSignTests {
    /// Warm-up of a 1/3 strategy ends at the third tick with the sign of its last step.
    private func signals(tail tickID: UInt64, _ side: Side, rising: Bool) throws -> [Decision] {
        var fixture = CoreFixture(try catalog(short: 1, long: 3))
        fixture.core.adopt([PublishedSign(instrument: 0, strategy: 0, tickID: tickID, side: side)])
        var signals: [Decision] = []
        for id in 100...103 as ClosedRange<UInt64> {
            signals += fixture.signals(trade(id, rising ? Int64(id) : -Int64(id)))
        }
        return signals
    }

    @Test func `below the run it is the sign before a gap`() throws {
        #expect(try signals(tail: 50, .sell, rising: true).map(\.reason) == [.gap])
        #expect(try signals(tail: 50, .buy, rising: true).isEmpty)
    }

    @Test func `inside the run it is the last sign`() throws {
        let signals = try signals(tail: 101, .sell, rising: true)
        #expect(signals.map(\.reason) == [.cross] && signals.first?.tickID == 102)
        #expect(try self.signals(tail: 101, .sell, rising: false).isEmpty)
    }

    @Test func `above the present tick it is ignored`() throws {
        #expect(try signals(tail: 200, .sell, rising: true).isEmpty)
    }
}
