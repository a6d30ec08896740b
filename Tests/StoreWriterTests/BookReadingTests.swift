import RingBuffer
import TestSupport
import Testing
import TradingModel

@testable import StoreWriter

/// Records of several slots, put together from whatever pieces the ring gives.
@Suite struct BookReadingTests {
    /// A reader behind a ring, whose batches are taken and acknowledged one after the other.
    private struct Bench: ~Copyable {
        let producer: RingProducer
        var reader: RecordReader
        var batches: [StoreBatch] = []

        init(capacitySlots: Int) {
            let ring = SPSCRing(capacitySlots: capacitySlots)
            producer = RingProducer(ring)
            reader = RecordReader(records: RingConsumer(ring), initialWallOffsetNanos: SampleMarket.startNanos)
        }

        mutating func publish(_ slots: [Tick]) {
            for slot in slots {
                let isWritten = producer.tryWrite(slot)
                #expect(isWritten)
            }
            producer.publishQuietly()
        }

        /// Takes everything in pieces of `mostSlots`; the ranges of receive times.
        mutating func takeAll(mostSlots: Int) -> [ClosedRange<MonotonicNanos>?] {
            var times: [ClosedRange<MonotonicNanos>?] = []
            while reader.waitingSlots > 0 {
                var batch = StoreBatch()
                times.append(reader.take(into: &batch, mostSlots: mostSlots))
                batches.append(batch)
                reader.acknowledge()
            }
            return times
        }

        var books: [BookUpdate] { batches.flatMap(\.books) }
    }

    /// A book whose receive time is that of a reader's clock offset of `SampleMarket.startNanos`.
    private func book(_ number: UInt64, bids: Int, asks: Int) -> BookUpdate {
        SampleMarket.book(number, bids: bids, asks: asks, receiveNanos: number * 1_000 + 500)
    }

    @Test(arguments: [1, 2, 3, 7, 64, 1_000]) func `whatever the batches' size and the ring's end, books are whole`(
        mostSlots: Int
    ) throws {
        let seed = UInt64.random(in: 1...UInt64.max)
        print("seed \(seed)")
        var random = SeededRandom(seed: seed)
        var bench = Bench(capacitySlots: 64)
        var expected: [BookUpdate] = []
        for number in 1...300 as ClosedRange<UInt64> {
            let next = book(
                number, bids: Int.random(in: 0...80, using: &random), asks: Int.random(in: 0...80, using: &random))
            bench.publish([SampleMarket.tick(number, receiveNanos: number)] + next.slots)
            _ = bench.takeAll(mostSlots: mostSlots)
            expected.append(next)
        }
        #expect(bench.books == expected)
        #expect(bench.batches.flatMap(\.ticks).map(\.tick.id) == Array(1...300))
        let unreadable = bench.reader.unreadableCount
        #expect(unreadable == 0)
    }

    @Test func `the longest update is put together over many batches, one slot more is refused`() {
        var bench = Bench(capacitySlots: 1 << 15)
        // 8,191 slots of levels: 4,096 of bids and 4,095 of asks.
        let longest = book(1, bids: 4_096 * 3, asks: 4_095 * 3)
        let longer = book(2, bids: 4_096 * 3, asks: 4_095 * 3 + 1)
        #expect(longest.slots.count == BookUpdate.mostSlots)
        bench.publish(longest.slots + longer.slots + book(3, bids: 1, asks: 0).slots)
        _ = bench.takeAll(mostSlots: 1_000)
        #expect(bench.books == [longest, book(3, bids: 1, asks: 0)])
        let largest = bench.batches.map(\.books.count).max()
        #expect(largest == 1)
        // The header that announces too much, and each slot that then belongs to nothing.
        let unreadable = bench.reader.unreadableCount
        #expect(unreadable == UInt64(longer.slots.count))
    }

    @Test func `a batch that holds only a part stores nothing yet, and its records count as unwritten`() {
        var bench = Bench(capacitySlots: 16)
        let whole = book(1, bids: 6, asks: 6)
        bench.publish(whole.slots)
        var batch = StoreBatch()
        let times = bench.reader.take(into: &batch, mostSlots: 3)
        #expect(batch.count == 0 && times != nil)
        bench.reader.acknowledge()
        let unwritten = bench.reader.unwrittenRecords
        #expect(unwritten == 3)
        _ = bench.takeAll(mostSlots: 3)
        #expect(bench.books == [whole])
        let left = bench.reader.unwrittenRecords
        #expect(left == 0)
    }

    @Test func `levels and volumes are not taken for receive times`() {
        var bench = Bench(capacitySlots: 64)
        let kline = SampleMarket.kline(1, receiveNanos: 9_000)
        bench.publish(book(5, bids: 9, asks: 9).slots + [kline.slots.0, kline.slots.1])
        let times = bench.takeAll(mostSlots: 100)
        #expect(times == [MonotonicNanos(rawValue: 5_500)...MonotonicNanos(rawValue: 9_000)])
        let expected = StoredKline(kline: kline, receiveTime: UnixNanos(rawValue: SampleMarket.startNanos + 9_000))
        #expect(bench.batches.flatMap(\.klines) == [expected])
    }

    @Test func `what is broken off, foreign or out of place is counted, and the next record is read`() {
        let whole = book(1, bids: 4, asks: 4).slots
        var foreign = whole
        foreign[1].instrument = 1
        var otherFeed = whole
        otherFeed[1].feed = 1
        var wrongSide = whole
        wrongSide.swapAt(1, 3)
        var fewer = whole
        fewer[1] = book(1, bids: 2, asks: 0).slots[1]
        let kline = SampleMarket.kline(1).slots
        let decision = SampleMarket.decision(1).slots
        let cases: [(String, [Tick], UInt64)] = [
            ("a level is missing", Array(whole.dropLast()), 1),
            ("a header alone", [whole[0]], 1),
            ("levels alone", Array(whole.dropFirst()), 4),
            ("another instrument's level", foreign, 4),
            ("another feed's level", otherFeed, 4),
            ("asks before bids", wrongSide, 4),
            ("fewer levels than announced", fewer, 4),
            ("half a kline", [kline.0], 1),
            ("the other half", [kline.1], 1),
            ("a kline's half within a book", [whole[0], kline.1] + whole.dropFirst(), 6),
            ("half a decision and half a kline", [decision.0, kline.1], 1),
            ("a level behind half a decision", [decision.0, whole[1], decision.1], 3),
        ]
        for (name, slots, count) in cases {
            var bench = Bench(capacitySlots: 64)
            bench.publish(slots + whole + [kline.0, kline.1])
            _ = bench.takeAll(mostSlots: 2)
            #expect(bench.books == [book(1, bids: 4, asks: 4)], "\(name)")
            #expect(bench.batches.flatMap(\.klines).count == 1 && bench.batches.flatMap(\.decisions).isEmpty, "\(name)")
            let unreadable = bench.reader.unreadableCount
            #expect(unreadable == count, "\(name)")
        }
    }
}
