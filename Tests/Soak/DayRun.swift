import ExchangeSimulator
import Foundation
import Logging
import TestSupport

/// A whole day's market as fast as the engine takes it: a drift would show in its averages, a leak in its memory.
///
/// One synthetic exchange with gaps, a UTC midnight in the middle of its stamps; the engine on it with journal, SQLite and
/// Redis, each as by default; judged by day_oracle.py.
struct DayRun {
    /// The moving averages of the product's default.
    private static let (short, long) = (50, 200)
    private static let symbols = 8
    /// Of the exchange's clock; half of them trades.
    private static let eventsPerSecond = 100.0
    private static let quotePercent = 50
    /// 2024-08-08T00:00:00Z, in the middle of the day.
    private static let midnightNanos: Int64 = 1_723_075_200_000_000_000
    /// Trades between two gaps of one stream, and their sizes: what is refilled, what is too long for that.
    private static let gapDistance = 9_000
    private static let (shortGap, longGap) = (40, 1_500)
    /// From this share of the messages on the memory may no longer grow.
    private static let warmUpShare = 0.25
    /// Messages with which the rings, 262,144 slots at most, have all been written several times before the warm-up ends.
    private static let ringMessages = 1 << 20
    /// Records that wait for the store, of 249,856 of market data that can, at which the exchange is held back.
    private static let mostRecordsWaiting = 200_000.0
    /// The number of the brake's connection; what it gets is no truth.
    private static let brakeConnection = 2
    /// How long the engine may take for the rest behind the last message.
    private static let drainTimeout = Duration.seconds(120)

    let options: DayOptions
    let folder: TemporaryFolder

    /// What day_oracle.py reads as JSON.
    private struct Report: Encodable {
        var seconds: Double
        var messages: Int
        var runSeconds: Double
        var short = DayRun.short
        var long = DayRun.long
        var database: String
        var redisPort: Int
        var stream = "trade_signals_stream"
        /// By stream the file of its trades.
        var trades: [String: String]
        var counts: [String: UInt64]
        var memory: [SoakReport.Sample]
        var warmUpSeconds: Double
        var mostGrowthBytes = 1 << 20
        /// nil where the run is too short to have touched all rings.
        var mostResidentGrowthBytes: Int?
    }

    /// Runs, lets the oracle judge, and returns its exit status.
    func perform() async throws -> Int32 {
        let ledger = TradeLedger()
        let events = Int(options.seconds * Self.eventsPerSecond)
        let symbols = SyntheticMarket.wellKnownSymbols(count: Self.symbols)
        let simulator = makeExchange(symbols, events: events, ledger)
        let redis = try await RedisServer(appendOnly: true)
        let streams = symbols.flatMap { ["\($0.name.lowercased())@trade", "\($0.name.lowercased())@bookTicker"] }
        let port = try await simulator.start()
        let address = "ws://127.0.0.1:\(port)/stream?streams=\(streams.joined(separator: "/"))"
        let engine = try RunningTickline(
            ["--feed", "simulator=\(address)", "--redis", redis.url, "--stream-max-length", "1000000000"],
            folder: folder.url)
        let started = ContinuousClock.now
        let watch = MemoryWatch(engine: engine, started: started, interval: .milliseconds(200))
        try await waitUntil("the engine is connected") { simulator.statistics.connectionsAccepted > 0 }
        let brake = try Brake(port: port, stream: streams[0])
        let watching = Task {
            async let braking: Void = brake.run {
                let waiting = await engine.scrapedMetric("tickline_ring_occupancy", labels: "records")
                return waiting.map { $0 < Self.mostRecordsWaiting } ?? false
            }
            await watch.run()
            await braking
        }
        try await passed(Int(Double(events) * Self.warmUpShare), of: simulator, engine)
        let warmUpSeconds = (ContinuousClock.now - started) / .seconds(1)
        try await passed(events, of: simulator, engine)
        let runSeconds = (ContinuousClock.now - started) / .seconds(1)
        watching.cancel()
        await watching.value
        try await drain(engine)
        guard engine.process.stop() == 0 else { throw SoakFailure(description: "the engine's exit status is not 0") }
        await simulator.stop()
        let touchesRings = Double(events) * Self.warmUpShare > Double(Self.ringMessages)
        return try judge(
            Report(
                seconds: options.seconds, messages: events, runSeconds: runSeconds,
                database: folder.url.appendingPathComponent("data/tickline.sqlite").path, redisPort: redis.port,
                trades: try ledger.save(in: folder.url), counts: try engineCounts(in: folder.url),
                memory: watch.samples, warmUpSeconds: warmUpSeconds,
                mostResidentGrowthBytes: touchesRings ? 1 << 20 : nil),
            by: "day_oracle.py", in: folder.url)
    }

    private func makeExchange(
        _ symbols: [SyntheticMarket.Symbol], events: Int, _ ledger: TradeLedger
    ) -> ExchangeSimulator {
        var logger = Logger(label: "exchange")
        logger.logLevel = .error
        let start = Self.midnightNanos - Int64(options.seconds / 2 * 1e9)
        let market = SyntheticMarket(
            seed: options.seed, symbols: symbols, eventsPerSecond: Self.eventsPerSecond,
            quotePercent: Self.quotePercent,
            eventLimit: events, startTimeNanos: start)
        var configuration = SimulatorConfiguration(source: .synthetic(market), pacing: .asFastAsPossible)
        configuration.replaysAgain = false
        configuration.faults = symbols.enumerated().flatMap { rank, symbol in
            let stream = "\(symbol.name.lowercased())@trade"
            // Apart from each other, so that the streams' gaps do not come together.
            let distance = Self.gapDistance + rank * 101
            return [
                FaultRule(.gap(count: Self.shortGap), on: stream, .everyMessages(distance)),
                FaultRule(.gap(count: Self.longGap), on: stream, .everyMessages(distance * 7 / 2)),
            ]
        }
        // The brake answers none.
        configuration.pingInterval = .seconds(86_400)
        return ExchangeSimulator(
            configuration: configuration, logger: logger,
            ledger: { if $0.connection != Self.brakeConnection { ledger.record($0) } })
    }

    /// Waits until the exchange has come so far; an engine that takes nothing more for a minute has failed.
    private func passed(_ messages: Int, of simulator: ExchangeSimulator, _ engine: RunningTickline) async throws {
        var last = (replayed: -1, at: ContinuousClock.now)
        while simulator.statistics.messagesReplayed < messages {
            let replayed = simulator.statistics.messagesReplayed
            if replayed != last.replayed { last = (replayed, .now) }
            guard engine.process.isRunning, ContinuousClock.now - last.at < .seconds(60) else {
                throw SoakFailure(description: "the engine took no message for a minute, after \(replayed)")
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    /// Waits until rings and outbox are empty.
    private func drain(_ engine: RunningTickline) async throws {
        try await waitUntil("rings and outbox are empty", timeout: Self.drainTimeout) {
            let signals = await engine.metric("tickline_signals_total")
            let published = await engine.metric("tickline_published_total")
            let waiting = await engine.metric("tickline_ring_occupancy")
            return signals > 0 && signals == published && waiting == 0
        }
    }
}
