import Telemetry
import TestSupport
import Testing
import TradingModel

@testable import StrategyEngine

/// Book updates and klines in the engine: their ids, what is forwarded, and what they leave alone.
@Suite struct BookContinuityTests {
    private func spot(_ first: UInt64, _ last: UInt64, feed: UInt16 = 0) -> BookUpdate {
        SampleMarket.book(last, first: first, bids: 4, asks: 2, feed: feed)
    }

    private func futures(_ first: UInt64, _ last: UInt64, previous: Int64) -> BookUpdate {
        SampleMarket.book(last, first: first, previous: previous)
    }

    private func ranges(_ gaps: [GapRecord]) -> [[UInt64]] { gaps.map { [$0.firstID, $0.lastID] } }

    @Test func `Spot updates follow on each other's ids; a hole is recorded, repeats are dropped, an overlap is taken`()
        throws
    {
        var fixture = CoreFixture(try catalog(short: 1, long: 2))
        let taken = [spot(10, 12), spot(13, 13), spot(20, 25), spot(24, 27), spot(28, 28)]
        for update in [
            taken[0], taken[1], spot(13, 13), spot(10, 12), taken[2], spot(20, 25, feed: 1), taken[3], taken[4],
        ] { fixture.process(update) }
        let records = fixture.recorded()
        #expect(records.books == taken)
        #expect(ranges(records.gaps) == [[14, 19]])
        #expect(records.gaps.first?.kind == .depth && records.gaps.first?.cause == .skipped)
        #expect(records.gaps.first?.beforeTimeNanos == taken[1].header.exchangeTimeNanos)
        #expect(fixture.metrics.total("tickline_ticks_total") == 5)
        #expect(fixture.metrics.total("tickline_ticks_repeated_total") == 3)
        #expect(fixture.metrics.total("tickline_gaps_total") == 1)
        #expect(fixture.metrics.total("tickline_ticks_missing_total") == 6)
        #expect(fixture.metrics.total("tickline_dropped_total") == 0)
    }

    @Test func `USD-M updates follow on the id they name, not on their first`() throws {
        var fixture = CoreFixture(try catalog(short: 1, long: 2))
        let taken = [
            futures(100, 150, previous: 90), futures(171, 180, previous: 150), futures(300, 310, previous: 250),
            futures(260, 320, previous: 305),
        ]
        for update in taken { fixture.process(update) }
        let records = fixture.recorded()
        #expect(records.books == taken)
        #expect(ranges(records.gaps) == [[181, 250]])
    }

    @Test func `a hole behind a new connection is a reconnect gap`() throws {
        var fixture = CoreFixture(try catalog(short: 1, long: 2))
        fixture.process(spot(1, 5))
        _ = fixture.signals(
            SessionRecord(
                event: .opened, feed: 0, connection: 2, wallOffsetNanos: 0, monotonic: MonotonicNanos(rawValue: 1)
            ).slot)
        fixture.process(spot(9, 9))
        let records = fixture.recorded()
        #expect(ranges(records.gaps) == [[6, 8]] && records.gaps.first?.cause == .reconnect)
    }

    @Test func `one rogue update id does not silence the book, a confirmed one goes on from there`() throws {
        var fixture = CoreFixture(try catalog(short: 1, long: 2))
        for update in [spot(1, 2), spot(1 << 60, 1 << 60 + 4), spot(3, 3), spot(0, 1 << 63), spot(4, 4)] {
            fixture.process(update)
        }
        #expect(fixture.recorded().books == [spot(1, 2), spot(3, 3), spot(4, 4)])
        #expect(fixture.metrics.total("tickline_ticks_implausible_total") == 2)
        for update in [spot(1 << 50, 1 << 50 + 4), spot(1 << 50 + 5, 1 << 50 + 6)] { fixture.process(update) }
        let records = fixture.recorded()
        #expect(records.books.map(\.header.id) == [1 << 50 + 6])
        #expect(ranges(records.gaps) == [[5, 1 << 50 + 4]])
    }

    @Test func `partial books only rise and never make a gap`() throws {
        var fixture = CoreFixture(try catalog(short: 1, long: 2))
        for id in [5, 9, 9, 8, 40] as [UInt64] { fixture.process(SampleMarket.book(id, kind: .partialDepth)) }
        let records = fixture.recorded()
        #expect(records.books.map(\.header.id) == [5, 9, 40] && records.gaps.isEmpty)
        #expect(fixture.metrics.total("tickline_ticks_repeated_total") == 2)
        // A diff of the same id is another stream's.
        fixture.process(spot(40, 40))
        #expect(fixture.recorded().books == [spot(40, 40)])
    }

    @Test func `a gap in the book leaves the averages' window whole`() throws {
        var fixture = CoreFixture(try catalog(short: 1, long: 3))
        var signals: [Decision] = []
        for (id, price) in [(1, 10), (2, 11), (3, 12), (4, 13)] as [(UInt64, Int64)] {
            signals += fixture.signals(trade(id, price))
            fixture.process(spot(id * 10, id * 10))
            fixture.process(SampleMarket.kline(Int64(id)))
        }
        signals += fixture.signals(trade(5, 1))
        let records = fixture.recorded()
        #expect(records.gaps.count == 3 && records.gaps.allSatisfy { $0.kind == .depth })
        #expect(records.decisions.map(\.reason) == [.warming, .state, .cross])
        #expect(signals.map(\.tickID) == [5])
    }

    @Test func `closed klines are forwarded, forming ones end here, repeats and rogues are dropped`() throws {
        var fixture = CoreFixture(try catalog(short: 1, long: 2))
        let closed = SampleMarket.kline(1)
        var rogue = SampleMarket.kline(1_000)
        rogue.eventTime = closed.eventTime
        for kline in [
            rogue,
            SampleMarket.kline(1, isClosed: false, eventOffsetNanos: -5),
            SampleMarket.kline(1, isClosed: false, eventOffsetNanos: -5, receiveNanos: 7),
            SampleMarket.kline(1, isClosed: false, eventOffsetNanos: -3), closed, closed,
            SampleMarket.kline(1, isClosed: false), SampleMarket.kline(0),
            SampleMarket.kline(1, interval: .oneHour), SampleMarket.kline(2, isClosed: false), SampleMarket.kline(2),
        ] { fixture.process(kline) }
        #expect(
            fixture.recorded().klines == [closed, SampleMarket.kline(1, interval: .oneHour), SampleMarket.kline(2)])
        #expect(fixture.metrics.total("tickline_ticks_total") == 6)
        #expect(fixture.metrics.total("tickline_ticks_repeated_total") == 4)
        #expect(fixture.metrics.total("tickline_ticks_implausible_total") == 1)
    }

    @Test func `an update that finds no room is dropped whole and counted, and the next one is forwarded`() throws {
        // 64 slots, of which market data may use 48.
        var fixture = CoreFixture(try catalog(short: 1, long: 2), recordSlots: 64)
        let large = SampleMarket.book(1, bids: 90, asks: 48)
        let small = SampleMarket.book(2, bids: 1, asks: 1)
        #expect(large.slots.count == 47)
        fixture.process(large)
        fixture.process(small)
        fixture.process(SampleMarket.kline(1))
        #expect(fixture.recorded().books == [large])
        #expect(fixture.metrics.value("tickline_dropped_total", "store_book") == 1)
        #expect(fixture.metrics.value("tickline_dropped_total", "store_kline") == 1)
        fixture.process(SampleMarket.book(3, bids: 1, asks: 1))
        fixture.process(SampleMarket.kline(2))
        let records = fixture.recorded()
        #expect(records.books.map(\.header.id) == [3] && records.klines.count == 1)
        #expect(records.gaps.isEmpty, "what the store lost is no gap of the feed")
    }

    @Test func `an update that is broken off, too long or out of place is counted and leaves nothing behind`() throws {
        var fixture = CoreFixture(try catalog(short: 1, long: 2))
        let whole = spot(1, 1).slots
        var foreign = spot(2, 2).slots
        foreign[2].instrument = 7
        let long = SampleMarket.book(3, bids: 4_096 * 3, asks: 4_096 * 3).slots
        var unknown = SampleMarket.kline(1).slots.1
        unknown.secondaryPrice = 99
        let slots =
            whole.dropLast() + [trade(1, 10)] + foreign + [
                long[0], whole[1], SampleMarket.kline(1).slots.0, trade(2, 11),
            ]
            + [SampleMarket.kline(1).slots.0, unknown]
        for slot in slots { _ = fixture.signals(slot) }
        // Cut off, foreign level and the slot behind it, too long and a level of it, half a kline, an unknown interval.
        #expect(fixture.metrics.value("tickline_dropped_total", "broken_record") == 8)
        fixture.process(spot(4, 4))
        let records = fixture.recorded()
        #expect(records.ticks.map(\.id) == [1, 2])
        #expect(records.books == [spot(4, 4)] && records.klines.isEmpty)
    }
}
