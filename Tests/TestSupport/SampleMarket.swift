import TradingModel

/// Records for store tests: two instruments, one strategy, every kind of record, all a function of their number.
public enum SampleMarket {
    /// BTCUSDT on Spot with 2 and 5 decimals and on USD-M with 8 and 8; strategy 50/200.
    public static let catalog: MarketCatalog = {
        guard let strategy = try? SMACrossoverParameters(shortPeriod: 50, longPeriod: 200) else {
            preconditionFailure("50 and 200 are periods")
        }
        return MarketCatalog(
            instruments: [
                InstrumentSpecification(
                    instrument: Instrument(exchange: .binance, symbol: "BTCUSDT"), priceDecimals: 2, quantityDecimals: 5
                ),
                InstrumentSpecification(instrument: Instrument(exchange: .binanceUSDM, symbol: "BTCUSDT")),
            ],
            strategies: [strategy])
    }()

    /// 2024-08-08T23:54:13.123456789Z.
    public static let startNanos: Int64 = 1_723_161_253_123_456_789

    /// One tick on the ring.
    public static func tick(
        _ number: UInt64, kind: RecordKind = .trade, instrument: UInt32 = 0, feed: UInt16 = 0, receiveNanos: UInt64 = 0
    ) -> Tick {
        let isAggregate = kind == .aggregateTrade
        return Tick(
            id: number, exchangeTimeNanos: startNanos + Int64(number) * 1_000, receiveMonotonicNanos: receiveNanos,
            price: 6_182_650 + Int64(number), quantity: 150_000,
            secondaryPrice: isAggregate ? Int64(number) * 2 : kind == .quote ? 6_182_700 : 0,
            secondaryQuantity: isAggregate ? Int64(number) * 2 + 1 : kind == .quote ? 7 : 0, instrument: instrument,
            kind: kind, flags: number % 2 == 0 ? .buyerIsMaker : [], feed: feed)
    }

    /// One tick as stored.
    public static func stored(_ number: UInt64, kind: RecordKind = .trade, instrument: UInt32 = 0) -> StoredTick {
        StoredTick(
            tick: tick(number, kind: kind, instrument: instrument),
            receiveTime: UnixNanos(rawValue: startNanos + Int64(number) * 1_000 + 500))
    }

    /// One trade of the second instrument that came from the exchange's history, by itself or as one of an aggregate's.
    public static func refilled(_ number: UInt64, fromAggregate: Bool = false) -> StoredTick {
        var stored = stored(number, instrument: 1)
        stored.tick.price = 1
        stored.tick.flags = TickFlags.refilled.rawValue
        if fromAggregate {
            stored.tick.flags |= TickFlags.fromAggregate.rawValue
            stored.tick.secondaryPrice = Int64(number) - 3
            stored.tick.secondaryQuantity = Int64(number)
        }
        return stored
    }

    /// One decision.
    public static func decision(_ number: UInt64, reason: DecisionReason = .cross, side: Side = .buy) -> Decision {
        let isWhole = reason != .warming
        return Decision(
            instrument: 0, strategy: 0, side: side, reason: reason, tickID: number, price: 6_182_650,
            shortSum: isWhole ? 309_132_501 : 0, longSum: isWhole ? 1_236_530_003 : 0,
            exchangeTime: UnixNanos(rawValue: startNanos), receiveTime: UnixNanos(rawValue: startNanos + 777),
            receiveMonotonic: MonotonicNanos(rawValue: 5))
    }

    /// One gap of three trades.
    public static func gap(_ number: UInt64, feed: UInt16 = 0) -> GapRecord {
        GapRecord(
            instrument: 0, kind: .trade, firstID: number, lastID: number + 2, cause: .reconnect, feed: feed,
            beforeTimeNanos: startNanos, afterTimeNanos: startNanos + 9_000_000, noticed: MonotonicNanos(rawValue: 5))
    }

    /// A batch with `ticks` trades from `first`, one decision and one gap.
    public static func batch(first: UInt64, ticks: Int) -> StoreBatch {
        var batch = StoreBatch()
        batch.ticks = (0..<UInt64(ticks)).map { stored(first + $0) }
        batch.decisions = [decision(first)]
        batch.gaps = [StoredGap(gap: gap(first), noticedTime: UnixNanos(rawValue: startNanos + 10_000_000))]
        return batch
    }
}
