import TradingModel

/// What every `TradeStore` must do, whatever is behind it.
public enum TradeStoreContract {
    /// A breach of the contract.
    public struct Violation: Error, CustomStringConvertible {
        /// What was found and what should have been.
        public let description: String
    }

    /// Checks an empty, reachable store whose catalogue is `SampleMarket`'s.
    public static func check<Store: TradeStore & ~Copyable>(_ store: inout Store) throws {
        try store.prepare()
        try store.prepare()
        try expect(store.write(StoreBatch()), inserted: 0, duplicates: 0, "an empty batch is a success")

        let first = SampleMarket.batch(first: 1_000, ticks: 10)
        try expect(store.write(first), inserted: 12, duplicates: 0, "a new batch is inserted whole")
        try expect(store.write(first), inserted: 0, duplicates: 12, "the same batch again adds nothing")

        var overlapping = SampleMarket.batch(first: 1_005, ticks: 10)
        try expect(store.write(overlapping), inserted: 7, duplicates: 5, "only what is new is inserted")
        overlapping.ticks.append(contentsOf: overlapping.ticks)
        try expect(store.write(overlapping), inserted: 0, duplicates: 22, "a batch may hold a record twice")

        var others = StoreBatch()
        others.ticks = [
            SampleMarket.stored(1_000, kind: .aggregateTrade), SampleMarket.stored(1_000, kind: .quote),
            SampleMarket.stored(1_000, instrument: 1),
        ]
        others.decisions = [
            SampleMarket.decision(1_000, reason: .tie, side: .neutral), SampleMarket.decision(1_000, reason: .gap),
        ]
        try expect(
            store.write(others), inserted: 5, duplicates: 0, "kind, instrument and reason are part of the identity")
        var refilled = StoreBatch()
        refilled.ticks = [SampleMarket.refilled(2_000), SampleMarket.refilled(2_001, fromAggregate: true)]
        refilled.gaps = RefillSource.allCases.enumerated().map { index, source in
            var gap = SampleMarket.gap(2_000 + UInt64(index))
            gap.refilledFrom = source
            return StoredGap(gap: gap, noticedTime: UnixNanos(rawValue: SampleMarket.startNanos))
        }
        try expect(store.write(refilled), inserted: 5, duplicates: 0, "what was refilled is inserted like the rest")
        try store.prepare()
        try expect(store.write(others), inserted: 0, duplicates: 5, "preparing again keeps what is there")
        try checkBooksAndKlines(&store)
    }

    private static func checkBooksAndKlines<Store: TradeStore & ~Copyable>(_ store: inout Store) throws {
        var batch = StoreBatch()
        batch.books = [
            SampleMarket.book(1_000), SampleMarket.book(1_000, kind: .partialDepth),
            SampleMarket.book(1_000, previous: 990, instrument: 1), SampleMarket.book(1_001, bids: 0, asks: 0),
            SampleMarket.book(1_002, bids: 5_000, asks: 5_000),
        ]
        batch.klines = [
            SampleMarket.stored(SampleMarket.kline(0)), SampleMarket.stored(SampleMarket.kline(1)),
            SampleMarket.stored(SampleMarket.kline(1, interval: .oneMonth)),
            SampleMarket.stored(SampleMarket.kline(1, instrument: 1)),
        ]
        try expect(
            store.write(batch), inserted: 9, duplicates: 0,
            "books and klines are told apart by kind, instrument, interval and id, whatever they hold")
        batch.books.append(contentsOf: [SampleMarket.book(1_003), SampleMarket.book(1_003)])
        batch.klines.append(SampleMarket.stored(SampleMarket.kline(2)))
        try expect(
            store.write(batch), inserted: 2, duplicates: 10, "books and klines that are there already are a success")
    }

    private static func expect(
        _ receipt: StoreReceipt, inserted: Int, duplicates: Int, _ rule: String
    ) throws {
        let found = receipt.inserted.values.reduce(0, +)
        guard found == inserted, receipt.duplicates == duplicates, receipt.refused == 0 else {
            throw Violation(
                description: "\(rule): expected \(inserted) new and \(duplicates) known, got \(receipt)")
        }
    }
}
