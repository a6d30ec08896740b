internal import CFeedDecoder
package import TradingModel

/// Decodes Binance's messages straight into ring slots; owns the table of the instruments it knows.
///
/// See `trade_decode.h` for the rules. Owned by one thread; decoding neither allocates nor blocks.
@safe package struct TradeDecoder: ~Copyable, @unchecked Sendable {
    // Unchecked: noncopyable, so exactly one thread holds it; the table is not written after `init`.
    private let table: UnsafeMutablePointer<trade_instrument_table>
    private let feed: UInt16

    /// Knows the instruments of `catalog` that `exchange` trades. Two of one symbol, or a symbol longer than the C table's
    /// limit, are our own mistake and trap: plans and settings are checked before.
    package init(catalog: MarketCatalog, exchange: Exchange, feed: UInt16) {
        self.feed = feed
        let known = catalog.instruments.enumerated().filter { $0.element.instrument.exchange == exchange }
        let bytes = trade_instrument_table_bytes(UInt32(known.count))
        precondition(bytes > 0, "more instruments than a table takes")
        let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
        unsafe table = memory.assumingMemoryBound(to: trade_instrument_table.self)
        unsafe trade_instrument_table_init(table, UInt32(known.count))
        for (index, specification) in known {
            let symbol = Array(specification.instrument.symbol.utf8)
            let result = unsafe trade_instrument_table_add(
                table, symbol, symbol.count, UInt32(index), UInt8(specification.priceDecimals),
                UInt8(specification.quantityDecimals))
            precondition(result == TRADE_TABLE_OK, "not an instrument for the table: \(specification.instrument)")
        }
    }

    deinit { unsafe UnsafeMutableRawPointer(table).deallocate() }

    /// Decodes one message into `slot`, 64 writable bytes, whose content counts only on `tick`. Linear in the message.
    // hot path: HotPathTests, probe `feed`; cost: DecoderBenchmarks
    @inline(__always)
    package borrowing func decode(
        _ message: UnsafeRawBufferPointer, received: MonotonicNanos, into slot: UnsafeMutableRawPointer
    ) -> DecodeOutcome {
        // An empty message is malformed; C wants a pointer all the same.
        guard let start = message.baseAddress else { return .malformed }
        let result = unsafe trade_decode(
            start.assumingMemoryBound(to: UInt8.self), message.count, table, received.rawValue, feed,
            slot.assumingMemoryBound(to: tick_record.self))
        return DecodeOutcome(rawValue: result.rawValue) ?? .malformed
    }

    /// Where C puts a record's fields, for the layout test.
    package static var recordLayout: [String: Int] {
        [
            "size": MemoryLayout<tick_record>.size, "id": MemoryLayout<tick_record>.offset(of: \.id) ?? -1,
            "exchangeTimeNanos": MemoryLayout<tick_record>.offset(of: \.exchange_time_ns) ?? -1,
            "receiveMonotonicNanos": MemoryLayout<tick_record>.offset(of: \.receive_monotonic_ns) ?? -1,
            "price": MemoryLayout<tick_record>.offset(of: \.price) ?? -1,
            "quantity": MemoryLayout<tick_record>.offset(of: \.quantity) ?? -1,
            "secondaryPrice": MemoryLayout<tick_record>.offset(of: \.secondary_price) ?? -1,
            "secondaryQuantity": MemoryLayout<tick_record>.offset(of: \.secondary_quantity) ?? -1,
            "instrument": MemoryLayout<tick_record>.offset(of: \.instrument) ?? -1,
            "kind": MemoryLayout<tick_record>.offset(of: \.kind) ?? -1,
            "flags": MemoryLayout<tick_record>.offset(of: \.flags) ?? -1,
            "feed": MemoryLayout<tick_record>.offset(of: \.feed) ?? -1,
        ]
    }
}
