internal import CFeedDecoder
package import TradingModel

/// Decodes Binance's messages into ring slots; owns the table of the instruments it knows.
///
/// A tick goes straight into the caller's slot. A book or kline, whose number of slots shows only at its end, goes to the
/// decoder's own memory and is copied from there whole, 64 bytes for three levels. See `decode_result.h` for the rules.
/// Owned by one thread; decoding neither allocates nor blocks.
@safe package struct MessageDecoder: ~Copyable, @unchecked Sendable {
    // Unchecked: noncopyable, so exactly one thread holds it; the table is not written after `init`.
    private let table: UnsafeMutablePointer<instrument_table>
    private let slots: UnsafeMutablePointer<book_slot>
    private let mostSlots: UInt32
    private let feed: UInt16
    private var usedSlots: UInt32 = 0

    /// Knows the instruments of `catalog` that `exchange` trades. Two of one symbol, or a symbol longer than the C table's
    /// limit, are our own mistake and trap: plans and settings are checked before.
    ///
    /// - Parameters:
    ///   - catalog: the run's instruments.
    ///   - exchange: whose messages come.
    ///   - streams: what the connection subscribes; they tell whose a book is that does not say so itself.
    ///   - feed: the feed's index.
    ///   - mostSlots: the most slots of one record; a book of more, or of more than `BookUpdate.mostSlots`, is refused. At
    ///     least 2.
    package init(
        catalog: MarketCatalog, exchange: Exchange, streams: [StreamName], feed: UInt16,
        mostSlots: Int = BookUpdate.mostSlots
    ) {
        precondition(mostSlots >= 2, "a kline takes two slots")
        self.feed = feed
        self.mostSlots = UInt32(min(mostSlots, BookUpdate.mostSlots))
        unsafe slots = .allocate(capacity: Int(self.mostSlots))
        let known = catalog.instruments.enumerated().filter { $0.element.instrument.exchange == exchange }
        let bytes = instrument_table_bytes(UInt32(known.count))
        precondition(bytes > 0, "more instruments than a table takes")
        let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
        unsafe table = memory.assumingMemoryBound(to: instrument_table.self)
        unsafe instrument_table_init(table, UInt32(known.count))
        let books = Dictionary(grouping: streams.filter { $0.kind == .depth }, by: \.symbol)
        for (index, specification) in known {
            let symbol = Array(specification.instrument.symbol.utf8)
            let bits = books[specification.instrument.symbol, default: []].reduce(0) { $0 | $1.bookBit }
            let result = unsafe instrument_table_add(
                table, symbol, symbol.count, UInt32(index), UInt8(specification.priceDecimals),
                UInt8(specification.quantityDecimals), UInt8(bits))
            precondition(result == INSTRUMENT_TABLE_OK, "not an instrument for the table: \(specification.instrument)")
        }
    }

    deinit {
        unsafe UnsafeMutableRawPointer(table).deallocate()
        unsafe slots.deallocate()
    }

    /// Decodes one message. On `tick` it is in `slot`, 64 writable bytes whose content counts for nothing else; on another
    /// outcome that has records they are in `records`. Linear in the message.
    // hot path: HotPathTests, probe `feed`; cost: DecoderBenchmarks
    @inline(__always)
    package mutating func decode(
        _ message: UnsafeRawBufferPointer, received: MonotonicNanos, into slot: UnsafeMutableRawPointer
    ) -> DecodeOutcome {
        // An empty message is malformed; C wants a pointer all the same.
        guard let start = message.baseAddress else { return .malformed }
        let text = unsafe start.assumingMemoryBound(to: UInt8.self)
        var result = unsafe trade_decode(
            text, message.count, table, received.rawValue, feed, slot.assumingMemoryBound(to: tick_record.self))
        if result == DECODE_DEPTH {
            result = unsafe book_decode(
                text, message.count, table, received.rawValue, feed, slots, mostSlots, &usedSlots)
        } else if result == DECODE_KLINE {
            usedSlots = 2
            result = unsafe kline_decode(
                text, message.count, table, received.rawValue, feed,
                UnsafeMutableRawPointer(slots).assumingMemoryBound(to: kline_records.self))
        }
        return DecodeOutcome(rawValue: result.rawValue) ?? .malformed
    }

    /// The slots of the last message, where its outcome says that it has any besides a tick; until the next `decode`.
    package var records: UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: slots, count: recordCount * MemoryLayout<book_slot>.stride)
    }

    /// How many slots `records` has.
    package var recordCount: Int { Int(usedSlots) }
}

extension StreamName {
    /// What a depth stream tells the decoder.
    fileprivate var bookBit: UInt32 {
        recordKind == .partialDepth ? INSTRUMENT_PARTIAL_STREAM : INSTRUMENT_DIFF_STREAM
    }
}
