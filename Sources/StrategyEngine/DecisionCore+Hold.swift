internal import RingBuffer
internal import Telemetry
public import TradingModel

/// What became of a tick that waited, or that was refilled.
public enum Released: Sendable, Equatable {
    /// It was no price: nothing was decided.
    case unpriced
    /// A price of a live connection. It waited, and its latencies count from when it was received.
    case waited(receiveMonotonicNanos: UInt64)
    /// A price of the exchange's history: no latency is taken.
    case refilled
}

/// Streams on hold: what happens between a hole and its end.
///
/// A hole in the ids of an instrument's averages puts that stream on hold. All its later ticks wait in the buffer, other
/// connections that deliver it have their time, then the missing ids are asked for where the hole is not too large for that,
/// and as soon as the next id is there it is due, and so are those behind it: the owner calls `releaseNext` until nothing is
/// due before it takes the next slot. Each hole is waited for by itself, also a second one behind the first. Nobody waits any
/// more
/// - when nobody is asked and the other connections have had their time,
/// - when the answer has ended or the request found no room,
/// - 3 s after the hole was seen, which `advance(to:)` tells,
/// - when the buffer is full (the stream with the most waiting ticks goes on) or the stream has too many holes (the first).
/// Then the ids still missing are gaps, one record for each run of them, and the window is broken there, as without
/// refilling; what still comes of them is a repeat. A hole too large behind the first is such a gap from the beginning, in
/// its place. Driven by records and `advance(to:)` alone, so a replay of both does the same.
extension DecisionCore {
    /// When `advance(to:)` has something to do, at the earliest; nil for never. O(1).
    public var timerDeadline: MonotonicNanos? {
        timerNanos == .max ? nil : MonotonicNanos(rawValue: timerNanos)
    }

    /// Whether ticks can be released, which must happen before the next slot is taken. O(1).
    public var hasDue: Bool { holds.dueCount > 0 }

    /// Whether a stream is on hold. O(1).
    @usableFromInline var isHolding: Bool { holds.onHoldCount > 0 }

    /// Ticks that wait.
    public var heldTicks: Int { holds.buffer.count }

    /// Tells the time: asks for what no other connection delivered, and gives up what took too long. Does nothing before
    /// `timerDeadline`. With the last time there is (`UInt64.max`) nothing is waited for any more, which is how a run ends.
    /// O(instruments).
    public mutating func advance(to now: MonotonicNanos) {
        precondition(!hasDue, "what is due is released first")
        guard now.rawValue >= timerNanos else { return }
        journal?.timer(now)
        timerNanos = .max
        for instrument in 0..<holds.instrumentCount where holds.streams[instrument].isOnHold {
            for index in 0..<holds.streams[instrument].holeCount {
                let hole = holds.hole(index, of: instrument)
                if now.rawValue >= hole.pointee.deadlineNanos {
                    giveUp(hole, .timeout)
                } else if now.rawValue >= hole.pointee.askAtNanos {
                    ask(for: hole, of: instrument)
                }
                guard !hole.pointee.isGivenUp else { continue }
                timerNanos = min(timerNanos, hole.pointee.askAtNanos, hole.pointee.deadlineNanos)
            }
            holds.updateDue(instrument)
        }
    }

    /// Goes on in a new run, whose connections are others whatever their numbers. Nobody answers what the one before it asked
    /// for, so each hole is asked for again and has all its time again. Before anything is taken. O(instruments).
    public mutating func resume(at now: MonotonicNanos) {
        journal?.resumed(now)
        for stream in 0..<holds.instrumentCount * EngineCounters.kindCount { trackers[stream].forgetConnection() }
        for feed in 0..<2 * holds.feedPairs { connections[feed] |= Self.isClosed }
        guard isHolding else { return }
        timerNanos = .max
        for instrument in 0..<holds.instrumentCount where holds.streams[instrument].isOnHold {
            for index in 0..<holds.streams[instrument].holeCount {
                let hole = holds.hole(index, of: instrument)
                guard !hole.pointee.isGivenUp else { continue }
                hole.pointee.noticedNanos = now.rawValue
                ask(for: hole, of: instrument)
                if !hole.pointee.isGivenUp { timerNanos = min(timerNanos, hole.pointee.deadlineNanos) }
            }
            holds.updateDue(instrument)
        }
    }

    /// A hole was seen in front of `record`: the stream is on hold from here.
    mutating func beginHold(
        _ record: borrowing Tick, firstID: UInt64, lastID: UInt64, beforeTimeNanos: Int64, cause: GapCause
    ) {
        let instrument = Int(record.instrument)
        holds.streams[instrument].isOnHold = true
        holds.streams[instrument].nextID = firstID
        holds.streams[instrument].lastTimeNanos = beforeTimeNanos
        holds.onHoldCount += 1
        addHole(before: record, firstID: firstID, lastID: lastID, beforeTimeNanos: beforeTimeNanos, cause: cause)
        keep(record)
    }

    /// Takes a refilled tick, or a live one of a stream on hold; false for any other.
    mutating func holdBack(_ record: borrowing Tick, kindIndex: Int) -> Bool {
        precondition(!hasDue, "what is due is released first")
        let instrument = Int(record.instrument)
        let kind = record.kind
        let isOnHold = holds.streams[instrument].isOnHold && kind == averageSources[instrument]
        let isRefilled = record.isRefilled
        guard isOnHold || isRefilled else { return false }
        let stream = instrument * EngineCounters.kindCount + kindIndex
        if isRefilled {
            // Too late, twice, or not asked for.
            let isKept = isOnHold ? fill(record) : false
            if !isKept { counters.repeated[stream].addFromOnlyWriter() }
            return true
        }
        let beforeTimeNanos = trackers[stream].lastTimeNanos
        let previousConnection = trackers[stream].connection
        let connection = connection(of: record.feed)
        switch trackers[stream].accept(
            record, after: record.id &- 1, mostPlausibleHole: ContinuityTracker.mostPlausibleHole,
            connection: connection)
        {
        case .implausible: counters.implausible[stream].addFromOnlyWriter()
        case .repeated:
            guard fill(record) else {
                noteRepeated(record, stream: stream)
                break
            }
            if arrivals.isUsed { arrivals.note(record, stream: stream) }
        case .next:
            if arrivals.isUsed { arrivals.note(record, stream: stream) }
            keep(record)
        case .hole(let firstID, let lastID):
            if arrivals.isUsed { arrivals.note(record, stream: stream) }
            addHole(
                before: record, firstID: firstID, lastID: lastID, beforeTimeNanos: beforeTimeNanos,
                cause: previousConnection == connection ? .skipped : .reconnect)
            keep(record)
        }
        return true
    }

    /// Takes the end of an answer.
    mutating func processRefillEnd(_ record: borrowing Tick) {
        guard let end = RefillEnd(slot: copy record), Int(end.instrument) < holds.instrumentCount, end.ordinal > 0
        else { return counters.broken.addFromOnlyWriter() }
        precondition(!hasDue, "what is due is released first")
        let instrument = Int(end.instrument)
        for index in 0..<holds.streams[instrument].holeCount {
            let hole = holds.hole(index, of: instrument)
            if hole.pointee.ordinal == end.ordinal { giveUp(hole, GiveUpReason(end.outcome)) }
        }
        holds.updateDue(instrument)
    }

    /// Processes the next tick of a stream of which something is due; signals are then in `signals`. O(strategies), and
    /// O(ids) where ids are given up.
    public mutating func releaseNext() -> Released {
        signalCount = 0
        let instrument = holds.dueInstrument
        let tick = holds.buffer.remove(UInt32(instrument), holds.streams[instrument].nextID) ?? skipMissing(instrument)
        let kind = Int(tick.kind &- RecordKind.trade.rawValue)
        noteRelease(tick, instrument: instrument)
        holds.streams[instrument].nextID = tick.id &+ 1
        holds.streams[instrument].lastTimeNanos = tick.exchangeTimeNanos
        let stream = holds.streams + instrument
        stream.pointee.heldCount -= 1
        counters.accepted[instrument * EngineCounters.kindCount + kind].addFromOnlyWriter()
        if holds.streams[instrument].holeCount == 0, holds.streams[instrument].heldCount == 0 {
            holds.streams[instrument].isOnHold = false
            holds.onHoldCount -= 1
            if holds.onHoldCount == 0 { timerNanos = .max }
        }
        holds.updateDue(instrument)
        refillCounters.held.set(Double(holds.buffer.count))
        let receiveTime = tick.isRefilled ? tick.refilledReceiveTime : receiveTime(of: tick)
        guard take(admitted: tick, kind: kind, instrument: instrument, receiveTime: receiveTime) else {
            return .unpriced
        }
        return tick.isRefilled ? .refilled : .waited(receiveMonotonicNanos: tick.receiveMonotonicNanos)
    }

    /// The first tick behind ids that nobody waits for any more: they are a gap, and the run breaks.
    private mutating func skipMissing(_ instrument: Int) -> Tick {
        let hole = holds.hole(0, of: instrument).pointee
        precondition(hole.isGivenUp, "a stream was due")
        let firstID = holds.streams[instrument].nextID
        var id = hole.isRefillable ? firstID : hole.lastID
        var next: Tick?
        while next == nil {
            precondition(id <= hole.lastID, "behind a hole there is a tick")
            id += 1
            next = holds.buffer.remove(UInt32(instrument), id)
        }
        let tick = next!
        endRefilledRun(instrument, hole, afterTimeNanos: tick.exchangeTimeNanos)
        recordGap(
            tick, firstID: firstID, lastID: id - 1, beforeTimeNanos: holds.streams[instrument].lastTimeNanos,
            cause: hole.cause, feed: hole.feed, noticedNanos: hole.noticedNanos)
        breakRuns(of: instrument)
        return tick
    }

    /// Keeps account of the run of refilled ids, and of the hole that is left behind.
    private mutating func noteRelease(_ tick: borrowing Tick, instrument: Int) {
        guard holds.streams[instrument].holeCount > 0 else { return }
        let hole = holds.hole(0, of: instrument).pointee
        guard tick.id >= hole.firstID else { return }
        guard tick.id <= hole.lastID else {
            endRefilledRun(instrument, hole, afterTimeNanos: tick.exchangeTimeNanos)
            return holds.removeFirstHole(of: instrument)
        }
        let source: RefillSource =
            !tick.isRefilled
            ? .twin : tick.flags & TickFlags.fromAggregate.rawValue != 0 ? .aggregates : .trades
        if holds.streams[instrument].refilled?.source != source {
            endRefilledRun(instrument, hole, afterTimeNanos: tick.exchangeTimeNanos)
            holds.streams[instrument].refilled = (tick.id, source, holds.streams[instrument].lastTimeNanos)
        }
        refillCounters.count(refilled: source, instrument: instrument)
    }

    /// Records the run of refilled ids that ends in front of the next id.
    private mutating func endRefilledRun(_ instrument: Int, _ hole: Hole, afterTimeNanos: Int64) {
        guard let run = holds.streams[instrument].refilled else { return }
        holds.streams[instrument].refilled = nil
        guard let kind = RecordKind(rawValue: averageSources[instrument]) else { return }
        records.append(
            record: GapRecord(
                instrument: UInt32(instrument), kind: kind, firstID: run.firstID,
                lastID: holds.streams[instrument].nextID - 1, cause: hole.cause, feed: hole.feed,
                beforeTimeNanos: run.beforeTimeNanos, afterTimeNanos: afterTimeNanos,
                noticed: MonotonicNanos(rawValue: hole.noticedNanos), refilledFrom: run.source
            ).slot)
    }
}

/// Keeping, filling, asking, giving up.
extension DecisionCore {
    private mutating func addHole(
        before record: borrowing Tick, firstID: UInt64, lastID: UInt64, beforeTimeNanos: Int64, cause: GapCause
    ) {
        let instrument = Int(record.instrument)
        let count = lastID - firstID + 1
        let isAwaited = isAwaited(behind: record)
        let isRefillable = count <= holds.mostHeldIDs(isAwaited: isAwaited)
        let hole = Hole(
            firstID: firstID, lastID: lastID, missingCount: count, noticedNanos: record.receiveMonotonicNanos,
            beforeTimeNanos: beforeTimeNanos, afterTimeNanos: record.exchangeTimeNanos,
            receiveOffsetNanos: receiveTime(of: record).rawValue &- record.exchangeTimeNanos, feed: record.feed,
            cause: cause, isRefillable: isRefillable, isGivenUp: !isRefillable)
        holds.append(hole, to: instrument, isAwaited: isAwaited)
        let added = holds.hole(holds.streams[instrument].holeCount - 1, of: instrument)
        guard isRefillable else { return }
        if added.pointee.askAtNanos == .max { ask(for: added, of: instrument) }
        timerNanos = min(timerNanos, added.pointee.askAtNanos, added.pointee.deadlineNanos)
    }

    /// Keeps a tick that is not missing, and makes sure that there is room for one more, and for one more hole.
    private mutating func keep(_ record: borrowing Tick) {
        let instrument = Int(record.instrument)
        holds.buffer.insert(record)
        let stream = holds.streams + instrument
        stream.pointee.heldCount += 1
        refillCounters.held.set(Double(holds.buffer.count))
        if holds.streams[instrument].holeCount >= holds.holeLimit {
            giveUp(holds.hole(0, of: instrument), .overflow)
        }
        if holds.buffer.isFull {
            let fullest = holds.fullestInstrument
            giveUp(holds.hole(0, of: fullest), .overflow)
            holds.updateDue(fullest)
        }
        holds.updateDue(instrument)
    }

    /// Keeps a tick whose id is missing; false where it is not.
    private mutating func fill(_ record: borrowing Tick) -> Bool {
        guard let hole = holds.hole(of: Int(record.instrument), missing: record.id) else { return false }
        hole.pointee.missingCount -= 1
        if record.isRefilled {
            var refilled = copy record
            refilled.refilledReceiveTime = UnixNanos(
                rawValue: record.exchangeTimeNanos &+ hole.pointee.receiveOffsetNanos)
            keep(refilled)
        } else {
            keep(record)
        }
        return true
    }

    /// Asks for the ids of a hole that have not come: all from the first of them to the last. What is too large for that was
    /// for other connections to fill, and they have had their time.
    private mutating func ask(for hole: UnsafeMutablePointer<Hole>, of instrument: Int) {
        hole.pointee.askAtNanos = .max
        guard hole.pointee.missingCount > 0, let kind = RecordKind(rawValue: averageSources[instrument]) else { return }
        var (first, last) = (max(hole.pointee.firstID, holds.streams[instrument].nextID), hole.pointee.lastID)
        while holds.buffer.contains(UInt32(instrument), first) { first += 1 }
        while holds.buffer.contains(UInt32(instrument), last) { last -= 1 }
        guard last - first < holds.mostRefilledIDs else { return giveUp(hole, .timeout) }
        let request = RefillRequest(
            ordinal: holds.requestCount + 1, instrument: UInt32(instrument), kind: kind, feed: hole.pointee.feed,
            firstID: first, lastID: last, beforeTimeNanos: hole.pointee.beforeTimeNanos,
            afterTimeNanos: hole.pointee.afterTimeNanos, noticed: MonotonicNanos(rawValue: hole.pointee.noticedNanos))
        let isAsked = played.map { _ in nextPlayedAsk() } ?? (requests?.tryWrite(request.slot) == true)
        journal?.asked(request, isAsked: isAsked)
        guard isAsked else { return giveUp(hole, .unasked) }
        requests?.publish()
        holds.requestCount += 1
        hole.pointee.ordinal = request.ordinal
        refillCounters.requests.addFromOnlyWriter()
    }

    /// Whether the request found room when it was made; where the journal ends in front of that, it is taken to have.
    private mutating func nextPlayedAsk() -> Bool {
        guard let first = played?.first else { return true }
        played?.removeFirst()
        return first
    }

    private mutating func giveUp(_ hole: UnsafeMutablePointer<Hole>, _ reason: GiveUpReason) {
        hole.pointee.askAtNanos = .max
        guard !hole.pointee.isGivenUp else { return }
        hole.pointee.isGivenUp = true
        if hole.pointee.missingCount > 0 { refillCounters.count(reason) }
    }

    /// Wall-clock receive time of a live tick.
    func receiveTime(of tick: borrowing Tick) -> UnixNanos {
        UnixNanos(rawValue: Int64(bitPattern: tick.receiveMonotonicNanos) &+ wallOffsets[Int(tick.feed)])
    }
}
