public import TradingModel

/// Why a feed's address was refused.
public enum FeedPlanError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The address is no URL.
    case notAnAddress(String)
    /// The scheme is neither `ws` nor `wss`.
    case unknownScheme(String)
    /// The address carries a user name or password.
    case credentials
    /// The path has neither `/ws/` nor `/stream`.
    case unknownPath(String)
    /// No stream is named.
    case noStream
    /// A stream's name has not the form `symbol@type`.
    case malformedStream(String)
    /// A stream of a type that is not understood.
    case unknownStreamType(String)
    /// The name before `=` is no exchange.
    case unknownExchange(String)
    /// An exchange that is known, but whose messages are not understood yet.
    case unsupportedExchange(String)
    /// No feed subscribes all the streams that a redundant one names.
    case nothingToDouble(String, Exchange)
    /// A redundant feed at the host and port of the feed it would double.
    case sameEndpoint(String)
    /// A second redundant feed for one feed.
    case doubledTwice(String)

    /// One line with the remedy.
    public var description: String {
        switch self {
        case .notAnAddress(let text):
            "\(text) is no feed address; give one such as wss://data-stream.binance.vision/ws/btcusdt@trade"
        case .unknownScheme(let scheme):
            "a feed's address begins with ws:// or wss://, not \(scheme)://"
        case .credentials:
            "a feed's address must not carry a user name or password; market data needs none"
        case .unknownPath(let path):
            "the feed path \(path) is not understood; give /ws/<stream> or /stream?streams=<stream>/<stream>"
        case .noStream:
            "the feed names no stream; give one such as /ws/btcusdt@trade or /stream?streams=btcusdt@trade"
        case .malformedStream(let name):
            "\(name) is no stream of one instrument; give symbol@type, such as btcusdt@trade"
        case .unknownStreamType(let name):
            "the stream \(name) is not understood; use trade, aggTrade, bookTicker, depth or kline_<interval>"
        case .unknownExchange(let name):
            "unknown exchange \(name); put binance, binance-usdm or simulator before the = or leave it out"
        case .unsupportedExchange(let name):
            "feeds of \(name) are not supported yet; use binance, binance-usdm or simulator"
        case .nothingToDouble(let address, let exchange):
            "no feed of \(exchange.rawValue) subscribes all streams of the redundant feed \(address); name streams of one feed"
        case .sameEndpoint(let endpoint):
            "a redundant feed is at \(endpoint), as the feed it doubles; give another host or port of the exchange"
        case .doubledTwice(let address):
            "the feed that \(address) doubles has a redundant feed already; give one for each feed"
        }
    }
}
