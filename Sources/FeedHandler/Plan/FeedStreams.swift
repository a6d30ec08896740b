public import TradingModel

/// Streams of one exchange that come together: those of a connection, or of a recorded file.
public struct FeedStreams: Sendable, Equatable {
    /// Exchanges whose messages the decoder understands; the simulator speaks Binance Spot.
    public static let supportedExchanges: Set<Exchange> = [.binance, .binanceUSDM, .simulator]

    /// Whose market it is.
    public var exchange: Exchange
    /// The streams, each once.
    public var streams: [StreamName]

    /// Creates a list of streams.
    public init(exchange: Exchange, streams: [StreamName]) {
        self.exchange = exchange
        self.streams = streams
    }

    /// Whether one of its streams carries records of that kind of an instrument.
    public func delivers(_ kind: RecordKind, of instrument: Instrument) -> Bool {
        exchange == instrument.exchange
            && streams.contains { $0.symbol == instrument.symbol && $0.recordKind == kind }
    }

    /// The instruments of `feeds` in order of first mention, with the price source each gets: trades, or aggregate trades
    /// where no feed has its trade stream.
    public static func specifications(of feeds: [FeedStreams]) -> [InstrumentSpecification] {
        var order: [Instrument] = []
        var seen: Set<Instrument> = []
        var traded: Set<Instrument> = []
        for feed in feeds {
            for stream in feed.streams {
                let instrument = Instrument(exchange: feed.exchange, symbol: stream.symbol)
                if seen.insert(instrument).inserted { order.append(instrument) }
                if stream.kind == .trade { traded.insert(instrument) }
            }
        }
        return order.map {
            InstrumentSpecification(instrument: $0, averageSource: traded.contains($0) ? .trade : .aggregateTrade)
        }
    }
}
