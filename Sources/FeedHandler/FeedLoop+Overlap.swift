internal import Logging
internal import ThreadExecutor
internal import TradingModel

// The feed's other connection: when this one opens beside it, answers for the feed, and leaves.
extension FeedLoop {
    /// Whether what happens to this connection is the feed's state.
    var answersForFeed: Bool { lane?.isActive ?? true }

    /// Rests until this connection is wanted; false when stopping.
    mutating func waitForTurn() -> Bool {
        while !stop.isRequested, lane?.isWanted == false {
            stop.wait(timeoutMillis: sleepMillis(-1))
            leaveMemory()
        }
        return !stop.isRequested
    }

    /// Looks at what the other connection and time have brought, if anything.
    @inline(__always)
    mutating func tendOverlap(at now: MonotonicNanos) throws(SessionEnd) {
        guard let lane, machine.isOpen else { return }
        let isDue = overlapDeadline.map { now >= $0 } ?? false
        guard isDue || lane.overlap.version != overlapVersion || isJoining && watch.hasAllDelivered else { return }
        try changeOverlap(lane, isDue: isDue, at: now)
    }

    @inline(never)
    private mutating func changeOverlap(_ lane: FeedLane, isDue: Bool, at now: MonotonicNanos) throws(SessionEnd) {
        if isDue { lane.overlap.advance(lane.index, to: now) }
        if isJoining, watch.hasAllDelivered {
            lane.overlap.didDeliverAll(lane.index, at: now)
            isJoining = false
        }
        // Read before the view: what happens in between is looked at next time.
        overlapVersion = lane.overlap.version
        let view = lane.overlap.view(of: lane.index)
        overlapDeadline = view.deadline
        guard view.isWanted else {
            closing = (1000, lane.overlap.leaveReason, "a new connection has taken over")
            return try closeIfAsked(at: now)
        }
        if view.isActive {
            isJoining = false
            if !isAnswering { reportStreams() }
        }
        isAnswering = view.isActive
    }

    /// The connection is open.
    mutating func joinOverlap(at now: MonotonicNanos) {
        guard let lane else { return }
        lane.overlap.didOpen(lane.index, at: now)
        let view = lane.overlap.view(of: lane.index)
        isJoining = !view.isActive && view.isOverlapping
        isAnswering = view.isActive
        // Something to look at in any case.
        overlapVersion = 0
    }

    /// The connection has ended.
    mutating func leaveOverlap() {
        guard let lane else { return }
        lane.overlap.didClose(lane.index)
        isJoining = false
        overlapDeadline = nil
    }

    /// The exchange asks for a new connection: it is opened beside this one, else this one ends.
    mutating func replaceConnection() {
        guard lane?.overlap.didAskForNew(lane?.index ?? 0) != true else { return }
        // 1000: we leave in order, as the exchange asks (protocols: "asks for a new connection at once").
        closing = (1000, .serverShutdown, "the exchange asked for a new connection")
    }
}
