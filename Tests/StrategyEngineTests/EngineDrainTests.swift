import RingBuffer
import Synchronization
import Telemetry
import TestSupport
import Testing
import TradingModel

@testable import StrategyEngine

/// Records of several slots through the engine's thread: batches of 64, the ring's end, several feeds.
@Suite struct EngineDrainTests {
    /// Feeds' slots through a running engine, and what arrives in the record ring.
    private func run<Sink: SignalSink & ~Copyable>(
        _ feeds: [[[Tick]]], into sink: consuming Sink, feedSlots: Int = 1 << 15,
        metrics: MetricsRegistry = MetricsRegistry(), meanwhile: () async throws -> Void = {}
    ) async throws -> Recorded {
        let parker = Parker()
        let rings = feeds.map { _ in SPSCRing(capacitySlots: feedSlots) }
        let records = SPSCRing(capacitySlots: 1 << 17)
        let engine = SMACrossoverActor(
            catalog: try catalog(short: 1, long: 2, instruments: feeds.count), feeds: rings, parker: parker,
            records: records, sink: sink, configuration: EngineConfiguration(), metrics: metrics)
        let running = Task { await engine.run() }
        var queues = feeds.map { $0[...] }
        // Noncopyable producers can't be in an array: one at a time, each by its own turn.
        let producers = rings.map { ProducerBox(RingProducer($0, wakes: parker)) }
        while queues.contains(where: { !$0.isEmpty }) {
            for index in queues.indices {
                guard let next = queues[index].first else { continue }
                try await waitUntil("room in the feed's ring") { producers[index].freeSlots >= next.count }
                producers[index].publish(next)
                queues[index].removeFirst()
            }
        }
        try await meanwhile()
        await engine.stop()
        await running.value
        engine.shutdown()
        return Recorded(RingConsumer(records))
    }

    private final class ProducerBox {
        private let producer: RingProducer
        init(_ producer: consuming RingProducer) { self.producer = producer }
        var freeSlots: Int { producer.freeSlots }
        func publish(_ slots: [Tick]) {
            for slot in slots where !producer.tryWrite(slot) { Issue.record("the ring was asked before") }
            producer.publish()
        }
    }

    @Test func `updates of every length arrive whole, over batches' ends and the ring's, from several feeds`()
        async throws
    {
        let seed = UInt64.random(in: 1...UInt64.max)
        print("seed \(seed)")
        var random = SeededRandom(seed: seed)
        var expected: [[BookUpdate]] = [[], [], []]
        var klines: [[Kline]] = [[], [], []]
        var feeds: [[[Tick]]] = [[], [], []]
        for feed in 0..<3 {
            for number in 1...200 as ClosedRange<UInt64> {
                // Around the batch of 64 slots, three levels each, and now and then far beyond.
                let most = number % 50 == 0 ? 2_000 : 200
                let book = SampleMarket.book(
                    number, bids: Int.random(in: 0...most, using: &random),
                    asks: Int.random(in: 0...most, using: &random), instrument: UInt32(feed), feed: UInt16(feed))
                let kline = SampleMarket.kline(Int64(number), instrument: UInt32(feed), feed: UInt16(feed))
                let ticks = (0..<number % 67).map {
                    trade(number * 100 + $0, 5, instrument: UInt32(feed), feed: UInt16(feed), kind: .quote)
                }
                feeds[feed].append(ticks + book.slots + [kline.slots.0, kline.slots.1])
                expected[feed].append(book)
                klines[feed].append(kline)
            }
        }
        let metrics = MetricsRegistry()
        let recorded = try await run(
            feeds, into: RecordingSink(record: RecordingSink.Record()), feedSlots: 1 << 11, metrics: metrics)
        for feed in 0..<3 {
            #expect(recorded.books.filter { $0.header.feed == feed } == expected[feed])
            #expect(recorded.klines.filter { $0.feed == feed } == klines[feed])
        }
        #expect(metrics.total("tickline_dropped_total") == 0)
        #expect(metrics.total("tickline_gaps_total") == 0)
    }

    @Test func `the longest update goes through in one piece`() async throws {
        let longest = SampleMarket.book(1, bids: 4_096 * 3, asks: 4_095 * 3)
        let recorded = try await run(
            [[[trade(1, 5)] + longest.slots, [trade(2, 6)]]], into: RecordingSink(record: RecordingSink.Record()),
            feedSlots: 1 << 14)
        #expect(recorded.books == [longest] && recorded.ticks.count == 2)
    }

    @Test func `an update behind a sink without room waits and then arrives whole`() async throws {
        let sink = RecordingSink.Record()
        let book = SampleMarket.book(1, bids: 300, asks: 300)
        let metrics = MetricsRegistry()
        // Rising, falling: a crossing at the third and at each later trade.
        let prices: [Int64] = [5, 6, 5, 6, 5]
        let trades = prices.enumerated().map { trade(UInt64($0.offset + 1), $0.element) }
        let recorded = try await run(
            [[Array(trades.prefix(4)), [trades[4]] + book.slots]], into: RecordingSink(record: sink, capacity: 2),
            metrics: metrics
        ) {
            try await waitUntil("the sink is full") { metrics.total("tickline_engine_stalls_total") > 0 }
            #expect(metrics.value("tickline_ticks_total", "kind=\"depth\"") == 0)
            sink.removeAll()
        }
        #expect(recorded.books == [book] && recorded.ticks.count == 5)
    }

    /// A sink that has room only every third time it is asked.
    private struct HesitantSink: ~Copyable, SignalSink {
        private let questions = Mutex(0)
        func hasRoom(for count: Int) -> Bool {
            questions.withLock { questions in
                questions += 1
                return questions % 3 == 0
            }
        }
        mutating func publish(_ signal: borrowing Decision) -> PublishOutcome { .sent }
        mutating func flush() {}
    }

    @Test func `a sink that runs out of room in the middle of an update does not break it off`() async throws {
        let books = (1...20).map { SampleMarket.book($0, bids: 100, asks: 100) }
        let metrics = MetricsRegistry()
        let recorded = try await run([books.map(\.slots)], into: HesitantSink(), metrics: metrics)
        #expect(recorded.books == books && metrics.total("tickline_dropped_total") == 0)
    }
}
