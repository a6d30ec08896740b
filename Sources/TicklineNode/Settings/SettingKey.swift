/// Every setting of `tickline run`, by its flag's name without the dashes.
public enum SettingKey: String, CaseIterable, Sendable {
    case feed, short, long, redis, publish
    case redisCAFile = "redis-ca-file"
    case redisCertFile = "redis-cert-file"
    case redisKeyFile = "redis-key-file"
    case signalStream = "signal-stream"
    case streamMaxLength = "stream-max-length"
    case streamMaxAgeDays = "stream-max-age-days"
    case mongo
    case mongoDatabase = "mongo-database"
    case depthCollection = "depth-collection"
    case signalsCollection = "signals-collection"
    case tickRetentionDays = "tick-retention-days"
    case store, data
    case collectorHTTP = "collector-http"
    case processorHTTP = "processor-http"
    case traderHTTP = "trader-http"
    case caFile = "ca-file"
    case proxy, scale, idle
    case logLevel = "log-level"
    case summaryJSON = "summary-json"

    /// The environment variables that set it, the first that is set wins. The names without `TICKLINE_` are those of the
    /// earlier Go services, kept for their users.
    public var environmentNames: [String] {
        switch self {
        case .feed: ["TICKLINE_FEED", "BINANCE_WS_URL"]
        case .short: ["TICKLINE_SHORT", "SHORT_PERIOD"]
        case .long: ["TICKLINE_LONG", "LONG_PERIOD"]
        case .redis: ["TICKLINE_REDIS", "REDIS_URL", "REDIS_ADDR"]
        case .signalStream: ["TICKLINE_SIGNAL_STREAM", "REDIS_STREAM"]
        case .mongo: ["TICKLINE_MONGO", "MONGO_URI"]
        case .mongoDatabase: ["TICKLINE_MONGO_DATABASE", "DATABASE_NAME"]
        case .depthCollection: ["TICKLINE_DEPTH_COLLECTION", "COLLECTION_NAME"]
        case .signalsCollection: ["TICKLINE_SIGNALS_COLLECTION", "SIGNALS_COL_NAME"]
        case .processorHTTP: ["TICKLINE_PROCESSOR_HTTP", "SERVER_PORT"]
        case .traderHTTP: ["TICKLINE_TRADER_HTTP", "APP_PORT"]
        default: ["TICKLINE_" + rawValue.uppercased().split(separator: "-").joined(separator: "_")]
        }
    }
}
