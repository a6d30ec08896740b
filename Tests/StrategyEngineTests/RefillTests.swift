import Telemetry
import TestSupport
import Testing
import TradingModel

@testable import StrategyEngine

/// Holes in the ids of the averages' trades, with refilling: one rule at a time.
@Suite struct RefillTests {
    /// Short 1, long 3; trades asked for at once.
    private func fixture(
        _ refill: RefillConfiguration? = RefillConfiguration(), instruments: Int = 1, requestSlots: Int = 64
    ) throws -> CoreFixture {
        CoreFixture(
            try catalog(short: 1, long: 3, instruments: instruments), recordSlots: 1 << 18, refill: refill,
            requestSlots: requestSlots)
    }

    private func refilled(_ id: UInt64, _ price: Int64, _ flags: TickFlags = []) -> Tick {
        var tick = trade(id, price, feed: 9, flags: flags.union(.refilled))
        tick.receiveMonotonicNanos = 0
        return tick
    }

    private func end(_ ordinal: UInt64, _ outcome: RefillOutcome = .complete, instrument: UInt32 = 0) -> Tick {
        RefillEnd(
            ordinal: ordinal, instrument: instrument, kind: .trade, outcome: outcome,
            monotonic: MonotonicNanos(rawValue: 1)
        ).slot
    }

    private func ranges(_ gaps: [GapRecord]) -> [[UInt64]] { gaps.map { [$0.firstID, $0.lastID] } }

    @Test func `refilled ids are processed in their order, and a crossing among them is a signal under its own id`()
        throws
    {
        var fixture = try fixture()
        _ = fixture.signals(
            SessionRecord(
                event: .opened, feed: 0, connection: 1, wallOffsetNanos: 50_000_000, monotonic: .init(rawValue: 1)
            ).slot)
        for id in 1...4 as ClosedRange<UInt64> { _ = fixture.signals(trade(id, Int64(id))) }
        // 5 to 7 are missing; they fall, what follows rises again.
        var signals = fixture.signals(trade(8, 9))
        signals += fixture.signals(trade(9, 10))
        #expect(signals.isEmpty && fixture.core.heldTicks == 2)
        #expect(
            fixture.requested() == [
                RefillRequest(
                    ordinal: 1, instrument: 0, kind: .trade, feed: 0, firstID: 5, lastID: 7, beforeTimeNanos: 4_000_000,
                    afterTimeNanos: 8_000_000, noticed: MonotonicNanos(rawValue: 8_000))
            ])
        for (id, price) in [(6, 2), (5, 3), (7, 1)] as [(UInt64, Int64)] {
            signals += fixture.signals(refilled(id, price))
        }
        #expect(signals.map(\.tickID) == [5, 8] && signals.map(\.reason) == [.cross, .cross])
        #expect(fixture.signals(end(1)).isEmpty && fixture.core.heldTicks == 0)
        #expect(fixture.signals(trade(10, 1)).map(\.tickID) == [10])
        let records = fixture.recorded()
        #expect(records.ticks.map(\.id) == Array(1...10))
        // Received with what trade 8 took from the exchange: 50 ms of clock, 8 µs, less its own 8 ms.
        let offset: Int64 = 50_000_000 + 8_000 - 8_000_000
        #expect(records.ticks[4...6].map(\.refilledReceiveTime.rawValue) == (5...7).map { $0 * 1_000_000 + offset })
        #expect(signals[0].receiveTime.rawValue == 5_000_000 + offset && signals[0].receiveMonotonic.rawValue == 0)
        #expect(signals[1].receiveTime.rawValue == 50_008_000 && signals[1].receiveMonotonic.rawValue == 8_000)
        let late = [8_000, 9_000].map { Released.waited(receiveMonotonicNanos: $0) }
        #expect(fixture.released == [.refilled, .refilled, .refilled] + late)
        #expect(ranges(records.gaps) == [[5, 7]] && records.gaps[0].refilledFrom == .trades)
        #expect(records.gaps[0].beforeTimeNanos == 4_000_000 && records.gaps[0].afterTimeNanos == 8_000_000)
        #expect(fixture.metrics.total("tickline_gaps_total") == 0)
        #expect(fixture.metrics.total("tickline_ticks_missing_total") == 0)
        #expect(fixture.metrics.value("tickline_ticks_refilled_total", "source=\"trades\"") == 3)
        #expect(fixture.metrics.total("tickline_ticks_total") == 10)
        #expect(fixture.core.timerDeadline == nil)
    }

    @Test func `without refilling, for a larger hole and for other streams a hole is a gap at once`() throws {
        for refill in [nil, RefillConfiguration(mostRefilledIDs: 2)] {
            var fixture = try fixture(refill)
            for id in [1, 2, 3, 4, 8] as [UInt64] { _ = fixture.signals(trade(id, Int64(id))) }
            for id in [1, 3] as [UInt64] { _ = fixture.signals(trade(id, 5, kind: .aggregateTrade)) }
            for id in [1, 4, 9] as [UInt64] { _ = fixture.signals(trade(id, 5, kind: .quote)) }
            let records = fixture.recorded()
            #expect(ranges(records.gaps) == [[5, 7], [2, 2]] && records.gaps.allSatisfy { !$0.isRefilled })
            #expect(records.decisions.map(\.reason) == [.warming, .state, .gap])
            #expect(fixture.requested().isEmpty && fixture.core.timerDeadline == nil && fixture.core.heldTicks == 0)
            #expect(fixture.metrics.total("tickline_gaps_total") == 2)
        }
    }

    @Test func `refilled ticks that nobody waits for are dropped and counted`() throws {
        for refill in [nil, RefillConfiguration()] {
            var fixture = try fixture(refill)
            for tick in [refilled(3, 1), trade(3, 1), refilled(3, 1), refilled(4, 1), trade(4, 1), end(7)] {
                _ = fixture.signals(tick)
            }
            #expect(fixture.recorded().ticks.map(\.flags) == [0, 0])
            #expect(fixture.metrics.total("tickline_ticks_repeated_total") == 3)
            #expect(fixture.metrics.total("tickline_dropped_total") == 0)
        }
    }

    @Test func `an answer that lacks ids leaves a gap for each run of them, and breaks the window there`() throws {
        for (outcome, reason) in [
            (RefillOutcome.complete, "incomplete"), (.refused, "refused"), (.rateLimited, "rateLimited"),
            (.failed, "failed"),
        ] {
            var fixture = try fixture()
            for id in 1...4 as ClosedRange<UInt64> { _ = fixture.signals(trade(id, Int64(id))) }
            for id in [15, 16] as [UInt64] { _ = fixture.signals(trade(id, Int64(id))) }
            for id in [6, 7, 10, 14] as [UInt64] { _ = fixture.signals(refilled(id, 1, .fromAggregate)) }
            _ = fixture.signals(refilled(11, 1))
            #expect(fixture.core.heldTicks == 7)
            _ = fixture.signals(end(1, outcome))
            let records = fixture.recorded()
            #expect(records.ticks.map(\.id) == [1, 2, 3, 4, 6, 7, 10, 11, 14, 15, 16])
            #expect(ranges(records.gaps) == [[5, 5], [6, 7], [8, 9], [10, 10], [11, 11], [12, 13], [14, 14]])
            #expect(
                records.gaps.map(\.refilledFrom) == [nil, .aggregates, nil, .aggregates, .trades, nil, .aggregates])
            #expect(records.gaps[2].beforeTimeNanos == 7_000_000 && records.gaps[2].afterTimeNanos == 10_000_000)
            #expect(records.gaps.allSatisfy { $0.noticed.rawValue == 15_000 })
            #expect(records.decisions.map(\.tickID) == [1, 3, 6, 16])
            #expect(fixture.metrics.total("tickline_gaps_total") == 3)
            #expect(fixture.metrics.total("tickline_ticks_missing_total") == 5)
            #expect(fixture.metrics.value("tickline_refills_given_up_total", "\"\(reason)\"") == 1)
        }
    }

    @Test func `a request that finds no room is a gap at once`() throws {
        var fixture = try fixture(instruments: 3, requestSlots: 2)
        for instrument in 0..<3 as Range<UInt32> {
            for id in [1, 4] as [UInt64] { _ = fixture.signals(trade(id, 1, instrument: instrument)) }
        }
        #expect(fixture.requested().map(\.instrument) == [0, 1])
        let records = fixture.recorded()
        #expect(records.gaps.map(\.instrument) == [2] && records.ticks.count == 4 && fixture.core.heldTicks == 2)
        #expect(fixture.metrics.value("tickline_refills_given_up_total", "unasked") == 1)
    }

    @Test func `three seconds after the hole was seen the rest goes on without the missing ids`() throws {
        var fixture = try fixture()
        for id in [1, 2, 3, 4, 6, 7, 8] as [UInt64] { _ = fixture.signals(trade(id, Int64(id))) }
        let deadline: UInt64 = 6_000 + 3_000_000_000
        #expect(fixture.core.timerDeadline == MonotonicNanos(rawValue: deadline))
        _ = fixture.advance(toNanos: deadline - 1)
        #expect(fixture.core.heldTicks == 3 && fixture.recorded().gaps.isEmpty)
        _ = fixture.advance(toNanos: deadline)
        let records = fixture.recorded()
        #expect(ranges(records.gaps) == [[5, 5]] && records.ticks.map(\.id) == [6, 7, 8])
        #expect(records.decisions.map(\.reason) == [.gap, .state])
        #expect(fixture.metrics.value("tickline_refills_given_up_total", "timeout") == 1)
        #expect(fixture.core.timerDeadline == nil && fixture.metrics.total("tickline_held_ticks") == 0)
        // Its answer comes too late, and again by a stream.
        for tick in [refilled(5, 1), trade(5, 1), end(1), trade(9, 9)] { _ = fixture.signals(tick) }
        #expect(fixture.recorded().ticks.map(\.id) == [9])
        #expect(fixture.metrics.total("tickline_ticks_repeated_total") == 2)
    }

    @Test func `another connection has its time before the ids it did not deliver are asked for`() throws {
        var fixture = try fixture(RefillConfiguration(feedsByInstrument: [[0, 1]], feedPairs: 2))
        for feed in [0, 1] as [UInt16] { _ = fixture.signals(session(.opened, feed: feed)) }
        for id in [1, 2, 3, 4, 11, 12] as [UInt64] { _ = fixture.signals(trade(id, Int64(id))) }
        #expect(fixture.requested().isEmpty)
        for id in [4, 5, 6, 8, 10, 11] as [UInt64] { _ = fixture.signals(trade(id, Int64(id), feed: 1)) }
        #expect(fixture.recorded().ticks.map(\.id) == [1, 2, 3, 4, 5, 6])
        #expect(fixture.core.timerDeadline == MonotonicNanos(rawValue: 11_000 + 250_000_000))
        _ = fixture.advance(toNanos: 11_000 + 250_000_000)
        #expect(fixture.requested().map { [$0.firstID, $0.lastID] } == [[7, 9]])
        for id in [7, 8, 9] as [UInt64] { _ = fixture.signals(refilled(id, Int64(id))) }
        let records = fixture.recorded()
        #expect(records.ticks.map(\.id) == [7, 8, 9, 10, 11, 12])
        #expect(ranges(records.gaps) == [[5, 6], [7, 7], [8, 8], [9, 9], [10, 10]])
        #expect(records.gaps.map(\.refilledFrom) == [.twin, .trades, .twin, .trades, .twin])
        #expect(fixture.metrics.value("tickline_ticks_refilled_total", "twin") == 4)
        #expect(fixture.metrics.total("tickline_ticks_repeated_total") == 3)
        // All by the other connection: nothing is asked for.
        for tick in [trade(14, 14), trade(13, 13, feed: 1)] { _ = fixture.signals(tick) }
        _ = fixture.advance(toNanos: 14_000 + 250_000_000)
        #expect(fixture.requested().isEmpty && fixture.recorded().ticks.map(\.id) == [13, 14])
    }

    @Test func `a second hole is asked for while the first is open, and each is waited for by itself`() throws {
        var fixture = try fixture()
        for id in [1, 2, 3, 5, 6, 9, 10] as [UInt64] { _ = fixture.signals(trade(id, Int64(id))) }
        #expect(fixture.requested().map { [$0.ordinal, $0.firstID, $0.lastID] } == [[1, 4, 4], [2, 7, 8]])
        // The second is answered first; its end gives up nothing of the first.
        for tick in [refilled(8, 8), refilled(7, 7), end(2)] { _ = fixture.signals(tick) }
        #expect(fixture.recorded().ticks.map(\.id) == [1, 2, 3])
        _ = fixture.signals(refilled(4, 4))
        let records = fixture.recorded()
        #expect(records.ticks.map(\.id) == [4, 5, 6, 7, 8, 9, 10])
        #expect(ranges(records.gaps) == [[4, 4], [7, 8]] && records.gaps.allSatisfy(\.isRefilled))
        #expect(fixture.metrics.total("tickline_refills_given_up_total") == 0)
    }

    @Test func `a hole too large behind the first is a gap in its place`() throws {
        var fixture = try fixture(RefillConfiguration(mostRefilledIDs: 10))
        for id in [1, 2, 3, 5, 1 << 31, 1 << 31 + 1, 1 << 31 + 3] as [UInt64] { _ = fixture.signals(trade(id, 5)) }
        _ = fixture.signals(trade(7, 5, feed: 1))
        #expect(fixture.recorded().ticks.map(\.id) == [1, 2, 3])
        _ = fixture.signals(refilled(4, 5))
        let first = fixture.recorded()
        #expect(first.ticks.map(\.id) == [4, 5, 1 << 31, 1 << 31 + 1])
        #expect(ranges(first.gaps) == [[4, 4], [6, 1 << 31 - 1]])
        #expect(first.gaps.map(\.isRefilled) == [true, false])
        _ = fixture.signals(refilled(1 << 31 + 2, 5))
        #expect(fixture.recorded().ticks.map(\.id) == [1 << 31 + 2, 1 << 31 + 3])
        #expect(fixture.metrics.total("tickline_ticks_repeated_total") == 1)
    }

    @Test func `a full buffer lets the stream with the most waiting ticks go on`() throws {
        var fixture = try fixture(instruments: 2)
        for id in [1, 3] as [UInt64] { _ = fixture.signals(trade(id, 5, instrument: 1)) }
        _ = fixture.signals(trade(1, 5))
        let most = UInt64(HoldBuffer.capacitySlots)
        for id in 3..<most + 1 { _ = fixture.signals(trade(id, 5)) }
        #expect(fixture.core.heldTicks == HoldBuffer.capacitySlots - 1 && fixture.recorded().gaps.isEmpty)
        _ = fixture.signals(trade(most + 1, 5))
        let records = fixture.recorded()
        #expect(fixture.core.heldTicks == 1 && records.ticks.count == Int(most) - 1)
        #expect(records.gaps.map(\.instrument) == [0] && ranges(records.gaps) == [[2, 2]])
        #expect(fixture.metrics.value("tickline_refills_given_up_total", "overflow") == 1)
        var late = refilled(2, 5)
        late.instrument = 1
        _ = fixture.signals(late)
        #expect(fixture.recorded().ticks.map(\.id) == [2, 3])
    }

    @Test func `one hole too many gives up the first`() throws {
        var fixture = try fixture()
        let last = 2 * UInt64(HeldStreams.mostHoles)
        for id in stride(from: UInt64(1), through: last + 1, by: 2) { _ = fixture.signals(trade(id, 5)) }
        #expect(fixture.requested().count == HeldStreams.mostHoles)
        #expect(ranges(fixture.recorded().gaps) == [[2, 2]])
        for id in stride(from: UInt64(4), through: last, by: 2) { _ = fixture.signals(refilled(id, 5)) }
        #expect(fixture.recorded().gaps.allSatisfy(\.isRefilled) && fixture.core.heldTicks == 0)
    }

    @Test func `one rogue id does not disturb a stream on hold, and repeats are dropped`() throws {
        var fixture = try fixture()
        for id in [1, 3, 1 << 62, 4, 4, 3, 1] as [UInt64] { _ = fixture.signals(trade(id, 5)) }
        for id in [2, 2] as [UInt64] { _ = fixture.signals(refilled(id, 5)) }
        #expect(fixture.recorded().ticks.map(\.id) == [1, 2, 3, 4])
        #expect(fixture.metrics.total("tickline_ticks_implausible_total") == 1)
        #expect(fixture.metrics.total("tickline_ticks_repeated_total") == 4)
    }

    @Test func `an id that waits already is a repeat`() throws {
        var fixture = try fixture()
        for id in [1, 4] as [UInt64] { _ = fixture.signals(trade(id, 5)) }
        for tick in [refilled(3, 5), refilled(3, 6), trade(3, 7), refilled(2, 5)] { _ = fixture.signals(tick) }
        let records = fixture.recorded()
        #expect(records.ticks.map(\.id) == [1, 2, 3, 4] && records.ticks[2].price == 5)
        #expect(fixture.metrics.total("tickline_ticks_repeated_total") == 2)
        #expect(fixture.core.heldTicks == 0 && fixture.core.timerDeadline == nil)
    }

    @Test func `the gap has the cause that the hole had, whatever came in between`() throws {
        func session(_ connection: UInt64) -> Tick {
            SessionRecord(
                event: .opened, feed: 0, connection: connection, wallOffsetNanos: 0, monotonic: .init(rawValue: 1)
            ).slot
        }
        var fixture = try fixture()
        for slot in [session(1), trade(1, 5), trade(3, 5), session(2), trade(4, 5), trade(6, 5), session(3)] {
            _ = fixture.signals(slot)
        }
        for ordinal in [1, 2] as [UInt64] { _ = fixture.signals(end(ordinal, .refused)) }
        _ = fixture.signals(trade(8, 5))
        _ = fixture.signals(end(3, .refused))
        #expect(fixture.recorded().gaps.map(\.cause) == [.skipped, .skipped, .reconnect])
    }

    @Test func `trades without a market price, and prices outside the band, are what they are without a hole`() throws {
        func run(_ order: [UInt64], _ refill: RefillConfiguration?) throws -> (Recorded, [Released]) {
            var fixture = CoreFixture(try catalog(short: 1, long: 2), priceBandPercent: 20, refill: refill)
            for id in order {
                let price: Int64 = id == 6 ? 500 : 100 + Int64(id)
                let isMissing = [4, 5, 6].contains(id) && refill != nil
                let flags: TickFlags = id == 5 || id == 8 ? .noPrice : []
                _ = fixture.signals(isMissing ? refilled(id, price, flags) : trade(id, price, flags: flags))
            }
            return (fixture.recorded(), fixture.released)
        }
        let (unbroken, _) = try run(Array(1...10), nil)
        let (mended, released) = try run([1, 2, 3, 7, 8, 4, 5, 6, 9, 10], RefillConfiguration())
        #expect(mended.decisions.map(\.tickID) == unbroken.decisions.map(\.tickID))
        #expect(mended.ticks.map(\.id) == unbroken.ticks.map(\.id))
        #expect(mended.ticks.map { $0.flags & 7 } == unbroken.ticks.map { $0.flags & 7 })
        #expect(released == [.refilled, .unpriced, .refilled, .waited(receiveMonotonicNanos: 7_000), .unpriced])
    }

    @Test func `at the end of a run nothing is waited for`() throws {
        var fixture = try fixture(
            RefillConfiguration(feedsByInstrument: [[0, 1], [0]], feedPairs: 2), instruments: 2)
        for feed in [0, 1] as [UInt16] { _ = fixture.signals(session(.opened, feed: feed)) }
        for instrument in [0, 1] as [UInt32] {
            for id in [1, 3, 4, 6] as [UInt64] { _ = fixture.signals(trade(id, 5, instrument: instrument)) }
        }
        _ = fixture.requested()
        _ = fixture.advance(toNanos: .max)
        let records = fixture.recorded()
        #expect(ranges(records.gaps) == [[2, 2], [5, 5], [2, 2], [5, 5]] && records.ticks.count == 8)
        #expect(fixture.core.timerDeadline == nil && fixture.core.heldTicks == 0 && fixture.requested().isEmpty)
    }

    @Test func `with aggregate trades as the source it is they that are refilled`() throws {
        var fixture = CoreFixture(
            try catalog(short: 1, long: 2, source: .aggregateTrade), refill: RefillConfiguration())
        for id in [1, 2, 4] as [UInt64] { _ = fixture.signals(trade(id, Int64(id), kind: .aggregateTrade)) }
        for id in [1, 3] as [UInt64] { _ = fixture.signals(trade(id, 5)) }
        #expect(fixture.requested().map(\.kind) == [.aggregateTrade])
        _ = fixture.signals(trade(3, 1, kind: .aggregateTrade, flags: .refilled))
        let records = fixture.recorded()
        #expect(records.gaps.map(\.kind) == [.trade, .aggregateTrade])
        #expect(records.decisions.filter(\.isSignal).map(\.tickID) == [3, 4])
    }
}
