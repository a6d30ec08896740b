internal import Telemetry
internal import TradingModel

/// A record of several slots between its first slot and its last.
///
/// A feed publishes such a record as a whole and the engine takes it as a whole, so there is one at a time, also where
/// there are many feeds.
@usableFromInline
struct SlotSequence {
    /// What becomes of the slots behind the first.
    enum Use {
        /// They were refused with the first one.
        case skipped
        /// Levels of a book update that is being forwarded.
        case levels
        /// The second half of a kline.
        case volumes
    }

    /// Slots still to come.
    var slotsToCome = 0
    /// Their kind.
    var kind: UInt8 = 0
    var use = Use.skipped
    /// Slots in the record ring so far.
    var slotsForwarded = 0
    /// The first slot.
    var first = Tick(
        id: 0, exchangeTimeNanos: 0, receiveMonotonicNanos: 0, price: 0, quantity: 0, instrument: 0, kind: .session,
        feed: 0)
}

/// Book updates and klines: checked, counted, and forwarded to the store as they are. They drive no decision.
extension DecisionCore {
    /// Slots of the record under way that follow on the same ring, and must be taken before any other ring's.
    public var slotsToCome: Int { sequence.slotsToCome }

    // hot path (HotPathTests)
    /// Begins a record of several slots with its first one.
    mutating func begin(_ first: borrowing Tick, kind: Int) {
        sequence.first = copy first
        if first.kind == RecordKind.kline.rawValue {
            sequence.use = .volumes
            sequence.kind = RecordKind.klineVolume.rawValue
            sequence.slotsToCome = 1
            return
        }
        let levelSlots = BookUpdate.levelSlots(of: first)
        guard levelSlots < BookUpdate.mostSlots else { return counters.broken.addFromOnlyWriter() }
        sequence.kind = RecordKind.bookLevels.rawValue
        sequence.slotsToCome = levelSlots
        let admission = admit(
            first, kind: kind, after: Self.previousUpdateID(of: first),
            mostPlausibleHole: ContinuityTracker.mostPlausibleUpdateHole)
        if admission != .refused, records.append(header: first, slots: levelSlots + 1) {
            sequence.use = .levels
        } else {
            sequence.use = .skipped
        }
        sequence.slotsForwarded = 1
    }

    /// The update id that must come before a book event's first: USD-M says which, elsewhere ids count by one; nil for
    /// partial books, whose ids only rise.
    private static func previousUpdateID(of header: borrowing Tick) -> UInt64? {
        guard header.kind == RecordKind.depth.rawValue else { return nil }
        return UInt64(bitPattern: header.quantity >= 0 ? header.quantity : header.price &- 1)
    }

    /// Takes the next slot of the record under way; false where the slot does not belong to it. The record is then
    /// broken off and counted, and the slot is one of its own.
    mutating func follow(_ slot: borrowing Tick) -> Bool {
        guard slot.kind == sequence.kind, slot.instrument == sequence.first.instrument, slot.feed == sequence.first.feed
        else {
            breakOffSequence()
            return false
        }
        sequence.slotsToCome -= 1
        switch sequence.use {
        case .skipped: break
        case .levels:
            records.append(level: slot)
            sequence.slotsForwarded += 1
        case .volumes: processKline(volumes: slot)
        }
        return true
    }

    /// Gives up the record under way, of which nothing reaches the store.
    @usableFromInline
    mutating func breakOffSequence() {
        if sequence.use == .levels { records.abort(slots: sequence.slotsForwarded) }
        sequence.slotsToCome = 0
        counters.broken.addFromOnlyWriter()
    }

    private mutating func processKline(volumes: borrowing Tick) {
        guard let kline = Kline(prices: sequence.first, volumes: copy volumes) else {
            return counters.broken.addFromOnlyWriter()
        }
        let instrument = Int(kline.instrument)
        let stream = instrument * EngineCounters.kindCount + EngineCounters.klineIndex
        // One rogue open time would make every later kline look old.
        guard kline.openTime <= kline.eventTime else { return counters.implausible[stream].addFromOnlyWriter() }
        let tracker = instrument * intervalCount + Int(kline.interval.rawValue)
        guard
            klineTrackers[tracker].accept(
                openNanos: kline.openTime.rawValue, eventNanos: kline.eventTime.rawValue, isClosed: kline.isClosed)
        else { return counters.repeated[stream].addFromOnlyWriter() }
        counters.accepted[stream].addFromOnlyWriter()
        // A forming one is told again every second or two; only what it closes with is history.
        if kline.isClosed { records.append(kline: sequence.first, volumes) }
    }
}
