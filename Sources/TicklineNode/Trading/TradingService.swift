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

/// A trader's thread, wired from settings: last up, first down, since it lives on what the others give.
final class TradingService: Service {
    private let start: @Sendable () -> Void
    private let stop: @Sendable () -> Void
    private let quotes: QuoteFeed?
    private let thread = Mutex<DedicatedThread?>(nil)

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
        let check = health.check("trader", roles: [.trader])
        func wire<Store: OrderStore & ~Copyable, Log: PaperOrderLog & ~Copyable, Source: SignalSource & ~Copyable>(
            _ store: consuming Store, _ log: consuming Log, _ source: consuming Source
        ) -> (start: @Sendable () -> Void, stop: @Sendable () -> Void) {
            let venue = PaperVenue(
                log: log, account: "paper", model: plan.fills, instruments: plan.rules, board: board,
                now: { MonotonicClock.wallClock() })
            let loop = TraderLoop(
                settings: plan.settings, source: source, store: store, venue: venue, tradingSwitch: tradingSwitch,
                metrics: metrics, health: check, logger: logger)
            return ({ loop.run() }, { loop.stop() })
        }
        func connect<Store: OrderStore & PaperOrderLog & ~Copyable>(
            _ make: () throws -> Store
        ) throws -> (start: @Sendable () -> Void, stop: @Sendable () -> Void) {
            guard let redis else {
                let source = JournalSignalSource(path: DataFolder.journal(in: settings.data), store: try make())
                return wire(try make(), try make(), source)
            }
            let consumer = Self.consumer(of: settings, redis, name: folder.name)
            return wire(try make(), try make(), ConsumerGroupReader(consumer, metrics: metrics))
        }
        do {
            switch settings.store {
            case .mongo:
                let configuration = Self.mongo(settings)
                (start, stop) = try connect { try MongoOrderStore(settings: configuration) }
            case .sqlite, .none:
                let path = TraderFolder.database(in: settings.data)
                (start, stop) = try connect { try SQLiteOrderStore(path: path) { MonotonicClock.wallClock() } }
            }
        } catch { throw .conflict("\(error)") }
    }

    private static func consumer(
        of settings: Settings, _ redis: RedisEndpoint, name: String
    ) -> SignalConsumerConfiguration {
        var consumer = SignalConsumerConfiguration(
            endpoint: redis, streamKeys: [settings.signalStream], consumer: name)
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
        thread.withLock { $0 = DedicatedThread(name: "trader") { [start] in start() } }
        try? await gracefulShutdown()  // A cancelled wait is the second signal: the same way out.
        await offCooperativePool { [self] in
            stop()
            thread.withLock { thread in
                thread?.join()
                thread = nil
            }
            quotes?.stop()
        }
    }
}
