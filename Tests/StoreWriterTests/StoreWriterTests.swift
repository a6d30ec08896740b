import Logging
import RingBuffer
import StoreWriter
import Telemetry
import TestSupport
import Testing
import TradingModel

@Suite struct StoreWriterTests {
    /// A writer over a fake store, and the producer's end of its ring.
    private struct Bench: ~Copyable {
        let contents = InMemoryTradeStore.Contents()
        let metrics = MetricsRegistry()
        let health: HealthCheck
        let producer: RingProducer
        let writer: StoreWriter<InMemoryTradeStore>

        init(capacitySlots: Int = 4_096, _ configuration: StoreWriterConfiguration = StoreWriterConfiguration()) {
            let ring = SPSCRing(capacitySlots: capacitySlots)
            producer = RingProducer(ring)
            health = HealthRegistry().check("store", roles: [.collector])
            writer = StoreWriter(
                records: RingConsumer(ring), store: InMemoryTradeStore(contents), configuration: configuration,
                metrics: metrics, health: health,
                logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        }

        /// Publishes trades; returns how many the full ring refused.
        func publish(_ numbers: ClosedRange<UInt64>) -> Int {
            var refused = 0
            for number in numbers where !producer.tryWrite(SampleMarket.tick(number, receiveNanos: 1)) { refused += 1 }
            producer.publishQuietly()
            return refused
        }

        func total(_ name: String) -> Double { metrics.total(name) }
    }

    private static let quick: StoreWriterConfiguration = {
        var configuration = StoreWriterConfiguration()
        configuration.firstBackoffMillis = 1
        configuration.longestBackoffMillis = 10
        return configuration
    }()

    @Test func `writes every kind of record and says it is ready`() async throws {
        let bench = Bench()
        #expect(!bench.health.status.isReady)
        bench.writer.start()
        let slots = SampleMarket.decision(5).slots
        for slot in [SampleMarket.tick(5), SampleMarket.gap(6).slot, slots.0, slots.1] {
            let isWritten = bench.producer.tryWrite(slot)
            #expect(isWritten)
        }
        bench.producer.publishQuietly()
        try await waitUntil("three records") { bench.contents.identifiers.count == 3 }
        #expect(bench.health.status.isReady)
        #expect(bench.writer.drainAndStop(timeout: .seconds(5)) == 0)
        #expect(bench.contents.isClosed)
        #expect(!bench.health.status.isReady)
        #expect(bench.total("tickline_store_documents_total") == 3)
        #expect(bench.total("tickline_store_lag_seconds") == 0)
        let text = PrometheusText.render(bench.metrics)
        #expect(text.contains(#"tickline_store_documents_total{collection="trade_signals"} 1"#))
        #expect(bench.metrics.snapshot("tickline_stage_seconds", labels: [("stage", "store")]).count == 2)
    }

    @Test func `writes books and klines, whole and with their latency, though a batch takes fewer slots`() async throws
    {
        var configuration = StoreWriterConfiguration()
        configuration.mostBatchBytes = 10 * 64
        let bench = Bench(configuration)
        let books = (1...20).map { SampleMarket.book($0, bids: 40, asks: 20, receiveNanos: 1) }
        let kline = SampleMarket.kline(1, receiveNanos: 1)
        for slot in books.flatMap(\.slots) + [kline.slots.0, kline.slots.1] {
            let isWritten = bench.producer.tryWrite(slot)
            #expect(isWritten)
        }
        bench.producer.publishQuietly()
        bench.writer.start()
        #expect(bench.writer.drainAndStop(timeout: .seconds(10)) == 0)
        #expect(bench.contents.books.map(\.bids) == books.map(\.bids))
        #expect(bench.contents.books.map(\.asks) == books.map(\.asks))
        #expect(bench.contents.klines.map(\.kline) == [kline])
        let text = PrometheusText.render(bench.metrics)
        #expect(text.contains(#"tickline_store_documents_total{collection="depth"} 20"#))
        #expect(text.contains(#"tickline_store_documents_total{collection="klines"} 1"#))
        #expect(bench.metrics.snapshot("tickline_stage_seconds", labels: [("stage", "store")]).count == 21)
    }

    @Test func `keeps batches within their limit and in order`() async throws {
        let bench = Bench()
        #expect(bench.publish(1...3_500) == 0)
        bench.writer.start()
        #expect(bench.writer.drainAndStop(timeout: .seconds(10)) == 0)
        #expect(bench.contents.batchSizes == [1_000, 1_000, 1_000, 500])
        #expect(bench.contents.identifiers == (1...3_500).map { "binance:BTCUSDT:trade:\($0)" })
        #expect(bench.total("tickline_store_batches_total") == 4)
    }

    @Test func `writes a failed batch again until it is acknowledged, and nothing is lost or doubled`() async throws {
        let bench = Bench(Self.quick)
        bench.contents.failPrepares([.unavailable("down"), .unavailable("down")])
        bench.contents.failWrites([.unavailable("hung"), .unavailable("hung"), .refused("no permission")])
        bench.writer.start()
        #expect(bench.publish(1...2_000) == 0)
        try await waitUntil("2,000 records") { bench.contents.identifiers.count == 2_000 }
        #expect(bench.writer.drainAndStop(timeout: .seconds(5)) == 0)
        #expect(bench.total("tickline_store_errors_total") == 5)
        #expect(PrometheusText.render(bench.metrics).contains(#"tickline_store_errors_total{error="refused"} 1"#))
        #expect(bench.total("tickline_store_duplicates_total") == 0)
    }

    @Test func `says why it is not ready, and is ready again afterwards`() async throws {
        let bench = Bench(Self.quick)
        bench.contents.failPrepares(Array(repeating: .refused("wrong password"), count: 100_000))
        bench.writer.start()
        try await waitUntil("the refusal shows") { bench.health.status.reason.contains("wrong password") }
        #expect(!bench.health.status.isReady)
        bench.contents.recover()
        try await waitUntil("ready again") { bench.health.status.isReady }
        #expect(bench.writer.drainAndStop(timeout: .seconds(5)) == 0)
    }

    @Test func `holds the ring while the store is away, so the producer counts what it cannot take`() async throws {
        var configuration = StoreWriterConfiguration()
        configuration.firstBackoffMillis = 60_000
        configuration.longestBackoffMillis = 60_000
        let bench = Bench(capacitySlots: 1_024, configuration)
        bench.contents.failPrepares([.unavailable("down")])
        bench.writer.start()
        try await waitUntil("the first attempt") { bench.contents.attempts == 1 }
        #expect(bench.publish(1...1_500) == 476)
        try await waitUntil("the lag shows") { bench.total("tickline_store_lag_seconds") > 0 }
        #expect(bench.contents.attempts == 1)
        #expect(bench.writer.drainAndStop(timeout: .milliseconds(50)) == 1_024)
        #expect(bench.contents.identifiers.isEmpty)
    }

    @Test func `sets refused records aside and counts them`() async throws {
        let bench = Bench()
        bench.contents.refuse(ids: [3, 7])
        #expect(bench.publish(1...10) == 0)
        bench.writer.start()
        #expect(bench.writer.drainAndStop(timeout: .seconds(5)) == 0)
        #expect(bench.contents.identifiers.count == 8)
        #expect(bench.total("tickline_store_refused_total") == 2)
    }

    @Test func `counts what the store had already`() async throws {
        let bench = Bench()
        #expect(bench.publish(1...10) == 0)
        #expect(bench.publish(1...10) == 0)
        bench.writer.start()
        #expect(bench.writer.drainAndStop(timeout: .seconds(5)) == 0)
        #expect(bench.total("tickline_store_duplicates_total") == 10)
        #expect(bench.total("tickline_store_documents_total") == 10)
    }

    @Test func `returns in time when the store is slow, with the count of what is left`() {
        var configuration = StoreWriterConfiguration()
        configuration.mostBatchRecords = 100
        let bench = Bench(configuration)
        bench.contents.delay(micros: 400_000)
        #expect(bench.publish(1...1_000) == 0)
        bench.writer.start()
        let left = bench.writer.drainAndStop(timeout: .milliseconds(100))
        #expect(left == 1_000)
        #expect(bench.writer.drainAndStop(timeout: .seconds(1)) == left)
    }
}
