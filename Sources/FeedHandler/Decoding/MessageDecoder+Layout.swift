internal import CFeedDecoder

// What C states of its records, for the tests that compare it with the Swift types.
extension MessageDecoder {
    /// Where C puts the fields of a record, for the layout test.
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

    /// The same for a slot of levels.
    package static var levelLayout: [String: Int] {
        [
            "size": MemoryLayout<book_level_slot>.size,
            "price0": MemoryLayout<book_level_slot>.offset(of: \.levels) ?? -1,
            "digits": MemoryLayout<book_level_slot>.offset(of: \.digits) ?? -1,
            "levelCount": MemoryLayout<book_level_slot>.offset(of: \.level_count) ?? -1,
            "side": MemoryLayout<book_level_slot>.offset(of: \.side) ?? -1,
            "instrument": MemoryLayout<book_level_slot>.offset(of: \.instrument) ?? -1,
            "kind": MemoryLayout<book_level_slot>.offset(of: \.kind) ?? -1,
            "flags": MemoryLayout<book_level_slot>.offset(of: \.flags) ?? -1,
            "feed": MemoryLayout<book_level_slot>.offset(of: \.feed) ?? -1,
        ]
    }

    /// The most slots that C states for a book.
    package static var mostBookSlots: Int { Int(BOOK_SLOTS_MAX) }
}
