import TradingModel

extension SampleMarket {
    /// One book update whose last update id is `number`, with prices that are written with more digits than they need.
    ///
    /// `first` is its first update id, by default its last one; `previous` is USD-M's `pu`.
    public static func book(
        _ number: UInt64, first: UInt64? = nil, previous: Int64 = -1, kind: RecordKind = .depth, bids: Int = 2,
        asks: Int = 1, instrument: UInt32 = 0, feed: UInt16 = 0, receiveNanos: UInt64 = 0
    ) -> BookUpdate {
        // Wrapping: tests of rogue ids use numbers of 64 bits.
        let time = startNanos &+ Int64(truncatingIfNeeded: number) &* 1_000
        let header = Tick(
            id: number, exchangeTimeNanos: kind == .depth ? time : 0, receiveMonotonicNanos: receiveNanos,
            price: Int64(bitPattern: first ?? number), quantity: previous,
            secondaryPrice: previous < 0 ? 0 : time - 400,
            secondaryQuantity: Int64(bids) << 32 | Int64(asks), instrument: instrument, kind: kind, feed: feed)
        func levels(_ count: Int, from price: Int64, step: Int64) -> [BookLevel] {
            (0..<Int64(count)).map {
                BookLevel(price: price + $0 * step, quantity: $0 * 1_000, priceDigits: 8, quantityDigits: UInt8($0 % 9))
            }
        }
        return BookUpdate(
            header: header, receiveTime: UnixNanos(rawValue: time &+ 500),
            bids: levels(bids, from: 6_182_650, step: -1), asks: levels(asks, from: 6_182_651, step: 1))
    }

    /// One kline: the `number`-th interval of that length.
    public static func kline(
        _ number: Int64, interval: KlineInterval = .oneMinute, isClosed: Bool = true, instrument: UInt32 = 0,
        feed: UInt16 = 0, eventOffsetNanos: Int64 = 0, receiveNanos: UInt64 = 0
    ) -> Kline {
        let minute: Int64 = 60_000_000_000
        let open = (28_719_354 + number) * minute
        return Kline(
            instrument: instrument, feed: feed, interval: interval, isClosed: isClosed,
            openTime: UnixNanos(rawValue: open), closeTime: UnixNanos(rawValue: open + minute - 1_000_000),
            eventTime: UnixNanos(rawValue: open + minute + 7_000_000 + eventOffsetNanos),
            receiveMonotonic: MonotonicNanos(rawValue: receiveNanos), open: 6_182_650, high: 6_182_700, low: 6_182_600,
            close: 6_182_610, volume: number == 0 ? 0 : 150_000, tradeCount: number == 0 ? 0 : 12,
            firstTradeID: number == 0 ? nil : 100, lastTradeID: number == 0 ? nil : 111)
    }

    /// The kline as stored.
    public static func stored(_ kline: Kline) -> StoredKline {
        StoredKline(kline: kline, receiveTime: UnixNanos(rawValue: kline.eventTime.rawValue + 900))
    }
}
