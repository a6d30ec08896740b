internal import CJournal
import Glibc
import Logging
internal import RingBuffer
import Synchronization
import Telemetry
import ThreadExecutor
import TradingModel

/// The journal's thread: makes segments ahead, synchronises, takes written ones back, recycles the oldest.
final class JournalKeeper: @unchecked Sendable {
    // Unchecked: used by the owner until the thread starts, then by the thread alone; stopping goes through an atomic.

    /// How often it looks. Between two looks a writer has `readyAhead` segments; 16 MiB each last a feed of 500 MB/s for
    /// 30 ms.
    static let lookNanos: UInt64 = 10_000_000
    /// The least segments of one chain that the budget must hold: made ahead, in use, and what a recovery reads.
    static let leastSegments = 6
    /// The same of a chain that gets them on demand: the one that rests beside it needs no more than it has.
    static let leastOnDemand = 3
    /// Acknowledgements that are kept whatever the budget: 16,384 of 64 bytes, what an outbox holds; but no more files of
    /// them than so many short runs leave, for each takes its whole size.
    static let keptAcknowledgementBytes = 1 << 20
    static let keptAcknowledgementFiles = 32
    /// Segments that starts, each of which takes one or what it takes over needs, may have taken beyond the reserve.
    static let mostStartSegments = 8
    private static let logIntervalNanos: UInt64 = 10_000_000_000
    /// Time between two attempts to make a segment that is not needed at once.
    private static let retryNanos: UInt64 = 500_000_000

    /// A written segment's file.
    struct Sealed {
        var segment: UInt64
        var path: String
        var bytes: Int
        /// Wall clock when it was taken back: nothing in it is newer. Later than that of those taken back before, also where
        /// the clock was set back meanwhile.
        var endedNanos: Int64
        /// Of notes: what those in it take, which may be far less than the file does.
        var noteBytes: Int
    }

    /// What is kept of one chain.
    final class Chain {
        let plan: ChainPlan
        let ready: RingProducer
        let retired: RingConsumer
        let demand: SegmentDemand
        let turn: SegmentDemand
        let checkpoints: CheckpointDemand
        var nextSegment: UInt64
        /// Out of our hands: ready or in use, in order.
        var out: [SegmentHandle] = []
        /// Segments made last, one behind the other, that are memory.
        var inMemoryLast: UInt32 = 0
        /// Until when making a segment that is not needed at once is not tried again.
        var retryAt = MonotonicNanos(rawValue: 0)
        /// Entries that were visible at the last synchronisation of the segment in use.
        var syncedEntries: UInt64 = 0
        /// Segments out of our hands of which a synchronisation has failed.
        var unsure: Set<UInt64> = []
        var sealed: [Sealed]

        init(plan: ChainPlan, exchange: SegmentExchange, nextSegment: UInt64, sealed: [Sealed]) {
            self.plan = plan
            ready = RingProducer(exchange.ready)
            retired = RingConsumer(exchange.retired)
            demand = exchange.demand
            turn = exchange.turn
            checkpoints = exchange.checkpoints
            self.nextSegment = nextSegment
            self.sealed = sealed
        }
    }

    let settings: JournalSettings
    var chains: [Chain] = []
    let wallClock: @Sendable () -> UnixNanos
    let metrics: JournalMetrics
    private let health: HealthCheck
    private let logger: Logger
    /// The latest of all `endedNanos`.
    private var latestEndNanos: Int64 = 0
    /// When the newest but two of the earlier runs' engine segments ended; nil where there are not so many.
    private(set) var earlierLimitNanos: Int64?
    private let isTakingOver = Atomic<Bool>(false)
    /// Files that an earlier run had made ahead.
    private let spares: [String]
    private let parker = Parker()
    private let stopRequested = Atomic<Bool>(false)
    private let isAllowedToBegin = Atomic<Bool>(false)
    private let firstSegmentsMade = Atomic<Bool>(false)
    private var nextSyncAt = MonotonicNanos(rawValue: 0)
    private var loggedAt: MonotonicNanos?
    /// What making a segment failed with last.
    private var makingTrouble = ""
    private var syncTrouble = ""
    var nextCheckpointAt = MonotonicNanos(rawValue: 0)
    /// The part of the budget for decisions; the owner's until the thread starts.
    var reserve = DecisionReserve(bytes: 0, acknowledgedSegment: 0) { (0, 0) }
    let reservedBytes: Int

    init(
        settings: JournalSettings, plans: [ChainPlan], exchanges: [JournalChain: SegmentExchange],
        existing: JournalFolder, wallClock: @escaping @Sendable () -> UnixNanos, metrics: JournalMetrics,
        health: HealthCheck, logger: Logger
    ) {
        self.settings = settings
        reservedBytes = Self.reservedBytes(plans, budgetBytes: settings.budgetBytes)
        self.wallClock = wallClock
        self.metrics = metrics
        self.health = health
        self.logger = logger
        spares = existing.spares
        latestEndNanos = existing.chains.values.joined().reduce(wallClock().rawValue) { max($0, $1.modifiedNanos) }
        // Chains that this run does not write are kept as well, for reading, until the budget's end.
        for chain in Set(plans.map(\.chain)).union(existing.chains.keys).sorted() {
            let files = existing.chains[chain] ?? []
            var sealed = files.map {
                Sealed(
                    segment: $0.segment, path: $0.path, bytes: $0.bytes, endedNanos: $0.modifiedNanos,
                    noteBytes: Self.noteBytes(in: $0, of: chain))
            }
            Self.order(&sealed, of: chain)
            // The newest was in use to the last moment, though the system has not noted its last writes: they came by a mapping.
            if let newest = sealed.indices.last { sealed[newest].endedNanos = latestEndNanos }
            let plan = plans.first { $0.chain == chain }
            if chain.kind == .engine, sealed.count > 2 { earlierLimitNanos = sealed[sealed.count - 3].endedNanos }
            chains.append(
                Chain(
                    plan: plan ?? ChainPlan(chain: chain, segmentBytes: 0, tableEntries: 0, readyAhead: 0),
                    exchange: exchanges[chain] ?? SegmentExchange(), nextSegment: (files.last?.segment ?? 0) + 1,
                    sealed: sealed))
        }
    }

    /// Removes what an earlier run had made ahead, whose names are needed; before the first segment is made.
    func removeSpares() {
        for path in spares { unsafe unlink(path) }
    }

    // Relaxed, all: they say nothing of other memory; segments come by the ring.
    /// Whether the run puts on record what it takes over from earlier ones. Any thread.
    func setTakingOver(_ value: Bool) { isTakingOver.store(value, ordering: .relaxed) }

    /// Whether it still does.
    var hasToTakeOver: Bool { isTakingOver.load(ordering: .relaxed) }

    /// Lets every chain have segments, and old ones be recycled for them.
    func allowBeginning() { isAllowedToBegin.store(true, ordering: .relaxed) }

    /// Whether all chains have had the chance of a segment since.
    var hasBegun: Bool { firstSegmentsMade.load(ordering: .relaxed) }

    /// They have.
    func noteBeginning() { firstSegmentsMade.store(true, ordering: .relaxed) }

    /// Whether the journal must stay as it is, but for notes of what is acknowledged.
    var isHeldBack: Bool { !isAllowedToBegin.load(ordering: .relaxed) }

    /// What is acknowledged by now; a reserve is full only while the engine wants another segment.
    private func lookAtReserve() {
        guard let index = chains.firstIndex(where: { $0.plan.chain.kind == .engine }) else { return }
        reserve.look(during: chains[index].out.first?.segment ?? chains[index].nextSegment)
        if !needsSegment(index) { reserve.isFull = false }
    }

    /// Mends the times at which an earlier run's segments ended where one is after its follower's: the clock was set back between
    /// them, by nobody knows how much. The engine's, which say what a recovery needs, count as having ended before everything;
    /// others at the latest when their followers did. The newest's time is not known anyway.
    private static func order(_ sealed: inout [Sealed], of chain: JournalChain) {
        for index in sealed.indices.dropLast(2).reversed() {
            let next = sealed[index + 1].endedNanos
            guard sealed[index].endedNanos > next else { continue }
            sealed[index].endedNanos = chain.kind == .engine ? .min : next
        }
    }

    /// What the notes of an earlier run's segment take; 0 for other chains, and where it can't be read: it has none then.
    private static func noteBytes(in file: JournalFolder.File, of chain: JournalChain) -> Int {
        guard chain.kind == .acknowledgements || chain.kind == .stored else { return 0 }
        do throws(JournalError) {
            return try SegmentReader(path: file.path).committedEntries * Int(JOURNAL_ENTRY_BYTES)
        } catch { return 0 }  // recovery, which reads it first, has said why
    }

    /// What the budget must hold at least.
    static func neededBytes(_ plans: [ChainPlan]) -> Int {
        plans.reduce(0) { $0 + $1.segmentBytes * ($1.isOnDemand ? leastOnDemand : leastSegments) }
    }

    /// The part of it that the engine's chain alone may take: its own least, and a quarter of what is beyond all chains' least.
    static func reservedBytes(_ plans: [ChainPlan], budgetBytes: Int) -> Int {
        guard let engine = plans.first(where: { $0.chain.kind == .engine }) else { return 0 }
        return engine.segmentBytes * leastSegments + (budgetBytes - neededBytes(plans)) / 4
    }

    /// Ends `run` after a last look.
    func requestStop() {
        // releasing / acquiring: what the writers retired is then seen by the last look.
        stopRequested.store(true, ordering: .releasing)
        parker.wake()
    }

    /// The thread's body.
    func run() {
        while true {
            let isLast = stopRequested.load(ordering: .acquiring)
            takeBack()
            if isLast { break }
            lookAtReserve()
            prepareAhead()
            synchroniseIfDue()
            report()
            parker.prepare()
            if stopRequested.load(ordering: .acquiring) {
                parker.cancel()
            } else {
                parker.wait(timeoutNanos: Self.lookNanos)
            }
        }
        for index in chains.indices {
            for handle in chains[index].out { finish(handle, of: chains[index]) }
            chains[index].out = []
        }
        health.report(isReady: false, reason: "stopped")
    }

    /// Takes written segments back.
    private func takeBack() {
        for index in chains.indices {
            while true {
                let batch = unsafe chains[index].retired.peek(most: 1, as: SegmentHandle.self)
                guard let handle = unsafe batch.first else { break }
                chains[index].retired.release(count: 1)
                chains[index].out.removeAll { $0.segment == handle.segment }
                chains[index].syncedEntries = 0
                if handle.descriptor >= 0 {
                    if settings.syncIntervalMillis != nil { synchronise(handle, of: chains[index]) }
                    let path = "\(settings.folder)/\(SegmentFile.name(chains[index].plan.chain, handle.segment))"
                    latestEndNanos = max(latestEndNanos + 1, wallClock().rawValue)
                    chains[index].sealed.append(
                        Sealed(
                            segment: handle.segment, path: path, bytes: Int(handle.segmentBytes),
                            endedNanos: latestEndNanos, noteBytes: Int(handle.entries) * Int(JOURNAL_ENTRY_BYTES)))
                }
                chains[index].unsure.remove(handle.segment)
                SegmentFile.release(handle)
                if handle.descriptor < 0, handle.entries > 0 { demandCheckpoint(behind: chains[index]) }
            }
        }
    }

    /// A chain goes on in a file behind memory: what of it the engine takes from there on must not need the memory.
    private func demandCheckpoint(behind chain: Chain) {
        guard chain.plan.chain.kind == .feed || chain.plan.chain.kind == .history,
            let next = chain.out.first, next.descriptor >= 0
        else { return }
        engine?.checkpoints.make()
    }

    /// A segment that was made ahead is not needed; one in use stays mapped, for its writer still holds it.
    private func finish(_ handle: SegmentHandle, of chain: Chain) {
        if unsafe journal_segment_committed(handle.base) > 0 {
            if handle.descriptor >= 0, settings.syncIntervalMillis != nil { synchronise(handle, of: chain) }
            return
        }
        if handle.descriptor >= 0 {
            unsafe unlink("\(settings.folder)/\(SegmentFile.name(chain.plan.chain, handle.segment))")
        }
        SegmentFile.release(handle)
    }

    private func synchroniseIfDue() {
        guard let interval = settings.syncIntervalMillis else { return }
        let now = MonotonicClock.now()
        guard now >= nextSyncAt else { return }
        nextSyncAt = MonotonicNanos(rawValue: now.rawValue + UInt64(interval) * 1_000_000)
        for index in chains.indices {
            for handle in chains[index].out where handle.descriptor >= 0 {
                let entries = unsafe journal_segment_committed(handle.base)
                // Only the first can have been begun since the last look.
                guard entries > 0, entries != chains[index].syncedEntries else { continue }
                chains[index].syncedEntries = entries
                synchronise(handle, of: chains[index])
            }
        }
    }

    /// Brings a segment to the disk, and notes in its header what is there then; the note itself is there with the next time.
    private func synchronise(_ handle: SegmentHandle, of chain: Chain) {
        let start = MonotonicClock.now()
        // Asked first: what is appended meanwhile may or may not be there.
        let entries = unsafe journal_segment_committed(handle.base)
        guard fdatasync(handle.descriptor) == 0 else {
            // The system takes the pages that it could not write for written: when it succeeds next, they may still be missing.
            chain.unsure.insert(handle.segment)
            let error = JournalError.system(path: settings.folder, reason: SegmentFile.text(errno))
            syncTrouble = error.description
            return count(error)
        }
        if !chain.unsure.contains(handle.segment) { unsafe journal_segment_note_on_disk(handle.base, entries) }
        syncTrouble = ""
        metrics.syncs.add()
        metrics.syncSeconds.record(nanos: MonotonicClock.now().nanos(since: start))
    }

    /// Making a segment failed.
    func failed(_ error: JournalError, _ chain: Chain) {
        makingTrouble = error.description
        chain.retryAt = MonotonicNanos(rawValue: MonotonicClock.now().rawValue + Self.retryNanos)
        count(error)
    }

    private func count(_ error: JournalError) {
        metrics.errors.add()
        let now = MonotonicClock.now()
        if let loggedAt, now.nanos(since: loggedAt) < Self.logIntervalNanos { return }
        loggedAt = now
        logger.error("the journal can't be kept on disk", metadata: ["error": "\(error)"])
    }

    /// Whether what a chain's writer appends next, or has appended and still counts, is in memory alone. Notes and what a
    /// connection at rest received count no more once a file is ready: what comes next goes there.
    private func isInMemory(_ chain: Chain) -> Bool {
        guard let first = chain.out.first, let last = chain.out.last else { return false }
        if last.descriptor < 0 { return true }
        if first.descriptor >= 0 || chain.plan.isOnDemand { return false }
        let isNotes = chain.plan.chain.kind == .acknowledgements || chain.plan.chain.kind == .stored
        return unsafe !isNotes && journal_segment_committed(first.base) > 0
    }

    private func report() {
        var files = 0
        for index in chains.indices { files += chains[index].sealed.count + chains[index].out.count }
        metrics.bytes.set(Double(totalBytes))
        metrics.segments.set(Double(files))
        metrics.reserved.set(Double(reserve.bytes))
        metrics.reservedInUse.set(Double(reservedBytesInUse))
        if isHeldBack {
            health.report(
                isReady: false,
                reason: "signals without acknowledgement fill the journal: nothing is received before Redis has them")
        } else if reserve.isFull {
            health.report(isReady: false, reason: "signals without acknowledgement fill the journal's reserve for them")
        } else if chains.indices.contains(where: needsSegment) {
            health.report(isReady: false, reason: makingTrouble)
        } else if let chain = chains.first(where: isInMemory) {
            let trouble = (chain.out.last?.descriptor ?? -1) >= 0 ? "a file is ready" : makingTrouble
            health.report(isReady: false, reason: "\(chain.plan.chain) is in memory: \(trouble)")
        } else if engine?.checkpoints.isOpen == true {
            health.report(isReady: false, reason: "the engine's state on disk is older than what was in memory alone")
        } else if !syncTrouble.isEmpty {
            health.report(isReady: false, reason: syncTrouble)
        } else {
            health.report(isReady: true, reason: "ready")
        }
    }
}
