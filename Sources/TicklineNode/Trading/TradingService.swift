import Execution
import Logging
import MongoStore
import Monitoring
import RedisStreams
import SQLiteStore
import ServiceLifecycle
import Synchronization
import Telemetry
import ThreadExecutor
import TradingModel

/// A trader's threads, one for each stream, wired from settings: last up, first down, since they live on what the others give.
final class TradingService: Service {
    /// A loop without its types.
    private struct Loop: Sendable {
        let run: @Sendable () -> Void
        let stop: @Sendable () -> Void
    }

    private let loops: [Loop]
    private let quotes: QuoteFeed?
    private let threads = Mutex<[DedicatedThread]>([])

    /// Builds the parts; nothing is started and no connection made.
    ///
    /// - Parameter redis: where the signal stream is; nil: the signals are those of the data folder's journal.
    /// - Throws: `SettingsError` for settings that make no sense together.
    init(
        _ plan: TradingPlan, settings: Settings, redis: RedisEndpoint?, folder: TraderFolder,
        tradingSwitch: TradingSwitch, metrics: MetricsRegistry, health: HealthRegistry, logger: Logger
    ) throws(SettingsError) {
        guard redis == nil || settings.store == .mongo || settings.singleTrader == .on else {
            throw .conflict(
                "a trader on a Redis stream keeps its orders in MongoDB, where others can take over: give --mongo, or"
                    + " --single-trader where this is the only one")
        }
        let board = QuoteBoard()
        quotes =
            try plan.quotes.isEmpty
            ? nil
            : QuoteFeed(
                plan.quotes, settings: settings, board: board, metrics: metrics, health: health, logger: logger)
        for instrument in plan.guessed {
            logger.notice(
                "the exchange's rules for orders are not known; give --trading-rules",
                metadata: ["instrument": "\(instrument)"])
        }
        func wire<Store: OrderStore & ~Copyable, Log: PaperOrderLog & ~Copyable, Source: SignalSource & ~Copyable>(
            _ store: consuming Store, _ log: consuming Log, _ source: consuming Source, _ stream: String
        ) -> Loop {
            // An account for each stream: its fence is the stream's lease's.
            let venue = PaperVenue(
                log: log, account: "paper:\(stream)", model: plan.fills, instruments: plan.rules, board: board,
                now: { MonotonicClock.wallClock() })
            let loop = TraderLoop(
                settings: plan.settings(of: stream), source: source, store: store, venue: venue,
                tradingSwitch: tradingSwitch, metrics: metrics,
                health: health.check(plan.streams.count == 1 ? "trader" : "trader \(stream)", roles: [.trader]),
                logger: logger)
            return Loop(run: { loop.run() }, stop: { loop.stop() })
        }
        func connect<Store: OrderStore & PaperOrderLog & ~Copyable>(
            _ stream: String, _ make: () throws -> Store
        ) throws -> Loop {
            guard let redis else {
                let source = JournalSignalSource(path: DataFolder.journal(in: settings.data), store: try make())
                return wire(try make(), try make(), source, stream)
            }
            let consumer = Self.consumer(of: settings, stream, redis, name: folder.name)
            return wire(try make(), try make(), ConsumerGroupReader(consumer, metrics: metrics), stream)
        }
        do {
            switch settings.store {
            case .mongo:
                let configuration = Self.mongo(settings)
                loops = try plan.streams.map { try connect($0) { try MongoOrderStore(settings: configuration) } }
            case .sqlite, .none:
                let path = TraderFolder.database(in: settings.data)
                loops = try plan.streams.map {
                    try connect($0) { try SQLiteOrderStore(path: path) { MonotonicClock.wallClock() } }
                }
            }
        } catch { throw .conflict("\(error)") }
    }

    private static func consumer(
        of settings: Settings, _ stream: String, _ redis: RedisEndpoint, name: String
    ) -> SignalConsumerConfiguration {
        var consumer = SignalConsumerConfiguration(
            endpoint: redis, streamKeys: [stream], consumer: name)
        consumer.group = settings.traderGroup
        consumer.processedKey = settings.processedStream
        consumer.deadLetterKey = settings.deadStream
        consumer.claimIdleMillis = settings.leaseMillis + 1_000
        return consumer
    }

    /// What the trader's listener shows and changes.
    static func control(
        _ settings: Settings, _ tradingSwitch: TradingSwitch
    ) -> TradingControl {
        TradingControl(
            token: settings.tradingToken, current: { tradingSwitch.current },
            request: { mode, reason in
                tradingSwitch.request(TradingState(mode: mode, reason: reason, time: MonotonicClock.wallClock()))
            })
    }

    /// The store's settings.
    static func mongo(_ settings: Settings) -> MongoStoreSettings {
        var configuration = MongoStoreSettings(uri: settings.mongo ?? "")
        configuration.database = settings.mongoDatabase
        configuration.depthCollection = settings.depthCollection
        configuration.signalsCollection = settings.signalsCollection
        return configuration
    }

    func run() async throws {
        quotes?.start()
        threads.withLock { $0 = loops.map { loop in DedicatedThread(name: "trader") { loop.run() } } }
        try? await gracefulShutdown()  // A cancelled wait is the second signal: the same way out.
        await offCooperativePool { [self] in
            for loop in loops { loop.stop() }
            threads.withLock { threads in
                for thread in threads { thread.join() }
                threads = []
            }
            quotes?.stop()
        }
    }
}
