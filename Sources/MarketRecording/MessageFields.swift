/// What a recorded payload says about itself.
struct MessageFields {
    private(set) var event: String?
    private(set) var symbol: String?
    private var interval: String?
    private var eventTime: UInt64?
    private var tradeTime: UInt64?
    private var tradeID: UInt64?
    private var aggregateID: UInt64?
    private var firstUpdateID: UInt64?
    private var updateID: UInt64?
    private var hasBestPrices = false
    private var isPartialBook = false
    private var hasPreviousUpdateID = false
    private var hasSpotFlag = false

    /// Reads the object in `range`; nil where there is none.
    init?(_ bytes: Span<UInt8>, _ range: Range<Int>) {
        var fields = Self()
        let isObject = MessageScanner.scanObject(bytes, range) { key, value in
            guard key.count == 1 else {
                if key.count == 2, bytes[key.lowerBound] == UInt8(ascii: "p"), bytes[key.lowerBound + 1] == 0x75 {
                    fields.hasPreviousUpdateID = true
                } else if key.count == 12, bytes[key.lowerBound] == UInt8(ascii: "l"), bytes[key.upperBound - 1] == 0x64
                {
                    // lastUpdateId: the only key of its length and ends in the market streams.
                    fields.isPartialBook = true
                    fields.updateID = MessageScanner.integer(bytes, value)
                }
                return
            }
            switch bytes[key.lowerBound] {
            case UInt8(ascii: "e"): fields.event = MessageScanner.string(bytes, value)
            case UInt8(ascii: "s"): fields.symbol = MessageScanner.string(bytes, value)
            case UInt8(ascii: "E"): fields.eventTime = MessageScanner.integer(bytes, value)
            case UInt8(ascii: "T"): fields.tradeTime = MessageScanner.integer(bytes, value)
            case UInt8(ascii: "t"): fields.tradeID = MessageScanner.integer(bytes, value)
            case UInt8(ascii: "a"): fields.aggregateID = MessageScanner.integer(bytes, value)
            case UInt8(ascii: "U"): fields.firstUpdateID = MessageScanner.integer(bytes, value)
            case UInt8(ascii: "u"): fields.updateID = MessageScanner.integer(bytes, value)
            case UInt8(ascii: "B"): fields.hasBestPrices = true
            case UInt8(ascii: "M"): fields.hasSpotFlag = true
            case UInt8(ascii: "k"):
                _ = MessageScanner.scanObject(bytes, value) { key, value in
                    if key.count == 1, bytes[key.lowerBound] == UInt8(ascii: "i") {
                        fields.interval = MessageScanner.string(bytes, value)
                    }
                }
            default: break
            }
        }
        guard isObject else { return nil }
        self = fields
    }

    private init() {}

    /// What the message carries.
    var kind: StreamKind {
        switch event {
        case "trade": .trade
        case "aggTrade": .aggregateTrade
        case "bookTicker": .quote
        case "depthUpdate": .depth
        case nil: isPartialBook ? .depth : symbol != nil && updateID != nil && hasBestPrices ? .quote : .other
        default: .other
        }
    }

    /// Whether it has the form of USD-M's market: trades without `M`, book changes with `pu`, quotes with `e`; nil where both
    /// markets' messages look alike. [Binance, Spot and USD-M web-socket-streams.md]
    var isUSDMargined: Bool? {
        switch kind {
        case .trade, .aggregateTrade: !hasSpotFlag
        case .quote: event != nil
        case .depth: event == nil ? nil : hasPreviousUpdateID
        case .other: nil
        }
    }

    /// The id its stream counts by.
    var firstID: UInt64? {
        switch kind {
        case .trade: tradeID
        case .aggregateTrade: aggregateID
        case .quote: updateID
        case .depth: firstUpdateID ?? updateID
        case .other: nil
        }
    }

    /// Event time, else trade time, in nanoseconds; the payload has milliseconds or (16 digits) microseconds.
    var timeNanos: Int64? {
        guard let time = eventTime ?? tradeTime else { return nil }
        let (nanos, overflow) = time.multipliedReportingOverflow(by: time >= 100_000_000_000_000 ? 1_000 : 1_000_000)
        return overflow ? nil : Int64(exactly: nanos)
    }

    /// The stream a raw message belongs to, with `anySpeed` where a book's update speed is unknown; nil where the message
    /// does not tell. [Binance Spot, web-socket-streams.md: event types and stream names]
    var stream: RecordedStream? {
        guard let symbol = symbol?.lowercased() else { return nil }
        let suffix: String
        switch event {
        case "depthUpdate": return RecordedStream(name: "\(symbol)@depth", kind: .depth, anySpeed: true)
        case nil where kind == .quote: suffix = "bookTicker"
        case nil: return nil
        case "kline": suffix = "kline_\(interval ?? "")"
        case "24hrTicker": suffix = "ticker"
        case "24hrMiniTicker": suffix = "miniTicker"
        case "markPriceUpdate": suffix = "markPrice"
        case let event?: suffix = event
        }
        return RecordedStream(name: "\(symbol)@\(suffix)", kind: kind)
    }
}
