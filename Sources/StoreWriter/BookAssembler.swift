import TradingModel

/// Puts a book update together from its slots, which may come in several batches.
///
/// Holds at most one update of `BookUpdate.mostSlots`. Used by one thread; O(1) per slot.
struct BookAssembler: ~Copyable {
    private var update: BookUpdate?
    private var slotsToCome = 0

    /// Whether an update waits for more levels.
    var isUnderWay: Bool { update != nil }

    /// Begins an update; false where the header announces more than an update may have. An update under way is given up:
    /// ask `isUnderWay` first.
    mutating func begin(_ header: Tick, receiveTime: UnixNanos) -> Bool {
        update = nil
        slotsToCome = BookUpdate.levelSlots(of: header)
        guard slotsToCome < BookUpdate.mostSlots else { return false }
        var begun = BookUpdate(header: header, receiveTime: receiveTime, bids: [], asks: [])
        begun.bids.reserveCapacity(BookUpdate.bidCount(of: header))
        begun.asks.reserveCapacity(BookUpdate.askCount(of: header))
        update = begun
        return true
    }

    /// Takes the next levels; false, and the update is given up, where they are not what the header announced.
    mutating func add(_ slot: Tick) -> Bool {
        guard let header = update?.header, slotsToCome > 0, let levels = BookLevelSlot(slot: slot),
            levels.instrument == header.instrument, levels.feed == header.feed
        else { return giveUp() }
        let bidsToCome = BookUpdate.bidCount(of: header) - (update?.bids.count ?? 0)
        let asksToCome = BookUpdate.askCount(of: header) - (update?.asks.count ?? 0)
        let isBid = bidsToCome > 0
        let expected = min(BookLevelSlot.mostLevels, isBid ? bidsToCome : asksToCome)
        guard levels.side == (isBid ? 0 : 1), Int(levels.levelCount) == expected else { return giveUp() }
        if isBid { levels.append(to: &update!.bids) } else { levels.append(to: &update!.asks) }
        slotsToCome -= 1
        return true
    }

    /// The update, once its last level is there.
    mutating func takeWhole() -> BookUpdate? {
        guard slotsToCome == 0 else { return nil }
        defer { update = nil }
        return update
    }

    /// Forgets the update under way; always false.
    @discardableResult
    mutating func giveUp() -> Bool {
        update = nil
        slotsToCome = 0
        return false
    }
}
