import RingBuffer
import TestSupport
import Testing
import TradingModel

@testable import StoreWriter

/// A reader whose ring's producer has left it for a backlog and comes back.
@Suite struct BacklogReadingTests {
    /// Used by the one test that owns it.
    private final class Backlog: RecordBacklog, @unchecked Sendable {
        let ring = SPSCRing(capacitySlots: 64)
        var isNext = false
        /// Ids that were not read yet.
        var ids: [UInt64] = []
        var isThrough = false
        var isBehind: Bool { !ids.isEmpty }

        func begin() { isNext = false }

        func read(most slots: Int) -> Bool {
            let producer = RingProducer(ring)
            while ring.occupancy < slots, !ids.isEmpty {
                _ = producer.tryWrite(SampleMarket.tick(ids.removeFirst()))
                producer.publishQuietly()
            }
            return !(isThrough && ids.isEmpty)
        }
    }

    private let ring = SPSCRing(capacitySlots: 64)
    private let backlog = Backlog()

    private func write(_ ids: ClosedRange<UInt64>, to producer: borrowing RingProducer) {
        for id in ids { _ = producer.tryWrite(SampleMarket.tick(id)) }
        producer.publishQuietly()
    }

    /// Reads as the writer's thread does, up to `most` slots a batch, until nothing waits.
    private func drain(_ reader: inout RecordReader, most: Int = 4) -> [UInt64] {
        var ids: [UInt64] = []
        while true {
            reader.readBacklog(most: most)
            guard reader.waitingSlots > 0 else { return ids }
            var batch = StoreBatch()
            _ = reader.take(into: &batch, mostSlots: most)
            ids += batch.ticks.map(\.tick.id)
            reader.acknowledge()
        }
    }

    @Test func `the backlog is read between what the ring held and what it holds again`() {
        let producer = RingProducer(ring)
        var reader = RecordReader(records: RingConsumer(ring), backlog: backlog, initialWallOffsetNanos: 0)
        write(1...10, to: producer)
        backlog.ids = Array(11...25)
        backlog.isNext = true
        backlog.isThrough = true
        var batch = StoreBatch()
        reader.readBacklog(most: 4)
        _ = reader.take(into: &batch, mostSlots: 4)
        reader.acknowledge()
        // The producer has come back before the backlog was begun.
        #expect(batch.ticks.map(\.tick.id) == [1, 2, 3, 4])
        #expect(drain(&reader) == Array(5...25))
        write(26...30, to: producer)
        #expect(drain(&reader) == Array(26...30))
    }

    @Test func `the ring waits until the backlog is through, and the backlog for the ring the next time`() {
        let producer = RingProducer(ring)
        var reader = RecordReader(records: RingConsumer(ring), backlog: backlog, initialWallOffsetNanos: 0)
        (backlog.ids, backlog.isNext) = ([1, 2], true)
        var batch = StoreBatch()
        reader.readBacklog(most: 4)
        _ = reader.take(into: &batch, mostSlots: 4)
        reader.acknowledge()
        write(4...5, to: producer)
        // The producer goes on in its ring, and left it again behind that; of the first way one record is still to come.
        (backlog.ids, backlog.isThrough) = ([3], true)
        #expect(drain(&reader) == [3, 4, 5])
        (backlog.ids, backlog.isNext, backlog.isThrough) = ([6], true, true)
        #expect(drain(&reader) == [6])
    }

    @Test func `what is left at the end counts in ring and backlog`() {
        let producer = RingProducer(ring)
        var reader = RecordReader(records: RingConsumer(ring), backlog: backlog, initialWallOffsetNanos: 0)
        (backlog.ids, backlog.isNext) = ([1, 2, 3, 4, 5, 6], true)
        reader.readBacklog(most: 4)
        write(7...8, to: producer)
        #expect(reader.abandon() == 7)
    }
}
