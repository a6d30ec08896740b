import RingBuffer
import TestSupport
import Testing
import TradingModel

@testable import StoreWriter

@Suite struct RecordReaderTests {
    private func session(feed: UInt16, offsetNanos: Int64, event: SessionEvent = .opened) -> Tick {
        SessionRecord(
            event: event, feed: feed, connection: 1, wallOffsetNanos: offsetNanos,
            monotonic: MonotonicNanos(rawValue: 1)
        ).slot
    }

    private func publish(_ producer: borrowing RingProducer, _ slots: [Tick]) {
        for slot in slots {
            let isWritten = producer.tryWrite(slot)
            #expect(isWritten)
        }
        producer.publishQuietly()
    }

    @Test func `keeps two feeds' clocks apart and follows a clock that moves`() {
        let ring = SPSCRing(capacitySlots: 16)
        let producer = RingProducer(ring)
        var reader = RecordReader(records: RingConsumer(ring), initialWallOffsetNanos: 7)
        publish(
            producer,
            [
                session(feed: 0, offsetNanos: 1_000), session(feed: 3, offsetNanos: 2_000),
                SampleMarket.tick(1, feed: 0, receiveNanos: 10), SampleMarket.tick(2, feed: 3, receiveNanos: 10),
                SampleMarket.tick(3, feed: 2, receiveNanos: 10), SampleMarket.gap(4, feed: 3).slot,
                session(feed: 0, offsetNanos: 5_000, event: .clockMoved),
                SampleMarket.tick(8, feed: 0, receiveNanos: 11),
            ])
        var batch = StoreBatch()
        let times = reader.take(into: &batch, mostSlots: 100)
        #expect(times != nil)
        #expect(batch.ticks.map(\.receiveTime.rawValue) == [1_010, 2_010, 17, 5_011])
        #expect(batch.gaps.map(\.noticedTime.rawValue) == [2_005])
        let unreadableCount1 = reader.unreadableCount
        #expect(unreadableCount1 == 0)
    }

    @Test func `puts a decision together whose halves lie on both sides of the ring's end`() {
        let ring = SPSCRing(capacitySlots: 4)
        let producer = RingProducer(ring)
        var reader = RecordReader(records: RingConsumer(ring), initialWallOffsetNanos: 0)
        var batch = StoreBatch()
        publish(producer, [SampleMarket.tick(1), SampleMarket.tick(2), SampleMarket.tick(3)])
        _ = reader.take(into: &batch, mostSlots: 100)
        reader.acknowledge()
        batch.removeAll()

        let decision = SampleMarket.decision(3)
        publish(producer, [decision.slots.0, decision.slots.1, SampleMarket.tick(4)])
        _ = reader.take(into: &batch, mostSlots: 100)
        #expect(batch.count == 0)
        let unwrittenRecords2 = reader.unwrittenRecords
        #expect(unwrittenRecords2 == 4)
        reader.acknowledge()
        let unwrittenRecords3 = reader.unwrittenRecords
        #expect(unwrittenRecords3 == 3)
        _ = reader.take(into: &batch, mostSlots: 100)
        #expect(batch.decisions == [decision])
        #expect(batch.ticks.map(\.tick.id) == [4])
        reader.acknowledge()
        let unwrittenRecords4 = reader.unwrittenRecords
        #expect(unwrittenRecords4 == 0)
        let unreadableCount5 = reader.unreadableCount
        #expect(unreadableCount5 == 0)
    }

    @Test func `counts half a decision and unknown records and carries on`() {
        let ring = SPSCRing(capacitySlots: 16)
        let producer = RingProducer(ring)
        var reader = RecordReader(records: RingConsumer(ring), initialWallOffsetNanos: 0)
        var unknown = SampleMarket.tick(9)
        unknown.kind = 200
        var badGap = SampleMarket.gap(1).slot
        badGap.flags = 99
        let decision = SampleMarket.decision(3)
        publish(
            producer,
            [
                decision.slots.1, decision.slots.0, SampleMarket.tick(1), unknown, badGap, decision.slots.0,
                decision.slots.1,
            ])
        var batch = StoreBatch()
        _ = reader.take(into: &batch, mostSlots: 100)
        #expect(batch.ticks.count == 1)
        #expect(batch.decisions == [decision])
        let unreadableCount6 = reader.unreadableCount
        #expect(unreadableCount6 == 4)
    }

    @Test func `a refilled tick keeps the time it came with, and neither it nor its decision has an age`() {
        let ring = SPSCRing(capacitySlots: 16)
        let producer = RingProducer(ring)
        var reader = RecordReader(records: RingConsumer(ring), initialWallOffsetNanos: 7)
        var refilled = SampleMarket.refilled(1, fromAggregate: true).tick
        refilled.refilledReceiveTime = UnixNanos(rawValue: SampleMarket.startNanos)
        var decision = SampleMarket.decision(1)
        decision.receiveMonotonic = MonotonicNanos(rawValue: 0)
        let alone = [refilled, decision.slots.0, decision.slots.1]
        publish(producer, alone)
        var batch = StoreBatch()
        let none = reader.take(into: &batch, mostSlots: 100)
        #expect(none == nil && batch.decisions == [decision])
        #expect(batch.ticks.map(\.receiveTime.rawValue) == [SampleMarket.startNanos])
        reader.acknowledge()
        publish(producer, [refilled, SampleMarket.tick(2, receiveNanos: 30), SampleMarket.tick(3, receiveNanos: 20)])
        let times = reader.take(into: &batch, mostSlots: 100)
        #expect(times == MonotonicNanos(rawValue: 20)...MonotonicNanos(rawValue: 30))
    }

    @Test func `gives slots back only when they are acknowledged`() {
        let ring = SPSCRing(capacitySlots: 2)
        let producer = RingProducer(ring)
        var reader = RecordReader(records: RingConsumer(ring), initialWallOffsetNanos: 0)
        publish(producer, [SampleMarket.tick(1), SampleMarket.tick(2)])
        var batch = StoreBatch()
        _ = reader.take(into: &batch, mostSlots: 100)
        let isWrittenTooEarly = producer.tryWrite(SampleMarket.tick(3))
        #expect(!isWrittenTooEarly)
        reader.acknowledge()
        let isWritten = producer.tryWrite(SampleMarket.tick(3))
        #expect(isWritten)
    }
}
