public import Journal
public import RingBuffer
public import StrategyEngine
internal import Telemetry
public import TradingModel

/// A signal that a replay has decided, with its number in the journal.
public struct PlayedSignal: Sendable, Equatable {
    /// The signal.
    public var decision: Decision
    /// Its number over all runs, from 1.
    public var number: UInt64
}

/// Runs the engine again on what a journal holds: the same ticks in the same order, timer events and signs taken over.
///
/// Every decision the journal has is compared with the one that comes of it, every checkpoint with the state; the first
/// difference ends the replay with an error. Used by one thread.
public struct JournalPlayer: ~Copyable {
    var folder: JournalFolder
    var reader: ChainReader
    var core: DecisionCore?
    /// Nobody's to see, but the core's counters live in it.
    private let metrics = MetricsRegistry()
    /// The run whose entries are being played.
    public internal(set) var run: UInt64 = 0
    /// What its numbers mean; nil before the first checkpoint.
    public internal(set) var description: RunDescription?
    /// The run's instruments and strategies, and those of signals it took over; nil before the first checkpoint.
    public private(set) var catalog: MarketCatalog?
    var cursors: [any SlotCursor] = []
    private var taken: [UInt64] = []
    /// Signals decided so far, over runs.
    public private(set) var signalCount: UInt64 = 0
    /// Decided and not yet met in the journal.
    var expected: [PlayedSignal] = []
    /// Of an earlier run's `expected`, which the next run puts on record; or the one behind it, where that was killed meanwhile.
    var carriedNumbers: Set<UInt64> = []
    /// Whether the run has done anything but take over.
    var hasBegun = false
    var lookahead: Place?
    /// Where records go.
    private var records: SPSCRing?
    /// Records taken so far.
    public private(set) var recordCount: UInt64 = 0
    /// When the last of them were taken, on the monotonic clock of their run.
    public private(set) var takenAt = MonotonicNanos(rawValue: 0)
    /// Entries behind it are not read: the last of a running engine's of which all is on record. Behind an event.
    public private(set) var limit = UInt64.max
    /// Slots that one step takes at most of what a run has left.
    public var mostLeftoverSlots = Int.max

    /// Whether parts of which something is missing are passed over, rather than being an error.
    private let passesMissing: Bool
    /// Parts that were not played, in order.
    public internal(set) var passages: [Passage] = []
    /// The part that is being passed over.
    var passing: Passing?
    /// Where playing goes on if what is being played can't be: at the first segment numbered so or higher.
    var nextStart: UInt64
    /// The segment that is not played if what is being played can't be.
    var playingSegment: UInt64

    /// Begins with the engine segment numbered `first`, or with the oldest that is there.
    ///
    /// - Parameter passesMissing: whether a part of which something is missing is passed over, see `passages`: the next one
    ///   that is played is the first engine segment behind it from whose checkpoint on all is there. Whole entries behind
    ///   damage are an error then, also at the end of a chain.
    public init(folder: JournalFolder, from first: UInt64 = 0, passesMissing: Bool = false) {
        self.folder = folder
        self.passesMissing = passesMissing
        (nextStart, playingSegment) = (first, first)
        reader = ChainReader(JournalChain(.engine), in: folder, from: first, refusesHoles: passesMissing)
    }

    /// Plays the next event, with what came of it; false at the end.
    ///
    /// - Parameter signal: called for each signal when it is decided.
    /// - Throws: `ReplayError`; where what is missing is passed over, only if nothing at all can be played for it.
    public mutating func step(_ signal: (PlayedSignal) -> Void) throws(ReplayError) -> Bool {
        while true {
            do throws(ReplayError) { return try playNext(signal) } catch {
                guard passesMissing, error.isForMissingInput else { throw error }
                guard try goOn(behind: error) else { return false }
            }
        }
    }

    private mutating func playNext(_ signal: (PlayedSignal) -> Void) throws(ReplayError) -> Bool {
        if let segment = reader.segment {
            (nextStart, playingSegment) = (segment.identity.segment + 1, segment.identity.segment + 1)
        }
        guard let event = try nextEntry() else { return false }
        // What the run before left was taken when this one began.
        let segment = event.segment.identity.segment
        (nextStart, playingSegment) = (segment, segment - 1)
        if core != nil, event.segment.identity.run != run, try takeLeftovers(signal) {
            lookahead = event
            return true
        }
        (nextStart, playingSegment) = (segment + 1, segment)
        sequence = event.entry.sequence
        var results: [Place] = []
        while let next = try nextResultOrEvent() {
            guard Self.isResult(next.entry) else {
                lookahead = next
                break
            }
            results.append(next)
        }
        if event.entry.kind != EngineEntryKind.checkpoint { hasBegun = true }
        core?.play(asks: results.filter { $0.entry.kind == EngineEntryKind.asked }.map { $0.entry.detail == 1 })
        switch event.entry.kind {
        case EngineEntryKind.checkpoint: try begin(event, signal)
        case EngineEntryKind.take: try take(event, signal)
        case EngineEntryKind.timer:
            core?.advance(to: MonotonicNanos(rawValue: event.entry.word0))
            releaseDue(signal)
        case EngineEntryKind.resumed:
            core?.resume(at: MonotonicNanos(rawValue: event.entry.word0))
            releaseDue(signal)
        case EngineEntryKind.adopted: adopt(event.entry)
        default: throw event.diverged("an entry of unknown kind \(event.entry.kind)")
        }
        try compare(results, isBehindCheckpoint: event.entry.kind == EngineEntryKind.checkpoint, signal)
        return true
    }

    /// What comes of an event, rather than being one.
    private static func isResult(_ entry: JournalEntry) -> Bool {
        switch entry.kind {
        case EngineEntryKind.decision, EngineEntryKind.sums, EngineEntryKind.sent, EngineEntryKind.asked: true
        default: false
        }
    }

    private mutating func nextEntry() throws(ReplayError) -> Place? {
        if let next = lookahead {
            lookahead = nil
            return next
        }
        guard (reader.nextSequence ?? 0) <= limit else { return nil }
        do throws(JournalError) {
            guard let entry = try reader.next(), let segment = reader.segment else { return nil }
            return Place(entry: entry, segment: segment)
        } catch { throw .journal(error) }
    }

    /// The same; nil, too, in front of what is missing, which the next step says: this event can still be played.
    private mutating func nextResultOrEvent() throws(ReplayError) -> Place? {
        do throws(ReplayError) { return try nextEntry() } catch {
            guard error.isForMissingInput else { throw error }
            return nil
        }
    }

    /// Takes what the feeds had published and the engine had not taken when the run ended, by time of receipt; for the end
    /// of the last run. It is not on record: what comes of it is in the state that the next run begins with.
    ///
    /// - Returns: whether there may be more to take: some were taken, and `mostLeftoverSlots` bounds what is taken at once. The next
    ///   run begins in a step of its own then, so that records of two runs are never published together.
    @discardableResult
    public mutating func takeLeftovers(_ signal: (PlayedSignal) -> Void) throws(ReplayError) -> Bool {
        for cursor in cursors { try cursor.fill(.max) }
        core?.play(asks: [])
        var left = mostLeftoverSlots
        while let cursor = cursors.filter({ !$0.slots.isEmpty }).min(by: {
            $0.slots[0].receiveMonotonicNanos < $1.slots[0].receiveMonotonicNanos
        }) {
            var count = 0
            repeat {
                process(cursor.slots[count], signal)
                count += 1
            } while (core?.slotsToCome ?? 0) > 0 && count < cursor.slots.count
            cursor.remove(count)
            recordCount += UInt64(count)
            left -= count
            if left <= 0 { return true }
        }
        return left < mostLeftoverSlots && mostLeftoverSlots != .max
    }

    /// Hands what is recorded from here on to a store writer's ring.
    public mutating func attachRecords(_ ring: SPSCRing) {
        records = ring
        attach(ring)
    }

    private mutating func attach(_ ring: SPSCRing) {
        core?.attachRecords(RingProducer(ring), capacitySlots: ring.capacitySlots, metrics: metrics)
    }

    /// Makes what was recorded visible to the store writer, and returns how many records found no room so far.
    public mutating func publishRecords() -> Int {
        core?.publishRecords()
        return Int(metrics.total("tickline_dropped_total"))
    }

    /// The same with a mark behind it: up to here everything was recorded.
    public mutating func publishMark() -> Int {
        core?.publishRecords(upTo: StoreMark(sequence: sequence, feed: 0, takenSlots: taken.first ?? 0))
        return Int(metrics.total("tickline_dropped_total"))
    }

    /// Takes back what was recorded and not published yet.
    public mutating func abortRecords() { core?.abortRecords() }

    /// Reads on in a journal that is being written, up to that entry.
    public mutating func extend(to limit: UInt64, _ folder: JournalFolder) throws(ReplayError) {
        self.limit = limit
        self.folder = folder
        reader.refresh(folder)
        for cursor in cursors { try cursor.refresh(folder) }
    }

    /// Whether no segment that is being read was recycled: what was played before this was true is sound. O(feeds).
    public var isStillThere: Bool { reader.segment?.isStillThere != false && cursors.allSatisfy(\.isStillThere) }

    /// Whether the event played last has taken a record of several slots in part; the rest comes with the next one.
    public var isWithinRecord: Bool { mutating get { (core?.slotsToCome ?? 0) > 0 } }

    /// Slots that the engine had taken in this run.
    public var takenSlots: UInt64 { taken.reduce(0, +) }

    /// The long window of a strategy as it is now, oldest price first; empty before the first checkpoint, and for what only
    /// signals taken over are of. O(prices).
    public func windowPrices(instrument: Int, strategy: Int) -> [Int64] {
        guard let description, description.instruments.indices.contains(instrument),
            description.strategies.indices.contains(strategy)
        else { return [] }
        return core?.windowPrices(instrument: instrument, strategy: strategy) ?? []
    }

    /// The number of the event played last.
    public private(set) var sequence: UInt64 = 0

    /// The number of the engine's segment that is being played.
    public var segment: UInt64 { reader.segment?.identity.segment ?? 0 }

    /// Signals that were decided behind the last entry that is on record: the process ended before it was written.
    public var unrecorded: [PlayedSignal] { expected }

    /// The state reached, as a checkpoint; nil before the first one was met.
    public mutating func checkpoint() -> EngineCheckpoint? { core?.checkpoint(signalCount: signalCount) }

    private mutating func begin(_ place: Place, _ signal: (PlayedSignal) -> Void) throws(ReplayError) {
        let (entry, segment) = (place.entry, place.segment)
        guard let checkpoint = EngineCheckpoint(entry, in: segment),
            let description = RunDescription(checkpoint.preface), let catalog = description.catalog
        else { throw .foreignCheckpoint(path: segment.path) }
        if segment.identity.run == run { return try check(checkpoint, place) }
        if hasBegun { carriedNumbers = [] }
        carriedNumbers.formUnion(expected.map(\.number))
        hasBegun = false
        if description.decidesLike(self.description) {
            guard core?.checkpoint(signalCount: 0).state == checkpoint.state else {
                throw place.diverged("another state at the beginning of a run")
            }
        } else {
            try makeCore(description, catalog, checkpoint, path: segment.path)
        }
        (run, self.description, self.catalog) = (segment.identity.run, description, description.signalCatalog)
        (signalCount, taken, expected) = (checkpoint.signalCount, checkpoint.slotsTaken, [])
        cursors = []
        for feed in description.feeds.indices {
            guard let replay = description.replay(ofFeed: feed, catalog: catalog) else {
                throw .foreignCheckpoint(path: segment.path)
            }
            cursors.append(
                try FeedCursor(
                    replay, chain: JournalChain(.feed, feed), run: run, first: taken[feed], in: folder,
                    engineSegment: segment.path))
        }
        if description.hasHistory {
            let ring = description.feeds.count
            guard taken.indices.contains(ring) else { throw .foreignCheckpoint(path: segment.path) }
            cursors.append(
                HistoryCursor(run: run, first: taken[ring], in: folder, engineSegment: segment.path))
        }
        endPassing(at: segment.identity.segment)
    }

    private mutating func makeCore(
        _ description: RunDescription, _ catalog: MarketCatalog, _ checkpoint: EngineCheckpoint, path: String
    ) throws(ReplayError) {
        var core = DecisionCore(
            catalog: catalog, records: nil, recordCapacitySlots: 0, priceBandPercent: description.priceBandPercent,
            refill: description.refill?.configuration, metrics: metrics)
        let everything = description.indices(in: description)
        guard core.restore(checkpoint, instruments: everything.instruments, strategies: everything.strategies) else {
            throw .foreignCheckpoint(path: path)
        }
        self.core = consume core
        if let records { attach(records) }
    }

    private mutating func check(_ checkpoint: EngineCheckpoint, _ place: Place) throws(ReplayError) {
        guard let ours = core?.checkpoint(signalCount: signalCount), ours.state == checkpoint.state,
            signalCount == checkpoint.signalCount, taken == checkpoint.slotsTaken, expected.isEmpty
        else { throw place.diverged("another state at the checkpoint") }
    }

    private mutating func take(_ place: Place, _ signal: (PlayedSignal) -> Void) throws(ReplayError) {
        let (ring, count) = (Int(place.entry.source), Int(place.entry.word0))
        guard cursors.indices.contains(ring) else { throw place.diverged("a ring that is not there: \(ring)") }
        let cursor = cursors[ring]
        try cursor.fill(count)
        guard cursor.slots.count >= count else { throw .missingFeed(chain: cursor.chain, path: place.segment.path) }
        for slot in cursor.slots.prefix(count) { process(slot, signal) }
        cursor.remove(count)
        taken[ring] += UInt64(count)
        recordCount += UInt64(count)
        takenAt = MonotonicNanos(rawValue: place.entry.word1)
    }

    private mutating func process(_ slot: Tick, _ signal: (PlayedSignal) -> Void) {
        var decided: [Decision] = []
        core?.play(slot) { decided.append($0) }
        give(decided, signal)
    }

    private mutating func releaseDue(_ signal: (PlayedSignal) -> Void) {
        var decided: [Decision] = []
        core?.releaseDue { decided.append($0) }
        give(decided, signal)
    }

    private mutating func give(_ decided: [Decision], _ signal: (PlayedSignal) -> Void) {
        for decision in decided {
            signalCount += 1
            let played = PlayedSignal(decision: decision, number: signalCount)
            expected.append(played)
            signal(played)
        }
    }

    private mutating func adopt(_ entry: JournalEntry) {
        guard let side = Side(rawValue: Int8(bitPattern: entry.detail)) else { return }
        core?.adopt([
            PublishedSign(
                instrument: UInt32(truncatingIfNeeded: entry.word0), strategy: entry.source, tickID: entry.word1,
                side: side)
        ])
    }

    /// Compares the signals on record with what the replay decided. Those behind a checkpoint, which decides nothing, come
    /// from the end of an earlier run.
    private mutating func compare(
        _ results: [Place], isBehindCheckpoint: Bool, _ signal: (PlayedSignal) -> Void
    ) throws(ReplayError) {
        var first: JournalEntry?
        for place in results {
            sequence = place.entry.sequence
            guard place.entry.kind == EngineEntryKind.sums else {
                if place.entry.kind == EngineEntryKind.decision { first = place.entry }
                continue
            }
            guard let half = first, let decision = Decision(half, place.entry) else {
                throw place.diverged("half a decision")
            }
            first = nil
            guard place.entry.word4 > 0 else { continue }
            let recorded = PlayedSignal(decision: decision, number: place.entry.word4)
            if isBehindCheckpoint, expected.isEmpty, recorded.number == signalCount + 1 {
                // What the recovery of an earlier run's end decided, this run has put on record.
                signalCount += 1
                if !carriedNumbers.contains(recorded.number) { signal(recorded) }
            } else if expected.first == recorded {
                expected.removeFirst()
            } else {
                throw place.diverged("signal \(recorded.number), on tick \(decision.tickID), was not decided again")
            }
        }
    }
}

/// An entry where it stands.
struct Place {
    let entry: JournalEntry
    let segment: SegmentReader

    func diverged(_ reason: String) -> ReplayError {
        .diverged(path: segment.path, sequence: entry.sequence, reason: reason)
    }
}
