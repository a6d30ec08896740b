package import TradingModel

/// Reads entries of the signal stream, strictly: money is moved on them.
///
/// Every field of schema 1 must be there, be written as the engine writes it and agree with the others. Further fields are
/// left alone: a later engine may add some under the same schema. Pure; O(length of the fields).
package enum SignalEntryReader {
    /// The schema that is read.
    package static let schema = "1"
    /// The longest value of a field: an id has an exchange, a symbol and a strategy of `mostNameBytes` at most and 24 more.
    private static let mostValueBytes = 256
    /// The longest symbol or strategy.
    private static let mostNameBytes = 64

    /// The signal that the entry's fields tell of.
    ///
    /// - Throws: why it is none.
    package static func signal(of entry: SignalEntry) throws(SignalEntryError) -> TradeSignal {
        let fields = entry.fields
        guard let schema = fields["schema"] else {
            let isEarlier = fields["symbol"] == nil && fields["signal"] != nil && fields["shortSMA"] != nil
            throw isEarlier ? .earlierService : .foreign
        }
        guard schema == Self.schema else { throw .unknownSchema(schema) }
        let (key, tickID) = (try key(of: fields), try tickID(of: fields))
        let isAfterGap = try choice("reason", of: fields, ["cross": false, "gap": true])
        let side = try choice(
            "signal", of: fields, [OrderSide.buy.rawValue: .buy, OrderSide.sell.rawValue: OrderSide.sell])
        let price = try decimal("price", of: fields)
        let eventTime = try time("eventTime", of: fields)
        let receiveTime = try time("receiveTime", of: fields)
        try check(side: side, eventTime: eventTime, against: fields)
        let id = try value("id", of: fields)
        let expected = "\(key):\(tickID)\(isAfterGap ? ":gap" : "")"
        guard id == expected else { throw .foreignID(id, expected: expected) }
        return TradeSignal(
            id: id, key: key, side: side, isAfterGap: isAfterGap, tickID: tickID, price: price, eventTime: eventTime,
            receiveTime: receiveTime)
    }

    private static func key(of fields: [String: String]) throws(SignalEntryError) -> StrategyKey {
        let exchangeName = try value("exchange", of: fields)
        guard let exchange = Exchange(rawValue: exchangeName) else { throw .unknownExchange(exchangeName) }
        return StrategyKey(
            instrument: Instrument(exchange: exchange, symbol: try name("symbol", of: fields)),
            strategy: try name("strategy", of: fields))
    }

    private static func tickID(of fields: [String: String]) throws(SignalEntryError) -> UInt64 {
        let text = try value("tickId", of: fields)
        // Written back, since `UInt64` also takes a sign and leading zeros, which would make two ids of one tick.
        guard let id = UInt64(text), String(id) == text else { throw .malformed("tickId", value: text) }
        return id
    }

    /// What the entry says twice must be the same: the time as a date, and the side as the order of the averages, which
    /// may be equal only by being rounded.
    private static func check(
        side: OrderSide, eventTime: UnixNanos, against fields: [String: String]
    ) throws(SignalEntryError) {
        let date = try value("time", of: fields)
        guard date == TextCursor.text({ $0.append(rfc3339: eventTime) }) else {
            throw .contradiction("the time \"\(date.prefix(40))\" is not that of eventTime")
        }
        let short = try decimal("shortSMA", of: fields)
        let long = try decimal("longSMA", of: fields)
        guard side == .buy ? short >= long : short <= long else {
            throw .contradiction("a \(side.rawValue) with the short average \(short) and the long one \(long)")
        }
    }

    private static func value(_ field: String, of fields: [String: String]) throws(SignalEntryError) -> String {
        guard let value = fields[field] else { throw .missing(field) }
        guard !value.isEmpty, value.utf8.count <= mostValueBytes else { throw .malformed(field, value: value) }
        return value
    }

    /// A part of an id: anything but the colon that parts it, spaces and control characters.
    private static func name(_ field: String, of fields: [String: String]) throws(SignalEntryError) -> String {
        let name = try value(field, of: fields)
        let isName = name.unicodeScalars.allSatisfy {
            $0 != ":" && !$0.properties.isWhitespace && $0.value >= 0x20 && $0.value != 0x7F
        }
        guard isName, name.utf8.count <= mostNameBytes else { throw .malformed(field, value: name) }
        return name
    }

    private static func choice<Choice>(
        _ field: String, of fields: [String: String], _ choices: [String: Choice]
    ) throws(SignalEntryError) -> Choice {
        let name = try value(field, of: fields)
        guard let choice = choices[name] else { throw .malformed(field, value: name) }
        return choice
    }

    /// A price or an average: above zero.
    private static func decimal(_ field: String, of fields: [String: String]) throws(SignalEntryError) -> ExactDecimal {
        let text = try value(field, of: fields)
        guard let decimal = ExactDecimal(text), decimal > .zero, decimal.description == text else {
            throw .malformed(field, value: text)
        }
        return decimal
    }

    private static func time(_ field: String, of fields: [String: String]) throws(SignalEntryError) -> UnixNanos {
        let text = try value(field, of: fields)
        guard let nanos = Int64(text), nanos >= 0, String(nanos) == text else { throw .malformed(field, value: text) }
        return UnixNanos(rawValue: nanos)
    }
}
