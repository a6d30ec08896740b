internal import TradingModel

/// Settings of one feed.
public struct FeedConfiguration: Sendable {
    /// Most bytes of a message: Binance's largest are far below.
    public static let defaultMostMessageBytes = 1 << 20

    /// What to connect to and subscribe.
    public var plan: FeedPlan
    /// The feed's index, carried by its records.
    public var feed: UInt16
    /// The feed's name in metrics and logs; `exchange-index` by default.
    public var name: String
    /// PEM file of authorities that replace the system's, nil for those.
    public var caFile: String?
    /// URL of a proxy, nil for none.
    public var proxyURL: String?
    /// Limit for name lookup, TCP, proxy and TLS together.
    public var connectTimeoutMillis = 5_000
    /// A longer message closes the connection with code 1009 before memory is used for it.
    public var mostMessageBytes = FeedConfiguration.defaultMostMessageBytes
    /// Which silence of which stream is an alarm.
    public var silence = SilenceAlarms()
    /// Reads without sleeping while nothing comes: takes a whole processor.
    public var busySpin = false
    /// Processor to pin the thread to, nil for none.
    public var processor: Int?

    /// Settings with defaults.
    public init(plan: FeedPlan, feed: UInt16) {
        self.plan = plan
        self.feed = feed
        name = "\(plan.exchange.rawValue)-\(feed)"
    }
}
