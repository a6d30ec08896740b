internal import Logging
internal import RingBuffer
internal import Telemetry
internal import ThreadExecutor
internal import TradingModel
internal import Transport

// What one read brought: frames, messages, ticks.
extension FeedLoop {
    /// Takes all whole frames from the buffer and publishes their ticks in one batch.
    // hot path: HotPathTests, probe `feed`
    mutating func process(
        received now: MonotonicNanos, on connection: borrowing TransportConnection
    ) throws(SessionEnd) {
        if machine.isHandshaking, try !completeHandshake(at: now) { return }
        var failure: SessionEnd?
        events: while true {
            switch session.next() {
            case .message(let message, _): unsafe decode(message, received: now)
            case .none: break events
            case .ping(let isAnswered):
                guard isAnswered else {
                    metrics.droppedPongs.add()
                    continue
                }
                subscriptions.didSendControl(at: now)
                // At once: what is left of a burst, and a full ring, must not hold the pong back. Where it can't leave, what came
                // with the ping is taken all the same: it is on record as taken.
                do throws(SessionEnd) { try flush(connection) } catch { failure = failure ?? error }
            case .pong: break  // that something came is all it says
            case .close(let status):
                publishBatch(received: now)
                try takeClose(status, at: now)
            case .violation(let violation):
                publishBatch(received: now)
                try refuse(violation, at: now)
            }
        }
        publishBatch(received: now)
        if let failure { throw failure }
        try closeIfAsked(at: now)
    }

    /// Ends an open connection for the reason that a message gave.
    mutating func closeIfAsked(at now: MonotonicNanos) throws(SessionEnd) {
        guard let closing else { return }
        try perform(machine.close(code: closing.code, reason: closing.reason, at: now))
    }

    /// Makes the read's ticks visible at once.
    @inline(__always)
    private mutating func publishBatch(received now: MonotonicNanos) {
        ring.publish()
        guard pendingMessages > 0 else { return }
        metrics.decode.record(nanos: MonotonicClock.now().nanos(since: now), times: pendingMessages)
        pendingMessages = 0
    }

    /// Decodes a message straight into the next ring slot; books and klines need more than one.
    @inline(__always)
    private mutating func decode(_ message: UnsafeRawBufferPointer, received now: MonotonicNanos) {
        guard machine.isOpen, !isCutOff else { return }
        metrics.messages.addFromOnlyWriter()
        guard let slot = unsafe claimSlot(at: now) else { return }
        let outcome = unsafe decoder.decode(message, received: now, into: slot)
        #if TICKLINE_PLANTED_BUGS
            if PlantedBug.planted == .dropFrame, outcome == .tick, metrics.messages.value % 64 == 0 {
                return ring.abort(count: 1)
            }
        #endif
        if outcome == .tick {
            pendingMessages &+= 1
            unsafe mark(UnsafeRawPointer(slot))
        } else {
            ring.abort(count: 1)
            if outcome.hasRecords { appendRecords(at: now) } else { unsafe takeOther(outcome, message, at: now) }
        }
    }

    /// Claims what the decoder made of a book or kline, whole; nothing of it when stopping.
    @inline(never)
    private mutating func appendRecords(at now: MonotonicNanos) {
        while unsafe !ring.tryAppend(decoder.records) {
            guard waitForRoom(slots: decoder.recordCount, at: now) else {
                isCutOff = true
                return
            }
        }
        pendingMessages &+= 1
        if let first = unsafe decoder.records.baseAddress { unsafe mark(first) }
    }

    /// Marks the stream that the record in `slot` came by; every kind of record begins like a tick.
    @inline(__always)
    private func mark(_ slot: UnsafeRawPointer) {
        let tick = unsafe slot.assumingMemoryBound(to: Tick.self)
        unsafe watch.didDeliver(instrument: tick.pointee.instrument, kind: tick.pointee.kind)
    }

    /// The next slot; when the ring is full, what is claimed is published and reading waits (TCP holds the exchange back).
    /// nil only when stopping.
    @inline(__always)
    mutating func claimSlot(at now: MonotonicNanos) -> UnsafeMutableRawPointer? {
        while true {
            if let slot = unsafe ring.tryClaim() { return unsafe slot }
            guard waitForRoom(slots: 1, at: now) else { return nil }
        }
    }

    /// Publishes what is claimed and waits until `slots`, at most the ring's capacity, are free; false when stopping.
    @inline(never)
    private mutating func waitForRoom(slots: Int, at now: MonotonicNanos) -> Bool {
        publishBatch(received: now)
        metrics.ringStalls.addFromOnlyWriter()
        if let unseen = stallLog.allow(at: now) {
            logger.warning(
                "ring full, reading waits", metadata: ["feed": "\(configuration.name)", "more": "\(unseen)"])
        }
        while !stop.isRequested {
            let now = MonotonicClock.now()
            // A standstill meanwhile is left for the next read to find.
            if standstill.standstillNanos(until: now) == nil { standstill.isAlive(at: now) }
            if ring.freeSlots >= slots { return true }
            if configuration.busySpin { spinPause() } else { stop.wait(timeoutMillis: 1) }
        }
        return false
    }

    /// A message without a record: counted; the few that mean something are acted on.
    @inline(never)
    private mutating func takeOther(
        _ outcome: DecodeOutcome, _ message: UnsafeRawBufferPointer, at now: MonotonicNanos
    ) {
        metrics.count(outcome)
        if outcome == .serverShutdown { replaceConnection() }
        if outcome == .reply || outcome == .errorReply, unsafe takeReply(message, at: now) { return }
        guard outcome.isRefusal || outcome == .errorReply, let unseen = refusalLog.allow(at: now) else { return }
        let sample = unsafe String(decoding: message.prefix(200), as: UTF8.self)
        logger.warning(
            outcome.isRefusal ? "message refused" : "the exchange reports an error",
            metadata: [
                "feed": "\(configuration.name)", "reason": "\(outcome.label)", "message": "\(sample)",
                "more": "\(unseen)",
            ])
    }

    private mutating func takeClose(_ status: CloseStatus, at now: MonotonicNanos) throws(SessionEnd) {
        let code = status.code.map { "code \($0)" } ?? "no code"
        if machine.isOpen {
            let words = status.reason.isEmpty ? code : "\(code), \(status.reason)"
            closing = (1000, .closedByPeer, "the exchange closed the connection (\(words))")
        }
        try perform(machine.didReceiveClose(code: status.code, at: now))
    }

    /// Answers a breach of the protocol: counted, close frame, no more of this connection.
    private mutating func refuse(_ violation: WebSocketViolation, at now: MonotonicNanos) throws(SessionEnd) {
        // A breach while closing ends it at once, for what follows can't be understood.
        guard machine.isOpen else {
            throw SessionEnd(
                reason: machine.reason(orWhileOpen: .violation), words: closing?.words ?? violation.label)
        }
        metrics.count(violation)
        closing = (
            violation.closeCode, .violation,
            "the exchange broke the websocket protocol (\(violation.label)); closed with code \(violation.closeCode)"
        )
        try perform(machine.close(code: violation.closeCode, reason: .violation, at: now))
    }
}
