import RingBuffer
import Telemetry
import Testing
import TradingModel

@testable import StrategyEngine

/// The end of the engine that leaves its full ring for the journal and comes back.
@Suite struct RecordDetourTests {
    private let metrics = MetricsRegistry()
    private let ring = SPSCRing(capacitySlots: 16)
    private let detour = RecordDetour()

    private func writer(_ detour: RecordDetour?) -> RecordWriter {
        var writer = RecordWriter(
            ring: RingProducer(ring), capacitySlots: ring.capacitySlots, detour: detour, metrics: metrics)
        writer.begin(at: RecordDetour.Place(sequence: 1, takenSlots: 0))
        return writer
    }

    /// One batch of ticks and the end of it.
    private func write(_ ids: ClosedRange<UInt64>, to writer: inout RecordWriter) {
        for id in ids { writer.append(tick: trade(id, 5)) }
        writer.publish(StoreMark(sequence: 100 + ids.upperBound, feed: 0, takenSlots: 0), takenSlots: ids.upperBound)
    }

    /// What lies in the ring: ids of ticks, and marks by their sequence.
    private func drain(_ consumer: borrowing RingConsumer) -> [UInt64] {
        consumer.refresh()
        let slots = consumer.peek(most: .max, as: Tick.self)
        let ids = slots.map(\.id)
        consumer.release(count: slots.count)
        return ids
    }

    @Test func `a batch without room leaves nothing in the ring, and the way begins at the end of the one before`() {
        let consumer = RingConsumer(ring)
        var writer = writer(detour)
        write(1...5, to: &writer)
        #expect(detour.left == nil)
        // The reserve of a quarter leaves room for six more.
        write(6...13, to: &writer)
        #expect(detour.left == RecordDetour.Place(sequence: 105, takenSlots: 5) && detour.reached == 113)
        #expect(drain(consumer) == [1, 2, 3, 4, 5, 105])
        write(14...15, to: &writer)
        #expect(drain(consumer).isEmpty && detour.reached == 115 && detour.takeBack() == nil)
        detour.askBack(from: RecordDetour.Place(sequence: 105, takenSlots: 5))
        write(16...17, to: &writer)
        #expect(drain(consumer).isEmpty && detour.left == nil)
        write(18...18, to: &writer)
        #expect(detour.takeBack() == RecordDetour.Place(sequence: 117, takenSlots: 17) && detour.takeBack() == nil)
        #expect(drain(consumer) == [18, 118])
        #expect(metrics.total("tickline_dropped_total") == 0)
    }

    @Test func `a decision without room leaves the ring with the tick it was made on`() {
        let consumer = RingConsumer(ring)
        var writer = writer(detour)
        write(1...2, to: &writer)
        let decision = Decision(
            instrument: 0, strategy: 0, side: .buy, reason: .cross, tickID: 3, price: 5, shortSum: 5, longSum: 5,
            exchangeTime: UnixNanos(rawValue: 0), receiveTime: UnixNanos(rawValue: 0),
            receiveMonotonic: MonotonicNanos(rawValue: 1))
        writer.append(tick: trade(3, 5))
        for _ in 0..<7 { writer.append(decision: decision) }
        writer.publish(StoreMark(sequence: 103, feed: 0, takenSlots: 0), takenSlots: 3)
        #expect(drain(consumer) == [1, 2, 102] && detour.left?.sequence == 102)
    }

    @Test func `the way is begun again while the last return is not known yet`() {
        let consumer = RingConsumer(ring)
        var writer = writer(detour)
        write(1...13, to: &writer)
        #expect(detour.left == RecordDetour.Place(sequence: 1, takenSlots: 0))
        detour.askBack(from: RecordDetour.Place(sequence: 1, takenSlots: 0))
        write(14...14, to: &writer)
        write(15...16, to: &writer)
        write(17...30, to: &writer)
        #expect(detour.takeBack()?.sequence == 114 && detour.left?.sequence == 116)
        #expect(drain(consumer) == [15, 16, 116])
    }

    /// The store's writer asks again as long as it does not know that the engine is back.
    @Test func `a request that comes late does not end the next way before its records are read`() throws {
        let consumer = RingConsumer(ring)
        var writer = writer(detour)
        write(1...13, to: &writer)
        let first = try #require(detour.left)
        detour.askBack(from: first)
        write(14...14, to: &writer)
        detour.askBack(from: first)
        #expect(detour.takeBack()?.sequence == 114)
        // The next way begins, and a batch ends on it.
        write(15...30, to: &writer)
        let second = try #require(detour.left)
        write(31...31, to: &writer)
        #expect(detour.left == second && detour.takeBack() == nil)
        detour.askBack(from: second)
        write(32...32, to: &writer)
        #expect(detour.left == nil && detour.takeBack()?.sequence == 132)
        _ = drain(consumer)
    }

    @Test func `without a journal what finds no room is dropped and counted`() {
        let consumer = RingConsumer(ring)
        var writer = writer(nil)
        write(1...20, to: &writer)
        #expect(drain(consumer) == Array(1...12) + [120])
        #expect(metrics.value("tickline_dropped_total", "what=\"store_tick\"") == 8)
    }
}
