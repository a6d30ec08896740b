import Telemetry
import TestSupport
import Testing
import TradingModel

@testable import StrategyEngine

/// Holes that only another connection can fill: nobody is asked (`--refill 0`).
@Suite struct TwinHoldTests {
    /// Feeds 0 and 1 deliver instrument 0, feed 0 alone instrument 1; feeds 2 and 3 are their second connections.
    private func fixture(mostRefilledIDs: Int = 0, opened: [UInt16] = [0, 1]) throws -> CoreFixture {
        var fixture = CoreFixture(
            try catalog(short: 1, long: 3, instruments: 2), recordSlots: 1 << 16,
            refill: RefillConfiguration(
                mostRefilledIDs: mostRefilledIDs, feedsByInstrument: [[0, 1], [0]], feedPairs: 2))
        for feed in opened { _ = fixture.signals(session(.opened, feed: feed)) }
        return fixture
    }

    private func ranges(_ gaps: [GapRecord]) -> [[UInt64]] { gaps.map { [$0.firstID, $0.lastID] } }

    @Test func `what one feed skips the other one fills, and it is no gap`() throws {
        var fixture = try fixture()
        for id in [1, 2, 5, 6] as [UInt64] { _ = fixture.signals(trade(id, Int64(id))) }
        #expect(fixture.core.heldTicks == 2)
        for id in 1...4 as ClosedRange<UInt64> { _ = fixture.signals(trade(id, Int64(id), feed: 1)) }
        let records = fixture.recorded()
        #expect(records.ticks.map(\.id) == Array(1...6) && fixture.core.heldTicks == 0)
        #expect(records.gaps.map(\.refilledFrom) == [.twin] && fixture.requested().isEmpty)
        #expect(fixture.metrics.total("tickline_gaps_total") == 0 && fixture.core.timerDeadline == nil)
    }

    @Test func `what a second connection of the same feed fills is no gap either`() throws {
        var fixture = try fixture(opened: [0, 2])
        for instrument in [0, 1] as [UInt32] {
            for id in [1, 4] as [UInt64] { _ = fixture.signals(trade(id, 5, instrument: instrument, feed: 2)) }
            for id in [2, 3] as [UInt64] { _ = fixture.signals(trade(id, 5, instrument: instrument)) }
        }
        #expect(fixture.recorded().ticks.map(\.id) == [1, 2, 3, 4, 1, 2, 3, 4])
        #expect(fixture.metrics.total("tickline_gaps_total") == 0)
    }

    @Test func `a second after the hole was seen it is a gap, and nobody is asked`() throws {
        var fixture = try fixture()
        for id in [1, 2, 3, 5, 6] as [UInt64] { _ = fixture.signals(trade(id, Int64(id))) }
        let deadline: UInt64 = 5_000 + 1_000_000_000
        #expect(fixture.core.timerDeadline == MonotonicNanos(rawValue: deadline))
        _ = fixture.advance(toNanos: deadline - 1)
        #expect(fixture.core.heldTicks == 2 && fixture.recorded().gaps.isEmpty)
        _ = fixture.advance(toNanos: deadline)
        let records = fixture.recorded()
        #expect(ranges(records.gaps) == [[4, 4]] && records.ticks.map(\.id) == [5, 6])
        #expect(records.decisions.map(\.reason) == [.gap])
        #expect(fixture.requested().isEmpty && fixture.core.timerDeadline == nil)
        #expect(fixture.metrics.value("tickline_refills_given_up_total", "timeout") == 1)
        #expect(fixture.metrics.total("tickline_refill_requests_total") == 0)
        // Too late.
        _ = fixture.signals(trade(4, 4, feed: 1))
        #expect(fixture.metrics.total("tickline_ticks_repeated_total") == 1)
    }

    @Test func `where no other connection is open a hole is a gap at once`() throws {
        for opened in [[0], [0, 3]] as [[UInt16]] {
            var fixture = try fixture(opened: opened)
            // Feed 3 is open and delivers instrument 0 alone.
            for id in [1, 4] as [UInt64] { _ = fixture.signals(trade(id, 5, instrument: 1)) }
            #expect(ranges(fixture.recorded().gaps) == [[2, 3]] && fixture.core.heldTicks == 0)
            for id in [1, 4] as [UInt64] { _ = fixture.signals(trade(id, 5)) }
            #expect(fixture.core.heldTicks == (opened == [0] ? 0 : 1))
        }
        var fixture = try fixture()
        _ = fixture.signals(session(.closed, feed: 1))
        for id in [1, 4] as [UInt64] { _ = fixture.signals(trade(id, 5)) }
        #expect(ranges(fixture.recorded().gaps) == [[2, 3]] && fixture.core.heldTicks == 0)
    }

    @Test(arguments: [0, 100]) func `a hole of half the buffer is waited for, one more is a gap at once`(refill: Int)
        throws
    {
        let most = UInt64(RefillConfiguration.mostIDs)
        var fixture = try fixture(mostRefilledIDs: refill)
        for id in [1, most + 2] as [UInt64] { _ = fixture.signals(trade(id, 5)) }
        #expect(fixture.core.heldTicks == 1)
        for id in 2...most + 1 { _ = fixture.signals(trade(id, 5, feed: 1)) }
        #expect(fixture.recorded().ticks.count == Int(most) + 2 && fixture.core.heldTicks == 0)
        _ = fixture.signals(trade(2 * most + 4, 5))
        #expect(ranges(fixture.recorded().gaps) == [[most + 3, 2 * most + 3]])
        #expect(fixture.metrics.total("tickline_gaps_total") == 1 && fixture.core.heldTicks == 0)
    }

    @Test func `a hole too large to ask for is a gap when the other connection has had its time`() throws {
        var fixture = try fixture(mostRefilledIDs: 3)
        for id in [1, 6] as [UInt64] { _ = fixture.signals(trade(id, 5)) }
        _ = fixture.advance(toNanos: 6_000 + 250_000_000)
        #expect(ranges(fixture.recorded().gaps) == [[2, 5]] && fixture.requested().isEmpty)
        // What the other one has left of it is small enough.
        for tick in [trade(11, 5), trade(7, 5, feed: 1)] { _ = fixture.signals(tick) }
        _ = fixture.advance(toNanos: 11_000 + 250_000_000)
        #expect(fixture.requested().map { [$0.firstID, $0.lastID] } == [[8, 10]])
    }

    @Test func `as many holes as are waited for are filled by the other connection, one more gives up the first`()
        throws
    {
        let most = UInt64(HeldStreams.mostHoles) - 1
        for holes in [most, most + 1] {
            var fixture = try fixture()
            for id in 0...holes { _ = fixture.signals(trade(2 * id + 1, 5)) }
            for id in 1...holes { _ = fixture.signals(trade(2 * id, 5, feed: 1)) }
            let records = fixture.recorded()
            let given = holes - most
            #expect(records.ticks.map(\.id) == Array(1...2 * holes + 1).filter { given == 0 || $0 != 2 })
            #expect(fixture.metrics.total("tickline_gaps_total") == Double(given))
            #expect(fixture.metrics.value("tickline_refills_given_up_total", "overflow") == Double(given))
        }
    }

    @Test func `a full buffer goes on without the missing ids`() throws {
        var fixture = try fixture()
        let most = UInt64(HoldBuffer.capacitySlots)
        for id in [1] + Array(3...most + 1) as [UInt64] { _ = fixture.signals(trade(id, 5)) }
        #expect(fixture.core.heldTicks == Int(most) - 1 && fixture.recorded().gaps.isEmpty)
        _ = fixture.signals(trade(most + 2, 5))
        #expect(ranges(fixture.recorded().gaps) == [[2, 2]] && fixture.core.heldTicks == 0)
        #expect(fixture.metrics.value("tickline_refills_given_up_total", "overflow") == 1)
    }

    @Test func `a new run does not wait for what the one before it waited for`() throws {
        var fixture = try fixture()
        for id in [1, 3] as [UInt64] { _ = fixture.signals(trade(id, 5)) }
        fixture.core.resume(at: MonotonicNanos(rawValue: 9_000))
        _ = fixture.releaseDue()
        #expect(ranges(fixture.recorded().gaps) == [[2, 2]] && fixture.core.heldTicks == 0)
    }
}
