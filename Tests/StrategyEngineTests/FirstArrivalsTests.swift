import CJemalloc
import Telemetry
import TestSupport
import Testing
import TradingModel

@testable import StrategyEngine

/// Which feed was first, and by how much. Feeds 0 and 1 deliver instrument 0's trades and quotes; 2 and 3 are their second
/// connections.
@Suite struct FirstArrivalsTests {
    private func fixture() throws -> CoreFixture {
        var fixture = CoreFixture(
            try catalog(short: 1, long: 3, instruments: 2),
            refill: RefillConfiguration(mostRefilledIDs: 0, feedsByInstrument: [[0, 1]], feedPairs: 2),
            redundancy: RedundancyConfiguration(feedNames: ["a#0", "b#1"], kinds: [[.trade, .quote]]))
        for feed in [0, 1] as [UInt16] { _ = fixture.signals(session(.opened, feed: feed)) }
        return fixture
    }

    private func tick(
        _ id: UInt64, feed: UInt16, atNanos: UInt64, instrument: UInt32 = 0, kind: RecordKind = .trade,
        flags: TickFlags = []
    ) -> Tick {
        var tick = trade(id, 5, instrument: instrument, feed: feed, kind: kind, flags: flags)
        tick.receiveMonotonicNanos = atNanos
        return tick
    }

    private func wins(_ metrics: MetricsRegistry) -> [Int] {
        ["a#0", "b#1"].map { Int(metrics.value("tickline_redundant_wins_total", "\"\($0)\"")) }
    }

    private func leads(_ metrics: MetricsRegistry) -> [[UInt64]] {
        ["a#0", "b#1"].map { name in
            let snapshot = metrics.snapshot("tickline_redundant_lead_seconds", labels: [("feed", name)])
            return [snapshot.count, snapshot.sumNanos]
        }
    }

    @Test func `each id that both deliver is the one's that received it first`() throws {
        var fixture = try fixture()
        for slot in [
            tick(1, feed: 0, atNanos: 100), tick(2, feed: 0, atNanos: 200), tick(1, feed: 1, atNanos: 130),
            tick(2, feed: 1, atNanos: 250), tick(3, feed: 1, atNanos: 300), tick(3, feed: 0, atNanos: 400),
            tick(7, feed: 0, atNanos: 500, kind: .quote), tick(7, feed: 1, atNanos: 501, kind: .quote),
        ] { _ = fixture.signals(slot) }
        #expect(wins(fixture.metrics) == [3, 1] && leads(fixture.metrics) == [[3, 81], [1, 100]])
        // What the engine took first was received last.
        for slot in [tick(4, feed: 0, atNanos: 600), tick(4, feed: 1, atNanos: 590)] { _ = fixture.signals(slot) }
        #expect(wins(fixture.metrics) == [3, 2] && leads(fixture.metrics) == [[3, 81], [2, 110]])
        #expect(fixture.metrics.total("tickline_ticks_repeated_total") == 5)
    }

    @Test func `an id counts once, and never between a feed's own connections`() throws {
        var fixture = try fixture()
        for feed in [0, 2, 0] as [UInt16] { _ = fixture.signals(tick(1, feed: feed, atNanos: 100)) }
        #expect(wins(fixture.metrics) == [0, 0])
        for feed in [1, 3, 0] as [UInt16] { _ = fixture.signals(tick(1, feed: feed, atNanos: 200)) }
        #expect(wins(fixture.metrics) == [1, 0] && leads(fixture.metrics) == [[1, 100], [0, 0]])
    }

    @Test func `ids around a hole count like all others, whoever filled it`() throws {
        var fixture = try fixture()
        // Feed 0 skips 2 and 3, and delivers 3 on its other connection.
        for (id, feed) in [
            (1, 0), (4, 0), (5, 0), (7, 0), (1, 1), (2, 1), (3, 1), (4, 1), (5, 1), (6, 1), (7, 1), (3, 2),
        ]
            as [(UInt64, UInt16)]
        {
            _ = fixture.signals(tick(id, feed: feed, atNanos: 100))
        }
        #expect(fixture.recorded().ticks.map(\.id) == Array(1...7))
        #expect(wins(fixture.metrics) == [4, 1])
    }

    @Test func `other streams, refilled ticks and ids that are no longer remembered do not count`() throws {
        var fixture = try fixture()
        for feed in [0, 1] as [UInt16] {
            _ = fixture.signals(tick(1, feed: feed, atNanos: 1, instrument: 1))
            _ = fixture.signals(tick(1, feed: feed, atNanos: 1, kind: .aggregateTrade))
        }
        _ = fixture.signals(tick(1, feed: 0, atNanos: 1))
        _ = fixture.signals(tick(1, feed: 1, atNanos: 0, flags: .refilled))
        #expect(wins(fixture.metrics) == [0, 0])
        let most = UInt64(FirstArrivals.mostIDs)
        for id in 2...most + 2 { _ = fixture.signals(tick(id, feed: 0, atNanos: id)) }
        for id in [2, 3] as [UInt64] { _ = fixture.signals(tick(id, feed: 1, atNanos: most + 2 + id)) }
        #expect(wins(fixture.metrics) == [1, 0] && leads(fixture.metrics)[0] == [1, most + 2])
        // Ids 1 and 2 gave way.
        #expect(fixture.metrics.total("tickline_redundant_forgotten_total") == 2)
    }

    @Test func `the most streams that a run can double share the memory of a few`() throws {
        // 32 feeds of 1,024 streams, each doubled: four kinds of 8,192 instruments.
        let (instruments, kinds) = (8_192, [.trade, .aggregateTrade, .quote, .depth] as [RecordKind])
        let metrics = MetricsRegistry()
        let catalog = try catalog(short: 1, long: 3, instruments: instruments)
        let before = allocatedBytes()
        let arrivals = FirstArrivals(
            catalog: catalog,
            configuration: RedundancyConfiguration(
                feedNames: ["a#0", "b#1"], kinds: Array(repeating: kinds, count: instruments)), metrics: metrics)
        let bytes = allocatedBytes() - before
        print(
            "figure: \(instruments * kinds.count) doubled streams remember \(arrivals.streamIDs) ids each in \(bytes >> 10) KiB"
        )
        // Below the least nothing was measured.
        #expect((24 << 20..<32 << 20).contains(bytes) && arrivals.streamIDs == 32)
        // None is in another's place: each feed is first for what it was first for, up to 32 ids behind.
        let streams = (0..<instruments).flatMap { instrument in
            kinds.map { instrument * EngineCounters.kindCount + EngineCounters.kindIndex($0.rawValue)! }
        }
        for id in 1...32 as ClosedRange<UInt64> {
            for stream in streams { arrivals.note(tick(id, feed: UInt16(id % 2), atNanos: 1), stream: stream) }
        }
        for stream in streams {
            for id in [1, 2, 32] as [UInt64] {
                arrivals.noteRepeated(tick(id, feed: UInt16(1 - id % 2), atNanos: 2), stream: stream)
            }
        }
        #expect(wins(metrics) == [2 * streams.count, streams.count])
        #expect(metrics.total("tickline_redundant_forgotten_total") == 0)
        for stream in streams { arrivals.note(tick(35, feed: 0, atNanos: 3), stream: stream) }
        #expect(metrics.total("tickline_redundant_forgotten_total") == Double(streams.count))
    }

    /// What this thread has allocated and not freed, by the allocator's own count: other tests' threads are not in it.
    private func allocatedBytes() -> Int {
        func count(_ name: String) -> Int {
            var bytes: UInt64 = 0
            var length = MemoryLayout<UInt64>.size
            #expect(mallctl(name, &bytes, &length, nil, 0) == 0)
            return Int(bytes)
        }
        return count("thread.allocated") - count("thread.deallocated")
    }

    @Test func `with losses on both sides the counts add up to the ids that both delivered`() throws {
        let seed = UInt64.random(in: 1...UInt64.max)
        print("seed \(seed)")
        var random = SeededRandom(seed: seed)
        var fixture = try fixture()
        var queue: [Tick] = []
        var (expected, sums) = ([0, 0], [UInt64(0), 0])
        for id in 1...20_000 as ClosedRange<UInt64> {
            // Each loses one in 40, never both the same; one is up to 20 ids behind.
            let lost = Int.random(in: 0..<40, using: &random)
            // Even and odd: never the same.
            let times = [0, 1].map { id * 1_000 + 2 * UInt64.random(in: 0..<10_000, using: &random) + $0 }
            for feed in 0...1 where lost != feed { queue.append(tick(id, feed: UInt16(feed), atNanos: times[feed])) }
            guard lost > 1 else { continue }
            let first = times[0] < times[1] ? 0 : 1
            expected[first] += 1
            sums[first] += times[1 - first] - times[first]
        }
        // Each feed delivers in the order of its ids.
        var latest: [UInt64] = [0, 0]
        for index in queue.indices {
            let feed = Int(queue[index].feed)
            latest[feed] = max(latest[feed], queue[index].receiveMonotonicNanos)
            queue[index].exchangeTimeNanos = Int64(latest[feed])
        }
        queue.sort { ($0.exchangeTimeNanos, $0.id) < ($1.exchangeTimeNanos, $1.id) }
        for slot in queue { _ = fixture.signals(slot) }
        _ = fixture.advance(toNanos: .max)
        #expect(fixture.recorded().ticks.map(\.id) == Array(1...20_000))
        #expect(fixture.metrics.total("tickline_gaps_total") == 0)
        #expect(wins(fixture.metrics) == expected && leads(fixture.metrics).map { $0[1] } == sums)
        #expect(fixture.metrics.total("tickline_ticks_repeated_total") == Double(expected[0] + expected[1]))
    }
}
