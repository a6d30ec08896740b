import Telemetry
import TestSupport
import Testing
import TradingModel

@testable import StrategyEngine

/// Holes seen on one of a feed's two connections: feeds 0 and 2 are a pair, and 1 and 3.
@Suite struct PairedFeedTests {
    private func fixture() throws -> CoreFixture {
        CoreFixture(
            try catalog(short: 1, long: 3, instruments: 1), recordSlots: 1 << 10,
            refill: RefillConfiguration(feedPairs: 2), requestSlots: 64)
    }

    @Test func `a hole waits for the other connection while that one is open`() throws {
        var fixture = try fixture()
        for feed in [0, 2] as [UInt16] { _ = fixture.signals(session(.opened, feed: feed)) }
        for id in [1, 2] as [UInt64] { _ = fixture.signals(trade(id, Int64(id), feed: 0)) }
        // The new connection is ahead of what is still on its way on the old one.
        _ = fixture.signals(trade(5, 5, feed: 2))
        #expect(fixture.requested().isEmpty && fixture.core.heldTicks == 1)
        for id in [3, 4, 5] as [UInt64] { _ = fixture.signals(trade(id, Int64(id), feed: 0)) }
        _ = fixture.advance(toNanos: 5_000 + 250_000_000)
        #expect(fixture.requested().isEmpty && fixture.core.heldTicks == 0)
        #expect(fixture.recorded().ticks.map(\.id) == [1, 2, 3, 4, 5])
        #expect(fixture.metrics.total("tickline_gaps_total") == 0)
        // What neither delivers is asked for.
        _ = fixture.signals(trade(7, 7, feed: 2))
        _ = fixture.advance(toNanos: 7_000 + 250_000_000)
        #expect(fixture.requested().map { [$0.firstID, $0.lastID] } == [[6, 6]])
    }

    @Test(arguments: [false, true])
    func `a hole is asked for at once where the other connection is not open`(hasClosed: Bool) throws {
        var fixture = try fixture()
        _ = fixture.signals(session(.opened, feed: 0))
        // The other feed's connections are none of this one's.
        _ = fixture.signals(session(.opened, feed: 3))
        if hasClosed {
            for event in [.opened, .closed] as [SessionEvent] { _ = fixture.signals(session(event, feed: 2)) }
        }
        for id in [1, 2, 4] as [UInt64] { _ = fixture.signals(trade(id, Int64(id), feed: 0)) }
        #expect(fixture.requested().map { [$0.firstID, $0.lastID] } == [[3, 3]])
    }

    @Test func `a new run waits for no connection of the one before it`() throws {
        var fixture = try fixture()
        for feed in [0, 2] as [UInt16] { _ = fixture.signals(session(.opened, feed: feed)) }
        _ = fixture.signals(trade(1, 1, feed: 0))
        fixture.core.resume(at: .init(rawValue: 2))
        _ = fixture.signals(session(.opened, feed: 0))
        _ = fixture.signals(trade(3, 3, feed: 0))
        #expect(fixture.requested().map { [$0.firstID, $0.lastID] } == [[2, 2]])
    }

    @Test func `as many feeds as there may be wait for each other, also without second connections`() throws {
        let most = DecisionCore.mostFeeds
        var fixture = CoreFixture(
            try catalog(short: 1, long: 3, instruments: 1), recordSlots: 1 << 10,
            refill: RefillConfiguration(
                mostRefilledIDs: 0, feedsByInstrument: [Array(0..<most)], feedPairs: most))
        for feed in 0..<most { _ = fixture.signals(session(.opened, feed: UInt16(feed))) }
        fixture.core.resume(at: .init(rawValue: 1))
        // The last one is alone, so nobody is waited for; then the first one is there too.
        _ = fixture.signals(session(.opened, feed: UInt16(most - 1)))
        for id in [1, 3] as [UInt64] { _ = fixture.signals(trade(id, Int64(id), feed: UInt16(most - 1))) }
        #expect(fixture.core.heldTicks == 0 && fixture.metrics.total("tickline_gaps_total") == 1)
        _ = fixture.signals(session(.opened, feed: 0))
        for (id, feed) in [(5, most - 1), (4, 0)] as [(UInt64, Int)] {
            _ = fixture.signals(trade(id, Int64(id), feed: UInt16(feed)))
        }
        #expect(fixture.core.heldTicks == 0 && fixture.metrics.total("tickline_gaps_total") == 1)
        #expect(fixture.recorded().ticks.map(\.id) == [1, 3, 4, 5])
    }
}
