internal import Logging
internal import RingBuffer
internal import Telemetry
internal import ThreadExecutor
internal import TradingModel

// The cold events of a connection: handshake, opening, end.
extension FeedLoop {
    mutating func sendHandshake() throws(SessionEnd) {
        let plan = configuration.plan
        let host = Handshake.hostHeader(host: plan.host, port: plan.port, isTLS: plan.isTLS)
        guard session.begin(host: host, target: plan.requestTarget) else {
            throw SessionEnd(reason: .handshakeRefused, words: "the feed's address is too long; give several --feed")
        }
    }

    /// Looks for the whole answer; true once open. What follows it in the buffer are frames.
    mutating func completeHandshake(at now: MonotonicNanos) throws(SessionEnd) -> Bool {
        do throws(HandshakeError) {
            guard try session.completeHandshake(wallClock: MonotonicClock.wallClock()) else { return false }
        } catch {
            throw SessionEnd(
                reason: error.isRateLimit ? .rateLimited : .handshakeRefused, words: error.description,
                retryAfterSeconds: error.waitSeconds)
        }
        machine.didOpen(at: now)
        connectionNumber += 1
        clock.begin(with: ClockOffset.measure())
        writeSession(.opened, at: now)
        openedSince = TextCursor.text { $0.append(rfc3339: MonotonicClock.wallClock()) }
        if case .subscribed(let streams) = subscriptions.didOpen(at: now) { watch.didSubscribe(streams, at: now) }
        joinOverlap(at: now)
        reportStreams()
        logger.info(
            "feed connected",
            metadata: [
                "feed": "\(configuration.name)", "address": "\(configuration.plan.address)",
                "streams": "\(configuration.plan.streams.count)",
            ])
        return true
    }

    /// Closes the books of a connection: a session record where it was open.
    mutating func endOfSession(_ end: SessionEnd) -> SessionEnd {
        subscriptions.didDisconnect()
        watch.didDisconnect()
        if answersForFeed {
            metrics.failedStreams.set(0)
            metrics.silentStreams.set(0)
        }
        if connectionNumber > closedConnections {
            writeSession(.closed, at: MonotonicClock.now())
            ring.publish()
            closedConnections = connectionNumber
            leaveOverlap()
        }
        return end
    }

    /// Counts, reports and schedules the next attempt.
    mutating func didEnd(_ end: SessionEnd) {
        metrics.count(end.reason)
        let now = MonotonicClock.now()
        if end.reason == .planned {
            machine.didLeave(at: now)
            return logger.info("feed has moved to a new connection", metadata: ["feed": "\(configuration.name)"])
        }
        if answersForFeed { health.report(isReady: false, reason: end.words) }
        if end.retryAfterSeconds > 0 {
            limiter.close(configuration.plan.host, until: now.adding(millis: UInt64(end.retryAfterSeconds) * 1_000))
        }
        machine.didDisconnect(at: now, waitingAtLeastSeconds: end.retryAfterSeconds)
        // At most one line per attempt, and attempts are at least 100 ms, soon seconds apart.
        logger.warning(
            "feed disconnected",
            metadata: [
                "feed": "\(configuration.name)", "reason": "\(end.reason.rawValue)", "error": "\(end.words)",
            ])
    }

    /// A session record behind what is claimed already; dropped only when stopping with a full ring.
    mutating func writeSession(_ event: SessionEvent, at now: MonotonicNanos) {
        guard let slot = unsafe claimSlot(at: now) else { return }
        let record = SessionRecord(
            event: event, feed: configuration.feed, connection: connectionNumber,
            wallOffsetNanos: clock.wallOffsetNanos, monotonic: now)
        journal?.append(record, slots: ring.claimedSlots - 1, unreadBytes: session.unreadBytes)
        unsafe slot.assumingMemoryBound(to: Tick.self).initialize(to: record.slot)
    }

    /// Puts a moved clock on record before the ticks it concerns. At most one look per read.
    @inline(__always)
    mutating func checkClock(at now: MonotonicNanos) {
        if clock.hasMoved(at: now, measure: ClockOffset.measure(after:)) { writeSession(.clockMoved, at: now) }
    }
}
