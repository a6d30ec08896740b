import Testing
import TradingModel

@Suite struct RecordTests {
    @Test func `a record is one 64-byte slot with its kind at byte 60`() {
        #expect(MemoryLayout<Tick>.size == 64)
        #expect(MemoryLayout<Tick>.stride == 64)
        #expect(MemoryLayout<Tick>.offset(of: \.kind) == 60)
        #expect(MemoryLayout<Tick>.offset(of: \.instrument) == 56)
    }

    @Test func `a decision survives its two slots`() {
        let decision = Decision(
            instrument: 7, strategy: 3, side: .sell, reason: .gap, tickID: .max, price: .min,
            shortSum: Int128(Int64.max) * 1_000_003, longSum: -(Int128(1) << 100) + 5,
            exchangeTime: UnixNanos(rawValue: 1), receiveTime: UnixNanos(rawValue: -2),
            receiveMonotonic: MonotonicNanos(rawValue: 3))
        let (first, second) = decision.slots
        #expect(Decision(first: first, second: second) == decision)
        #expect(Decision(first: second, second: first) == nil)
    }

    @Test(arguments: GapCause.allCases) func `a gap survives its slot`(cause: GapCause) {
        let gap = GapRecord(
            instrument: 9, kind: .aggregateTrade, firstID: 5, lastID: UInt64.max, cause: cause, feed: 2,
            beforeTimeNanos: -1, afterTimeNanos: 99, noticed: MonotonicNanos(rawValue: 12))
        #expect(GapRecord(slot: gap.slot) == gap && !gap.isRefilled)
        #expect(SessionRecord(slot: gap.slot) == nil)
        for source in RefillSource.allCases {
            var refilled = gap
            refilled.refilledFrom = source
            #expect(GapRecord(slot: refilled.slot) == refilled && refilled.isRefilled)
        }
        var unknown = gap.slot
        unknown.secondaryQuantity = 9
        #expect(GapRecord(slot: unknown) == nil)
    }

    @Test(arguments: RefillOutcome.allCases) func `a refill's request and end survive their slots`(
        outcome: RefillOutcome
    ) {
        let request = RefillRequest(
            ordinal: .max, instrument: 9, kind: .aggregateTrade, feed: 2, firstID: 5, lastID: UInt64.max,
            beforeTimeNanos: -1, afterTimeNanos: 99, noticed: MonotonicNanos(rawValue: 12))
        #expect(RefillRequest(slot: request.slot) == request && RefillEnd(slot: request.slot) == nil)
        let end = RefillEnd(
            ordinal: .max, instrument: 9, kind: .trade, outcome: outcome, monotonic: MonotonicNanos(rawValue: 12))
        #expect(RefillEnd(slot: end.slot) == end && RefillRequest(slot: end.slot) == nil)
    }

    @Test func `a session survives its slot`() {
        let session = SessionRecord(
            event: .clockMoved, feed: 3, connection: 4, wallOffsetNanos: -5, monotonic: MonotonicNanos(rawValue: 6))
        #expect(SessionRecord(slot: session.slot) == session)
    }

    @Test(arguments: KlineInterval.allCases) func `a kline survives its two slots`(interval: KlineInterval) throws {
        let kline = Kline(
            instrument: 5, feed: 6, interval: interval, isClosed: interval.rawValue % 2 == 0,
            openTime: UnixNanos(rawValue: 1), closeTime: UnixNanos(rawValue: 2), eventTime: UnixNanos(rawValue: 3),
            receiveMonotonic: MonotonicNanos(rawValue: 4), open: 10, high: 40, low: 5, close: 20, volume: 0,
            tradeCount: 7, firstTradeID: interval == .oneDay ? nil : 0,
            lastTradeID: interval == .oneDay ? nil : Int64.max)
        let (prices, volumes) = kline.slots
        #expect(Kline(prices: prices, volumes: volumes) == kline)
        #expect(Kline(prices: volumes, volumes: prices) == nil)
        var foreign = volumes
        foreign.instrument = 4
        #expect(Kline(prices: prices, volumes: foreign) == nil)
        var unknown = volumes
        unknown.secondaryPrice = 16
        #expect(Kline(prices: prices, volumes: unknown) == nil)
    }

    @Test func `a level slot is 64 bytes with its kind at byte 60`() {
        #expect(MemoryLayout<BookLevelSlot>.size == 64)
        #expect(MemoryLayout<BookLevelSlot>.offset(of: \.kind) == 60)
        #expect(MemoryLayout<BookLevelSlot>.offset(of: \.instrument) == 56)
        #expect(MemoryLayout<BookLevelSlot>.offset(of: \.digits) == 48)
    }

    @Test(arguments: [(0, 0), (1, 0), (0, 2), (3, 3), (4, 7), (12_288, 12_285)])
    func `a book update survives its slots`(bids: Int, asks: Int) throws {
        func levels(_ count: Int, from price: Int64) -> [BookLevel] {
            (0..<Int64(count)).map {
                BookLevel(price: price + $0, quantity: -$0, priceDigits: UInt8($0 % 256), quantityDigits: 255)
            }
        }
        let book = BookUpdate(
            header: Tick(
                id: 9, exchangeTimeNanos: 1, receiveMonotonicNanos: 2, price: 8, quantity: -1,
                secondaryQuantity: Int64(bids) << 32 | Int64(asks), instrument: 3, kind: .partialDepth, feed: 4),
            receiveTime: UnixNanos(rawValue: 0), bids: levels(bids, from: .min), asks: levels(asks, from: 5))
        let slots = book.slots
        let header = try #require(slots.first)
        #expect(header == book.header)
        #expect(slots.count == 1 + BookUpdate.levelSlots(of: header) && slots.count <= BookUpdate.mostSlots)
        var sides: [[BookLevel]] = [[], []]
        for slot in slots.dropFirst() {
            let levels = try #require(BookLevelSlot(slot: slot))
            #expect(levels.instrument == 3 && levels.feed == 4)
            levels.append(to: &sides[Int(levels.side)])
        }
        #expect(sides == [book.bids, book.asks])
        #expect(BookLevelSlot(slot: header) == nil)
    }

    @Test func `ids are functions of exchange, symbol, strategy and tick`() throws {
        let catalog = MarketCatalog(
            instruments: [
                InstrumentSpecification(instrument: Instrument(exchange: .binance, symbol: "BTCUSDT")),
                InstrumentSpecification(
                    instrument: Instrument(exchange: .binanceUSDM, symbol: "BTCUSDT"), averageSource: .aggregateTrade),
            ], strategies: [try SMACrossoverParameters(shortPeriod: 50, longPeriod: 200)])
        var decision = Decision(
            instrument: 0, strategy: 0, side: .buy, reason: .cross, tickID: 3_735_683_486, price: 1, shortSum: 1,
            longSum: 1, exchangeTime: UnixNanos(rawValue: 0), receiveTime: UnixNanos(rawValue: 0),
            receiveMonotonic: MonotonicNanos(rawValue: 0))
        #expect(catalog.identifier(of: decision) == "binance:BTCUSDT:sma-50-200:3735683486")
        decision.reason = .gap
        #expect(catalog.identifier(of: decision) == "binance:BTCUSDT:sma-50-200:3735683486:gap")
        decision.instrument = 1
        #expect(catalog.identifier(of: decision) == "binance-usdm:BTCUSDT:sma-50-200@aggTrade:3735683486:gap")
    }

    @Test(arguments: [(0, 200), (-1, 5), (200, 200), (201, 200), (5, 1 << 21)])
    func `refuses periods that make no strategy`(short: Int, long: Int) {
        #expect(throws: StrategyParameterError.self) {
            try SMACrossoverParameters(shortPeriod: short, longPeriod: long)
        }
    }
}
