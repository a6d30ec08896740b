import TradingModel

/// Turns the engine's 64-byte records into store records, keeping what spans several of them.
///
/// It remembers each feed's clock offset, and the first half of a decision whose second half comes with the next slots.
/// Used by one thread; O(1) per slot. A slot that is no known record is skipped and counted, never a trap.
struct SlotDecoder: ~Copyable {
    /// Bytes of one slot.
    static let slotBytes = 64

    /// By feed index; 16 bits bound its length.
    private var wallOffsetNanos: [Int64] = []
    /// For a feed that has not spoken yet.
    private let initialWallOffsetNanos: Int64
    private var decisionHead: Tick?
    /// Slots skipped so far because they are no record, or half of one.
    private(set) var unreadableCount: UInt64 = 0

    /// `initialWallOffsetNanos` is used for feeds whose session record has not been seen.
    init(initialWallOffsetNanos: Int64) { self.initialWallOffsetNanos = initialWallOffsetNanos }

    /// Whether a decision waits for its second half.
    var holdsHalfDecision: Bool { decisionHead != nil }

    /// Decodes one slot into `batch`.
    mutating func decode(_ slot: Tick, into batch: inout StoreBatch) {
        let kind = RecordKind(rawValue: slot.kind)
        if kind != .decisionSums, decisionHead != nil {
            decisionHead = nil
            unreadableCount += 1
        }
        switch kind {
        case .trade, .aggregateTrade, .quote:
            batch.ticks.append(
                StoredTick(tick: slot, receiveTime: wallTime(slot.receiveMonotonicNanos, feed: slot.feed)))
        case .session:
            guard let session = SessionRecord(slot: slot) else { return unreadableCount += 1 }
            setWallOffset(session.wallOffsetNanos, feed: session.feed)
        case .gap:
            guard let gap = GapRecord(slot: slot), gap.lastID >= gap.firstID else { return unreadableCount += 1 }
            batch.gaps.append(
                StoredGap(gap: gap, noticedTime: wallTime(gap.noticed.rawValue, feed: gap.feed)))
        case .decision:
            decisionHead = slot
        case .decisionSums:
            let head = decisionHead
            decisionHead = nil
            guard let head, let decision = Decision(first: head, second: slot) else { return unreadableCount += 1 }
            batch.decisions.append(decision)
        case .depth, .partialDepth, .bookLevels, .kline, .klineVolume, nil:
            unreadableCount += 1
        }
    }

    /// Wrapping: offset and monotonic time are data, and their sum must not trap.
    private func wallTime(_ monotonicNanos: UInt64, feed: UInt16) -> UnixNanos {
        let offset = Int(feed) < wallOffsetNanos.count ? wallOffsetNanos[Int(feed)] : initialWallOffsetNanos
        return UnixNanos(rawValue: Int64(truncatingIfNeeded: monotonicNanos) &+ offset)
    }

    private mutating func setWallOffset(_ nanos: Int64, feed: UInt16) {
        while wallOffsetNanos.count <= Int(feed) { wallOffsetNanos.append(initialWallOffsetNanos) }
        wallOffsetNanos[Int(feed)] = nanos
    }
}
