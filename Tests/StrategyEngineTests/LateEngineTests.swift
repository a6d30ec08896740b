import RingBuffer
import Telemetry
import TestSupport
import Testing
import TradingModel

@testable import StrategyEngine

/// An engine that comes late to what its rings hold.
@Suite struct LateEngineTests {
    @Test func `ids that wait in another ring are no gap, however late the engine is`() async throws {
        let parker = Parker()
        let rings = (0..<4).map { _ in SPSCRing(capacitySlots: 1 << 10) }
        // The first batch of feed 0 ends inside the ids that the first of feed 1 skips; all came more than a second ago.
        let most = UInt64(EngineConfiguration.batchTicks)
        for (feed, ids) in [Array(1...most + 99), Array(1..<most - 10) + Array(most + 10...most + 99)].enumerated() {
            let producer = RingProducer(rings[feed], wakes: parker)
            for slot in [session(.opened, feed: UInt16(feed))] + ids.map({ trade($0, 5, feed: UInt16(feed)) }) {
                let isWritten = producer.tryWrite(slot)
                #expect(isWritten)
            }
            producer.publish()
        }
        let records = SPSCRing(capacitySlots: 1 << 12)
        let metrics = MetricsRegistry()
        var configuration = EngineConfiguration()
        configuration.refill = RefillConfiguration(mostRefilledIDs: 0, feedsByInstrument: [[0, 1]], feedPairs: 2)
        let engine = SMACrossoverActor(
            catalog: try catalog(short: 1, long: 2), feeds: rings, parker: parker, records: records,
            sink: RecordingSink(record: RecordingSink.Record()), configuration: configuration, metrics: metrics)
        let running = Task { await engine.run() }
        await engine.stop()
        await running.value
        engine.shutdown()
        let recorded = Recorded(RingConsumer(records))
        #expect(recorded.ticks.map(\.id) == Array(1...most + 99))
        #expect(recorded.gaps.map(\.refilledFrom) == [.twin])
        #expect(metrics.total("tickline_gaps_total") == 0)
    }
}
