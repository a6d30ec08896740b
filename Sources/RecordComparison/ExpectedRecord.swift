public import TradingModel

/// A record as a store must give it back.
public struct ExpectedRecord: Sendable {
    /// Its id and key.
    public let position: RecordPosition
    /// By the table's columns; that of insertion is the store's own and left out of comparisons.
    let values: [StoredValue]
    /// The engine's entry with which it was recorded: once the store has everything up to there, it has this.
    public let sequence: UInt64
    /// When it was received, Unix nanoseconds.
    public let receiveTimeNanos: Int64

    /// A tick of `catalog`; nil for kinds that `ticks` does not hold and ids that stores refuse.
    public init?(_ tick: Tick, receiveTime: UnixNanos, of catalog: MarketCatalog, sequence: UInt64) {
        guard let kind = RecordKind(rawValue: tick.kind), let id = Int64(exactly: tick.id),
            catalog.instruments.indices.contains(Int(tick.instrument))
        else { return nil }
        let scale = catalog.instruments[Int(tick.instrument)]
        let flags = TickFlags(rawValue: tick.flags)
        let isQuote = kind == .quote
        let isFromAggregate = flags.contains(.fromAggregate)
        func price(_ value: Int64) -> StoredValue { .fixedPoint(value, scale.priceDecimals) }
        func quantity(_ value: Int64) -> StoredValue { .fixedPoint(value, scale.quantityDecimals) }
        var fields = StoredValue.named(scale.instrument, catalog.identifier(of: tick), "kind", kind.name)
        fields["tickId"] = .integer(id)
        if isQuote {
            fields["bidPrice"] = price(tick.price)
            fields["bidQuantity"] = quantity(tick.quantity)
            fields["askPrice"] = price(tick.secondaryPrice)
            fields["askQuantity"] = quantity(tick.secondaryQuantity)
        } else {
            fields["price"] = price(tick.price)
            fields[isFromAggregate ? "aggregateQuantity" : "quantity"] = quantity(tick.quantity)
            fields["buyerIsMaker"] = .boolean(flags.contains(.buyerIsMaker))
        }
        if flags.contains(.noPrice) { fields["isMarketPrice"] = .boolean(false) }
        if flags.contains(.refilled) { fields["refilled"] = .boolean(true) }
        if kind == .aggregateTrade || isFromAggregate {
            fields["firstTradeId"] = .integer(tick.secondaryPrice)
            fields["lastTradeId"] = .integer(tick.secondaryQuantity)
        }
        fields.set("eventTime", tick.exchangeTimeNanos)
        fields.set("receiveTime", receiveTime.rawValue)
        self.init(
            .ticks, fields, RecordPosition(key: id, identifier: catalog.identifier(of: tick)), sequence: sequence,
            receiveTime: receiveTime)
    }

    /// A decision of `catalog`, such as a signal; nil for ids that stores refuse.
    public init?(_ decision: Decision, of catalog: MarketCatalog, sequence: UInt64) {
        guard let id = Int64(exactly: decision.tickID) else { return nil }
        let scale = catalog.instruments[Int(decision.instrument)]
        let periods = catalog.strategies[Int(decision.strategy)]
        let identifier = catalog.identifier(of: decision)
        var fields = StoredValue.named(
            scale.instrument, identifier, "strategy",
            catalog.strategyName(instrument: decision.instrument, strategy: decision.strategy))
        fields["signal"] = .text("\(decision.side.name)")
        fields["isSignal"] = .boolean(decision.isSignal)
        fields["reason"] = .text("\(decision.reason.name)")
        let averages = [
            ("shortSMA", decision.shortSum, periods.shortPeriod), ("longSMA", decision.longSum, periods.longPeriod),
        ]
        // Sums are 0 where there is no whole window.
        for (name, sum, count) in averages where decision.longSum != 0 {
            fields[name] = .text(
                TextCursor.text { $0.append(averageOf: sum, count: count, decimals: scale.priceDecimals) })
        }
        fields["price"] = .fixedPoint(decision.price, scale.priceDecimals)
        fields["tickId"] = .integer(id)
        fields["timestamp"] = .milliseconds(decision.exchangeTime.rawValue)
        if decision.exchangeTime.rawValue != 0 { fields["eventTimeNanos"] = .integer(decision.exchangeTime.rawValue) }
        fields.set("receiveTime", decision.receiveTime.rawValue)
        self.init(
            .decisions, fields, RecordPosition(key: id, identifier: identifier), sequence: sequence,
            receiveTime: decision.receiveTime)
    }

    init(
        _ table: StoredTable, _ fields: [String: StoredValue], _ position: RecordPosition, sequence: UInt64,
        receiveTime: UnixNanos
    ) {
        values = table.columns.map { fields[$0.name] ?? .none }
        self.position = position
        self.sequence = sequence
        receiveTimeNanos = receiveTime.rawValue
    }
}

extension StoredValue {
    static func fixedPoint(_ value: Int64, _ decimals: Int) -> StoredValue {
        .text(TextCursor.text { $0.append(fixedPoint: value, decimals: decimals) })
    }

    /// Stores keep dates in milliseconds.
    static func milliseconds(_ nanos: Int64) -> StoredValue {
        .text(
            TextCursor.text { $0.append(rfc3339: UnixNanos(rawValue: UnixNanos(rawValue: nanos).millis * 1_000_000)) })
    }

    static func named(
        _ instrument: Instrument, _ identifier: String, _ series: String, _ name: String
    ) -> [String: StoredValue] {
        [
            "_id": .text(identifier), "exchange": .text(instrument.exchange.rawValue),
            "symbol": .text(instrument.symbol), series: .text(name),
        ]
    }

    /// As it is printed; empty for none.
    var text: String {
        switch self {
        case .none: ""
        case .text(let text): text
        case .integer(let number): "\(number)"
        case .boolean(let flag): "\(flag)"
        }
    }
}

extension [String: StoredValue] {
    /// A date with its nanoseconds; neither for 0, the exchange's "none".
    mutating func set(_ name: String, _ nanos: Int64) {
        guard nanos != 0 else { return }
        self[name] = .milliseconds(nanos)
        self[name + "Nanos"] = .integer(nanos)
    }
}
