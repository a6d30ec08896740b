internal import Logging
internal import MarketRecording
internal import NIOCore
internal import NIOWebSocket

/// The replay and its subscribers: everything that happens on the event loop.
final class SimulatorCore: @unchecked Sendable {
    // Unchecked: all mutable state is used on `eventLoop` only, which each entry point asserts in debug builds.

    /// A connection that gets the messages of a stream, under the name it asked for.
    private struct Route {
        var connection: SimulatorConnection
        var name: String
        /// `{"stream":"<name>","data":`
        var envelope: [UInt8]
    }

    /// Messages sent before other work of the loop (control frames, requests, timers) gets its turn.
    private static let sliceMessages = 4_096
    /// The pause behind a slice. What is to be executed at once comes before all that the sockets have, again and again:
    /// new connections and requests would wait for as long as the replay is busy.
    private static let slicePause = TimeAmount.microseconds(20)

    let configuration: SimulatorConfiguration
    let eventLoop: any EventLoop
    /// Whether intended times rule, not the clients' speed.
    let isTimed: Bool

    private let source: any MessageSource
    private let ledger: (@Sendable (LedgerEntry) -> Void)?
    let restLedger: (@Sendable (RESTLedgerEntry) -> Void)?
    private let onFinish: (@Sendable (SimulatorStatistics) -> Void)?
    let logger: Logger
    private let published: PublishedStatistics

    private var timeline: ReplayTimeline
    private(set) var connections: [ObjectIdentifier: SimulatorConnection] = [:]
    private var connectionsMade = 0
    private var routes: [[Route]]
    private var hasRoutes = false
    private var dirty: [SimulatorConnection] = []
    private let kinds: [StreamKind]
    var faults: FaultPlan
    var rest: RESTService
    var statistics = SimulatorStatistics()
    private var isPumping = false
    private var isPumpQueued = false
    private var wakeUp: Scheduled<Void>?
    /// By number; a fault's timer replaces itself each time.
    private var faultTimers: [Int: Scheduled<Void>] = [:]
    private var isStopped = false

    init(
        configuration: SimulatorConfiguration, source: any MessageSource, eventLoop: any EventLoop,
        published: PublishedStatistics, logger: Logger, ledger: (@Sendable (LedgerEntry) -> Void)?,
        restLedger: (@Sendable (RESTLedgerEntry) -> Void)?, onFinish: (@Sendable (SimulatorStatistics) -> Void)?
    ) {
        self.configuration = configuration
        self.source = source
        self.eventLoop = eventLoop
        self.published = published
        self.logger = logger
        self.ledger = ledger
        self.restLedger = restLedger
        self.onFinish = onFinish
        timeline = ReplayTimeline(pacing: configuration.pacing)
        isTimed = configuration.pacing != .asFastAsPossible
        let streams = source.streams
        kinds = streams.map(\.kind)
        faults = FaultPlan(streams: streams, seed: configuration.faultSeed)
        rest = RESTService(source, weightPerMinute: configuration.requestWeightPerMinute)
        routes = Array(repeating: [], count: streams.count)
    }

    /// Wall clock, Unix nanoseconds.
    func wallNanos() -> Int64 { WallClock.nowNanos() }

    // MARK: Connections

    /// Whether one more connection may come; a refusal is counted.
    func admits() -> Bool {
        eventLoop.assertInEventLoop()
        if !isStopped, connections.count < configuration.maximumConnections { return true }
        statistics.connectionsRefused += 1
        publish()
        return false
    }

    func makeConnection(_ address: StreamAddress, writer: DataFrameWriter) -> SimulatorConnection {
        eventLoop.assertInEventLoop()
        connectionsMade += 1
        return SimulatorConnection(number: connectionsMade, address: address, core: self, writer: writer)
    }

    func connected(_ connection: SimulatorConnection) {
        connections[ObjectIdentifier(connection)] = connection
        statistics.connectionsAccepted += 1
        logger.info("client connected", metadata: ["connection": "\(connection.number)"])
        reroute()
        subscribersChanged()
    }

    func disconnected(_ connection: SimulatorConnection) {
        guard connections.removeValue(forKey: ObjectIdentifier(connection)) != nil else { return }
        logger.info("client gone", metadata: ["connection": "\(connection.number)"])
        reroute()
        if connections.isEmpty { rewindIfFinished() }
        publish()
        schedulePump()
    }

    /// Works out anew who gets what. O(streams asked for × streams of the source) only for books of unknown speed, else
    /// O(streams asked for).
    func reroute() {
        eventLoop.assertInEventLoop()
        let names = source.streams
        var index: [String: Int] = [:]
        for (stream, name) in names.enumerated() where !name.anySpeed { index[name.name] = stream }
        let loose = names.indices.filter { names[$0].anySpeed }
        routes = Array(repeating: [], count: names.count)
        hasRoutes = false
        for connection in connections.values.sorted(by: { $0.number < $1.number }) where connection.state == .open {
            for name in connection.subscriptions where faults.subscriptionFault(for: [name]) == nil {
                let matching = (index[name].map { [$0] } ?? []) + loose.filter { names[$0].matches(name) }
                for stream in matching {
                    let envelope = "{\"stream\":\"\(SimulatorConnection.escaped(name))\",\"data\":"
                    routes[stream].append(Route(connection: connection, name: name, envelope: Array(envelope.utf8)))
                    hasRoutes = true
                }
            }
        }
        publish()
    }

    /// Subscriptions or writability changed: the replay may have to start or go on.
    func subscribersChanged() {
        eventLoop.assertInEventLoop()
        if timeline.isIdle, hasRoutes, !isStopped { begin() }
        schedulePump()
    }

    // MARK: The replay

    private func begin() {
        timeline.start(nowNanos: Self.nowNanos())
        source.rewind(wallNanos: wallNanos())
        rest.history.removeAll()
        statistics.replaysStarted += 1
        statistics.isFinished = false
        faults.beginReplay()
        startFaultTimers()
        logger.info("replay starts", metadata: ["replay": "\(statistics.replaysStarted)"])
    }

    private func finish() {
        for delivery in faults.releaseAll() { _ = send(delivery) }
        flushAll()
        timeline.finish()
        statistics.isFinished = true
        statistics.replaysFinished += 1
        cancelFaultTimers()
        publish()
        logger.info(
            "replay finished",
            metadata: [
                "messages": "\(statistics.messagesReplayed)", "sent": "\(statistics.messagesSent)",
                "bytes": "\(statistics.bytesSent)",
            ])
        onFinish?(statistics)
        if connections.isEmpty { rewindIfFinished() }
    }

    private func rewindIfFinished() {
        guard timeline.isFinished, configuration.replaysAgain else { return }
        timeline.rewind()
    }

    func schedulePump() {
        guard !isPumpQueued, timeline.isRunning, !isStopped else { return }
        isPumpQueued = true
        eventLoop.scheduleTask(in: Self.slicePause) {
            self.isPumpQueued = false
            self.pump()
        }
    }

    /// Sends what is due, in batches, and sets the alarm for what comes next.
    private func pump() {
        guard !isPumping, timeline.isRunning, !isStopped else { return }
        isPumping = true
        defer { isPumping = false }
        wakeUp?.cancel()
        wakeUp = nil
        var now = Self.nowNanos()
        var isReady = isTimed || canSend()
        for _ in 0..<Self.sliceMessages {
            guard let head = source.head else { return finish() }
            var action = timeline.action(offsetNanos: head.offsetNanos, nowNanos: now, isReady: isReady)
            if case .wait = action {
                now = Self.nowNanos()
                action = timeline.action(offsetNanos: head.offsetNanos, nowNanos: now, isReady: isReady)
            }
            switch action {
            case .send:
                if deliver(head), !isTimed { isReady = canSend() }
                source.advance()
                // A cut on the way may have left no subscriber.
                if !isTimed, !hasRoutes { isReady = false }
            case .wait(let untilNanos):
                flushAll()
                publish()
                wakeUp = eventLoop.scheduleTask(deadline: .uptimeNanoseconds(UInt64(untilNanos))) { self.pump() }
                return
            case .hold:
                flushAll()
                return publish()
            }
        }
        flushAll()
        publish()
        schedulePump()
    }

    /// Whether there are subscribers and each of them can take more.
    private func canSend() -> Bool {
        hasRoutes && routes.allSatisfy { $0.allSatisfy { $0.connection.isWritable } }
    }

    /// Gives one message to its subscribers; true where a batch left on the way.
    private func deliver(_ head: MessageHead) -> Bool {
        statistics.messagesReplayed += 1
        rest.history.add(source, stream: head.stream)
        for rule in faults.dueRules(messageOf: head.stream) { carryOut(rule.fault, on: rule.stream) }
        // Faults wait for messages that somebody would get.
        if faults.isSound(head.stream) || routes[head.stream].isEmpty {
            return send(source, head, as: .sound)
        }
        var hasFlushed = false
        for delivery in faults.deliveries(of: StoredMessage(source, head)) {
            hasFlushed = send(delivery) || hasFlushed
        }
        return hasFlushed
    }

    /// Sends a message that was stored on its way.
    @discardableResult
    func send(_ delivery: MessageFault.Delivery) -> Bool {
        send(delivery.message, delivery.message.head, as: delivery.treatment)
    }

    private func send(_ content: any MessageContent, _ head: MessageHead, as treatment: MessageTreatment) -> Bool {
        let kind = kinds[head.stream]
        var hasFlushed = false
        for route in routes[head.stream] where route.connection.state == .open {
            let connection = route.connection
            let sent = Self.nowNanos()
            ledger?(
                LedgerEntry(
                    connection: connection.number, stream: route.name, firstID: head.firstID,
                    tradePriceUnits: content.tradePriceUnits, offsetNanos: head.offsetNanos,
                    intendedNanos: timeline.intendedNanos(offsetNanos: head.offsetNanos),
                    sentNanos: sent, treatment: treatment))
            statistics.count(treatment, kind)
            if treatment == .withheld { continue }
            if !connection.hasPending { dirty.append(connection) }
            statistics.bytesSent += connection.append(
                content, payloadBytes: head.payloadBytes, envelope: route.envelope, treatment: treatment)
            if connection.needsFlush {
                connection.flush()
                hasFlushed = true
            }
        }
        return hasFlushed
    }

    func flushAll() {
        let waiting = dirty
        dirty.removeAll(keepingCapacity: true)
        for connection in waiting { connection.flush() }
    }

    // MARK: The end

    /// Says goodbye to all clients and stops the replay.
    func stop() {
        eventLoop.assertInEventLoop()
        isStopped = true
        wakeUp?.cancel()
        cancelFaultTimers()
        flushAll()
        for connection in connections.values {
            if connection.state == .silent { connection.reset() } else { connection.close(code: .goingAway) }
        }
        publish()
    }

    // MARK: Timed faults

    /// Starts the timers of all rules that come by the clock, where a replay runs.
    func startFaultTimers() {
        guard timeline.isRunning else { return }
        for number in faults.timedRules.indices where faultTimers[number] == nil { scheduleFault(number) }
    }

    private func scheduleFault(_ number: Int) {
        guard case .every(let interval) = faults.timedRules[number].trigger else { return }
        let (least, most) = (interval.lowerBound.wholeNanos, interval.upperBound.wholeNanos)
        let delay = least + Int64(faults.random.below(UInt64(most - least) + 1))
        faultTimers[number] = eventLoop.scheduleTask(in: .nanoseconds(delay)) {
            let rule = self.faults.timedRules[number]
            self.scheduleFault(number)
            self.carryOut(rule.fault, on: rule.stream)
        }
    }

    func cancelFaultTimers() {
        for timer in faultTimers.values { timer.cancel() }
        faultTimers = [:]
    }

    func publish() {
        statistics.connectionsOpen = connections.count
        published.store(statistics)
    }

    private static func nowNanos() -> Int64 { Int64(NIODeadline.now().uptimeNanoseconds) }
}
