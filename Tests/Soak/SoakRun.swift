import ExchangeSimulator
import Foundation
import Logging
import TestSupport

/// A synthetic and two recorded exchanges, the engine on them, a Redis and a SQLite store, and a fault every few seconds.
struct SoakRun {
    /// An exchange and what the engine subscribes of it.
    struct Exchange {
        var name: String
        var simulator: ExchangeSimulator
        var streams: [String]
    }

    /// Recorded exchanges with their file, the streams taken and the factor it is replayed at.
    private static let recordings: [(exchange: String, file: String, streams: [String], speed: Double)] = [
        (
            "binance", "binance/btcusdt.combined.20240808.ndjson.gz",
            ["btcusdt@trade", "btcusdt@bookTicker", "btcusdt@depth@100ms"], 4
        ),
        (
            "binance-usdm", "binance_usdm/btcusdt.combined.20240808.ndjson.gz",
            ["btcusdt@trade", "btcusdt@bookTicker"], 2
        ),
    ]
    /// Messages a second of the recordings together at those factors.
    private static let recordedRate = 1_000.0
    /// Synthetic symbols; each has a trade and a quote stream.
    private static let symbols = 12
    /// Quiet time before the end, in which everything must come right again.
    private static let calmSeconds = 6.0

    let options: SoakOptions
    let folder: TemporaryFolder

    private var database: String { folder.url.appendingPathComponent("data/tickline.sqlite").path }

    /// Runs, lets the oracle judge, and returns its exit status.
    func perform() async throws -> Int32 {
        let ledger = SentLedger()
        let redis = try await RedisServer(appendOnly: true)
        let exchanges = makeExchanges(ledger)
        var feeds: [String] = []
        for exchange in exchanges {
            let address = "ws://127.0.0.1:\(try await exchange.simulator.start())/stream?streams="
            feeds += ["--feed", "\(exchange.name)=\(address)\(exchange.streams.joined(separator: "/"))"]
        }
        // The stream is never trimmed: the oracle compares every entry.
        let settings = [
            "--short", "\(SoakOptions.short)", "--long", "\(SoakOptions.long)", "--redis", redis.url,
            "--stream-max-length", "1000000000",
        ]
        let engine = try RunningTickline(feeds + settings, folder: folder.url)
        try await waitUntil("signals are published", timeout: .seconds(60)) {
            await engine.metric("tickline_published_total") > 0
        }
        let started = ContinuousClock.now
        let watch = MemoryWatch(engine: engine, started: started)
        let watching = Task { await watch.run() }
        var faults = FaultSchedule(
            seed: options.seed, exchanges: exchanges, engine: engine, redis: redis, database: database)
        var warmUpSeconds: Double?
        while ContinuousClock.now - started < .seconds(options.seconds) {
            try await faults.injectNext()
            if faults.isFirstRoundOver, warmUpSeconds == nil {
                warmUpSeconds = (ContinuousClock.now - started) / .seconds(1) + Self.calmSeconds
            }
        }
        guard let warmUpSeconds else {
            throw SoakFailure(description: "too short for every fault once; take 60 seconds or more")
        }
        let mustHave = try await calm(ledger)
        watching.cancel()
        await watching.value
        let seconds = (ContinuousClock.now - started) / .seconds(1)
        guard engine.process.stop() == 0 else { throw SoakFailure(description: "the engine's exit status is not 0") }
        let produced = exchanges.reduce(0) { $0 + $1.simulator.statistics.messagesReplayed }
        for exchange in exchanges { await exchange.simulator.stop() }
        let (runs, quotes, messages) = ledger.contents
        return try judge(
            SoakReport(
                seconds: seconds, database: database, redisPort: redis.port, runs: runs, quotesSent: quotes,
                messagesSent: messages, messagesProduced: produced, mustHave: mustHave, faults: faults.counts,
                counts: try engineCounts(in: folder.url), memory: watch.samples,
                warmUpSeconds: max(warmUpSeconds, options.seconds / 4),
                mostResidentGrowthBytes: options.seconds < 300 ? nil : 8 << 20),
            by: "oracle.py", in: folder.url)
    }

    private func makeExchanges(_ ledger: SentLedger) -> [Exchange] {
        var logger = Logger(label: "exchange")
        logger.logLevel = .error
        let symbols = SyntheticMarket.wellKnownSymbols(count: Self.symbols)
        let market = SyntheticMarket(
            seed: options.seed, symbols: symbols, eventsPerSecond: options.rate - Self.recordedRate)
        let streams = symbols.flatMap { ["\($0.name.lowercased())@trade", "\($0.name.lowercased())@bookTicker"] }
        func exchange(_ name: String, _ configuration: SimulatorConfiguration, _ streams: [String]) -> Exchange {
            let simulator = ExchangeSimulator(
                configuration: configuration, logger: logger, ledger: { ledger.record($0, exchange: name) })
            return Exchange(name: name, simulator: simulator, streams: streams)
        }
        let recorded = Self.recordings.map { recording in
            exchange(
                recording.exchange,
                SimulatorConfiguration(
                    source: .recordings([SharedData.path(recording.file)]), pacing: .speed(recording.speed)),
                recording.streams)
        }
        return [exchange("simulator", SimulatorConfiguration(source: .synthetic(market)), streams)] + recorded
    }

    /// Lets everything come right without faults. Returns the newest id of each synthetic stream at its beginning: those
    /// must be stored at the end. A recording that has ended does not go on, so its tail may be what a cut lost.
    private func calm(_ ledger: SentLedger) async throws -> [String: UInt64] {
        var newest: [String: UInt64] = [:]
        for run in ledger.contents.runs where run.isValid && run.exchange == "simulator" {
            newest["\(run.exchange):\(run.stream)", default: 0] = max(
                newest["\(run.exchange):\(run.stream)", default: 0], run.last)
        }
        try await Task.sleep(for: .seconds(Self.calmSeconds))
        return newest
    }
}

/// A run that could not be judged.
struct SoakFailure: Error, CustomStringConvertible {
    let description: String
}
