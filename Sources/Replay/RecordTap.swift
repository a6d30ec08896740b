internal import RingBuffer
public import TradingModel

/// What the engine handed to the store writer, as a replay gives it again.
public enum ReplayedRecord: Sendable {
    /// A tick in its stream's order, with its wall-clock receive time and the number of its feed's connection.
    case tick(Tick, receiveTime: UnixNanos, connection: UInt64)
    /// A decision, behind the tick it was made on.
    case decision(Decision)
    /// Ids that never arrived, or were refilled, in front of the tick behind them.
    case gap(StoredGap)
    /// A change, or the top, of an order book.
    case book(BookUpdate)
    /// A closed kline.
    case kline(StoredKline)
}

/// Takes the records of a `JournalPlayer` step by step, in the engine's order. Used by one thread.
public struct RecordTap: ~Copyable {
    /// 16 MiB: what four feeds' rings leave at the end of a run is one step.
    private static let capacitySlots = 1 << 18

    private let ring = SPSCRing(capacitySlots: capacitySlots)
    private let consumer: RingConsumer
    private var offsets: [UInt16: (wallNanos: Int64, connection: UInt64)] = [:]
    /// Of a decision or a kline.
    private var firstHalf: Tick?
    /// The book update whose levels are still coming.
    private var book: BookUpdate?
    /// Whether the last step began another run; its records were still the earlier run's.
    public private(set) var hasChangedRun = false

    /// Takes what `player` records from here on.
    public init(_ player: inout JournalPlayer) {
        consumer = RingConsumer(ring)
        player.attachRecords(ring)
    }

    /// Plays the next event and gives out its records and then its signals; false at the end. O(records).
    ///
    /// - Throws: as `JournalPlayer.step`, and `overflow` where one event made more records than there is room for.
    public mutating func step(
        _ player: inout JournalPlayer, _ body: (ReplayedRecord) -> Void, signal: (PlayedSignal) -> Void
    ) throws(ReplayError) -> Bool {
        let run = player.run
        var signals: [PlayedSignal] = []
        guard try player.step({ signals.append($0) }) else { return false }
        hasChangedRun = player.run != run
        let dropped = player.publishRecords()
        guard dropped == 0 else { throw .overflow(count: dropped) }
        consumer.refresh()
        let slots = consumer.peek(most: .max, as: Tick.self)
        for index in slots.indices { take(slots[index], body) }
        consumer.release(count: slots.count)
        for played in signals { signal(played) }
        return true
    }

    private mutating func take(_ slot: Tick, _ body: (ReplayedRecord) -> Void) {
        switch RecordKind(rawValue: slot.kind) {
        case .session:
            guard let session = SessionRecord(slot: slot) else { return }
            offsets[session.feed] = (session.wallOffsetNanos, session.connection)
        case .trade, .aggregateTrade, .quote:
            let receiveTime =
                slot.isRefilled ? slot.refilledReceiveTime : wallTime(slot.receiveMonotonicNanos, feed: slot.feed)
            body(.tick(slot, receiveTime: receiveTime, connection: offsets[slot.feed]?.connection ?? 0))
        case .gap:
            guard let gap = GapRecord(slot: slot) else { return }
            body(.gap(StoredGap(gap: gap, noticedTime: wallTime(gap.noticed.rawValue, feed: gap.feed))))
        case .depth, .partialDepth:
            book = BookUpdate(
                header: slot, receiveTime: wallTime(slot.receiveMonotonicNanos, feed: slot.feed), bids: [], asks: [])
            giveWholeBook(body)
        case .bookLevels:
            guard let levels = BookLevelSlot(slot: slot) else { return }
            if levels.side == 0 { levels.append(to: &book!.bids) } else { levels.append(to: &book!.asks) }
            giveWholeBook(body)
        case .klineVolume:
            if let first = firstHalf, let kline = Kline(prices: first, volumes: slot) {
                let receiveTime = wallTime(kline.receiveMonotonic.rawValue, feed: kline.feed)
                body(.kline(StoredKline(kline: kline, receiveTime: receiveTime)))
            }
            firstHalf = nil
        case .decision, .kline: firstHalf = slot
        case .decisionSums:
            if let first = firstHalf, let decision = Decision(first: first, second: slot) { body(.decision(decision)) }
            firstHalf = nil
        default: break
        }
    }

    /// Once all levels are there that its header announced.
    private mutating func giveWholeBook(_ body: (ReplayedRecord) -> Void) {
        guard let whole = book, whole.bids.count >= BookUpdate.bidCount(of: whole.header),
            whole.asks.count >= BookUpdate.askCount(of: whole.header)
        else { return }
        body(.book(whole))
        book = nil
    }

    private func wallTime(_ monotonicNanos: UInt64, feed: UInt16) -> UnixNanos {
        UnixNanos(rawValue: Int64(bitPattern: monotonicNanos) &+ (offsets[feed]?.wallNanos ?? 0))
    }
}
