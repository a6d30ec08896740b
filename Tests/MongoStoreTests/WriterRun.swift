import Logging
import MongoStore
import RingBuffer
import StoreWriter
import Telemetry
import TestSupport
import ThreadExecutor
import TradingModel

/// A writer on a MongoDB deployment, its metrics, and the producer's end of its ring.
struct WriterRun: ~Copyable {
    let metrics = MetricsRegistry()
    let health = HealthRegistry().check("store", roles: [.collector])
    let producer: RingProducer
    let writer: StoreWriter<MongoStore>

    init(
        _ uri: String, mostBatchRecords: Int = 1_000, longestBackoffMillis: Int? = 500, capacitySlots: Int = 1 << 15
    ) throws {
        let ring = SPSCRing(capacitySlots: capacitySlots)
        producer = RingProducer(ring)
        var configuration = StoreWriterConfiguration()
        configuration.mostBatchRecords = mostBatchRecords
        if let longestBackoffMillis { configuration.longestBackoffMillis = longestBackoffMillis }
        let store = try MongoStore(settings: MongoStoreSettings(uri: uri), catalog: SampleMarket.catalog) {
            MonotonicClock.wallClock()
        }
        writer = StoreWriter(
            records: RingConsumer(ring), store: store, configuration: configuration, metrics: metrics,
            health: health,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        writer.start()
    }

    /// Publishes these trades, all of which the ring must have room for.
    func publish(_ numbers: ClosedRange<UInt64>) {
        for number in numbers {
            let isWritten = producer.tryWrite(SampleMarket.tick(number, receiveNanos: MonotonicClock.now().rawValue))
            precondition(isWritten, "the test's ring is large enough")
        }
        producer.publishQuietly()
    }

    /// Publishes trades from `next` on at a steady rate until `isOver`, given the last one, says so.
    func publish(
        from next: inout UInt64, perSecond: UInt64, timeout: Duration = .seconds(60),
        until isOver: (_ last: UInt64) throws -> Bool
    ) async throws {
        let (start, first) = (ContinuousClock.now, next)
        while try !isOver(next - 1) {
            let elapsed = ContinuousClock.now - start
            guard elapsed < timeout else { throw ConditionTimeout(description: "trades flowed for \(timeout)") }
            let due = first + UInt64(elapsed / .milliseconds(1)) * perSecond / 1_000
            if due > next { publish(next...due - 1) }
            next = max(next, due)
            try await Task.sleep(for: .milliseconds(2))
        }
    }

    /// Records that the store has, by whichever attempt.
    var stored: Int { total("tickline_store_documents_total") + total("tickline_store_duplicates_total") }

    func total(_ name: String) -> Int { Int(metrics.total(name)) }
}
