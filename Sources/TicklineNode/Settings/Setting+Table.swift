import FeedHandler
import Foundation
import Logging
import StrategyEngine
import TradingModel

extension Setting {
    /// Every setting, in the order of the help and of the YAML file; settings of one section stand together.
    static let all: [Setting] =
        feeding + deciding + publishing + journaling + storing + serving + trading + limiting + onPaper

    private static let feeding: [Setting] = [
        Setting(
            "feed", at: "feeds", \.feeds, .feeds, variables: ["BINANCE_WS_URL"],
            defaultNote: "BTCUSDT trades from Binance's public market data",
            example: "wss://stream.binance.com:9443/stream?streams=btcusdt@trade/ethusdt@trade",
            help: "A feed, repeatable; its exchange is known by its host, else binance"),
        Setting(
            "redundant-feed", at: "redundantFeeds", \.redundantFeeds, .feeds, defaultNote: "none",
            example: "wss://stream.binance.com:9443/stream?streams=btcusdt@trade",
            help: "Another address for a feed's streams, repeatable: what comes first by either counts, once"),
        Setting(
            "ca-file", at: "connection.caFile", \.caFile, .readableFile, defaultNote: "the system's",
            example: "/etc/tickline/ca.pem",
            help: "CA certificates feeds are verified against"),
        Setting(
            "proxy", at: "connection.proxy", \.proxy,
            .secret("url", expected: "http://host:port or socks5h://host:port") { isProxy($0) },
            example: "socks5h://127.0.0.1:1080", help: "A proxy for feeds"),
        Setting(
            "reconnect-after", at: "connection.reconnectAfterSeconds", \.reconnectAfter,
            .number(0...31_536_000, "seconds"),
            example: "3600",
            help:
                "Age at which a feed's connection is replaced, at the latest, by one opened beside it first, before the"
                + " exchange ends it; 0: never by age"),
        Setting(
            "silence-alarm", at: "connection.silenceAlarms", \.silenceAlarms,
            .texts(
                "[symbol@type=]seconds", numbers: 1...Int(SilenceLimits.mostSeconds),
                expected: "seconds or off, alone or behind SYMBOL@type="
            ) {
                var alarms = SilenceAlarms()
                return alarms.set($0[...])
            },
            defaultNote: "4 s to a stream's first message, none later", example: "DOGEUSDT@trade=600",
            help: "Silence of a stream that is an alarm: seconds from 1 to \(SilenceLimits.mostSeconds), or off,"
                + " alone for all streams or behind SYMBOL@type= for one, repeatable"),
        Setting(
            "refill", at: "connection.refill", \.refillIDs, .number(0...RefillConfiguration.mostIDs, "trades"),
            example: "5000",
            help: "Missing trades that are asked for in the exchange's history at once, while later ones wait; 0: none"),
        Setting(
            "history-url", at: "connection.historyURL", \.historyURL,
            .text("url", expected: "http://host[:port] or https://host[:port]") { RefillOrigin(url: $0) != nil },
            defaultNote: "the host that belongs to the feed's", example: "https://api.binance.com",
            help: "Where the exchange's history is asked"),
        Setting(
            "scale", at: "instruments", \.instruments, .instruments(decimals: 0...InstrumentSpecification.mostDecimals),
            defaultNote: "8 decimals each", example: "BTCUSDT=2,5",
            help: "Decimals of an instrument (symbol or exchange:symbol), repeatable"),
    ]

    private static let deciding: [Setting] = [
        Setting(
            "short", at: "strategy.short", \.shortPeriod, .number(1...SMACrossoverParameters.longestPeriod),
            variables: ["SHORT_PERIOD"], example: "5", help: "Fast average, in trades; below the slow one"),
        Setting(
            "long", at: "strategy.long", \.longPeriod, .number(1...SMACrossoverParameters.longestPeriod),
            variables: ["LONG_PERIOD"], example: "20", help: "Slow average, in trades"),
        Setting(
            "price-band", at: "strategy.priceBandPercent", \.priceBandPercent,
            .number(1...DecisionCore.widestPriceBandPercent, "percent"), defaultNote: "none", example: "20",
            help:
                "Prices that differ by more from the last one inside are kept, and decide nothing while they are in the"
                + " window"),
        Setting(
            "idle", at: "strategy.idle", \.idle, .choice("park|spin"), example: "spin",
            help: "How the hot threads wait: park polls briefly, then sleeps; spin polls without end"),
    ]

    private static let publishing: [Setting] = [
        Setting(
            "redis", at: "redis.url", \.redis,
            .secret("url", expected: "an address such as redis://host:6379, rediss://host or unix:///path"),
            variables: ["REDIS_URL", "REDIS_ADDR"], defaultNote: "none: signals go to the console",
            example: "redis://127.0.0.1:6379/0",
            help: "Publish to Redis: redis[s]://[user:password@]host[:port][/db], unix:///path or"
                + " redis[s]+sentinel://[user:password@]host[:port],…/master-name[/db]; rediss is TLS"),
        Setting(
            "redis-ca-file", at: "redis.caFile", \.redisCAFile, .readableFile, defaultNote: "the system's",
            example: "/etc/tickline/redis-ca.pem", help: "CA certificates Redis is verified against"),
        Setting(
            "redis-cert-file", at: "redis.certFile", \.redisCertFile, .readableFile,
            example: "/etc/tickline/redis-client.pem", help: "The certificate shown to a Redis that asks for one"),
        Setting(
            "redis-key-file", at: "redis.keyFile", \.redisKeyFile, .readableFile,
            example: "/etc/tickline/redis-client.key", help: "That certificate's private key, not encrypted"),
        Setting(
            "publish", at: "redis.publish", \.publish, .choice("append|once"), example: "once",
            help: "append: this is the stream's one writer; once: several writers share it"),
        Setting(
            "signal-stream", at: "redis.stream", \.signalStream, .text("key", expected: "a key"),
            variables: ["REDIS_STREAM"], example: "my_signals", help: "The stream's key"),
        Setting(
            "stream-max-length", at: "redis.streamMaxLength", \.streamMaxLength, .number(1...1_000_000_000),
            example: "100000", help: "Entries the stream is trimmed to"),
        Setting(
            "stream-max-age-days", at: "redis.streamMaxAgeDays", \.streamMaxAgeDays, .number(1...36_500, "days"),
            example: "30", help: "Days entries are kept in the stream"),
    ]

    private static let journaling: [Setting] = [
        Setting(
            "journal", at: "journal.keep", \.journal, .choice("on|off"), example: "off",
            help:
                "Whether what is received and decided is kept in the data folder, to go on after a crash and for replay"
        ),
        Setting(
            "journal-budget", at: "journal.budgetMiB", \.journalBudgetMiB, .number(64...1_048_576, "MiB"),
            example: "8192", help: "MiB the journal's files may take; the oldest are recycled beyond"),
        Setting(
            "journal-sync", at: "journal.syncMillis", \.journalSyncMillis, .number(10...3_600_000, "milliseconds"),
            example: "100",
            help: "Milliseconds between two synchronisations of the journal with the disk: what a power loss can take"),
    ]

    private static let storing: [Setting] = [
        Setting(
            "store", at: "store.kind", \.store, .choice("none|sqlite|mongo"),
            defaultNote: "mongo where its address is given, else sqlite", example: "none",
            help: "Where ticks and decisions are kept"),
        Setting(
            "data", at: "store.data", \.data, .text("folder", expected: "a folder"), example: "/var/lib/tickline",
            help: "The data folder, which holds the journal and the SQLite store"),
        Setting(
            // MongoDB expires by a 32-bit number of seconds: 2³¹ − 1 are 24,855 days.
            "tick-retention-days", at: "store.tickRetentionDays", \.tickRetentionDays, .number(1...24_855, "days"),
            example: "30", help: "Days ticks and book updates are kept in the store"),
        Setting(
            "mongo", at: "mongo.uri", \.mongo, .secret("uri", expected: "mongodb://host[:port]/"),
            variables: ["MONGO_URI"], example: "mongodb://127.0.0.1:27017/",
            help: "Store in MongoDB: mongodb://[user:password@]host[:port]/"),
        Setting(
            "mongo-database", at: "mongo.database", \.mongoDatabase, .text("name", expected: "a name"),
            variables: ["DATABASE_NAME"], example: "market", help: "The database"),
        Setting(
            "depth-collection", at: "mongo.depthCollection", \.depthCollection, .text("name", expected: "a name"),
            variables: ["COLLECTION_NAME"], example: "book_events",
            help: "The collection of book updates"),
        Setting(
            "signals-collection", at: "mongo.signalsCollection", \.signalsCollection,
            .text("name", expected: "a name"), variables: ["SIGNALS_COL_NAME"], example: "decisions",
            help: "The collection of decisions"),
    ]

    private static let serving: [Setting] = [
        Setting(
            "collector-http", at: "http.collector", \.collectorHTTP, .address, example: "127.0.0.1:9090",
            help: "Collector's listener"),
        Setting(
            "processor-http", at: "http.processor", \.processorHTTP, .address, variables: ["SERVER_PORT"],
            example: ":8082", help: "Processor's listener; 8082 is loopback, :8082 every interface"),
        Setting(
            "trader-http", at: "http.trader", \.traderHTTP, .address, variables: ["APP_PORT"],
            defaultNote: "127.0.0.1:8082, or port 8083 where the processor has 8082", example: "8083",
            help: "Trader's listener"),
        Setting(
            "log-level", at: "log.level", \.logLevel, .word(Logger.Level.allCases.map(\.rawValue), "level"),
            example: "debug", help: "The lowest level logged: trace, debug, info, notice, warning, error or critical"),
        Setting(
            "summary-json", at: "summaryJson", \.summaryJSON, .writableFile,
            example: "summary.json", help: "Write the summary there at the end"),
    ]

    private static let trading: [Setting] = [
        Setting(
            "trader", at: "trading.trader", \.trader, .off, example: "on",
            help: "Whether the run trades on its own signals, on paper"),
        Setting(
            "single-trader", at: "trading.singleTrader", \.singleTrader, .off, example: "on",
            help: "No other trader reads the stream, so SQLite may keep the orders"),
        Setting(
            "trade-size", at: "trading.size", \.tradeSize,
            .text("form:number", expected: "quantity:N, notional:N or equity:N with N above 0") {
                TradingPlan.size($0) != nil
            },
            example: "quantity:0.01",
            help: "How large a position is: a quantity, what it is worth in the quote asset, or a share of the equity"),
        Setting(
            "sell-target", at: "trading.sellTarget", \.sellTarget, .choice("flat|short"), example: "short",
            help: "What a SELL aims at: nothing held, or a position below zero"),
        Setting(
            "signal-expiry", at: "trading.signalExpirySeconds", \.signalExpirySeconds, .number(0...86_400, "seconds"),
            example: "5", help: "Age from which a signal may only reduce a position; 0: never"),
        Setting(
            "order-type", at: "trading.orderType", \.orderType, .choice("market|limit"), example: "limit",
            help: "market, or limit at the signal's price"),
        Setting(
            "limit-timeout", at: "trading.limitTimeoutMillis", \.limitTimeoutMillis,
            .number(1...86_400_000, "milliseconds"), example: "2000",
            help: "Milliseconds after which a limit order is cancelled"),
        Setting(
            "equity", at: "trading.equity", \.equity, .decimal, example: "25000",
            help: "What the account began with, in the quote asset"),
        Setting(
            "trading-rules", at: "trading.rulesFile", \.tradingRules, .readableFile, defaultNote: "none are known",
            example: "/etc/tickline/exchangeInfo.json.gz",
            help: "The exchange's rules for orders: a file with its answer to exchangeInfo"),
        Setting(
            "lease", at: "trading.leaseMillis", \.leaseMillis, .number(200...60_000, "milliseconds"), example: "5000",
            help: "Milliseconds the right to trade holds without being renewed: how soon a standby takes over"),
        Setting(
            "halt-file", at: "trading.haltFile", \.haltFile, .text("file", expected: "the path of a file"),
            defaultNote: "halt in the data folder", example: "/run/tickline/halt",
            help: "Trading is halted once this file is there"),
        Setting(
            "trading-token", at: "trading.token", \.tradingToken, .token,
            example: "s3cret", help: "What a request that changes the trading mode must show; none: no request may"),
        Setting(
            "trader-stream", at: "trading.streams", \.traderStreams,
            .texts("key", numbers: 0...Int.max, expected: "a stream's key") { !$0.isEmpty },
            defaultNote: "that of --signal-stream", example: "trade_signals_stream:{binance:BTCUSDT}",
            help: "A stream the trader reads; each has its own lease, orders and limits"),
        Setting(
            "trader-group", at: "trading.group", \.traderGroup, .text("name", expected: "a name"),
            example: "paper_group", help: "The consumer group the trader reads the stream with"),
        Setting(
            "processed-stream", at: "trading.processedStream", \.processedStream, .text("key", expected: "a key"),
            example: "my_processed", help: "The stream that names what was handled"),
        Setting(
            "dead-stream", at: "trading.deadStream", \.deadStream, .text("key", expected: "a key"),
            example: "my_dead_signals", help: "The stream for entries that can't be handled"),
    ]

    private static let limiting: [Setting] = [
        Setting(
            "max-order", at: "risk.order", \.mostOrder, .decimal, defaultNote: "none", example: "5000",
            help: "What an opening order may be worth, in the quote asset"),
        Setting(
            "max-position", at: "risk.position", \.mostPosition, .decimal, defaultNote: "none", example: "20000",
            help: "What a position may be worth, of a strategy and of the account"),
        Setting(
            "max-open-orders", at: "risk.openOrders", \.mostOpenOrders, .number(1...10_000), defaultNote: "none",
            example: "10", help: "Orders that may be open at once"),
        Setting(
            "max-orders-per-second", at: "risk.ordersPerSecond", \.mostOrdersPerSecond, .number(1...10_000),
            defaultNote: "none", example: "5", help: "Orders that may be sent within a second"),
        Setting(
            "max-daily-loss", at: "risk.dailyLoss", \.mostDailyLoss, .decimal, defaultNote: "none", example: "1000",
            help: "What may be lost on a day (UTC) before nothing is opened any more, in the quote asset"),
        Setting(
            "order-band", at: "risk.bandBasisPoints", \.orderBandBasisPoints, .number(1...100_000, "basis-points"),
            defaultNote: "none", example: "50",
            help: "How far an opening order's price may be from the last quote, in basis points"),
    ]

    private static let onPaper: [Setting] = [
        Setting(
            "paper-fill", at: "paper.fill", \.paperFill, .choice("quote|signal"), example: "signal",
            help: "quote: orders are filled against live quotes; signal: at the signal's own price"),
        Setting(
            "paper-half-spread", at: "paper.halfSpreadBasisPoints", \.paperHalfSpread, .decimal, example: "0.5",
            help: "Half the spread of fills at the signal's price, in basis points"),
        Setting(
            "paper-slippage", at: "paper.slippageBasisPoints", \.paperSlippage, .decimal, example: "2",
            help: "How much worse an order is filled than its price, in basis points"),
        Setting(
            "paper-fee", at: "paper.feeBasisPoints", \.paperFee, .decimal, example: "7.5",
            help: "The fee of a fill, in basis points"),
        Setting(
            "paper-latency", at: "paper.latencyMicros", \.paperLatencyMicros, .number(0...60_000_000, "microseconds"),
            example: "5000", help: "Microseconds an order takes to the venue at least"),
        Setting(
            "paper-jitter", at: "paper.jitterMicros", \.paperJitterMicros, .number(0...60_000_000, "microseconds"),
            example: "0", help: "Microseconds it takes more at most"),
    ]

    private static func isProxy(_ text: String) -> Bool {
        let schemes = ["http", "https", "socks4", "socks4a", "socks5", "socks5h"]
        // Foundation would escape a blank; libcurl refuses it.
        guard !text.contains(where: \.isWhitespace), let url = URLComponents(string: text), let scheme = url.scheme
        else { return false }
        return schemes.contains(scheme) && url.host?.isEmpty == false
    }
}
