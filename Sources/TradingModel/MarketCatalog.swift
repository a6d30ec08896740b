/// One instrument of a run with its number format and price source.
public struct InstrumentSpecification: Sendable, Equatable {
    /// The most decimals a scale may have.
    public static let mostDecimals = 12

    /// The instrument.
    public var instrument: Instrument
    /// Decimals of its prices, 0 to 12.
    public var priceDecimals: Int
    /// Decimals of its quantities, 0 to 12.
    public var quantityDecimals: Int
    /// The ticks its averages are taken over: trades, or aggregate trades where no trades are subscribed.
    public var averageSource: RecordKind

    /// Creates a specification; a scale outside 0 to 12 is our own mistake and traps.
    public init(
        instrument: Instrument, priceDecimals: Int = 8, quantityDecimals: Int = 8, averageSource: RecordKind = .trade
    ) {
        precondition((0...Self.mostDecimals).contains(priceDecimals), "price scale outside 0...12")
        precondition((0...Self.mostDecimals).contains(quantityDecimals), "quantity scale outside 0...12")
        self.instrument = instrument
        self.priceDecimals = priceDecimals
        self.quantityDecimals = quantityDecimals
        self.averageSource = averageSource
    }
}

/// The instruments and strategies of a run, by the indices that records carry. Immutable, so any thread may read it.
public struct MarketCatalog: Sendable {
    /// Instruments by their record index.
    public let instruments: [InstrumentSpecification]
    /// Strategies by their record index; every strategy runs on every instrument.
    public let strategies: [SMACrossoverParameters]
    private let prefixes: [String]

    /// Creates a catalogue; the positions become the indices.
    public init(instruments: [InstrumentSpecification], strategies: [SMACrossoverParameters]) {
        self.instruments = instruments
        self.strategies = strategies
        prefixes = instruments.flatMap { specification in
            strategies.map { "\(specification.instrument):\($0.name(source: specification.averageSource)):" }
        }
    }

    /// `exchange:symbol:strategy:`, what every id of the pair begins with. O(1).
    public func identifierPrefix(instrument: UInt32, strategy: UInt16) -> String {
        prefixes[Int(instrument) * strategies.count + Int(strategy)]
    }

    /// The strategy's name for that instrument, such as `sma-50-200`.
    public func strategyName(instrument: UInt32, strategy: UInt16) -> String {
        strategies[Int(strategy)].name(source: instruments[Int(instrument)].averageSource)
    }

    /// The decision's id: `exchange:symbol:strategy:tickId`, with `:reason` behind it unless it is a crossing.
    ///
    /// A function of exchange, symbol, strategy and tick alone, so a retry, a replay or a second instance cannot act twice.
    public func identifier(of decision: Decision) -> String {
        let base = identifierPrefix(instrument: decision.instrument, strategy: decision.strategy) + "\(decision.tickID)"
        return decision.reason == .cross ? base : "\(base):\(decision.reason.name)"
    }

    /// The kline's id, `exchange:symbol:kline_<interval>:<open time in milliseconds>`.
    public func identifier(of kline: Kline) -> String {
        "\(instruments[Int(kline.instrument)].instrument):kline_\(kline.interval.name):\(kline.openTime.millis)"
    }

    /// The tick's id, `exchange:symbol:kind:tickId`; of a book update that of its header.
    public func identifier(of tick: Tick) -> String {
        let kind = RecordKind(rawValue: tick.kind)?.name ?? "unknown"
        return "\(instruments[Int(tick.instrument)].instrument):\(kind):\(tick.id)"
    }
}
