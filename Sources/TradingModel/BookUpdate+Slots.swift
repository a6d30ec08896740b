extension BookLevelSlot {
    /// A slot with the first one, two or three of `levels`, none of which may be missing; the rest of them is the next
    /// slot's.
    init(_ levels: ArraySlice<BookLevel>, side: UInt8, header: Tick) {
        let none = BookLevel(price: 0, quantity: 0, priceDigits: 0, quantityDigits: 0)
        let count = min(levels.count, Self.mostLevels)
        let used = Array(levels.prefix(count)) + Array(repeating: none, count: Self.mostLevels - count)
        self.init(
            price0: used[0].price, quantity0: used[0].quantity, price1: used[1].price, quantity1: used[1].quantity,
            price2: used[2].price, quantity2: used[2].quantity,
            digits: (
                used[0].priceDigits, used[0].quantityDigits, used[1].priceDigits, used[1].quantityDigits,
                used[2].priceDigits, used[2].quantityDigits
            ), levelCount: UInt8(count), side: side, instrument: header.instrument,
            kind: RecordKind.bookLevels.rawValue, flags: 0, feed: header.feed)
    }

    /// Reads a slot that was peeked as a `Tick`; both are 64 bytes with the kind at byte 60. Nil for another kind.
    public init?(slot: Tick) {
        guard slot.kind == RecordKind.bookLevels.rawValue else { return nil }
        self = unsafeBitCast(slot, to: BookLevelSlot.self)
    }

    /// The slot as rings carry it.
    var slot: Tick { unsafeBitCast(self, to: Tick.self) }

    /// Appends its levels to `levels`. O(1); a count above three is taken as three.
    public func append(to levels: inout [BookLevel]) {
        guard levelCount > 0 else { return }
        levels.append(
            BookLevel(price: price0, quantity: quantity0, priceDigits: digits.0, quantityDigits: digits.1))
        guard levelCount > 1 else { return }
        levels.append(
            BookLevel(price: price1, quantity: quantity1, priceDigits: digits.2, quantityDigits: digits.3))
        guard levelCount > 2 else { return }
        levels.append(
            BookLevel(price: price2, quantity: quantity2, priceDigits: digits.4, quantityDigits: digits.5))
    }
}

extension BookUpdate {
    /// The slots of a ring, in order: the header with the numbers of levels, then bids and asks.
    public var slots: [Tick] {
        var header = header
        header.secondaryQuantity = Int64(bitPattern: UInt64(bids.count) << 32 | UInt64(asks.count))
        var slots = [header]
        for (side, levels) in [bids, asks].enumerated() {
            for start in stride(from: 0, to: levels.count, by: BookLevelSlot.mostLevels) {
                slots.append(BookLevelSlot(levels[start...], side: UInt8(side), header: header).slot)
            }
        }
        return slots
    }
}
