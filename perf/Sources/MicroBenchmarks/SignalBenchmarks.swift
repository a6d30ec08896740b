import Logging
import RedisStreams
import Telemetry
import TradingModel

/// Cost of turning one signal into a complete Redis command in the publisher's outbox.
///
/// One thread, through the sink the engine uses, on a publisher that is not started: formatting, the outbox entry, the look
/// at who owns the socket and the first touch of the outbox's pages. Left out: the send.
enum SignalBenchmarks {
    /// Slots of the outbox. One eighth is left free: below that each signal also wakes the publisher.
    private static let capacity = 1 << 16
    private static let operations = capacity / 8 * 7

    static let all = [(PublishMode.append, "XADD"), (.once, "EVALSHA")].map { mode, name in
        Benchmark(name: "signal command: \(name)", operations: operations) { run(mode) }
    }

    private static func run(_ mode: PublishMode) -> UInt64 {
        guard let strategy = try? SMACrossoverParameters(shortPeriod: 50, longPeriod: 200),  // constants, in range
            let endpoint = try? RedisEndpoint(url: "redis://127.0.0.1:6379")  // a constant; never connected to
        else { preconditionFailure("constants are valid") }
        let catalog = MarketCatalog(
            instruments: [InstrumentSpecification(instrument: Instrument(exchange: .binance, symbol: "BTCUSDT"))],
            strategies: [strategy])
        var configuration = SignalPublisherConfiguration(endpoint: endpoint, mode: mode)
        configuration.outboxCapacity = capacity
        configuration.trim = nil
        guard
            let publisher = try? SignalPublisher(  // the settings above are in range
                configuration: configuration, catalog: catalog, metrics: MetricsRegistry(),
                health: HealthRegistry().check("redis", roles: [.processor]),
                logger: Logger(label: "perf", factory: { _ in SwiftLogNoOpLogHandler() }))
        else { preconditionFailure("settings are valid") }
        var sink = publisher.makeSink()
        return Runner.time {
            for index in 0..<operations {
                let decision = Decision(
                    instrument: 0, strategy: 0, side: index & 1 == 0 ? .buy : .sell, reason: .cross,
                    tickID: 3_735_683_486 + UInt64(index), price: 6_183_763_000_000 + Int64(index),
                    shortSum: Int128(309_188_150_000_001 + index), longSum: Int128(1_236_752_600_000_003),
                    exchangeTime: UnixNanos(rawValue: 1_723_161_255_342_000_000 + Int64(index)),
                    receiveTime: UnixNanos(rawValue: 1_723_161_255_343_456_789 + Int64(index)),
                    receiveMonotonic: MonotonicNanos(rawValue: UInt64(index)))
                precondition(sink.publish(decision) == .queued, "room for all, and no socket to send on")
            }
            sink.flush()
        }
    }
}
