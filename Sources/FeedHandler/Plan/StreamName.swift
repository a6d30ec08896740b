internal import TradingModel

/// One stream of one instrument, as Binance names it: `btcusdt@depth@100ms`.
public struct StreamName: Sendable, Hashable, CustomStringConvertible {
    /// What a stream carries.
    public enum Kind: Sendable, Hashable {
        case trade
        case aggregateTrade
        case quote
        /// Diffs or a partial book, at any speed.
        case depth
        case kline
    }

    /// Longest symbol, as in the decoder's instrument table.
    static let mostSymbolBytes = 48

    /// The instrument's symbol in the exchange's upper case.
    public let symbol: String
    /// What the stream carries.
    public let kind: Kind
    /// The part behind the first `@`, as given: `depth@100ms`.
    public let type: String

    /// The stream's name in addresses.
    public var description: String { "\(symbol.lowercased())@\(type)" }

    /// `SYMBOL@type`, as settings and people name it.
    public var displayName: String { "\(symbol)@\(type)" }

    /// The kind of record that carries its messages.
    var recordKind: RecordKind {
        switch kind {
        case .trade: .trade
        case .aggregateTrade: .aggregateTrade
        case .quote: .quote
        case .depth: type == "depth" || type.hasPrefix("depth@") ? .depth : .partialDepth
        case .kline: .kline
        }
    }

    init(symbol: String, kind: Kind, type: String) {
        self.symbol = symbol
        self.kind = kind
        self.type = type
    }

    /// Reads `symbol@type`; the symbol may be in either case.
    ///
    /// - Throws: `malformedStream`, `unknownStreamType`.
    public init(parsing text: Substring) throws(FeedPlanError) {
        let parts = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, (1...Self.mostSymbolBytes).contains(parts[0].utf8.count),
            parts[0].utf8.allSatisfy({ Self.isSymbolByte($0) }),
            parts[1].utf8.allSatisfy({ Self.isSymbolByte($0) || "@+-:".utf8.contains($0) })
        else { throw .malformedStream(String(text)) }
        guard let kind = Self.kind(of: parts[1]) else { throw .unknownStreamType(String(text)) }
        self.init(symbol: parts[0].uppercased(), kind: kind, type: String(parts[1]))
    }

    private static func isSymbolByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F: true
        default: false
        }
    }

    /// Depth: `depth`, `depth5|10|20`, with an optional speed; klines: `kline_<interval>`, with an optional time zone.
    private static func kind(of type: Substring) -> Kind? {
        let base = type.split(separator: "@", omittingEmptySubsequences: false)[0]
        switch base {
        case "trade" where base == type: return .trade
        case "aggTrade" where base == type: return .aggregateTrade
        case "bookTicker" where base == type: return .quote
        case "depth", "depth5", "depth10", "depth20": return .depth
        default: return base.hasPrefix("kline_") && base.utf8.count > 6 ? .kline : nil
        }
    }
}
