internal import Journal
public import RingBuffer
public import Telemetry
public import ThreadExecutor
public import TradingModel

/// How the engine's thread waits for ticks.
public enum IdlePolicy: Sendable, Equatable {
    /// Polls this many times, then sleeps until a feed wakes it.
    case park(afterPolls: Int)
    /// Polls without end; needs a processor of its own.
    case spin
}

/// What the engine is made of.
public struct EngineConfiguration: Sendable {
    /// Ticks taken from one ring before the next ring, and pending actor jobs, get their turn.
    public static let batchTicks = 64

    /// How to wait.
    public var idlePolicy: IdlePolicy
    /// Processor to pin the thread to.
    public var processor: Int?
    /// See `DecisionCore`; nil for no band.
    public var priceBandPercent: Int?
    /// See there; nil: each hole in the ids is a gap at once.
    public var refill: RefillConfiguration?
    /// See there; nil: no stream is delivered by several feeds.
    public var redundancy: RedundancyConfiguration?

    /// The defaults share the machine: some 20 µs of polling, then sleep.
    public init(idlePolicy: IdlePolicy = .park(afterPolls: 400), processor: Int? = nil) {
        self.idlePolicy = idlePolicy
        self.processor = processor
    }
}

/// The strategy engine: an actor on a thread of its own that drains the feeds' rings and decides.
///
/// `run()` keeps the thread: it drains in synchronous batches inside the isolation, so nothing is awaited per tick, and
/// yields only when another job waits for the actor. After warm-up it neither allocates nor counts references per tick.
public actor SMACrossoverActor<Sink: SignalSink & ~Copyable> {
    /// The executor, hence the thread, of this actor.
    @usableFromInline nonisolated let executor: DedicatedThreadExecutor
    /// Binds the actor's isolation to that thread.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    @usableFromInline let rings: FeedRings
    @usableFromInline let parker: Parker
    @usableFromInline let idlePolicy: IdlePolicy
    @usableFromInline let recorder: EngineRecorder
    @usableFromInline var core: DecisionCore
    @usableFromInline var isStopping = false
    @usableFromInline var isAbandoning = false
    @usableFromInline var sink: Sink

    /// Creates the engine and its thread.
    ///
    /// - Parameters:
    ///   - feeds: one ring per feed; their producers must wake `parker`.
    ///   - records: the ring to the store writer, nil for none.
    ///   - detour: see `DecisionCore.init`.
    ///   - requests: where `RefillRequest`s go; its parker is woken, its answers come on one of the feeds' rings.
    ///   - sink: where signals go; called on the engine's thread only.
    ///   - journal: where takes and decisions are put on record; nil keeps nothing. It has a segment before `run`.
    public init(
        catalog: MarketCatalog, feeds: [SPSCRing], parker: Parker, records: SPSCRing?,
        detour: RecordDetour? = nil, requests: consuming RingProducer? = nil, sink: consuming Sink,
        journal: consuming EngineJournal? = nil,
        configuration: EngineConfiguration, metrics: MetricsRegistry
    ) {
        rings = FeedRings(feeds)
        self.parker = parker
        idlePolicy = configuration.idlePolicy
        recorder = EngineRecorder(metrics: metrics)
        core = DecisionCore(
            catalog: catalog, records: records.map { RingProducer($0) },
            recordCapacitySlots: records?.capacitySlots ?? 0, detour: detour,
            priceBandPercent: configuration.priceBandPercent, refill: configuration.refill,
            redundancy: configuration.redundancy, requests: requests, metrics: metrics)
        core.attach(journal)
        self.sink = sink
        executor = DedicatedThreadExecutor(
            name: "engine", processor: configuration.processor,
            idle: { hasWork in
                parker.prepare()
                if hasWork() { parker.cancel() } else { parker.wait(timeoutNanos: Self.longestSleepNanos) }
            }, wakeUp: { parker.wake() })
    }

    /// The longest sleep without a look at the rings; a safety net, wake-ups are not lost.
    @usableFromInline nonisolated static var longestSleepNanos: UInt64 { 100_000_000 }

    /// Takes over the newest published signals, for pairs that are still warming up.
    public func adopt(_ signs: [PublishedSign]) {
        if core.needsJournalSegment { _ = core.advanceJournal() }
        core.adopt(signs)
    }

    /// Goes on where a checkpoint stands, see `DecisionCore.restore`; before `run`.
    ///
    /// - Parameters:
    ///   - unrecorded: signals that were decided by then and are not on record yet.
    ///   - publishes: whether the sink takes those, too.
    /// - Returns: false, and nothing changed, where the checkpoint can't be read. Waits for the journal's segments, so its
    ///   thread must run.
    /// - Throws: `CancellationError` where the task is cancelled meanwhile. The engine is of no use then; what it has not put on
    ///   record the next run's recovery decides again.
    public func restore(
        _ checkpoint: EngineCheckpoint, instruments: [Int?], strategies: [Int?], unrecorded: [Decision],
        publishes: Bool
    ) throws(CancellationError) -> Bool {
        guard core.restore(checkpoint, instruments: instruments, strategies: strategies) else { return false }
        // What is taken over has its numbers already: it goes on record whatever room there is for new signals.
        core.journal?.demandSegments()
        for decision in unrecorded {
            try waitForJournalRoom()
            core.journal?.append(decision)
            if publishes { _ = sink.publish(decision) }
        }
        try waitForJournalRoom()
        core.journal?.endDemand()
        core.resume(at: MonotonicClock.now())
        core.publishRecords()
        return true
    }

    /// Blocks until the journal's thread has made a segment, where there is no room.
    private func waitForJournalRoom() throws(CancellationError) {
        while !hasJournalRoom() {
            if Task.isCancelled { throw CancellationError() }
            parker.prepare()
            parker.wait(timeoutNanos: EngineRecorder.fullSinkSleepNanos)
        }
    }

    /// Makes `run` return once the rings are empty. Stop the feeds first.
    public func stop() { isStopping = true }

    /// Makes `run` return at once and counts the ticks left in the rings as dropped: for an end that cannot wait for a
    /// sink without room.
    public func abandon() {
        isStopping = true
        isAbandoning = true
    }

    /// Ends the thread; the actor answers on the caller's thread from then on. After `run` has returned.
    public nonisolated func shutdown() { executor.stop() }

    /// Drains the rings until `stop`; the body of the engine's thread.
    @inlinable
    public func run() async {
        // Its chain is begun before there is a tick: beside a feed's, none would look like one that was lost.
        _ = hasJournalRoom()
        var emptyPolls = 0
        while !isAbandoning {
            if drain() {
                emptyPolls = 0
            } else if isStopping && !rings.hasTicks && !core.hasDue && core.timerNanos == .max {
                break
            } else if isStopping && !rings.hasTicks && !core.hasDue && hasJournalRoom() {
                // Nothing more comes: what waits goes on without the missing ids.
                core.advance(to: MonotonicNanos(rawValue: .max))
            } else {
                emptyPolls += 1
                wait(&emptyPolls)
            }
            if executor.hasPendingJobs { await Task.yield() }
        }
        recorder.countUndecided(rings.occupancy + core.heldTicks)
    }

    @inlinable
    func wait(_ emptyPolls: inout Int) {
        guard case .park(let limit) = idlePolicy, emptyPolls > limit else { return spinPause() }
        emptyPolls = 0
        parker.prepare()
        // Without room in sink or journal there is nothing to do about ticks that wait; nobody wakes for that room.
        let hasRoom = sink.hasRoom(for: core.strategyCount) && !core.needsJournalSegment
        if executor.hasPendingJobs || hasRoom && (rings.hasTicks || core.hasDue) {
            parker.cancel()
        } else {
            parker.wait(timeoutNanos: hasRoom ? longestSleep : EngineRecorder.fullSinkSleepNanos)
        }
    }

    /// Nanoseconds until the rings, or the core's timer, must be looked at.
    @inlinable var longestSleep: UInt64 {
        guard core.timerNanos != .max else { return Self.longestSleepNanos }
        let deadline = MonotonicNanos(rawValue: core.timerNanos)
        return min(Self.longestSleepNanos, max(1, deadline.nanos(since: MonotonicClock.now())))
    }

    // hot path (HotPathTests)
    /// Takes up to one batch from every ring; false when there was nothing to do.
    @inlinable
    func drain() -> Bool {
        var clock = MonotonicNanos(rawValue: 0)
        if core.isAskedForCheckpoint { writeCheckpoint() }
        var hasWorked = core.hasDue && releaseDue(&clock) > 0
        // Not between ticks that are due: the same calls in the same order then do the same in a replay.
        if core.timerNanos != .max, !core.hasDue {
            var nanos = MonotonicClock.now().rawValue
            // No further than what waits in the rings: an engine that is late gives up nothing that is there already.
            if nanos >= core.timerNanos { nanos = min(nanos, rings.earliestReceiptNanos) }
            if nanos >= core.timerNanos, hasJournalRoom() {
                core.advance(to: MonotonicNanos(rawValue: nanos))
                if releaseDue(&clock) > 0 { hasWorked = true }
            }
        }
        for index in 0..<rings.count {
            guard take(from: index, most: EngineConfiguration.batchTicks) > 0 else { continue }
            hasWorked = true
            // A record of several slots was published whole: its rest is there, maybe behind the end of the batch or of
            // the ring's memory, and goes to the record ring before anything of another feed.
            while core.slotsToCome > 0 {
                if take(from: index, most: core.slotsToCome) == 0 { core.breakOffSequence() }
            }
        }
        if hasWorked {
            sink.flush()
            core.publishRecords()
        }
        return hasWorked
    }

    /// Writes the checkpoint that the journal asks for, also where no tick comes.
    @usableFromInline
    @inline(never)
    func writeCheckpoint() {
        guard !core.hasDue, core.journal?.isDueForCheckpoint({ rings.consumers[$0].occupancy }) == true else { return }
        _ = core.advanceJournal()
    }

    /// Takes up to `most` slots that lie side by side in one ring and returns their number.
    @inlinable
    func take(from index: Int, most: Int) -> Int {
        let batch = rings.consumers[index].peek(most: most, as: Tick.self)
        if batch.isEmpty { return 0 }
        let count = admissible(batch.count)
        guard count > 0 else { return 0 }
        var clock = MonotonicClock.now()
        core.journal?.take(count, from: index, at: clock)
        for position in 0..<count {
            if core.process(batch[position]) {
                decided(batch[position].receiveMonotonicNanos, &clock)
            } else if core.hasDue {
                _ = releaseDue(&clock)
            }
        }
        rings.consumers[index].release(count: count)
        return count
    }

    /// How many of `count` slots may be taken now.
    ///
    /// What sink or journal can't keep must not be decided: the tick waits in its ring, the feed's socket behind it. A
    /// record that was begun decides nothing and is taken to its end. While a stream is on hold each slot may release any
    /// number of ticks, so slots are taken one by one; else a slot releases at most itself.
    @inlinable
    func admissible(_ count: Int) -> Int {
        if core.slotsToCome > 0 { return min(count, core.slotsToCome) }
        if core.hasDue || !hasJournalRoom() { return 0 }
        if !core.isHolding, sink.hasRoom(for: core.strategyCount &* count) { return count }
        if sink.hasRoom(for: core.strategyCount) { return 1 }
        recorder.countStall()
        return 0
    }

    /// Whether the journal can take what comes next, in its next segment where the present one is full.
    @inlinable
    func hasJournalRoom() -> Bool {
        guard core.needsJournalSegment, !core.advanceJournal() else { return true }
        recorder.countStall()
        return false
    }

    /// Decides on the ticks that waited and need wait no longer, while the sink has room, and returns their number.
    ///
    /// The latencies of a tick that waited count from when it was received: it was late. A refilled tick has none.
    @inlinable
    func releaseDue(_ clock: inout MonotonicNanos) -> Int {
        var released = 0
        clock = MonotonicClock.now()
        while core.hasDue {
            guard sink.hasRoom(for: core.strategyCount) else {
                recorder.countStall()
                break
            }
            switch core.releaseNext() {
            case .unpriced: break
            case .waited(let receiveMonotonicNanos): decided(receiveMonotonicNanos, &clock)
            case .refilled:
                clock = MonotonicClock.now()
                for index in 0..<core.signalCount {
                    core.didPublish(index, sink.publish(core.signals[index]), at: clock)
                }
            }
            released += 1
        }
        return released
    }

    @inlinable
    func decided(_ receiveNanos: UInt64, _ clock: inout MonotonicNanos) {
        let receive = MonotonicNanos(rawValue: receiveNanos)
        let decision = MonotonicClock.now()
        recorder.recordDecision(receive: receive, start: clock, decision: decision)
        clock = decision
        for index in 0..<core.signalCount {
            let outcome = sink.publish(core.signals[index])
            let sent = MonotonicClock.now()
            core.didPublish(index, outcome, at: sent)
            guard outcome == .sent else { continue }
            recorder.recordSignal(receive: receive, decision: clock, sent: sent)
            clock = sent
        }
    }
}
