/// A market made up from a seed: trades and quotes of many symbols with Binance Spot's message shapes.
///
/// Prices walk at random on their increment and are drawn back to where they started, so moving averages cross regularly;
/// trades hit the bid or the ask; sizes are roughly log-normal; trade ids are contiguous and quote ids rise per symbol.
/// Events come at random at a fixed mean rate, whatever the clients do. The same seed and `startTimeNanos` give the
/// same bytes.
public struct SyntheticMarket: Sendable, Hashable {
    /// One symbol of the market.
    public struct Symbol: Sendable, Hashable {
        /// The exchange's symbol in capitals, such as `BTCUSDT`.
        public var name: String
        /// The price the walk starts from and returns to, in units of 10⁻⁸.
        public var price: Int64
        /// The price increment in units of 10⁻⁸.
        public var priceIncrement: Int64
        /// The smallest quantity step in units of 10⁻⁸.
        public var lotSize: Int64
        /// Its share of the events, relative to the other symbols.
        public var weight: Int

        /// A symbol; prices and sizes in units of 10⁻⁸.
        public init(name: String, price: Int64, priceIncrement: Int64, lotSize: Int64, weight: Int = 1) {
            self.name = name
            self.price = price
            self.priceIncrement = priceIncrement
            self.lotSize = lotSize
            self.weight = weight
        }
    }

    /// Extra events all due at one moment.
    public struct Burst: Sendable, Hashable {
        /// Time from one burst to the next; the first comes after one interval.
        public var interval: Duration
        /// Events in each.
        public var events: Int

        /// `events` more every `interval`.
        public init(interval: Duration, events: Int) {
            self.interval = interval
            self.events = events
        }
    }

    /// Symbols a market may have.
    public static let maximumSymbols = 4_096

    /// Decides everything random.
    public var seed: UInt64
    /// The symbols, up to `maximumSymbols`.
    public var symbols: [Symbol]
    /// Mean rate over all symbols, bursts not counted.
    public var eventsPerSecond: Double
    /// Quotes per hundred events; the others are trades.
    public var quotePercent: Int
    /// Bursts on top of the rate.
    public var burst: Burst?
    /// The market ends after this many events; nil: never.
    public var eventLimit: Int?
    /// Unix time of the market's start, nanoseconds, from which ids and times begin; nil: the wall clock when the replay
    /// starts, so that a second run does not repeat ids.
    public var startTimeNanos: Int64?

    /// A market of `symbols`.
    public init(
        seed: UInt64, symbols: [Symbol] = Self.wellKnownSymbols(count: 10), eventsPerSecond: Double = 1_000,
        quotePercent: Int = 70, burst: Burst? = nil, eventLimit: Int? = nil, startTimeNanos: Int64? = nil
    ) {
        self.seed = seed
        self.symbols = symbols
        self.eventsPerSecond = eventsPerSecond
        self.quotePercent = quotePercent
        self.burst = burst
        self.eventLimit = eventLimit
        self.startTimeNanos = startTimeNanos
    }

    /// `count` symbols: well-known names first, then `SIM11USDT` and so on; the first is traded most, the n-th 1/n as often.
    public static func wellKnownSymbols(count: Int) -> [Symbol] {
        let known: [(name: String, cents: Int64, increment: Int64, lot: Int64)] = [
            ("BTCUSDT", 6_182_600, 1_000_000, 1_000), ("ETHUSDT", 268_050, 1_000_000, 10_000),
            ("BNBUSDT", 52_340, 1_000_000, 100_000), ("SOLUSDT", 15_475, 1_000_000, 100_000),
            ("XRPUSDT", 60, 10_000, 10_000_000), ("DOGEUSDT", 11, 1_000, 100_000_000),
            ("ADAUSDT", 34, 10_000, 10_000_000), ("AVAXUSDT", 2_230, 1_000_000, 1_000_000),
            ("LINKUSDT", 1_042, 1_000_000, 1_000_000), ("LTCUSDT", 6_120, 1_000_000, 100_000),
        ]
        return (0..<max(count, 0)).map { rank in
            let weight = max(1, maximumSymbols / (rank + 1))
            guard rank < known.count else {
                return Symbol(
                    name: "SIM\(rank + 1)USDT", price: Int64(rank) * 37_000_000, priceIncrement: 10_000,
                    lotSize: 1_000_000, weight: weight)
            }
            let (name, cents, increment, lot) = known[rank]
            return Symbol(
                name: name, price: cents * 1_000_000, priceIncrement: increment, lotSize: lot, weight: weight)
        }
    }

    func validate() throws(SimulatorError) {
        guard (1...Self.maximumSymbols).contains(symbols.count) else {
            throw .invalidSetting("a market has 1 to \(Self.maximumSymbols) symbols, not \(symbols.count)")
        }
        guard eventsPerSecond.isFinite, eventsPerSecond > 0, eventsPerSecond <= 1e9 else {
            throw .invalidSetting("a market has more than 0 and at most 10^9 events a second, not \(eventsPerSecond)")
        }
        guard (0...100).contains(quotePercent) else {
            throw .invalidSetting("quotes are 0 to 100 percent of the events, not \(quotePercent)")
        }
        guard eventLimit.map({ $0 > 0 }) ?? true, burst.map({ $0.events > 0 && $0.interval > .zero }) ?? true else {
            throw .invalidSetting("a market's event limit and its bursts must be above 0")
        }
        guard startTimeNanos.map({ $0 >= 1_000_000 }) ?? true else {
            throw .invalidSetting("a market starts at a Unix time in nanoseconds, at least 1000000")
        }
        for symbol in symbols {
            let isName =
                !symbol.name.isEmpty && symbol.name.utf8.count <= 32
                && symbol.name.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) }
            // The walk needs room below its start; the upper bounds keep every product within 64 bits.
            let isPrice =
                symbol.priceIncrement > 0 && symbol.price / symbol.priceIncrement >= 100
                && symbol.price < 1 << 60
            guard isName, isPrice, (1...1 << 40).contains(symbol.lotSize), (1...1 << 20).contains(symbol.weight) else {
                throw .invalidSetting(
                    "symbol \(symbol.name): needs a name of capitals and digits, a price of at least 100 increments, "
                        + "a positive lot size and a weight of 1 to \(1 << 20)")
            }
        }
        guard Set(symbols.map(\.name)).count == symbols.count else {
            throw .invalidSetting("a symbol occurs twice in the market; name each once")
        }
    }
}
