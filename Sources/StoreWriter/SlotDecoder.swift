import TradingModel

/// Turns the engine's 64-byte records into store records, keeping what spans several of them.
///
/// It remembers each feed's clock offset, and the record whose other slots come with the next ones: at most one, since the
/// engine writes each as a whole. Used by one thread; O(1) per slot. A slot that is no known record, or not the one that
/// should follow, is skipped and counted, never a trap.
struct SlotDecoder: ~Copyable {
    /// Bytes of one slot.
    static let slotBytes = 64

    /// By feed index; 16 bits bound its length.
    private var wallOffsetNanos: [Int64] = []
    /// For a feed that has not spoken yet.
    private let initialWallOffsetNanos: Int64
    /// The first half of a decision or of a kline.
    private var firstHalf: Tick?
    private var book = BookAssembler()
    /// Slots skipped so far because they are no record, and records of which a part is missing.
    private(set) var unreadableCount: UInt64 = 0
    /// What the marks decoded so far say.
    private(set) var progress = StoreProgress()
    /// Marks decoded so far.
    private(set) var markCount = 0

    /// `initialWallOffsetNanos` is used for feeds whose session record has not been seen.
    init(initialWallOffsetNanos: Int64) { self.initialWallOffsetNanos = initialWallOffsetNanos }

    /// Whether a record waits for its other slots.
    var holdsPartialRecord: Bool { firstHalf != nil || book.isUnderWay }

    /// Whether a slot has a monotonic receive time: it begins a record, and of no refilled tick. The others keep something
    /// else in that place.
    static func hasReceiveTime(_ slot: Tick) -> Bool {
        switch RecordKind(rawValue: slot.kind) {
        case .decisionSums, .bookLevels, .klineVolume, .mark, nil: false
        case .trade, .aggregateTrade: !slot.isRefilled
        // Decided on a refilled tick, or repeated for records of an earlier run.
        case .decision, .session: slot.receiveMonotonicNanos != 0
        default: true
        }
    }

    /// Decodes one slot into `batch`.
    mutating func decode(_ slot: Tick, into batch: inout StoreBatch) {
        let kind = RecordKind(rawValue: slot.kind)
        if !isContinued(by: kind) { giveUpPartialRecord() }
        switch kind {
        case .trade, .aggregateTrade, .quote:
            let receiveTime =
                slot.isRefilled ? slot.refilledReceiveTime : wallTime(slot.receiveMonotonicNanos, feed: slot.feed)
            batch.ticks.append(StoredTick(tick: slot, receiveTime: receiveTime))
        case .session:
            guard let session = SessionRecord(slot: slot) else { return unreadableCount += 1 }
            setWallOffset(session.wallOffsetNanos, feed: session.feed)
        case .gap:
            guard let gap = GapRecord(slot: slot), gap.lastID >= gap.firstID else { return unreadableCount += 1 }
            batch.gaps.append(
                StoredGap(gap: gap, noticedTime: wallTime(gap.noticed.rawValue, feed: gap.feed)))
        case .decision, .kline:
            firstHalf = slot
        case .decisionSums:
            guard let first = takeFirstHalf(), let decision = Decision(first: first, second: slot) else {
                return unreadableCount += 1
            }
            batch.decisions.append(decision)
        case .klineVolume:
            guard let first = takeFirstHalf(), let kline = Kline(prices: first, volumes: slot) else {
                return unreadableCount += 1
            }
            batch.klines.append(
                StoredKline(
                    kline: kline, receiveTime: wallTime(kline.receiveMonotonic.rawValue, feed: kline.feed)))
        case .depth, .partialDepth:
            let receiveTime = wallTime(slot.receiveMonotonicNanos, feed: slot.feed)
            guard book.begin(slot, receiveTime: receiveTime) else { return unreadableCount += 1 }
            takeWholeBook(into: &batch)
        case .bookLevels:
            guard book.add(slot) else { return unreadableCount += 1 }
            takeWholeBook(into: &batch)
        case .mark:
            guard let mark = StoreMark(slot: slot) else { return unreadableCount += 1 }
            progress.advance(to: mark)
            markCount += 1
        case .refillRequest, .refillEnd, nil:
            unreadableCount += 1
        }
    }

    private func isContinued(by kind: RecordKind?) -> Bool {
        switch kind {
        case .bookLevels: firstHalf == nil
        case .decisionSums, .klineVolume: !book.isUnderWay
        default: false
        }
    }

    private mutating func takeFirstHalf() -> Tick? {
        defer { firstHalf = nil }
        return firstHalf
    }

    private mutating func takeWholeBook(into batch: inout StoreBatch) {
        if let whole = book.takeWhole() { batch.books.append(whole) }
    }

    /// What should have followed did not come.
    private mutating func giveUpPartialRecord() {
        guard holdsPartialRecord else { return }
        firstHalf = nil
        book.giveUp()
        unreadableCount += 1
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
