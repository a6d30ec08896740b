public import RingBuffer
public import Telemetry
public import TradingModel

/// Everything between an incoming tick and the decisions it makes, without threads, clocks or sinks.
///
/// Deterministic: the same records and calls of `advance(to:)` in the same order give the same decisions. One thread at a
/// time. All memory is taken at creation.
public struct DecisionCore: ~Copyable {
    /// The most strategies one run may have: each can make one signal of a tick.
    public static let mostStrategies = 16
    /// The most feeds one run may have.
    public static let mostFeeds = 256

    /// The widest price band: prices a hundred times as high.
    public static let widestPriceBandPercent = 10_000

    /// Signals of the tick processed last; valid until the next call.
    @usableFromInline let signals: UnsafeMutablePointer<Decision>
    @usableFromInline var signalCount = 0

    let catalog: MarketCatalog
    /// Strategies, hence the most signals of one tick.
    @usableFromInline let strategyCount: Int
    let states: UnsafeMutablePointer<StrategyState>
    let trackers: UnsafeMutablePointer<ContinuityTracker>
    /// By instrument and `KlineInterval`.
    let klineTrackers: UnsafeMutablePointer<KlineTracker>
    /// Number of `KlineInterval`s, which on the hot path would make an array.
    let intervalCount = KlineInterval.allCases.count
    let averageSources: UnsafeMutablePointer<UInt8>
    let bands: UnsafeMutablePointer<PriceBand>
    /// 0: no band.
    private let bandPercent: Int
    private let longestPeriod: Int
    let wallOffsets: UnsafeMutablePointer<Int64>
    let connections: UnsafeMutablePointer<UInt64>
    var records: RecordWriter
    let counters: EngineCounters
    /// Where takes and decisions are put on record; nil keeps nothing.
    @usableFromInline var journal: EngineJournal?
    /// What waits for missing ids.
    var holds: HeldStreams
    /// When `advance(to:)` has something to do, at the earliest; `max` for never. A field, because reading it is part of
    /// every pass over the rings.
    @usableFromInline var timerNanos = UInt64.max
    let refillCounters: RefillCounters
    let arrivals: FirstArrivals
    /// Where missing ids are asked for.
    var requests: RingProducer?
    /// In a replay whether the next requests found room, in order; nil in a live run.
    var played: [Bool]?
    /// The record of several slots that is under way.
    @usableFromInline var sequence = SlotSequence()

    /// Creates the state of every (instrument, strategy) pair of `catalog`.
    ///
    /// - Parameters:
    ///   - detour: where records go that find no room in the ring; needs a journal. nil: they are dropped and counted.
    ///   - priceBandPercent: nothing is decided from prices that differ from the one before by more than this
    ///     (`PriceBand`); nil for no band.
    ///   - refill: see there; nil: each hole is a gap at once.
    ///   - redundancy: streams of which it is counted which feed was first; nil for none.
    ///   - requests: where `RefillRequest`s are written, for one that answers on a feed's ring; nil: nobody is asked.
    public init(
        catalog: MarketCatalog, records ring: consuming RingProducer?, recordCapacitySlots: Int,
        detour: RecordDetour? = nil, priceBandPercent: Int? = nil, refill: RefillConfiguration? = nil,
        redundancy: RedundancyConfiguration? = nil, requests: consuming RingProducer? = nil, metrics: MetricsRegistry
    ) {
        precondition((1...Self.mostStrategies).contains(catalog.strategies.count), "1 to 16 strategies")
        precondition(priceBandPercent.map { (1...Self.widestPriceBandPercent).contains($0) } ?? true, "1 to 10000 %")
        self.catalog = catalog
        strategyCount = catalog.strategies.count
        let instrumentCount = catalog.instruments.count
        states = .allocate(capacity: instrumentCount * strategyCount)
        for instrument in 0..<instrumentCount {
            for (strategy, parameters) in catalog.strategies.enumerated() {
                (states + instrument * strategyCount + strategy).initialize(
                    to: StrategyState(
                        instrument: UInt32(instrument), strategy: UInt16(strategy), parameters: parameters))
            }
        }
        trackers = .allocate(capacity: instrumentCount * EngineCounters.kindCount)
        trackers.initialize(repeating: ContinuityTracker(), count: instrumentCount * EngineCounters.kindCount)
        klineTrackers = .allocate(capacity: instrumentCount * intervalCount)
        klineTrackers.initialize(repeating: KlineTracker(), count: instrumentCount * intervalCount)
        averageSources = .allocate(capacity: instrumentCount)
        for (index, specification) in catalog.instruments.enumerated() {
            averageSources[index] = specification.averageSource.rawValue
        }
        bands = .allocate(capacity: instrumentCount)
        bands.initialize(repeating: PriceBand(), count: instrumentCount)
        bandPercent = priceBandPercent ?? 0
        longestPeriod = catalog.strategies.map(\.longPeriod).max() ?? 1
        wallOffsets = .allocate(capacity: Self.mostFeeds)
        wallOffsets.initialize(repeating: 0, count: Self.mostFeeds)
        // A pair's second feed may be one that no run has: recorded files have one connection each.
        let connectionCount = 2 * Self.mostFeeds
        precondition(2 * (refill?.feedPairs ?? 0) <= connectionCount, "more pairs than feeds")
        connections = .allocate(capacity: connectionCount)
        connections.initialize(repeating: 0, count: connectionCount)
        signals = .allocate(capacity: Self.mostStrategies)
        records = RecordWriter(
            ring: ring, capacitySlots: recordCapacitySlots, detour: detour, metrics: metrics)
        counters = EngineCounters(catalog: catalog, metrics: metrics)
        holds = HeldStreams(instrumentCount: instrumentCount, configuration: refill)
        refillCounters = RefillCounters(catalog: catalog, metrics: metrics)
        arrivals = FirstArrivals(catalog: catalog, configuration: redundancy, metrics: metrics)
        self.requests = requests
    }

    deinit {
        let instrumentCount = catalog.instruments.count
        states.deinitialize(count: instrumentCount * strategyCount)
        states.deallocate()
        trackers.deallocate()
        klineTrackers.deallocate()
        averageSources.deallocate()
        bands.deallocate()
        wallOffsets.deallocate()
        connections.deallocate()
        signals.deallocate()
    }

    /// Takes over the newest published signals, for states that are still warming.
    public mutating func adopt(_ signs: [PublishedSign]) {
        for sign in signs where Int(sign.instrument) < catalog.instruments.count && Int(sign.strategy) < strategyCount {
            journal?.adopted(sign)
            states[Int(sign.instrument) * strategyCount + Int(sign.strategy)].adopt(sign)
        }
    }

    // hot path (HotPathTests)
    /// Takes one slot of a feed's ring and returns whether it was a price the strategies evaluated.
    ///
    /// Signals are then in `signals`. Slots that follow a first one are taken right behind it, see `slotsToCome`. Where it
    /// was no price, ask `hasDue`. O(strategies), no allocation.
    public mutating func process(_ record: borrowing Tick) -> Bool {
        signalCount = 0
        if slotsToCome > 0, follow(record) { return false }
        guard let kind = EngineCounters.kindIndex(record.kind) else {
            if record.kind == RecordKind.refillEnd.rawValue {
                processRefillEnd(record)
            } else {
                processSession(record)
            }
            return false
        }
        if kind >= EngineCounters.firstSequenceKind {
            begin(record, kind: kind)
            return false
        }
        // One test for both, which is almost always false.
        if UInt(bitPattern: holds.onHoldCount) | UInt(record.flags & TickFlags.refilled.rawValue) != 0,
            holdBack(record, kindIndex: kind)
        {
            return false
        }
        let instrument = Int(record.instrument)
        let isQuote = record.kind == RecordKind.quote.rawValue
        let admission = admit(
            record, kind: kind, after: isQuote ? nil : record.id &- 1,
            mostPlausibleHole: isQuote
                ? ContinuityTracker.mostPlausibleUpdateHole : ContinuityTracker.mostPlausibleHole)
        guard admission != .refused else { return false }
        if admission == .afterHole, record.kind == averageSources[instrument] { breakRuns(of: instrument) }
        return take(admitted: record, kind: kind, instrument: instrument, receiveTime: receiveTime(of: record))
    }

    // hot path (HotPathTests)
    /// Takes the tick that follows the last one of its stream, and returns whether it was a price.
    @inline(__always)
    mutating func take(admitted record: borrowing Tick, kind: Int, instrument: Int, receiveTime: UnixNanos) -> Bool {
        guard record.kind == averageSources[instrument], record.flags & TickFlags.noPrice.rawValue == 0 else {
            records.append(tick: record)
            return false
        }
        if bandPercent > 0,
            bands[instrument].isOutside(record.price, percent: bandPercent, patience: longestPeriod)
        {
            var flagged = copy record
            flagged.flags |= TickFlags.outsideBand.rawValue
            counters.outsideBand[instrument * EngineCounters.kindCount + kind].addFromOnlyWriter()
            take(price: flagged, instrument: instrument, receiveTime: receiveTime)
        } else {
            take(price: record, instrument: instrument, receiveTime: receiveTime)
        }
        return true
    }

    /// Ends a batch: what was recorded becomes visible to the store writer.
    ///
    /// How far the journal was by then stands behind it, so that the store writer can say what is stored. What is due still
    /// belongs to the event before, so with a journal nothing becomes visible until it is released.
    public mutating func publishRecords() {
        guard journal != nil else { return records.publish() }
        guard !hasDue, let mark = journal?.nextMark(), let takenSlots = journal?.takenSlots else { return }
        records.publish(mark, takenSlots: takenSlots)
    }

    /// Takes back what was recorded since the last `publishRecords`.
    public mutating func abortRecords() { records.abortUnpublished() }

    /// Makes what was recorded visible with a mark behind it; for those who replay.
    public mutating func publishRecords(upTo mark: StoreMark) { records.publish(mark, takenSlots: 0) }

    /// What a market event's id made of it.
    enum Admission {
        /// Not taken now: a repeat, or too far ahead, which is counted, or it put its stream on hold.
        case refused
        /// What was expected.
        case next
        /// Ids before it are missing, which is counted and recorded.
        case afterHole
    }

    /// Finds the place of a market event in its stream, as `ContinuityTracker.accept` does, and counts it.
    mutating func admit(
        _ record: borrowing Tick, kind: Int, after previousID: UInt64?, mostPlausibleHole: UInt64
    ) -> Admission {
        let stream = Int(record.instrument) * EngineCounters.kindCount + kind
        let previousTimeNanos = trackers[stream].lastTimeNanos
        let previousConnection = trackers[stream].connection
        let connection = connection(of: record.feed)
        let continuity = trackers[stream].accept(
            record, after: previousID, mostPlausibleHole: mostPlausibleHole, connection: connection)
        switch continuity {
        case .repeated:
            noteRepeated(record, stream: stream)
            return .refused
        case .implausible:
            counters.implausible[stream].addFromOnlyWriter()
            return .refused
        case .next:
            if arrivals.isUsed { arrivals.note(record, stream: stream) }
            counters.accepted[stream].addFromOnlyWriter()
            return .next
        case .hole(let firstID, let lastID):
            if arrivals.isUsed { arrivals.note(record, stream: stream) }
            let cause: GapCause = previousConnection == connection ? .skipped : .reconnect
            if record.kind == averageSources[Int(record.instrument)],
                lastID - firstID < holds.mostHeldIDs(isAwaited: isAwaited(behind: record))
            {
                beginHold(
                    record, firstID: firstID, lastID: lastID, beforeTimeNanos: previousTimeNanos, cause: cause)
                return .refused
            }
            recordGap(
                record, firstID: firstID, lastID: lastID, beforeTimeNanos: previousTimeNanos, cause: cause,
                feed: record.feed, noticedNanos: record.receiveMonotonicNanos)
            counters.accepted[stream].addFromOnlyWriter()
            return .afterHole
        }
    }

    /// Counts a tick that was there before, or is older.
    @inline(__always)
    func noteRepeated(_ record: borrowing Tick, stream: Int) {
        counters.repeated[stream].addFromOnlyWriter()
        if arrivals.isUsed { arrivals.noteRepeated(record, stream: stream) }
    }

    /// The feed's connection, with the feed in the upper bits: two feeds' connection numbers are not the same connection.
    @inline(__always)
    func connection(of feed: UInt16) -> UInt64 { connections[Int(feed)] | UInt64(feed) << 48 }

    /// Marks a feed's connection that has ended; above any number of connections, below the feed.
    static let isClosed: UInt64 = 1 << 47

    /// Whether another connection that delivers the tick's stream is open: it may still deliver what this one has skipped.
    /// O(feeds).
    func isAwaited(behind tick: borrowing Tick) -> Bool {
        let (own, instrument, pairs) = (Int(tick.feed), Int(tick.instrument), holds.feedPairs)
        for feed in 0..<pairs {
            guard feed == own || feed + pairs == own || holds.isDelivered(instrument, by: feed) else { continue }
            if feed != own && isOpen(feed) || feed + pairs != own && isOpen(feed + pairs) { return true }
        }
        return false
    }

    private func isOpen(_ feed: Int) -> Bool { connections[feed] != 0 && connections[feed] & Self.isClosed == 0 }

    private mutating func take(price tick: borrowing Tick, instrument: Int, receiveTime: UnixNanos) {
        records.append(tick: tick)
        for strategy in 0..<strategyCount {
            guard var decision = states[instrument * strategyCount + strategy].evaluate(tick, receiveTime: receiveTime)
            else { continue }
            if tick.isRefilled { decision.receiveMonotonic = MonotonicNanos(rawValue: 0) }
            records.append(decision: decision)
            journal?.append(decision)
            counters.count(decision, instrument: instrument)
            if decision.isSignal {
                (signals + signalCount).initialize(to: decision)
                signalCount += 1
            }
        }
    }

    private mutating func processSession(_ record: borrowing Tick) {
        guard let session = SessionRecord(slot: copy record), Int(session.feed) < Self.mostFeeds else {
            return counters.broken.addFromOnlyWriter()
        }
        wallOffsets[Int(session.feed)] = session.wallOffsetNanos
        connections[Int(session.feed)] = session.connection
        // Only where somebody asks: journals of runs without pairs have states without the mark.
        if session.event == .closed, holds.feedPairs > 0 { connections[Int(session.feed)] |= Self.isClosed }
        records.append(record: copy record)
    }

    /// Counts and records ids that never arrived, in front of `tick`.
    mutating func recordGap(
        _ tick: borrowing Tick, firstID: UInt64, lastID: UInt64, beforeTimeNanos: Int64, cause: GapCause, feed: UInt16,
        noticedNanos: UInt64
    ) {
        guard let kind = RecordKind(rawValue: tick.kind), let index = EngineCounters.kindIndex(tick.kind) else {
            return
        }
        let gap = GapRecord(
            instrument: tick.instrument, kind: kind, firstID: firstID, lastID: lastID, cause: cause, feed: feed,
            beforeTimeNanos: beforeTimeNanos, afterTimeNanos: tick.exchangeTimeNanos,
            noticed: MonotonicNanos(rawValue: noticedNanos))
        let stream = Int(tick.instrument) * EngineCounters.kindCount + index
        counters.gaps[stream].addFromOnlyWriter()
        counters.missing[stream].addFromOnlyWriter(gap.missingCount)
        records.append(record: gap.slot)
    }

    /// Ids are missing: each window of the instrument must be whole again.
    mutating func breakRuns(of instrument: Int) {
        bands[instrument].reset()
        for strategy in 0..<strategyCount { states[instrument * strategyCount + strategy].breakRun() }
    }
}
