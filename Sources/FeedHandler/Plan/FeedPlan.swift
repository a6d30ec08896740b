public import TradingModel

/// What one feed connects to and subscribes: an address of the command line, understood.
public struct FeedPlan: Sendable, Equatable {
    /// Streams one connection may carry [Binance Spot, web-socket-streams.md, limits].
    public static let mostStreams = 1_024
    /// Bytes of the path and query a connection asks for; streams beyond are subscribed by requests. Servers and proxies take
    /// 4 to 8 KiB for the line that carries them; half of the least leaves room for what a proxy adds.
    static let mostTargetBytes = 2_048

    /// How the address names streams, and so whether messages come in an envelope.
    public enum Addressing: Sendable, Equatable {
        /// `/ws/a/b`: bare messages.
        case raw
        /// `/stream?streams=a/b`: messages in `{"stream":..,"data":..}`.
        case combined
    }

    /// Whose market it is.
    public let exchange: Exchange
    /// Host name or address; IPv6 in brackets.
    public let host: String
    /// TCP port.
    public let port: Int
    /// Whether the connection is TLS.
    public let isTLS: Bool
    /// What precedes `/ws` or `/stream` in the path, such as `/market`; mostly empty.
    public let pathPrefix: String
    /// Raw or combined.
    public let addressing: Addressing
    /// Query items other than `streams`, such as `timeUnit=MICROSECOND`, as given.
    public let otherQueryItems: [String]
    /// All streams that are subscribed, those of the address first.
    public private(set) var streams: [StreamName]
    /// Those of `streams` that the address does not name: trade streams of instruments of which it names only others.
    public private(set) var addedStreams: [StreamName] = []

    init(
        exchange: Exchange, host: String, port: Int, isTLS: Bool, pathPrefix: String, addressing: Addressing,
        otherQueryItems: [String], streams: [StreamName]
    ) {
        self.exchange = exchange
        self.host = host
        self.port = port
        self.isTLS = isTLS
        self.pathPrefix = pathPrefix
        self.addressing = addressing
        self.otherQueryItems = otherQueryItems
        self.streams = streams
    }

    /// What it delivers.
    public var subscription: FeedStreams { FeedStreams(exchange: exchange, streams: streams) }

    /// Understands `[EXCHANGE=]URL` and adds the trade streams it leaves out; as one plan, however many streams there are.
    ///
    /// - Throws: a `FeedPlanError` that names the remedy.
    public init(parsing text: String) throws(FeedPlanError) {
        self = try Self.parse(text)
        addTradeStreams(unlessIn: instruments(withPrices: true))
    }

    /// Understands all feeds of a run together: a trade stream is added only to instruments that no feed gives trades or
    /// aggregate trades of, and to the first feed that names them. A feed of more streams than a connection may carry becomes
    /// several plans, which share its streams out evenly. Behind the feeds come those that double one, see `doubling`.
    ///
    /// - Throws: a `FeedPlanError` that names the remedy.
    public static func plans(
        parsing texts: [String], doubledBy twins: [String] = []
    ) throws(FeedPlanError) -> [FeedPlan] {
        var plans: [FeedPlan] = []
        for text in texts { plans.append(try parse(text)) }
        var priced = Set(plans.flatMap { $0.instruments(withPrices: true) })
        for index in plans.indices {
            plans[index].addTradeStreams(unlessIn: priced)
            priced.formUnion(plans[index].instruments(withPrices: true))
        }
        plans += try doubling(plans, by: twins)
        return plans.flatMap { $0.divided() }
    }

    /// See `FeedStreams.specifications`.
    public static func specifications(of plans: [FeedPlan]) -> [InstrumentSpecification] {
        FeedStreams.specifications(of: plans.map(\.subscription))
    }

    /// How many of `streams`, from the first on, the address names: as many as `mostTargetBytes` take, at least one.
    public var streamsInAddress: Int {
        var bytes = target(naming: []).utf8.count
        let count = streams.prefix { stream in
            bytes += stream.description.utf8.count + 1  // with the slash between names
            return bytes <= Self.mostTargetBytes
        }.count
        return max(count, 1)
    }

    /// What the websocket handshake asks for: path and query.
    public var requestTarget: String { target(naming: streams.prefix(streamsInAddress)) }

    private func target(naming streams: ArraySlice<StreamName>) -> String {
        let names = streams.map(\.description).joined(separator: "/")
        switch addressing {
        case .raw:
            let query = otherQueryItems.isEmpty ? "" : "?" + otherQueryItems.joined(separator: "&")
            return "\(pathPrefix)/ws/\(names)\(query)"
        case .combined:
            return "\(pathPrefix)/stream?" + (["streams=\(names)"] + otherQueryItems).joined(separator: "&")
        }
    }

    /// The address that is really used, for logs; it holds no secrets.
    public var address: String { "\(isTLS ? "wss" : "ws")://\(host):\(port)\(requestTarget)" }

    func divided() -> [FeedPlan] {
        let parts = (streams.count + Self.mostStreams - 1) / Self.mostStreams
        return (0..<parts).map { part in
            var plan = self
            plan.streams = Array(streams[streams.count * part / parts..<streams.count * (part + 1) / parts])
            let own = Set(plan.streams)
            plan.addedStreams = addedStreams.filter { own.contains($0) }
            return plan
        }
    }

    private func instruments(withPrices: Bool) -> Set<Instrument> {
        Set(
            streams.filter { !withPrices || $0.kind == .trade || $0.kind == .aggregateTrade }
                .map { Instrument(exchange: exchange, symbol: $0.symbol) })
    }

    /// The same streams from another host or port.
    func doubled(at other: FeedPlan) -> FeedPlan {
        FeedPlan(
            exchange: exchange, host: other.host, port: other.port, isTLS: other.isTLS, pathPrefix: other.pathPrefix,
            addressing: other.addressing, otherQueryItems: other.otherQueryItems, streams: streams)
    }

    private mutating func addTradeStreams(unlessIn priced: Set<Instrument>) {
        var done = priced
        for stream in streams {
            let instrument = Instrument(exchange: exchange, symbol: stream.symbol)
            guard done.insert(instrument).inserted else { continue }
            addedStreams.append(StreamName(symbol: stream.symbol, kind: .trade, type: "trade"))
        }
        streams += addedStreams
    }
}
