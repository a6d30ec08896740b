import Glibc
import Logging
import RedisStreams
import Synchronization
import Telemetry
import ThreadExecutor
import TradingModel

/// Publishes from a thread named as the engine's to a real server and waits for room as the engine does.
func runSink(signals: Int, url: String, caFile: String?) async throws {
    let catalog = MarketCatalog(
        instruments: [InstrumentSpecification(instrument: Instrument(exchange: .simulator, symbol: "PROBE"))],
        strategies: [try SMACrossoverParameters(shortPeriod: 5, longPeriod: 20)])
    var configuration = SignalPublisherConfiguration(
        endpoint: try RedisEndpoint(url: url, files: RedisTLSFiles(caFile: caFile)))
    configuration.trim = nil
    let publisher = try SignalPublisher(
        configuration: configuration, catalog: catalog, metrics: MetricsRegistry(),
        health: HealthRegistry().check("redis", roles: [.processor]),
        logger: Logger(label: "redis", factory: { _ in SwiftLogNoOpLogHandler() }))
    let sent = Atomic<Int>(0)
    let sink = SinkBox(publisher.makeSink())
    publisher.start()
    guard await publisher.waitUntilSynchronised(timeout: .seconds(10)) != nil else {
        print("no Redis at \(url)")
        exit(1)
    }
    let warmUp = 10_000
    let engine = DedicatedThread(name: "engine") {
        for index in 1...(warmUp + signals) {
            if index == warmUp + 1 { Probe.begin?() }
            while !sink.value.hasRoom(for: 1) { usleep(100) }
            let decision = Decision(
                instrument: 0, strategy: 0, side: index % 2 == 0 ? .buy : .sell, reason: .cross, tickID: UInt64(index),
                price: 6_183_763_000_000 + Int64(index), shortSum: Int128(30_918_815_000_001 + index),
                longSum: Int128(123_675_260_000_003), exchangeTime: UnixNanos(rawValue: 1_723_075_200_123_000_000),
                receiveTime: UnixNanos(rawValue: 1_723_075_200_223_456_789), receiveMonotonic: MonotonicClock.now())
            if sink.value.publish(decision) == .sent { sent.wrappingAdd(1, ordering: .relaxed) }
            // Batches of one and of many: both the immediate and the held back way.
            if index % 3 == 0 || index % 16 == 0 { sink.value.flush() }
        }
        sink.value.flush()
        Probe.end?()
    }
    engine.join()
    let left = await publisher.drainAndStop(timeout: .seconds(20))
    print("{\"signals\":\(signals),\"sentAtOnce\":\(sent.load(ordering: .relaxed)),\"unacknowledged\":\(left)}")
}

/// Carries the sink, which can't be copied, to the one thread that uses it.
private final class SinkBox: @unchecked Sendable {
    // Unchecked: made here, then used by the engine's thread alone.
    var value: RedisSignalSink
    init(_ sink: consuming RedisSignalSink) { value = sink }
}
