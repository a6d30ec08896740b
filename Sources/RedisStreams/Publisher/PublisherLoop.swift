import Glibc
import Logging
import Synchronization
import Telemetry
import ThreadExecutor
import TradingModel

/// The publisher's thread: a connection after the other, each synchronised with the stream before signals flow.
///
/// Everything here belongs to that one thread.
final class PublisherLoop {
    /// The longest wait in `poll`; bounds how late a missing reply, a stop or an aged signal is noticed.
    static let longestWaitMillis = 250
    /// Log lines about one lasting trouble are at least this far apart.
    static let logIntervalNanos: UInt64 = 10_000_000_000
    /// The longest delay between attempts through sentinels, for what passes by itself: asking them is cheap, and a signal is
    /// to be written within a second of a failover's end.
    static let longestSentinelDelayMillis = 200

    private static let roomReason = "signals find room"

    /// The connection that may have written last, which must write no more before anything is read back.
    enum Writer: Equatable {
        case none
        /// Its id and address in `CLIENT INFO`. Both, since a restarted server gives the same ids to other clients.
        case known(id: String, address: String)
        /// It may not be asked for or killed.
        case unknown
    }

    let core: PublisherCore
    let outbox: Outbox
    let metrics: PublisherMetrics
    let configuration: SignalPublisherConfiguration
    private lazy var connector = RedisConnector(
        configuration, wakeup: core.wakeup, onWake: { [unowned self] in keepHouse() },
        isStopping: { [core] in core.isStopDue })
    var connection: RedisConnection?
    var writer = Writer.none
    /// Entries by id of the stream's tail.
    var tail: [String: HeldSignal] = [:]
    /// What was taken over from earlier runs and may be decided again; of several pages the last.
    var recovered: RecoveredPlaces
    /// Ordinals that wait behind what is in the outbox; until there are none the socket is ours.
    var rest: Range<UInt64>
    /// The ordinal of position 0, by the ordinals of what is in the outbox; those of two pages need not join.
    var firstOrdinal: UInt64
    /// Positions in front of it are of pages.
    var pagedEnd: UInt64 = 0
    /// The newest acknowledged entry of those that can't be put back any more; zero for none.
    var forgotten: StreamEntryID
    /// Of pages what the outbox gave up within the time of a failover, oldest first.
    var givenUp: [GivenUpSignals] = []
    /// The newest tick of each pair among what was read back and what was published, while there are pages.
    var newestTicks: [String: UInt64] = [:]
    /// How far the stream was read back first, and how far for the page that is still to be compared; nil for not at all.
    var earlierFloorMillis: UInt64?
    var pageFloorMillis: UInt64?
    /// Milliseconds of the newest entry id that was acknowledged or in the stream when all was settled; what is not
    /// acknowledged is newer. Nil before the stream was read once where no earlier run has left one.
    var newestMillis: UInt64?
    /// A refusal that lasts until something has been written again. While it does, one signal at a time is tried.
    var refusal: RedisStreamsError?
    /// Whether the outbox was compared with the stream on the connection in use.
    var isSynchronised = false
    var backoff: Backoff
    /// The server written to last, kept over lost connections.
    private var lastServer: RedisEndpoint?
    /// Whether the engine finds no room for what it decides.
    private var isFull = false
    private var readyReason = ""
    private var lastProgressNanos: UInt64 = 0
    private var reportedStatus = ""
    private var loggedError = ""
    private var loggedAtNanos: UInt64 = 0
    private var conflictLoggedAtNanos: UInt64 = 0

    init(_ core: PublisherCore) {
        self.core = core
        outbox = core.outbox
        metrics = core.metrics
        recovered = RecoveredPlaces(core.outbox, 0..<UInt64(core.recoveredCount))
        rest = core.earlier?.waiting ?? 0..<0
        firstOrdinal = core.firstOrdinal
        configuration = core.configuration
        backoff = Backoff(rangeMillis: core.configuration.reconnectDelayMillis)
        newestMillis = core.recoveredMillis
        forgotten = core.forgotten
        // What a killed process had handed to its socket may still arrive, and nobody knows that connection's name any more.
        // The script doesn't mind.
        if core.hasRecoveredPending, configuration.mode == .append { writer = .unknown }
        guard !rest.isEmpty else { return }
        pagedEnd = UInt64(core.recoveredCount)
        earlierFloorMillis = readBackFloorMillis()
        noteTicks()
    }

    /// Runs until stopped.
    func run() {
        core.room?.report(isReady: true, reason: Self.roomReason)
        while !core.isStopDue, !(core.isStopRequested && outbox.pending == 0) {
            do throws(RedisStreamsError) {
                try open()
                try serve()
            } catch { lost(error) }
        }
        takeSocket()
        connection = nil
        metrics.pending.set(Double(outbox.pending))
        report(isReady: false, "stopped")
        core.finished.set(outbox.pending)
    }

    /// Connects, logs in, reads back and resends.
    private func open() throws(RedisStreamsError) {
        let connection = try connector.open()
        self.connection = connection
        try becomeWriter(connection)
        try noteLoss(connection)
        try putBackGivenUp(connection)
        try synchronise(connection)
        metrics.connections.add()
        if let lastServer, lastServer != connection.endpoint { metrics.masterChanges.add() }
        lastServer = connection.endpoint
        core.masters.withLock { $0 = PublisherCore.Masters(current: connection.endpoint) }
        readyReason = "publishing to \(connection.endpoint)"
        if outbox.pending == 0 { refusal = nil }
        if refusal == nil { backoff.reset() }
        core.logger.info("connected to Redis", metadata: ["address": "\(connection.endpoint)"])
        loggedError = ""
    }

    /// Writes, grants the socket, takes replies, until the connection is lost or the publisher is stopped.
    private func serve() throws(RedisStreamsError) {
        guard let connection else { return }
        lastProgressNanos = MonotonicClock.now().rawValue
        while true {
            if core.isStopDue { throw .stopping }
            if core.isStopRequested, outbox.pending == 0 { return }
            if core.masters.withLock({ $0.successor }) != nil { throw .notMaster("\(connection.endpoint)") }
            if !rest.isEmpty, outbox.pending == 0 {
                try takeNextPage(connection)
                lastProgressNanos = MonotonicClock.now().rawValue
                continue
            }
            var events = POLLIN
            if outbox.ownership.isPublishers {
                switch writePending(to: connection) {
                case .complete: if rest.isEmpty, !letGo(of: connection) { continue }
                case nil: break
                case .blocked: events |= POLLOUT
                case .failed(let code):
                    // Replies may have come before the end; a failure to read them is the same failure.
                    _ = try connection.receive()
                    try takeReplies(connection)
                    throw .closed(connection.reason(code))
                }
            }
            keepHouse()
            let ready = connection.poll(events: events, timeoutMillis: Self.longestWaitMillis)
            if ready.socket & Int16(POLLIN | POLLERR | POLLHUP) != 0 {
                let ending = try connection.receive()
                try takeReplies(connection)
                if let ending { throw .closed(ending) }
            }
            let now = MonotonicClock.now().rawValue
            if outbox.pending == 0 { lastProgressNanos = now }
            if now &- lastProgressNanos > UInt64(configuration.replyTimeoutMillis) * 1_000_000 {
                throw .timeout("a signal")
            }
        }
    }

    /// Lets the engine write, or has it wake this thread where it can't; false where something was appended meanwhile and
    /// the socket is ours again.
    private func letGo(of connection: RedisConnection) -> Bool {
        let sent = outbox.sent
        if connection.allowsDirectWrites { outbox.ownership.grant() } else { outbox.ownership.announceWait() }
        guard outbox.head != sent else { return true }
        // Where the engine is sending already, it sends everything up to the head.
        return outbox.ownership.tryTakeBack() == .engineSends
    }

    /// Writes what is queued, as far as the socket takes it; signals the stream may hold are compared first. Nil where what
    /// follows waits for a reply.
    private func writePending(to connection: RedisConnection) -> Outbox.SendResult? {
        let head = outbox.head
        let end = refusal == nil ? head : min(head, outbox.acknowledged + 1)
        while outbox.sent < end {
            var limit = outbox.sent
            while limit != end, !mayBeThere(limit) { limit += 1 }
            if limit == outbox.sent {
                guard settleIfKnown(limit) else { return nil }
                limit += 1
            }
            let recorder = metrics.publisherTickToSignal
            let result = outbox.send(
                upTo: limit, to: connection, now: { MonotonicClock.now().rawValue }, unmeasured: .max
            ) {
                recorder.record(nanos: MonotonicClock.now().nanos(since: MonotonicNanos(rawValue: $0)))
            }
            guard result == .complete else { return result }
            acknowledge(atNanos: MonotonicClock.now().rawValue, includingFirst: false)
        }
        return refusal == nil ? .complete : nil
    }

    /// Whether the signal at `position` has to be compared with the stream and with what was taken over before it is sent.
    private func mayBeThere(_ position: UInt64) -> Bool {
        let slot = outbox.slot(position)
        guard unsafe outbox.knownIdentifiers.contains(outbox.headers[slot].identifierHash) else { return false }
        // What was taken over was compared when the stream was read back; only a second place was not.
        return unsafe !outbox.headers[slot].isSettled && !recovered.isFirst(position)
    }

    /// Takes the replies received so far: the n-th belongs to the n-th command.
    private func takeReplies(_ connection: RedisConnection) throws(RedisStreamsError) {
        while let reply = try connection.nextReply() {
            guard outbox.pending > 0 else { throw .malformedReply("a reply to no command") }
            let position = outbox.acknowledged
            let entry = try takeReply(reply, at: position)
            unsafe outbox.headers[outbox.slot(position)].entry = entry
            let now = MonotonicClock.now().rawValue
            // relaxed: see the field.
            let handedOver = unsafe outbox.handedOverAtNanos[outbox.slot(position)].load(ordering: .relaxed)
            if handedOver > 0, now > handedOver { metrics.reply.record(nanos: now - handedOver) }
            acknowledge(atNanos: now)
            lastProgressNanos = now
            refusal = nil
            backoff.reset()
        }
    }

    /// Counts and tells what is acknowledged: with `includingFirst` the first one whose reply was due, and all behind it that
    /// the stream holds.
    func acknowledge(atNanos: UInt64, includingFirst: Bool = true) {
        outbox.acknowledge(atNanos: atNanos, includingFirst: includingFirst) { tell($0, $1) }
    }

    /// Tells that the stream holds the signal at `position` under `entry`.
    func tell(_ position: UInt64, _ entry: StreamEntryID) {
        recovered.note(position, entry)
        core.acknowledged?(
            SignalAcknowledgement(
                ordinal: firstOrdinal &+ position, entryMillis: entry.millis, entrySequence: entry.sequence))
    }

    /// Owns the socket, waiting for the end of a send call of the engine where one runs.
    private func takeSocket() {
        // The engine's call does not block; yielding lets a descheduled engine finish it.
        while outbox.ownership.tryTakeBack() == .engineSends { sched_yield() }
    }

    /// Ends the connection, says why and waits before the next attempt.
    private func lost(_ error: RedisStreamsError) {
        takeSocket()
        connection = nil
        isSynchronised = false
        guard error != .stopping else { return }
        metrics.countError(error.metricLabel)
        var delay = backoff.nextDelayMillis()
        if case .server = error { refusal = error }
        if error.waitsForOperator {
            delay = configuration.refusedDelayMillis
        } else if case .sentinels = configuration.endpoint.transport {
            delay = min(delay, Self.longestSentinelDelayMillis)
        }
        let now = MonotonicClock.now().rawValue
        if error.metricLabel != loggedError || now &- loggedAtNanos > Self.logIntervalNanos {
            loggedError = error.metricLabel
            loggedAtNanos = now
            core.logger.warning("Redis is not usable: \(error)", metadata: ["pending": "\(outbox.pending)"])
        }
        report(isReady: false, error.description)
        pause(millis: delay)
    }

    /// Waits, keeping house meanwhile; ends early only when the publisher must stop.
    func pause(millis: Int) {
        let deadline = Deadline(afterMillis: millis)
        while !core.isStopDue, !(core.isStopRequested && outbox.pending == 0), deadline.millisLeft > 0 {
            keepHouse()
            var descriptor = pollfd(fd: core.wakeup.descriptor, events: Int16(POLLIN), revents: 0)
            // EINTR counts as nothing ready: the loop looks at its deadline.
            _ = unsafe poll(&descriptor, 1, Int32(min(deadline.millisLeft, Self.longestWaitMillis)))
            if descriptor.revents != 0 { core.wakeup.clear() }
        }
    }

    /// Gives up what need not be kept and reports; runs at every wake-up and at least every 250 ms.
    private func keepHouse() {
        // Without a server nobody knows what will be missing on the next one, however long it takes to come.
        let now = MonotonicClock.now().rawValue
        // Of a page nothing: its end is the page's.
        if rest.isEmpty {
            let newest = outbox.release(
                nowNanos: now,
                retentionNanos: isSynchronised ? UInt64(configuration.retentionMillis) * 1_000_000 : nil
            ) { position in
                if position < pagedEnd { remember(position) } else { metrics.retainedDropped.add() }
            }
            if givenUp.isEmpty { forgotten = max(forgotten, newest) }
        }
        if isSynchronised, !givenUp.isEmpty { forgetGivenUp(nowNanos: now) }
        let pending = outbox.pending
        metrics.pending.set(Double(pending))
        noteRoom(pending: pending)
        guard connection != nil, core.synchronised.value != nil else { return }
        if isFull {
            report(isReady: false, "the outbox is full: \(pending) signals wait for Redis")
        } else if let refusal {
            report(isReady: false, refusal.description)
        } else if isSynchronised {
            let trouble = core.trimTrouble.withLock { $0 }
            report(isReady: true, trouble.isEmpty ? readyReason : "\(readyReason); \(trouble)")
        }
    }

    /// Says that the engine takes no ticks because its signals find no room, with a connection and without one.
    private func noteRoom(pending: Int) {
        if !isFull, outbox.capacity - pending < max(1, core.catalog.strategies.count) {
            isFull = true
            let reason =
                "the outbox is full: \(pending) signals wait for Redis, and no tick is taken until it takes some"
            core.room?.report(isReady: false, reason: reason)
            core.logger.error("\(reason)")
        } else if isFull, pending <= outbox.capacity / 2 {
            // Not at once, where it is full again with the next signals.
            isFull = false
            core.room?.report(isReady: true, reason: Self.roomReason)
            core.logger.notice("the outbox has room again, ticks are taken", metadata: ["pending": "\(pending)"])
        }
    }

    /// Reports readiness where it changed.
    private func report(isReady: Bool, _ reason: String) {
        guard reason != reportedStatus else { return }
        reportedStatus = reason
        core.health.report(isReady: isReady, reason: reason)
    }

    /// Counts and logs that the stream holds other content under a signal's id.
    func conflict(_ identifier: String, ours: [String], theirs: [String]) {
        metrics.conflicts.add()
        let now = MonotonicClock.now().rawValue
        guard conflictLoggedAtNanos == 0 || now &- conflictLoggedAtNanos > Self.logIntervalNanos else { return }
        conflictLoggedAtNanos = now
        core.logger.error(
            "the stream holds another signal under this id; not published",
            metadata: ["id": "\(identifier)", "ours": "\(ours)", "theirs": "\(theirs)"])
    }
}
