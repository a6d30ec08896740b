internal import Digests
internal import Journal
internal import Logging
internal import RingBuffer
internal import Telemetry
internal import ThreadExecutor
internal import TradingModel
internal import Transport

/// Why serving a connection ended, in words for the log and the health check.
struct SessionEnd: Error {
    var reason: DisconnectReason
    var words: String
    var retryAfterSeconds = 0
}

/// Everything a feed's thread owns, and what it does until stopped: connect, serve, wait, again.
struct FeedLoop: ~Copyable {
    let configuration: FeedConfiguration
    let stop: StopSignal
    let metrics: FeedMetrics
    let health: HealthCheck
    let limiter: ConnectionLimiter
    /// This connection's place beside the feed's other one; nil where it is alone.
    let lane: FeedLane?
    let logger: Logger
    var decoder: MessageDecoder
    let ring: RingProducer
    var journal: FeedJournal?
    var machine: ConnectionStateMachine
    var subscriptions: SubscriptionStateMachine
    var watch: StreamWatch
    var session: WebSocketSession
    /// Connections opened so far, and those whose end is on record.
    var connectionNumber: UInt64 = 0
    var closedConnections: UInt64 = 0
    var clock = ClockWatch()
    var standstill = StandstillWatch()
    /// Messages whose records are claimed and not yet published.
    var pendingMessages: UInt64 = 0
    /// Set when stopping left a book or kline out: no message behind it goes on the ring.
    var isCutOff = false
    /// When `tend` is due even while reading goes on without a pause.
    private var tendAt = MonotonicNanos(rawValue: 0)
    /// When the connection opened, in words, and what the exchange last said of streams it refused.
    var openedSince = ""
    var failureWords = ""
    /// Set when a message asks for the end of the connection; acted on after the batch.
    var closing: (code: UInt16, reason: DisconnectReason, words: String)?
    var refusalLog = LogLimiter()
    var stallLog = LogLimiter()
    /// What was last seen of the overlap, and when time changes something about it.
    var overlapVersion: UInt64 = 0
    var overlapDeadline: MonotonicNanos?
    /// Whether it was opened beside the other one and not all its streams have delivered.
    var isJoining = false
    /// Whether it has reported the feed's state as its own.
    var isAnswering = true

    init(
        configuration: FeedConfiguration, catalog: MarketCatalog, producer: consuming RingProducer,
        journal: consuming ChainWriter?, metrics: MetricsRegistry, health: HealthCheck, limiter: ConnectionLimiter,
        lane: FeedLane?, logger: Logger, stop: StopSignal
    ) {
        let plan = configuration.plan
        self.configuration = configuration
        self.stop = stop
        self.metrics = FeedMetrics(registry: metrics, feed: configuration.name)
        self.health = health
        self.limiter = limiter
        self.lane = lane
        self.logger = logger
        decoder = MessageDecoder(
            catalog: catalog, exchange: plan.exchange, streams: plan.streams, feed: configuration.feed,
            mostSlots: producer.capacitySlots)
        ring = producer
        self.journal = FeedJournal(writer: journal, feed: configuration.feed)
        machine = ConnectionStateMachine(random: { SecureRandom.number() })
        subscriptions = SubscriptionStateMachine(
            streams: plan.streams.map(\.description), streamsInAddress: plan.streamsInAddress)
        watch = StreamWatch(
            Self.places(of: plan, in: catalog, silence: configuration.silence), instruments: catalog.instruments.count)
        session = WebSocketSession(mostMessageBytes: configuration.mostMessageBytes)
    }

    /// The thread's whole life.
    mutating func run() {
        var action = machine.start()
        while !stop.isRequested {
            if action == .connect, waitForTurn() { attempt() }
            let now = MonotonicClock.now()
            if let deadline = machine.deadline, deadline > now {
                stop.wait(timeoutMillis: sleepMillis(Self.pollMillis(from: now, to: deadline)))
            }
            leaveMemory()
            action = machine.advance(to: MonotonicClock.now())
        }
        health.report(isReady: false, reason: "stopped")
    }

    /// Connects, unless the exchange's limit holds it back.
    private mutating func attempt() {
        let plan = configuration.plan
        let now = MonotonicClock.now()
        if let time = limiter.admit(plan.host, at: now) {
            metrics.heldAttempts.add()
            machine.didHoldBack(until: time)
            return
        }
        metrics.attempts.add()
        journal?.demandSegments()
        let endpoint = TransportEndpoint(
            host: plan.host, port: plan.port, security: plan.isTLS ? .tls(caFile: configuration.caFile) : .none,
            proxyURL: configuration.proxyURL, connectTimeoutMillis: configuration.connectTimeoutMillis)
        let end: SessionEnd
        do throws(TransportError) {
            let connection = try TransportConnection(connectingTo: endpoint, cancellation: stop.cancellation)
            end = serve(connection)
        } catch {
            end = SessionEnd(reason: DisconnectReason(connecting: error), words: error.description)
        }
        guard !stop.isRequested else { return }
        didEnd(end)
    }

    /// Serves one connection until it ends.
    private mutating func serve(_ connection: borrowing TransportConnection) -> SessionEnd {
        closing = nil
        tendAt = MonotonicNanos(rawValue: 0)
        do throws(SessionEnd) {
            var now = MonotonicClock.now()
            try perform(machine.didConnect(at: now))
            standstill.isAlive(at: now)
            while !stop.isRequested {
                try flush(connection)
                try readAvailable(connection)
                try flush(connection)
                now = MonotonicClock.now()
                try tend(at: now)
                waitForEvents(on: connection, from: now)
            }
            sayGoodbye(connection)
            return endOfSession(SessionEnd(reason: .closedByPeer, words: "stopped"))
        } catch {
            return endOfSession(error)
        }
    }

    /// What time brings: our ping, requests, alarms, the end of waiting for something.
    private mutating func tend(at now: MonotonicNanos) throws(SessionEnd) {
        try perform(machine.advance(to: now))
        try tendStreams(at: now)
        try tendOverlap(at: now)
        tendAt = deadline ?? now.adding(millis: StreamWatch.lookMillis)
    }

    /// When there is something to do although nothing came.
    private var deadline: MonotonicNanos? {
        machine.isOpen
            ? earlier(earlier(machine.deadline, overlapDeadline), earlier(subscriptions.deadline, watch.deadline))
            : machine.deadline
    }

    /// Sleeps until there is something to do. Unsent bytes and a busy spin keep it short.
    private mutating func waitForEvents(on connection: borrowing TransportConnection, from now: MonotonicNanos) {
        guard !(configuration.busySpin && session.outgoing.isEmpty) else {
            standstill.isAlive(at: now)
            return spinPause()
        }
        let millis = sleepMillis(deadline.map { Self.pollMillis(from: now, to: $0) } ?? -1)
        standstill.willSleep(at: now, atMostMillis: millis)
        stop.wait(for: connection.descriptor, orWritable: !session.outgoing.isEmpty, timeoutMillis: millis)
    }

    /// Rounded up, so that poll does not return just before the deadline again and again.
    private static func pollMillis(from now: MonotonicNanos, to deadline: MonotonicNanos) -> Int32 {
        Int32(truncatingIfNeeded: min(deadline.nanos(since: now) / 1_000_000 + 1, 60_000))
    }

    mutating func flush(_ connection: borrowing TransportConnection) throws(SessionEnd) {
        guard !session.outgoing.isEmpty else { return }
        do throws(TransportError) { try session.outgoing.flush(to: connection) } catch { throw lost(error.description) }
    }

    /// Reads until nothing more is there; each read's ticks are published together.
    // hot path: HotPathTests, probe `feed`
    private mutating func readAvailable(_ connection: borrowing TransportConnection) throws(SessionEnd) {
        while !stop.isRequested {
            guard makeJournalRoom() else { return }
            let result: ReceiveResult
            do throws(TransportError) { result = try session.receive(from: connection) } catch {
                throw lost(error.description)
            }
            switch result {
            case .wouldBlock: return
            case .closed: throw lost("\(configuration.plan.host) ended the connection")
            case .bytes(let count):
                let now = MonotonicClock.now()
                let standstillNanos = standstill.standstillNanos(until: now)
                if machine.isOpen { checkClock(at: now) }
                #if TICKLINE_PLANTED_BUGS
                    if PlantedBug.planted == .publishUnjournaled, standstillNanos == nil {
                        try process(received: now, on: connection)
                    }
                #endif
                record(read: count, isDecoded: machine.isOpen && standstillNanos == nil, at: now)
                if let standstillNanos { throw stoodStill(for: standstillNanos) }
                standstill.isAlive(at: now)
                metrics.receivedBytes.addFromOnlyWriter(UInt64(count))
                machine.didReceive(at: now)
                try process(received: now, on: connection)
                try flush(connection)
                if now >= tendAt { try tend(at: now) }
            }
        }
    }

    /// Performs the actions that need no transport call.
    mutating func perform(_ action: ConnectionStateMachine.Action) throws(SessionEnd) {
        switch action {
        case .none, .connect: break
        case .sendHandshake: try sendHandshake()
        // A queue full of pongs has no room: then silence, or the end of the wait for the peer's close, ends it.
        case .sendPing: if session.sendPing() { subscriptions.didSendControl(at: MonotonicClock.now()) }
        case .sendClose(let code): _ = session.sendClose(code)
        case .disconnect(let reason):
            throw SessionEnd(reason: reason, words: closing?.words ?? Self.words(for: reason))
        }
    }

    private static func words(for reason: DisconnectReason) -> String {
        switch reason {
        case .silent: "the exchange is silent and does not answer our ping; check the network"
        case .handshakeTimedOut: "the upgrade request was not answered in time; check the address"
        default: "the connection ended (\(reason.rawValue))"
        }
    }

    /// What was read after a standstill is not used: a new connection brings news, and its ids show what is missing.
    private func stoodStill(for nanos: UInt64) -> SessionEnd {
        SessionEnd(
            reason: .stoodStill,
            words:
                "this process stood still for \(nanos / 1_000_000) ms; what waited in the connection is old, connecting anew"
        )
    }

    func lost(_ words: String) -> SessionEnd {
        SessionEnd(reason: machine.reason(orWhileOpen: .lost), words: closing?.words ?? words)
    }

    /// Best effort, without waiting: the process is going away.
    private mutating func sayGoodbye(_ connection: borrowing TransportConnection) {
        guard case .sendClose(let code) = machine.stop(), session.sendClose(code) else { return }
        do throws(TransportError) { try session.outgoing.flush(to: connection) } catch {
            logger.debug("no good-bye", metadata: ["feed": "\(configuration.name)", "error": "\(error)"])
        }
    }
}
