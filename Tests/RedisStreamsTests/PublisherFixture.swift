import Logging
import Telemetry
import TestSupport
import ThreadExecutor
import TradingModel

@testable import RedisStreams

/// A catalogue of one instrument, signals of it, and a publisher on a server with short delays.
enum Fixture {
    static let catalog: MarketCatalog = {
        guard let strategy = try? SMACrossoverParameters(shortPeriod: 2, longPeriod: 4) else {
            preconditionFailure("periods 2 and 4 are valid")
        }
        return MarketCatalog(
            instruments: [
                InstrumentSpecification(instrument: Instrument(exchange: .binance, symbol: "BTCUSDT")),
                InstrumentSpecification(instrument: Instrument(exchange: .binanceUSDM, symbol: "ETHUSDT")),
            ], strategies: [strategy])
    }()

    /// The n-th signal: sides alternate, ids rise from 1000.
    static func signal(
        _ index: Int, instrument: UInt32 = 0, price: Int64 = 6_182_600_000_000, reason: DecisionReason = .cross
    ) -> Decision {
        Decision(
            instrument: instrument, strategy: 0, side: index % 2 == 0 ? .buy : .sell, reason: reason,
            tickID: UInt64(1_000 + index), price: price, shortSum: Int128(price) * 2 + 1, longSum: Int128(price) * 4,
            exchangeTime: UnixNanos(rawValue: 1_723_075_200_123_000_000),
            receiveTime: UnixNanos(rawValue: 1_723_075_200_223_456_789), receiveMonotonic: MonotonicClock.now())
    }

    static func identifier(_ index: Int) -> String { "binance:BTCUSDT:sma-2-4:\(1_000 + index)" }

    /// Settings with delays that keep a test short; what they bound is the same.
    static func configuration(
        _ url: String, key: String = "signals", mode: PublishMode = .append
    ) throws -> SignalPublisherConfiguration {
        var configuration = SignalPublisherConfiguration(
            endpoint: try RedisEndpoint(url: url), streamKey: key, mode: mode)
        configuration.outboxCapacity = 256
        configuration.reconnectDelayMillis = 2...50
        configuration.refusedDelayMillis = 50
        configuration.trim = nil
        return configuration
    }
}

/// A publisher with what it reports to.
final class Rig {
    let metrics = MetricsRegistry()
    let health: HealthCheck
    let room: HealthCheck
    let publisher: SignalPublisher

    /// `acknowledgements` is told of every signal the stream holds.
    init(
        _ configuration: SignalPublisherConfiguration, firstOrdinal: UInt64 = 1,
        recovered: RecoveredSignals = RecoveredSignals(), earlier: EarlierSignals? = nil,
        acknowledgements: Acknowledgements = Acknowledgements()
    ) throws {
        health = HealthRegistry().check("redis", roles: [.processor])
        room = HealthRegistry().check("outbox", roles: [.collector])
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        publisher = try SignalPublisher(
            configuration: configuration, catalog: Fixture.catalog, firstOrdinal: firstOrdinal, recovered: recovered,
            earlier: earlier, acknowledged: { acknowledgements.take($0) }, metrics: metrics, health: health,
            room: room, logger: logger)
    }

    /// Errors counted under a name.
    func errors(_ name: String) -> Double {
        let counter = metrics.counter(
            "tickline_redis_errors_total", help: "Redis errors by their name.", labels: [("error", name)])
        return Double(counter.value)
    }

    func drained() async throws {
        try await waitUntil("all signals are acknowledged: \(health.status.reason)") {
            self.publisher.pendingSignals == 0
        }
    }
}

/// A client for looking at the server.
struct Probe {
    private let connection: RedisConnection
    private let wakeup = Wakeup()

    init(_ url: String) throws {
        let endpoint = try RedisEndpoint(url: url)
        connection = try RedisConnection(
            endpoint, timeoutMillis: 5_000, wakeup: wakeup, onWake: {}, isStopping: { false })
        try connection.authenticate(endpoint, timeoutMillis: 5_000)
    }

    @discardableResult
    func callAsFunction(_ words: String...) throws -> RedisReply { try call(words) }

    @discardableResult
    func call(_ words: [String]) throws -> RedisReply { try connection.request(words, timeoutMillis: 10_000) }

    func entries(_ key: String = "signals") throws -> [StreamEntry] {
        try (self("XRANGE", key, "-", "+").elements ?? []).compactMap { StreamEntry($0) }
    }

    func identifiers(_ key: String = "signals") throws -> [String] {
        try entries(key).map { $0.identifier ?? "?" }
    }
}

/// Waits as the engine does before it decides; a noncopyable sink can't be captured by `waitUntil`'s closure.
func waitForRoom(_ sink: borrowing some SignalSink & ~Copyable) async throws {
    for _ in 0..<4_000 where !sink.hasRoom(for: 1) { try await Task.sleep(for: .milliseconds(5)) }
    guard sink.hasRoom(for: 1) else { throw ConditionTimeout(description: "no room in the outbox within 20 s") }
}
