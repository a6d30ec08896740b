import Foundation
import Logging
import RingBuffer
import SQLiteStore
import Synchronization
import Telemetry
import TestSupport
import Testing
import TradingModel

@testable import StoreWriter

/// Marks among the records: what is reported as stored is stored, and the end is reached.
@Suite(.serialized, .timeLimit(.minutes(2))) struct StoreProgressTests {
    /// What a writer reported, and what the store had by then; shared with the writer's thread.
    private final class Reports: Sendable {
        private let list = Mutex<[(progress: StoreProgress, stored: Int)]>([])

        func add(_ progress: StoreProgress, stored: Int) { list.withLock { $0.append((progress, stored)) } }

        var all: [(progress: StoreProgress, stored: Int)] { list.withLock { $0 } }
        var last: StoreProgress? { all.last?.progress }
    }

    /// A real store that fails as the test's random source says: before it writes, or after, as a lost answer does.
    private struct FailingStore: TradeStore, ~Copyable {
        var store: SQLiteStore
        var random: SeededRandom

        mutating func prepare() throws(TradeStoreError) { try store.prepare() }

        mutating func write(_ batch: borrowing StoreBatch) throws(TradeStoreError) -> StoreReceipt {
            let fate = Int.random(in: 0..<4, using: &random)
            if fate == 0 { throw .unavailable("before the write") }
            let receipt = try store.write(batch)
            if fate == 1 { throw .unavailable("behind the write") }
            return receipt
        }

        mutating func close() { store.close() }
    }

    private static let quick: StoreWriterConfiguration = {
        var configuration = StoreWriterConfiguration()
        configuration.mostBatchRecords = 37
        configuration.batchAgeMillis = 1
        configuration.pollMillis = 1
        configuration.firstBackoffMillis = 1
        configuration.longestBackoffMillis = 2
        return configuration
    }()

    private func writer<Store: TradeStore & ~Copyable>(
        _ ring: SPSCRing, _ store: consuming Store, _ configuration: StoreWriterConfiguration = quick,
        metrics: MetricsRegistry = MetricsRegistry(), progress: @escaping StoreProgressHandler
    ) -> StoreWriter<Store> {
        StoreWriter(
            records: RingConsumer(ring), store: store, configuration: configuration, metrics: metrics,
            health: HealthRegistry().check("store", roles: [.collector]),
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }), progress: progress)
    }

    /// Publishes records of every size with marks behind some of them: the mark's sequence is the number of records before
    /// it, its slots those of its feed.
    private func produce(
        _ count: Int, into producer: borrowing RingProducer, _ random: inout SeededRandom
    ) async throws -> StoreProgress {
        var expected = StoreProgress()
        var taken: [UInt64] = [0, 0, 0]
        for number in 1...UInt64(count) {
            let feed = UInt16.random(in: 0..<3, using: &random)
            let slots: [Tick]
            switch Int.random(in: 0..<4, using: &random) {
            case 0: slots = [SampleMarket.decision(number).slots.0, SampleMarket.decision(number).slots.1]
            case 1: slots = SampleMarket.book(number, bids: 40, asks: 20).slots
            default: slots = [SampleMarket.tick(number, feed: feed)]
            }
            taken[Int(feed)] += UInt64(slots.count)
            var all = slots
            if number == count || Int.random(in: 0..<3, using: &random) == 0 {
                let mark = StoreMark(sequence: number, feed: feed, takenSlots: taken[Int(feed)])
                expected.advance(to: mark)
                all.append(mark.slot)
            }
            for slot in all {
                while !producer.tryWrite(slot) {
                    producer.publishQuietly()
                    try await Task.sleep(for: .milliseconds(1))
                }
            }
            if Int.random(in: 0..<8, using: &random) == 0 { producer.publishQuietly() }
        }
        producer.publishQuietly()
        return expected
    }

    private func check(_ reports: Reports, reaches expected: StoreProgress, seed: UInt64) {
        let all = reports.all
        #expect(reports.last == expected, "seed \(seed)")
        for (progress, stored) in all { #expect(stored >= Int(progress.sequence), "seed \(seed)") }
        for (earlier, later) in zip(all, all.dropFirst()) {
            #expect(earlier.progress.sequence < later.progress.sequence, "seed \(seed)")
            for (before, after) in zip(earlier.progress.takenSlots, later.progress.takenSlots) {
                #expect(before <= after, "seed \(seed)")
            }
        }
    }

    @Test func `what is reported is stored, whichever attempts fail, and the end is reached`() async throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        let contents = InMemoryTradeStore.Contents()
        contents.failPrepares([.unavailable("down"), .unavailable("down")])
        contents.failWrites(Array(repeating: .unavailable("hung"), count: 20))
        let ring = SPSCRing(capacitySlots: 512)
        let reports = Reports()
        let writer = writer(ring, InMemoryTradeStore(contents)) {
            reports.add($0, stored: contents.identifiers.count)
        }
        writer.start()
        let expected = try await produce(2_000, into: RingProducer(ring), &random)
        #expect(writer.drainAndStop(timeout: .seconds(20)) == 0)
        check(reports, reaches: expected, seed: seed)
        print("figure: store marks, memory: \(reports.all.count) reports over 2,000 records, seed \(seed)")
    }

    @Test func `what is reported is in the database, whichever attempts fail, and the end is reached`() async throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        let folder = try TemporaryFolder("tickline-progress")
        defer { folder.remove() }
        let path = "\(folder.path)/records.db"
        let ring = SPSCRing(capacitySlots: 512)
        let reports = Reports()
        let store = FailingStore(
            store: try SQLiteStore(
                path: path, retentionSeconds: 86_400, catalog: SampleMarket.catalog,
                wallClock: { UnixNanos(rawValue: SampleMarket.startNanos) }), random: SeededRandom(seed: seed))
        let writer = writer(ring, store) { progress in
            let count =
                try? SQLiteReader.number(
                    """
                    SELECT (SELECT count(*) FROM ticks) + (SELECT count(*) FROM depth)
                     + (SELECT count(*) FROM trade_signals)
                    """, of: path)
            reports.add(progress, stored: count ?? -1)
        }
        writer.start()
        let expected = try await produce(1_000, into: RingProducer(ring), &random)
        #expect(writer.drainAndStop(timeout: .seconds(60)) == 0)
        check(reports, reaches: expected, seed: seed)
        print("figure: store marks, SQLite: \(reports.all.count) reports over 1,000 records, seed \(seed)")
    }

    @Test func `records refused for good count as stored`() async throws {
        let contents = InMemoryTradeStore.Contents()
        contents.refuse(ids: [1, 2])
        let ring = SPSCRing(capacitySlots: 16)
        let producer = RingProducer(ring)
        let reports = Reports()
        let writer = writer(ring, InMemoryTradeStore(contents)) { reports.add($0, stored: 0) }
        let mark = StoreMark(sequence: 9, feed: 1, takenSlots: 2)
        for slot in [SampleMarket.tick(1), SampleMarket.tick(2), mark.slot] {
            let isWritten = producer.tryWrite(slot)
            #expect(isWritten)
        }
        producer.publishQuietly()
        writer.start()
        #expect(writer.drainAndStop(timeout: .seconds(5)) == 0)
        #expect(reports.all.map(\.progress.sequence) == [9])
        #expect(reports.last?.takenSlots == [0, 2])
        #expect(contents.identifiers.isEmpty)
    }

    @Test func `marks alone are reported at once, make no batch and count as no record, also without a store`()
        async throws
    {
        var configuration = StoreWriterConfiguration()
        configuration.firstBackoffMillis = 60_000
        configuration.longestBackoffMillis = 60_000
        let contents = InMemoryTradeStore.Contents()
        contents.failPrepares([.unavailable("down")])
        let ring = SPSCRing(capacitySlots: 64)
        let producer = RingProducer(ring)
        let reports = Reports()
        let metrics = MetricsRegistry()
        let writer = writer(ring, InMemoryTradeStore(contents), configuration, metrics: metrics) {
            reports.add($0, stored: 0)
        }
        writer.start()
        for sequence in UInt64(1)...200 {
            while !producer.tryWrite(StoreMark(sequence: sequence, feed: 0, takenSlots: sequence).slot) {
                try await Task.sleep(for: .milliseconds(1))
            }
            producer.publishQuietly()
        }
        try await waitUntil("the last mark is reported") { reports.last?.sequence == 200 }
        #expect(metrics.total("tickline_store_lag_seconds") == 0)
        #expect(metrics.total("tickline_store_batches_total") == 0)
        #expect(contents.attempts == 1)
        // One record, and marks behind it that wait for it.
        for slot in [SampleMarket.tick(1), StoreMark(sequence: 201, feed: 0, takenSlots: 201).slot] {
            let isWritten = producer.tryWrite(slot)
            #expect(isWritten)
        }
        producer.publishQuietly()
        try await waitUntil("the record shows") { metrics.total("tickline_store_lag_seconds") > 0 }
        #expect(reports.last?.sequence == 200)
        #expect(writer.drainAndStop(timeout: .milliseconds(50)) == 1)
        #expect(reports.last?.sequence == 200)
    }
}
