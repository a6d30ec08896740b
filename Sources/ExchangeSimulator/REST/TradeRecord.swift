internal import MarketRecording

/// Which exchange's REST roots serve a market: `/api/v3` or `/fapi/v1`.
enum Venue: UInt8, Sendable, Hashable, CaseIterable {
    case spot
    case usdMargined
}

/// A symbol at a venue.
struct Market: Sendable, Hashable {
    var venue: Venue
    /// In capitals.
    var symbol: String
}

/// A decimal with as many places as the exchange wrote: `mantissa · 10^-places`.
struct ExactDecimal: Sendable, Hashable {
    var mantissa: Int64
    var places: UInt8

    /// Places that are followed; more than any exchange has.
    static let maximumPlaces = 18

    init(mantissa: Int64, places: UInt8) {
        self.mantissa = mantissa
        self.places = places
    }

    /// Reads the quoted text in `range`, such as `"61838.65"`; nil for anything else, or what does not fit.
    init?(_ bytes: Span<UInt8>, quoted range: Range<Int>) {
        guard range.count > 2, bytes[range.lowerBound] == UInt8(ascii: "\"") else { return nil }
        var value: Int64 = 0
        var point: Int?
        let digits = range.lowerBound + 1..<range.upperBound - 1
        for index in digits {
            if bytes[index] == UInt8(ascii: "."), point == nil {
                point = index
                continue
            }
            let digit = bytes[index] &- UInt8(ascii: "0")
            guard digit <= 9 else { return nil }
            let (product, overflowed) = value.multipliedReportingOverflow(by: 10)
            let (sum, carried) = product.addingReportingOverflow(Int64(digit))
            if overflowed || carried { return nil }
            value = sum
        }
        let places = point.map { digits.upperBound - 1 - $0 } ?? 0
        guard places <= Self.maximumPlaces else { return nil }
        self.init(mantissa: value, places: UInt8(places))
    }

    /// In units of 10⁻⁸; nil where it has more places or does not fit.
    var units: Int64? {
        var value = mantissa
        for _ in places..<max(places, 8) {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            if overflow { return nil }
            value = product
        }
        return places > 8 ? nil : value
    }

    /// As the exchange writes it.
    var text: String { Self.text(UInt128(mantissa.magnitude), places: Int(places)) }

    /// The product at `self`'s places, cut off behind them as the exchange does for quote quantities.
    func times(_ other: Self) -> String {
        var product = UInt128(mantissa.magnitude) * UInt128(other.mantissa.magnitude)
        for _ in 0..<other.places { product /= 10 }
        return Self.text(product, places: Int(places))
    }

    private static func text(_ mantissa: UInt128, places: Int) -> String {
        var digits = String(mantissa)
        guard places > 0 else { return digits }
        digits = String(repeating: "0", count: max(0, places + 1 - digits.count)) + digits
        digits.insert(".", at: digits.index(digits.endIndex, offsetBy: -places))
        return digits
    }
}

/// One trade of the market's truth.
struct TradeRecord: Sendable, Hashable {
    var id: UInt64
    var timeMillis: Int64
    var price: ExactDecimal
    var quantity: ExactDecimal
    var venue: Venue
    var buyerIsMaker: Bool
    var isBestMatch: Bool
    /// False for USD-M trades whose `X` is not `MARKET`: no aggregate covers them.
    var isMarket: Bool
}

/// One aggregate trade.
struct AggregateRecord: Sendable, Hashable {
    var id: UInt64
    var firstTradeID: UInt64
    var lastTradeID: UInt64
    /// Its trades' price and the like; the quantity is their sum.
    var trade: TradeRecord
}

/// What a message adds to the history.
enum HistoryRecord: Sendable, Hashable {
    case trade(TradeRecord)
    case aggregate(AggregateRecord)

    var venue: Venue {
        switch self {
        case .trade(let trade): trade.venue
        case .aggregate(let aggregate): aggregate.trade.venue
        }
    }

    /// Reads a trade or aggregate trade. Spot's have a member `M`, USD-M's have none. O(payload).
    ///
    /// Nil where a member is missing or a number does not fit: what can't be served exactly is not in the history.
    init?(_ bytes: Span<UInt8>, _ payload: Range<Int>, _ kind: StreamKind) {
        var values: [UInt8: Range<Int>] = [:]
        let isObject = MessageScanner.scanObject(bytes, payload) { key, value in
            if key.count == 1 { values[bytes[key.lowerBound]] = value }
        }
        func integer(_ key: Unicode.Scalar) -> UInt64? {
            values[UInt8(ascii: key)].flatMap { MessageScanner.integer(bytes, $0) }
        }
        func decimal(_ key: Unicode.Scalar) -> ExactDecimal? {
            values[UInt8(ascii: key)].flatMap { ExactDecimal(bytes, quoted: $0) }
        }
        func flag(_ key: Unicode.Scalar) -> Bool? {
            values[UInt8(ascii: key)].map { bytes[$0.lowerBound] == UInt8(ascii: "t") }
        }
        guard isObject, let id = integer(kind == .trade ? "t" : "a"), let time = integer("T"),
            let price = decimal("p"), let quantity = decimal("q"), let buyerIsMaker = flag("m")
        else { return nil }
        let cause = values[UInt8(ascii: "X")].flatMap { MessageScanner.string(bytes, $0) }
        // 16 digits are microseconds.
        let trade = TradeRecord(
            id: id, timeMillis: Int64(clamping: time >= 100_000_000_000_000 ? time / 1_000 : time), price: price,
            quantity: quantity, venue: flag("M") == nil ? .usdMargined : .spot, buyerIsMaker: buyerIsMaker,
            isBestMatch: flag("M") ?? true, isMarket: cause == nil || cause == "MARKET")
        if kind == .trade {
            self = .trade(trade)
            return
        }
        guard let first = integer("f"), let last = integer("l") else { return nil }
        self = .aggregate(AggregateRecord(id: id, firstTradeID: first, lastTradeID: last, trade: trade))
    }
}
