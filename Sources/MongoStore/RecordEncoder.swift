internal import TradingModel

/// Writes records as MongoDB documents; the shapes are in `MongoStore.docc`.
///
/// Prices, quantities and averages are Decimal128: exact, and numbers to every consumer. Times are dates (milliseconds) with
/// the nanoseconds as 64-bit integers beside them. What the exchange did not give is left out. Ids above 2⁶³ − 1 can't be
/// kept as integers: the record is refused (false). O(1) per record but for the text of its id.
struct RecordEncoder: Sendable {
    struct Names: Sendable {
        let exchange: String
        let symbol: String
        let identifier: String
        let priceDecimals: Int
        let quantityDecimals: Int
    }

    let catalog: MarketCatalog
    private let names: [Names]

    init(catalog: MarketCatalog) {
        self.catalog = catalog
        names = catalog.instruments.map {
            Names(
                exchange: $0.instrument.exchange.rawValue, symbol: $0.instrument.symbol,
                identifier: $0.instrument.description, priceDecimals: $0.priceDecimals,
                quantityDecimals: $0.quantityDecimals)
        }
    }

    /// A document of `ticks`.
    func encode(_ stored: StoredTick, createdAt: UnixNanos, into document: inout BSONDocument) -> Bool {
        let tick = stored.tick
        guard let kind = RecordKind(rawValue: tick.kind), let id = Int64(exactly: tick.id),
            let names = names(tick.instrument)
        else { return false }
        document.append("_id", "\(names.identifier):\(kind.name):\(tick.id)")
        document.append("exchange", names.exchange)
        document.append("symbol", names.symbol)
        document.append("kind", kind.name)
        document.append("tickId", id)
        let price = Decimal128(fixedPoint: tick.price, decimals: names.priceDecimals)
        let quantity = Decimal128(fixedPoint: tick.quantity, decimals: names.quantityDecimals)
        let flags = TickFlags(rawValue: tick.flags)
        switch kind {
        case .quote:
            document.append("bidPrice", price)
            document.append("bidQuantity", quantity)
            document.append("askPrice", Decimal128(fixedPoint: tick.secondaryPrice, decimals: names.priceDecimals))
            document.append(
                "askQuantity", Decimal128(fixedPoint: tick.secondaryQuantity, decimals: names.quantityDecimals))
        case .trade, .aggregateTrade:
            document.append("price", price)
            let isFromAggregate = flags.contains(.fromAggregate)
            if isFromAggregate {
                // Of its own quantity the exchange's history says nothing.
                document.appendNull("quantity")
                document.append("aggregateQuantity", quantity)
            } else {
                document.append("quantity", quantity)
            }
            document.append("buyerIsMaker", flags.contains(.buyerIsMaker))
            if kind == .aggregateTrade || isFromAggregate {
                document.append("firstTradeId", tick.secondaryPrice)
                document.append("lastTradeId", tick.secondaryQuantity)
            }
            if flags.contains(.noPrice) { document.append("isMarketPrice", false) }
            if flags.contains(.outsideBand) { document.append("isOutsideBand", true) }
            if flags.contains(.refilled) { document.append("refilled", true) }
        case .session, .gap, .decision, .decisionSums, .depth, .partialDepth, .bookLevels, .kline, .klineVolume,
            .refillRequest, .refillEnd, .mark:
            return false
        }
        document.append("eventTime", time: tick.exchangeTimeNanos)
        document.append("receiveTime", time: stored.receiveTime.rawValue)
        document.append("created_at", dateMillis: createdAt.millis)
        return true
    }

    /// A document of the signals' collection. Sums of 0 mean that there is no whole window (prices are above 0): the
    /// averages are null then.
    func encode(_ decision: Decision, createdAt: UnixNanos, into document: inout BSONDocument) -> Bool {
        guard let id = Int64(exactly: decision.tickID), let names = names(decision.instrument),
            catalog.strategies.indices.contains(Int(decision.strategy))
        else { return false }
        let identifier = catalog.identifier(of: decision)
        let periods = catalog.strategies[Int(decision.strategy)]
        document.append("_id", identifier)
        document.append("id", identifier)
        document.append("exchange", names.exchange)
        document.append("symbol", names.symbol)
        document.append(
            "strategy", catalog.strategyName(instrument: decision.instrument, strategy: decision.strategy))
        document.append("signal", "\(decision.side.name)")
        document.append("isSignal", decision.isSignal)
        document.append("reason", "\(decision.reason.name)")
        let averages = [
            ("shortSMA", decision.shortSum, periods.shortPeriod), ("longSMA", decision.longSum, periods.longPeriod),
        ]
        for (name, sum, period) in averages {
            if decision.longSum == 0 {
                document.appendNull(name)
            } else {
                document.append(name, Decimal128(averageOf: sum, count: period, decimals: names.priceDecimals))
            }
        }
        document.append("price", Decimal128(fixedPoint: decision.price, decimals: names.priceDecimals))
        document.append("tickId", id)
        document.append("timestamp", dateMillis: decision.exchangeTime.millis)
        document.append("eventTime", time: decision.exchangeTime.rawValue)
        document.append("receiveTime", time: decision.receiveTime.rawValue)
        document.append("created_at", dateMillis: createdAt.millis)
        return true
    }

    /// A document of `gaps`. Its id is `exchange:symbol:kind:gap:first-last`.
    func encode(_ stored: StoredGap, createdAt: UnixNanos, into document: inout BSONDocument) -> Bool {
        let gap = stored.gap
        guard let first = Int64(exactly: gap.firstID), let last = Int64(exactly: gap.lastID), last >= first,
            let names = names(gap.instrument)
        else { return false }
        document.append("_id", "\(names.identifier):\(gap.kind.name):gap:\(first)-\(last)")
        document.append("exchange", names.exchange)
        document.append("symbol", names.symbol)
        document.append("kind", gap.kind.name)
        document.append("fromId", first)
        document.append("toId", last)
        // Ids from 0 to 2^63 - 1 would be one more than fits.
        document.append("missing", Int64(clamping: gap.missingCount))
        document.append("cause", gap.cause.name)
        document.append("beforeTime", time: gap.beforeTimeNanos)
        document.append("afterTime", time: gap.afterTimeNanos)
        document.append("noticedTime", time: stored.noticedTime.rawValue)
        document.append("refilled", gap.isRefilled)
        if let source = gap.refilledFrom { document.append("refilledFrom", source.name) }
        document.append("created_at", dateMillis: createdAt.millis)
        return true
    }

    /// What belongs to an instrument, nil where there is none of that index.
    func names(_ instrument: UInt32) -> Names? {
        names.indices.contains(Int(instrument)) ? names[Int(instrument)] : nil
    }
}

extension BSONDocument {
    /// Appends a date and, with `Nanos` behind the name, the nanoseconds; nothing for 0, the exchange's "none".
    mutating func append(_ key: String, time nanos: Int64) {
        guard nanos != 0 else { return }
        append(key, dateMillis: UnixNanos(rawValue: nanos).millis)
        append(key + "Nanos", nanos)
    }
}
