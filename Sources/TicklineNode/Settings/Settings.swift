import TradingModel

/// Where ticks and decisions are kept.
public enum StoreKind: String, Sendable, CaseIterable {
    /// Nowhere.
    case none
    /// The SQLite file of the data folder.
    case sqlite
    /// MongoDB.
    case mongo
}

/// How signals reach the stream.
public enum PublishKind: String, Sendable, CaseIterable {
    /// One writer: plain XADD.
    case append
    /// Several writers on one stream: a script that remembers ids.
    case once
}

/// How the hot threads wait for data.
public enum IdleKind: String, Sendable, CaseIterable {
    /// Poll briefly, then sleep.
    case park
    /// Poll without end; needs at least four processors.
    case spin
}

/// Decimals of one instrument's prices and quantities.
public struct ScaleSetting: Sendable, Equatable {
    /// The instrument's symbol, or `exchange:symbol`.
    public var instrument: String
    /// Decimals of its prices, 0 to 12.
    public var priceDecimals: Int
    /// Decimals of its quantities, 0 to 12.
    public var quantityDecimals: Int
}

/// The effective settings of a run.
public struct Settings: Sendable, Equatable {
    /// Feeds, each `[EXCHANGE=]URL`.
    public var feeds: [String] = [Settings.defaultFeed]
    /// The strategy's periods.
    public var strategy: SMACrossoverParameters
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
    /// MongoDB, nil for none. May hold a password: never print it unmasked.
    public var mongo: String?
    /// The database.
    public var mongoDatabase = "btc_data"
    /// The collection of book events.
    public var depthCollection = "depth"
    /// The collection of decisions.
    public var signalsCollection = "trade_signals"
    /// Days ticks are kept in the store.
    public var tickRetentionDays = 7
    /// Where ticks and decisions go.
    public var store = StoreKind.sqlite
    /// The data folder.
    public var data = "./tickline-data"
    /// The collector's listener.
    public var collectorHTTP = ListenAddress(host: "127.0.0.1", port: 8080)
    /// The processor's listener.
    public var processorHTTP = ListenAddress(host: "127.0.0.1", port: 8081)
    /// The trader's listener.
    public var traderHTTP = ListenAddress(host: "127.0.0.1", port: 8082)
    /// A file of CA certificates feeds are verified against instead of the system's.
    public var caFile: String?
    /// A proxy for feeds.
    public var proxy: String?
    /// Scales other than 8 decimals.
    public var scales: [ScaleSetting] = []
    /// How the hot threads wait.
    public var idle = IdleKind.park
    /// The lowest level logged.
    public var logLevel = "info"
    /// A file the summary is written to at the end, as JSON.
    public var summaryJSON: String?

    /// Binance's public market data, which needs no key.
    public static let defaultFeed = "wss://data-stream.binance.vision/stream?streams=btcusdt@trade"
}
