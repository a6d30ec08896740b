/// A market data source Tickline knows by name.
///
/// The raw value is the name used in settings, ids, documents and metrics labels.
public enum Exchange: String, Sendable, CaseIterable, Hashable {
    case binance
    case binanceUSDM = "binance-usdm"
    case okx
    case bybit
    case coinbase
    case kraken
    /// The synthetic market of `tickline simulate` and `tickline demo`.
    case simulator
}

/// One tradable thing on one exchange, such as BTCUSDT on Binance Spot.
public struct Instrument: Hashable, Sendable, CustomStringConvertible {
    /// The exchange that trades it.
    public var exchange: Exchange
    /// The exchange's own symbol in its own case (`BTCUSDT`).
    public var symbol: String

    /// Creates an instrument; the symbol is taken as it is.
    public init(exchange: Exchange, symbol: String) {
        self.exchange = exchange
        self.symbol = symbol
    }

    /// `exchange:symbol`, the prefix of every id of this instrument.
    public var description: String { "\(exchange.rawValue):\(symbol)" }
}
