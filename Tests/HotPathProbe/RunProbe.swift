import FeedHandler
import Foundation
import Glibc
import Journal
import Logging
import RingBuffer
import StrategyEngine
import Synchronization
import Telemetry
import ThreadExecutor
import TradingModel

/// All threads of a run between an exchange and its records: two connections that replace each other every second, the
/// engine, the fetcher that refills the stream's holes, and a journal whose small segments are made, synchronised and
/// recycled under them. What is counted says that each part took place; where one did not, it ends with status 1.
func runWhole(seconds: Int) async throws {
    let metrics = MetricsRegistry()
    let exchange = ProbeExchange()
    let workers = exchange.run()
    let plan = try FeedPlan(parsing: "simulator=ws://127.0.0.1:\(exchange.port)/ws/probe@trade")
    let catalog = MarketCatalog(
        instruments: FeedPlan.specifications(of: [plan]),
        strategies: [try SMACrossoverParameters(shortPeriod: 5, longPeriod: 20)])
    let chains = (0..<2).map { JournalChain(.feed, $0) }
    let (decided, answered) = (JournalChain(.engine), JournalChain(.history))
    let engineBytes = (9_216 * 64 + 8_192 + DecisionCore.mostCheckpointBytes(catalog) + 4_095) & ~4_095
    let journal = try ProbeJournal(
        chains.map { ChainPlan(chain: $0, segmentBytes: 256 << 10, tableEntries: 1_024, readyAhead: 2) } + [
            ChainPlan(chain: decided, segmentBytes: engineBytes, tableEntries: 9_216),
            ChainPlan(chain: answered, segmentBytes: 256 << 10, tableEntries: 480),
        ], budgetBytes: 6 * (engineBytes + (3 << 18)), syncIntervalMillis: 50, metrics: metrics)
    let (parker, requestsParker) = (Parker(), Parker())
    let feeds = (0..<2).map { _ in SPSCRing(capacitySlots: 1 << 14) }
    let (history, requests) = (SPSCRing(capacitySlots: 1 << 14), SPSCRing(capacitySlots: 1 << 6))
    let records = SPSCRing(capacitySlots: 1 << 14)
    var configuration = EngineConfiguration()
    var refill = RefillConfiguration(feedsByInstrument: [[0]], feedPairs: 1)
    refill.twinWaitMillis = 20
    configuration.refill = refill
    let engine = SMACrossoverActor(
        catalog: catalog, feeds: feeds + [history], parker: parker, records: records,
        requests: RingProducer(requests, wakes: requestsParker), sink: CountingSink(),
        journal: EngineJournal(writer: journal.writer(of: decided), ringCount: 3, preface: []),
        configuration: configuration, metrics: metrics)
    let overlap = FeedOverlap(reconnectAfterSeconds: 1)
    let (limiter, health) = (ConnectionLimiter(), HealthRegistry().check("feed", roles: []))
    let logger = Logger(label: "run", factory: { _ in SwiftLogNoOpLogHandler() })
    let configurations = (0..<2).map { FeedConfiguration(plan: plan, feed: UInt16($0)) }
    let handlers = configurations.enumerated().map { lane, configuration in
        FeedHandler(
            configuration: configuration, catalog: catalog, producer: RingProducer(feeds[lane], wakes: parker),
            journal: journal.writer(of: chains[lane]), metrics: metrics, health: health, limiter: limiter,
            lane: FeedLane(overlap, lane), logger: logger)
    }
    let fetcher = RefillFetcher(
        sources: configurations.map { RefillSource($0) }, catalog: catalog, requests: RingConsumer(requests),
        parker: requestsParker, answers: RingProducer(history, wakes: parker), journal: journal.writer(of: answered),
        limiter: RequestLimiter(), metrics: metrics, logger: logger)
    let isDone = Atomic<Bool>(false)
    let reader = DedicatedThread(name: "reader") {
        let consumer = RingConsumer(records)
        while !isDone.load(ordering: .acquiring) || consumer.occupancy > 0 {
            consumer.release(count: consumer.peek(most: 4_096, as: Tick.self).count)
            usleep(200)
        }
    }
    let running = Task { await engine.run() }
    fetcher.start()
    for handler in handlers { handler.start() }
    try await Task.sleep(for: .seconds(seconds))  // The length of the run.
    for handler in handlers { handler.stop() }
    fetcher.stop()
    await engine.stop()
    await running.value
    engine.shutdown()
    isDone.store(true, ordering: .releasing)
    reader.join()
    exchange.stop()
    for worker in workers { worker.join() }
    _ = journal.finish()
    report(metrics)
}

/// Prints what took place, and ends with status 1 where something did not.
private func report(_ metrics: MetricsRegistry) {
    let parts = [
        ("ticks", "tickline_ticks_total"), ("repeated", "tickline_ticks_repeated_total"),
        ("refilled", "tickline_ticks_refilled_total"), ("replaced", "tickline_reconnects_total"),
        ("recycled", "tickline_journal_recycled_segments_total"), ("synchronised", "tickline_journal_syncs_total"),
    ].map { ($0, Int(metrics.total($1))) }
    let missing = Int(metrics.total("tickline_ticks_missing_total"))
    print("{\((parts + [("missing", missing)]).map { "\"\($0)\":\($1)" }.joined(separator: ","))}")
    if let absent = parts.first(where: { $1 == 0 }) {
        FileHandle.standardError.write(Data("hotpath-probe: no \(absent.0)\n".utf8))
        exit(1)
    }
}
