internal import TradingModel
internal import Transport

/// Where an exchange answers questions about past trades.
public struct RefillOrigin: Sendable, Equatable {
    /// Host name or address; an IPv6 address in brackets.
    public var host: String
    /// TCP port.
    public var port: Int
    /// Whether it is `https`.
    public var isTLS: Bool

    /// Names one.
    public init(host: String, port: Int, isTLS: Bool) {
        self.host = host
        self.port = port
        self.isTLS = isTLS
    }

    /// Understands `http[s]://host[:port]`; nil for anything else.
    public init?(url: String) {
        // Why it is no URL is not told: the setting says what is expected.
        guard let parts = try? TransportURL(parsing: url), ["http", "https"].contains(parts.scheme),
            !parts.hasCredentials, parts.path == "/", parts.query == nil
        else { return nil }
        let isTLS = parts.scheme == "https"
        self.init(host: parts.host, port: parts.port ?? (isTLS ? 443 : 80), isTLS: isTLS)
    }

    /// The hosts of Binance's documentation, streams to REST.
    private static let known = [
        "data-stream.binance.vision": "data-api.binance.vision",
        "stream.binance.com": "api.binance.com",
        "stream.testnet.binance.vision": "testnet.binance.vision",
        "demo-stream.binance.com": "demo-api.binance.com",
        "fstream.binance.com": "fapi.binance.com",
        "fstream.binancefuture.com": "testnet.binancefuture.com",
        "demo-fstream.binance.com": "demo-fapi.binance.com",
    ]

    /// The one that belongs to a feed: of a host that is not known, such as a simulator's, the same host and port.
    public init(of plan: FeedPlan) {
        if let host = Self.known[plan.host.lowercased()] {
            self.init(host: host, port: 443, isTLS: true)
        } else {
            self.init(host: plan.host, port: plan.port, isTLS: plan.isTLS)
        }
    }

    /// `https://host:port`, for logs.
    public var address: String { "\(isTLS ? "https" : "http")://\(host):\(port)" }
}

/// How the history of one feed's instruments is reached.
public struct RefillSource: Sendable {
    /// Time for making a connection, TLS and a proxy included.
    static let connectTimeoutMillis = 1_000

    /// Where.
    public var origin: RefillOrigin
    /// PEM file of authorities that replace the system's, nil for those.
    public var caFile: String?
    /// URL of a proxy, nil for none.
    public var proxyURL: String?

    /// The way that the feed itself takes, to `origin`; nil for the one that belongs to the feed's host.
    public init(_ configuration: FeedConfiguration, origin: RefillOrigin? = nil) {
        self.origin = origin ?? RefillOrigin(of: configuration.plan)
        caFile = configuration.caFile
        proxyURL = configuration.proxyURL
    }

    var endpoint: TransportEndpoint {
        TransportEndpoint(
            host: origin.host, port: origin.port, security: origin.isTLS ? .tls(caFile: caFile) : .none,
            proxyURL: proxyURL, connectTimeoutMillis: Self.connectTimeoutMillis)
    }
}
