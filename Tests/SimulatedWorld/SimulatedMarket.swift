import TradingModel

/// A trade of the simulated exchange.
public struct SimulatedTrade: Sendable, Equatable {
    /// Rises by one from trade to trade of its instrument.
    public var id: UInt64
    /// At 8 decimals.
    public var price: Int64
    /// At 8 decimals.
    public var quantity: Int64
    /// Unix microseconds.
    public var timeMicros: Int64

    fileprivate var priceText: String { TextCursor.text { $0.append(fixedPoint: price, decimals: 8) } }
    fileprivate var quantityText: String { TextCursor.text { $0.append(fixedPoint: quantity, decimals: 8) } }
}

/// The exchange's own ledger: every trade there was, and what its websocket and its history say of them.
///
/// The one source of truth that a run is compared with.
public final class SimulatedMarket {
    /// In capitals, by instrument.
    public let symbols: [String]
    /// By instrument, in order; ids are consecutive.
    public private(set) var trades: [[SimulatedTrade]]
    private var prices: [Int64]
    private var nextIDs: [UInt64]

    /// An exchange without a trade.
    public init(symbols: [String]) {
        self.symbols = symbols
        trades = symbols.map { _ in [] }
        prices = symbols.indices.map { Int64(100 + 50 * $0) * 100_000_000 }
        nextIDs = symbols.indices.map { UInt64(1_000 * ($0 + 1)) }
    }

    /// The next trade of an instrument: a step of its price up, down or nowhere.
    public func trade(_ instrument: Int, timeMicros: Int64, random: UInt64) -> SimulatedTrade {
        // Steps back towards the start, so that averages cross often.
        let start = Int64(100 + 50 * instrument) * 100_000_000
        let pull = prices[instrument] > start ? -1 : 1
        let steps = Int64(random % 7) - 3 + Int64((random >> 8) % 2) * Int64(pull)
        prices[instrument] += steps * 1_000_000
        let trade = SimulatedTrade(
            id: nextIDs[instrument], price: prices[instrument],
            quantity: Int64(1 + (random >> 16) % 1_000) * 100_000, timeMicros: timeMicros)
        nextIDs[instrument] += 1
        trades[instrument].append(trade)
        return trade
    }

    /// The trade of that id.
    public func trade(_ instrument: Int, id: UInt64) -> SimulatedTrade? {
        guard let first = trades[instrument].first, id >= first.id else { return nil }
        let index = Int(id - first.id)
        return index < trades[instrument].count ? trades[instrument][index] : nil
    }

    /// The message of a combined stream that tells a trade.
    public func message(_ instrument: Int, _ trade: SimulatedTrade) -> String {
        let symbol = symbols[instrument]
        return "{\"stream\":\"\(symbol.lowercased())@trade\",\"data\":{\"e\":\"trade\",\"E\":\(trade.timeMicros),"
            + "\"s\":\"\(symbol)\",\"t\":\(trade.id),\"p\":\"\(trade.priceText)\",\"q\":\"\(trade.quantityText)\","
            + "\"T\":\(trade.timeMicros),\"m\":true,\"M\":true}}"
    }

    /// The body that answers a question to the history: `/api/v3/historicalTrades` or `/api/v3/aggTrades`, times in
    /// microseconds; nil for another path or an unknown symbol. Each trade is an aggregate of its own.
    public func history(target: String) -> String? {
        let parts = target.split(separator: "?", maxSplits: 1)
        guard parts.count == 2 else { return nil }
        var values: [Substring: Substring] = [:]
        for item in parts[1].split(separator: "&") {
            let pair = item.split(separator: "=", maxSplits: 1)
            if pair.count == 2 { values[pair[0]] = pair[1] }
        }
        guard let symbol = values["symbol"], let instrument = symbols.firstIndex(of: String(symbol)) else { return nil }
        let limit = values["limit"].flatMap { Int($0) } ?? 500
        var found = trades[instrument][...]
        if let id = values["fromId"].flatMap({ UInt64($0) }) { found = found.drop { $0.id < id } }
        if let start = values["startTime"].flatMap({ Int64($0) }) {
            found = found.drop { $0.timeMicros / 1_000 < start }
        }
        if let end = values["endTime"].flatMap({ Int64($0) }) {
            found = found.prefix { $0.timeMicros / 1_000 <= end }
        }
        switch parts[0] {
        case "/api/v3/historicalTrades": return "[" + found.prefix(limit).map(Self.row).joined(separator: ",") + "]"
        case "/api/v3/aggTrades": return "[" + found.prefix(limit).map(Self.aggregate).joined(separator: ",") + "]"
        default: return nil
        }
    }

    private static func row(_ trade: SimulatedTrade) -> String {
        "{\"id\":\(trade.id),\"price\":\"\(trade.priceText)\",\"qty\":\"\(trade.quantityText)\",\"quoteQty\":\"1.0\","
            + "\"time\":\(trade.timeMicros),\"isBuyerMaker\":true,\"isBestMatch\":true}"
    }

    private static func aggregate(_ trade: SimulatedTrade) -> String {
        "{\"a\":\(trade.id + 7),\"p\":\"\(trade.priceText)\",\"q\":\"\(trade.quantityText)\",\"f\":\(trade.id),"
            + "\"l\":\(trade.id),\"T\":\(trade.timeMicros),\"m\":true,\"M\":true}"
    }
}
