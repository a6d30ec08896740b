import Foundation
import TradingModel

/// What a message carries.
enum MarketRecord: Equatable {
    case tick(Tick)
    case book(BookUpdate)
    case kline(Kline)

    /// What a decoder put into its slots; nil for nothing.
    init?(decoded slots: [Tick]) {
        guard let first = slots.first else { return nil }
        if let book = BookUpdate(decoded: slots) {
            self = .book(book)
        } else if slots.count == 2, let kline = Kline(prices: slots[0], volumes: slots[1]) {
            self = .kline(kline)
        } else {
            self = .tick(first)
        }
    }
}

/// The plain way to read a message: Foundation's JSON tree and 128-bit arithmetic at 8 decimals. Written from the
/// exchange's documentation and the rules in decode_result.h; it shares no code with the decoders.
struct JSONReference {
    /// Known symbols by index.
    let symbols: [String]
    /// Whose a raw partial book is.
    var partialSymbol: String?

    /// What the message carries; nil for another message, and for one that is refused.
    func record(_ message: Data) -> MarketRecord? {
        // What Foundation takes for no JSON is no message.
        guard !Self.hasCommaAtEnd(message),
            let object = (try? JSONSerialization.jsonObject(with: message)) as? [String: Any],
            object["stream"] == nil || object["stream"] is String
        else { return nil }
        let stream = object["stream"] as? String
        guard let data = object["data"] else { return payload(object, stream: stream) }
        return (data as? [String: Any]).flatMap { payload($0, stream: stream) }
    }

    private func payload(_ payload: [String: Any], stream: String?) -> MarketRecord? {
        guard let event = payload["e"] else {
            let isQuote = ["u", "s", "b", "B", "a", "A"].allSatisfy { payload[$0] != nil }
            return isQuote ? quote(payload) : partialBook(payload, stream: stream)
        }
        switch event as? String {
        case "trade": return trade(payload)
        case "aggTrade": return aggregateTrade(payload)
        case "bookTicker": return quote(payload)
        case "depthUpdate": return update(payload, stream: stream)
        case "kline": return kline(payload)
        default: return nil
        }
    }

    /// Foundation takes a comma behind the last element or member, which is not JSON.
    static func hasCommaAtEnd(_ message: Data) -> Bool {
        var (last, isInString, isEscaped): (UInt8, Bool, Bool) = (0, false, false)
        for byte in message {
            if isInString {
                if byte == UInt8(ascii: "\""), !isEscaped { isInString = false }
                isEscaped = byte == UInt8(ascii: "\\") && !isEscaped
            } else if !" \n\r\t".utf8.contains(byte) {
                if last == UInt8(ascii: ","), "]}".utf8.contains(byte) { return true }
                last = byte
                isInString = byte == UInt8(ascii: "\"")
            }
        }
        return false
    }

    // MARK: kinds

    private func trade(_ payload: [String: Any]) -> MarketRecord? {
        let execution = payload["X"] as? String
        guard payload["X"] == nil || execution != nil else { return nil }
        let isMarket = execution == nil || execution == "MARKET"
        guard let instrument = instrument(payload["s"]), let id = id(payload["t"]), let isMaker = truth(payload["m"]),
            let price = scaled(payload["p"], zero: !isMarket), let quantity = scaled(payload["q"], zero: !isMarket),
            let time = time(payload["T"])
        else { return nil }
        var flags: TickFlags = isMaker ? .buyerIsMaker : []
        if !isMarket { flags.insert(.noPrice) }
        return .tick(
            Tick(
                id: UInt64(id), exchangeTimeNanos: time, receiveMonotonicNanos: 99, price: price, quantity: quantity,
                instrument: instrument, kind: .trade, flags: flags, feed: 7))
    }

    private func aggregateTrade(_ payload: [String: Any]) -> MarketRecord? {
        guard let instrument = instrument(payload["s"]), let id = id(payload["a"]), let isMaker = truth(payload["m"]),
            let price = scaled(payload["p"], zero: false), let quantity = scaled(payload["q"], zero: false),
            let time = time(payload["T"]), let first = self.id(payload["f"]), let last = self.id(payload["l"])
        else { return nil }
        return .tick(
            Tick(
                id: UInt64(id), exchangeTimeNanos: time, receiveMonotonicNanos: 99, price: price, quantity: quantity,
                secondaryPrice: first, secondaryQuantity: last, instrument: instrument, kind: .aggregateTrade,
                flags: isMaker ? .buyerIsMaker : [], feed: 7))
    }

    private func quote(_ payload: [String: Any]) -> MarketRecord? {
        guard let instrument = instrument(payload["s"]), let id = id(payload["u"]),
            let bid = scaled(payload["b"], zero: true), let bidSize = scaled(payload["B"], zero: true),
            let ask = scaled(payload["a"], zero: true), let askSize = scaled(payload["A"], zero: true),
            let time = optionalTime(payload["T"] ?? payload["E"])
        else { return nil }
        return .tick(
            Tick(
                id: UInt64(id), exchangeTimeNanos: time, receiveMonotonicNanos: 99, price: bid, quantity: bidSize,
                secondaryPrice: ask, secondaryQuantity: askSize, instrument: instrument, kind: .quote, feed: 7))
    }

    private func update(_ payload: [String: Any], stream: String?) -> MarketRecord? {
        guard payload["lastUpdateId"] == nil, let instrument = instrument(payload["s"]), let first = id(payload["U"]),
            let last = id(payload["u"]), first <= last, let event = time(payload["E"]),
            let transaction = optionalTime(payload["T"]), let bids = levels(payload["b"]),
            let asks = levels(payload["a"]),
            let previous = payload["pu"] == nil ? -1 : id(payload["pu"])
        else { return nil }
        // Without an envelope's word it is a partial book where its instrument has a stream of those alone.
        let isPartial =
            payload["pu"] != nil
            && (stream == nil ? payload["s"] as? String == partialSymbol : partialSymbol(of: stream) != nil)
        return book(
            Tick(
                id: UInt64(last), exchangeTimeNanos: event, receiveMonotonicNanos: 99, price: isPartial ? last : first,
                quantity: previous, secondaryPrice: transaction, instrument: instrument,
                kind: isPartial ? .partialDepth : .depth, feed: 7), bids, asks)
    }

    private func partialBook(_ payload: [String: Any], stream: String?) -> MarketRecord? {
        let symbol = stream == nil ? partialSymbol : partialSymbol(of: stream)
        guard let instrument = instrument(symbol), let id = id(payload["lastUpdateId"]),
            let event = optionalTime(payload["E"]), let transaction = optionalTime(payload["T"]),
            let bids = levels(payload["bids"]), let asks = levels(payload["asks"])
        else { return nil }
        return book(
            Tick(
                id: UInt64(id), exchangeTimeNanos: event, receiveMonotonicNanos: 99, price: id, quantity: -1,
                secondaryPrice: transaction, instrument: instrument, kind: .partialDepth, feed: 7), bids, asks)
    }

    private func book(_ header: Tick, _ bids: [BookLevel], _ asks: [BookLevel]) -> MarketRecord {
        var header = header
        header.secondaryQuantity = Int64(bids.count) << 32 | Int64(asks.count)
        return .book(BookUpdate(header: header, receiveTime: UnixNanos(rawValue: 0), bids: bids, asks: asks))
    }

    private func kline(_ payload: [String: Any]) -> MarketRecord? {
        guard let instrument = instrument(payload["s"]), let event = time(payload["E"]),
            let inner = payload["k"] as? [String: Any], let open = time(inner["t"]), let close = time(inner["T"]),
            let interval = KlineInterval.allCases.first(where: { $0.name == inner["i"] as? String }),
            let isClosed = truth(inner["x"]), let first = integer(inner["f"]), let last = integer(inner["L"]),
            first >= -1, last >= -1, let count = id(inner["n"]), let volume = scaled(inner["v"], zero: true)
        else { return nil }
        let prices = ["o", "h", "l", "c"].compactMap { scaled(inner[$0], zero: false) }
        guard prices.count == 4 else { return nil }
        return .kline(
            Kline(
                instrument: instrument, feed: 7, interval: interval, isClosed: isClosed,
                openTime: UnixNanos(rawValue: open), closeTime: UnixNanos(rawValue: close),
                eventTime: UnixNanos(rawValue: event), receiveMonotonic: MonotonicNanos(rawValue: 99), open: prices[0],
                high: prices[1], low: prices[2], close: prices[3], volume: volume, tradeCount: count,
                firstTradeID: first < 0 ? nil : first, lastTradeID: last < 0 ? nil : last))
    }

    // MARK: values

    private func instrument(_ symbol: Any?) -> UInt32? {
        (symbol as? String).flatMap { symbols.firstIndex(of: $0) }.map(UInt32.init)
    }

    private func partialSymbol(of stream: String?) -> String? {
        guard let match = stream?.wholeMatch(of: /([^@]+)@depth[0-9].*/) else { return nil }
        return match.1.uppercased()
    }

    private func integer(_ value: Any?) -> Int64? {
        guard let number = value as? NSNumber else { return nil }
        switch UInt8(bitPattern: number.objCType.pointee) {
        case UInt8(ascii: "c"), UInt8(ascii: "B"), UInt8(ascii: "d"), UInt8(ascii: "f"): return nil
        case UInt8(ascii: "Q"): return Int64(exactly: number.uint64Value)
        default: return number.int64Value
        }
    }

    func truth(_ value: Any?) -> Bool? {
        guard let number = value as? NSNumber, "cB".utf8.contains(UInt8(bitPattern: number.objCType.pointee)) else {
            return nil
        }
        return number.boolValue
    }

    func id(_ value: Any?) -> Int64? { integer(value).flatMap { $0 >= 0 ? $0 : nil } }

    func time(_ value: Any?) -> Int64? {
        guard let time = id(value) else { return nil }
        let (nanos, isTooLarge) = time.multipliedReportingOverflow(by: time < 100_000_000_000_000 ? 1_000_000 : 1_000)
        return isTooLarge ? nil : nanos
    }

    private func optionalTime(_ value: Any?) -> Int64? { value == nil ? 0 : time(value) }

    private func levels(_ value: Any?) -> [BookLevel]? {
        guard let rows = value as? [Any] else { return nil }
        var levels: [BookLevel] = []
        for row in rows {
            guard let pair = row as? [Any], pair.count == 2, let price = scaled(pair[0], zero: false),
                let quantity = scaled(pair[1], zero: true), let priceDigits = digits(pair[0]),
                let quantityDigits = digits(pair[1])
            else { return nil }
            levels.append(
                BookLevel(
                    price: price, quantity: quantity, priceDigits: priceDigits, quantityDigits: quantityDigits))
        }
        return levels
    }

    private func digits(_ value: Any) -> UInt8? {
        guard let text = value as? String else { return nil }
        return UInt8(exactly: text.utf8.firstIndex(of: UInt8(ascii: ".")).map { text.utf8[$0...].count - 1 } ?? 0)
    }

    func scaled(_ value: Any?, zero isZeroAllowed: Bool) -> Int64? {
        guard let text = value as? String else { return nil }
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count <= 2, parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy { (0x30...0x39).contains($0) } }),
            parts[0].count == 1 || parts[0].first != 0x30, parts[0].count <= 20
        else { return nil }
        let fraction = parts.count > 1 ? parts[1] : ""[...].utf8
        guard fraction.dropFirst(8).allSatisfy({ $0 == 0x30 }) else { return nil }
        var wide: Int128 = 0
        for digit in parts[0] { wide = wide * 10 + Int128(digit - 0x30) }
        for digit in fraction.prefix(8) { wide = wide * 10 + Int128(digit - 0x30) }
        for _ in fraction.prefix(8).count..<8 { wide *= 10 }
        guard let scaled = Int64(exactly: wide) else { return nil }
        return scaled > 0 || isZeroAllowed ? scaled : nil
    }
}
