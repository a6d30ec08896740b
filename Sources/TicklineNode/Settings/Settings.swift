import TradingModel

/// Where ticks and decisions are kept.
public enum StoreKind: String, Sendable, CaseIterable, Codable {
    /// Nowhere.
    case none
    /// The SQLite file of the data folder.
    case sqlite
    /// MongoDB.
    case mongo
}

/// How signals reach the stream.
public enum PublishKind: String, Sendable, CaseIterable, Codable {
    /// One writer: plain XADD.
    case append
    /// Several writers on one stream: a script that remembers ids.
    case once
}

/// Whether a journal is kept.
public enum JournalKind: String, Sendable, CaseIterable, Codable {
    /// What is received and decided survives the process.
    case on
    /// It does not.
    case off
}

/// How the hot threads wait for data.
public enum IdleKind: String, Sendable, CaseIterable, Codable {
    /// Poll briefly, then sleep.
    case park
    /// Poll without end; needs at least four processors.
    case spin
}

/// Whether something is done.
public enum SwitchKind: String, Sendable, CaseIterable, Codable {
    case on
    case off
}

/// How orders ask to be filled.
public enum OrderKind: String, Sendable, CaseIterable, Codable {
    /// At what the market offers.
    case market
    /// At the signal's price or better, for a time.
    case limit
}

/// What a SELL aims at.
public enum SellKind: String, Sendable, CaseIterable, Codable {
    /// Nothing held.
    case flat
    /// The size of a BUY, below zero.
    case short
}

/// What the paper venue fills orders at.
public enum PaperFillKind: String, Sendable, CaseIterable, Codable {
    /// The newest quote, after a latency, as much as it offers.
    case quote
    /// The signal's own price, at once.
    case signal
}

/// What is particular to one instrument.
public struct InstrumentSetting: Sendable, Equatable, Codable {
    /// Decimals of its prices, 0 to 12; nil for the catalog's default.
    public var priceDecimals: Int?
    /// Decimals of its quantities, 0 to 12; nil for the catalog's default.
    public var quantityDecimals: Int?
}

/// The effective settings of a run; a new one holds the defaults.
///
/// To add a setting, give it a property here and its description in `Setting+Table.swift`. Flag, variable, YAML key, schema,
/// help, `tickline config` and the refusals follow from that; `tickline.example.yaml` is what `tickline config` prints without
/// any setting made: `tickline config > tickline.example.yaml`.
public struct Settings: Sendable, Equatable {
    /// Feeds, each `[EXCHANGE=]URL`.
    public var feeds = ["wss://data-stream.binance.vision/stream?streams=btcusdt@trade"]
    /// Second addresses of feeds, each `[EXCHANGE=]URL` with streams of the feed it doubles.
    public var redundantFeeds: [String] = []
    /// A file of CA certificates feeds are verified against instead of the system's.
    public var caFile: String?
    /// A proxy for feeds. May hold a password: never print it unmasked.
    public var proxy: String?
    /// Age in seconds at which a feed's connection is replaced, at the latest, by one opened beside it; 0: never by age.
    public var reconnectAfter = 84_600
    /// The same, nil for never.
    var reconnectAfterSeconds: Int? { reconnectAfter > 0 ? reconnectAfter : nil }
    /// Which silence of which stream is an alarm: each `SECONDS` or `off`, alone or behind `SYMBOL@type=`.
    public var silenceAlarms: [String] = []
    /// The most missing trades that are asked for in the exchange's history at once; 0: none.
    public var refillIDs = 1_000
    /// Where the exchange's history is asked instead of at the host that belongs to the feed's; nil for that.
    public var historyURL: String?
    /// By symbol or `exchange:symbol`; the latter counts where both are given.
    public var instruments: [String: InstrumentSetting] = [:]
    /// Ticks in the fast average.
    public var shortPeriod = 50
    /// Ticks in the slow average.
    public var longPeriod = 200
    /// Redis, nil for the console. May hold a password: never print it unmasked.
    public var redis: String?
    /// A file of CA certificates Redis is verified against instead of the system's.
    public var redisCAFile: String?
    /// The client certificate shown to Redis, with its key in `redisKeyFile`.
    public var redisCertFile: String?
    /// The client certificate's private key.
    public var redisKeyFile: String?
    /// How signals reach the stream.
    public var publish = PublishKind.append
    /// The stream's key.
    public var signalStream = "trade_signals_stream"
    /// Entries the stream is trimmed to.
    public var streamMaxLength = 1_000_000
    /// Days the stream's entries are kept.
    public var streamMaxAgeDays = 7
    /// Where ticks and decisions go; MongoDB where its address is given and nothing else is said.
    public var store = StoreKind.sqlite
    /// The data folder.
    public var data = "./tickline-data"
    /// Whether a journal is kept in the data folder.
    public var journal = JournalKind.on
    /// MiB the journal's files may take.
    public var journalBudgetMiB = 2_048
    /// Milliseconds between two synchronisations of the journal with the disk.
    public var journalSyncMillis = 1_000
    /// Days ticks and book updates are kept in the store.
    public var tickRetentionDays = 7
    /// MongoDB, nil for none. May hold a password: never print it unmasked.
    public var mongo: String?
    /// The database.
    public var mongoDatabase = "btc_data"
    /// The collection of book updates.
    public var depthCollection = "depth"
    /// The collection of decisions.
    public var signalsCollection = "trade_signals"
    /// The collector's listener.
    public var collectorHTTP = ListenAddress(host: "127.0.0.1", port: 8080)
    /// The processor's listener.
    public var processorHTTP = ListenAddress(host: "127.0.0.1", port: 8081)
    /// The trader's listener; on port 8083 where the processor has taken 8082 and nothing else is said.
    public var traderHTTP = ListenAddress(host: "127.0.0.1", port: 8082)
    /// Percent by which a price may differ from the last one inside without suspending decisions; nil for any.
    public var priceBandPercent: Int?
    /// How the hot threads wait.
    public var idle = IdleKind.park
    /// The lowest level logged.
    public var logLevel = "info"
    /// A file the summary is written to at the end, as JSON.
    public var summaryJSON: String?

    /// Whether `run` trades on its signals.
    public var trader = SwitchKind.off
    /// Whether this is the only trader, so that a store without replicas may keep its orders though Redis has the signals.
    public var singleTrader = SwitchKind.off
    /// How large a target is: `quantity:N`, `notional:N` or `equity:N`.
    public var tradeSize = "notional:1000"
    /// What a SELL aims at.
    public var sellTarget = SellKind.flat
    /// From which age in seconds on a signal may only reduce; 0: never.
    public var signalExpirySeconds = 30
    /// How orders ask to be filled.
    public var orderType = OrderKind.market
    /// Milliseconds after which a limit order is cancelled.
    public var limitTimeoutMillis = 5_000
    /// What the account began with, in the quote asset.
    public var equity = "100000"
    /// A file of the exchange's rules, an answer of `exchangeInfo`; nil: none are known.
    public var tradingRules: String?
    /// Milliseconds the right to trade holds without being renewed.
    public var leaseMillis = 2_000
    /// Trading is halted once this file is there; nil: `halt` in the data folder.
    public var haltFile: String?
    /// What changes the trading mode by HTTP must show. Never print it unmasked.
    public var tradingToken: String?
    /// The streams that are traded on; none: `signalStream`.
    public var traderStreams: [String] = []
    /// The consumer group.
    public var traderGroup = "signal_group"
    /// The stream of handled entries.
    public var processedStream = "processed_signals"
    /// The stream of entries that can't be handled.
    public var deadStream = "dead_signals"
    /// What one opening order may be worth; nil: anything. So the next five.
    public var mostOrder: String?
    /// What a position may be worth.
    public var mostPosition: String?
    /// How many orders may be open at once.
    public var mostOpenOrders: Int?
    /// How many orders may be sent within a second.
    public var mostOrdersPerSecond: Int?
    /// What may be lost on a day.
    public var mostDailyLoss: String?
    /// How far an order's price may be from the last quote, in basis points.
    public var orderBandBasisPoints: Int?
    /// What the paper venue fills orders at.
    public var paperFill = PaperFillKind.quote
    /// Half the spread that fills at the signal's price suffer, in basis points.
    public var paperHalfSpread = "1"
    /// How much worse than that a fill is, in basis points.
    public var paperSlippage = "1"
    /// The fee, in basis points.
    public var paperFee = "10"
    /// Microseconds an order takes to the paper venue.
    public var paperLatencyMicros = 20_000
    /// Microseconds it takes more at most.
    public var paperJitterMicros = 10_000

    /// The defaults.
    public init() {}
}
