internal import Journal
internal import Logging
internal import RingBuffer
internal import Telemetry
internal import ThreadExecutor
internal import TradingModel
internal import Transport

/// Everything the fetcher's thread owns, and what it does until stopped: take a request, ask, publish, say how it ended.
struct RefillLoop: ~Copyable {
    /// Most bytes of an answer: 1,000 rows of some 130 bytes, eight times over.
    private static let mostBodyBytes = 1 << 20
    /// Between two looks at a full ring: its reader wakes nobody.
    private static let fullRingPauseMillis: Int32 = 1
    /// The longest sleep without a look at the ring; a safety net, wake-ups are not lost.
    private static let longestSleepNanos: UInt64 = 1_000_000_000

    private let sources: [RefillSource]
    private let catalog: MarketCatalog
    private let requests: RingConsumer
    private let parker: Parker
    private let answers: RingProducer
    private var journal: HistoryJournal?
    private let limiter: RequestLimiter
    private let metrics: RefillMetrics
    private let logger: Logger
    private let stop: StopSignal
    private let client: RESTClient
    private var failureLog = LogLimiter()
    private var successLog = LogLimiter()
    /// Of the refill under way: its ticks so far, and what was last wrong.
    private var tickCount = 0
    private var words = ""

    init(
        sources: [RefillSource], catalog: MarketCatalog, requests: consuming RingConsumer, parker: Parker,
        answers: consuming RingProducer, journal: consuming ChainWriter?, limiter: RequestLimiter,
        metrics: RefillMetrics, logger: Logger, stop: StopSignal
    ) {
        self.sources = sources
        self.catalog = catalog
        self.requests = requests
        self.parker = parker
        self.answers = answers
        self.limiter = limiter
        self.metrics = metrics
        self.logger = logger
        self.journal = HistoryJournal(writer: journal)
        self.stop = stop
        client = RESTClient(cancellation: stop.cancellation)
    }

    /// The thread's whole life.
    mutating func run() {
        while !stop.isRequested {
            if let request = takeRequest() {
                perform(request)
                continue
            }
            parker.prepare()
            if requests.occupancy > 0 || stop.isRequested {
                parker.cancel()
            } else {
                parker.wait(timeoutNanos: Self.longestSleepNanos)
            }
            journal?.leaveMemory()
        }
    }

    private func takeRequest() -> RefillRequest? {
        let slots = unsafe requests.peek(most: 1, as: Tick.self)
        guard let slot = unsafe slots.first else { return nil }
        requests.release(count: 1)
        guard let request = RefillRequest(slot: slot), Int(request.feed) < sources.count,
            Int(request.instrument) < catalog.instruments.count
        else { preconditionFailure("no refill request of this run") }
        return request
    }

    /// Asks until the plan ends; without an end where stopped.
    private mutating func perform(_ request: RefillRequest) {
        tickCount = 0
        words = ""
        let source = sources[Int(request.feed)]
        let instrument = catalog.instruments[Int(request.instrument)].instrument
        let now = MonotonicClock.now()
        var plan = RefillPlan(request, of: instrument, at: now)
        var action = plan.start(at: now)
        while !stop.isRequested {
            switch action {
            case .ask(let query): action = ask(query, source, instrument.exchange, &plan)
            case .wait(let time):
                stop.wait(timeoutMillis: Self.pollMillis(until: time))
                let now = MonotonicClock.now()
                if now >= time { action = plan.resume(at: now) }
            case .end(let outcome): return end(request, outcome, source)
            }
        }
    }

    /// Rounded up, so that poll does not return just before the time again and again.
    private static func pollMillis(until time: MonotonicNanos) -> Int32 {
        Int32(truncatingIfNeeded: min(time.nanos(since: MonotonicClock.now()) / 1_000_000 + 1, 60_000))
    }

    // MARK: questions

    private mutating func ask(
        _ query: RefillQuery, _ source: RefillSource, _ exchange: Exchange, _ plan: inout RefillPlan
    ) -> RefillPlan.Action {
        let host = source.origin.host
        if let time = limiter.heldUntil(host, at: MonotonicClock.now()) {
            words = "\(host) asked for a pause"
            return plan.hold(until: time)
        }
        let answer: RESTAnswer
        do throws(TransportError) {
            answer = try client.get(
                query.target, headers: query.endpoint.headers, from: source.endpoint,
                timeoutMillis: query.timeoutMillis, mostBodyBytes: Self.mostBodyBytes)
        } catch {
            metrics.countRequest(status: nil)
            words = error.description
            return plan.didFail(at: MonotonicClock.now())
        }
        metrics.countRequest(status: answer.status)
        let isNearLimit = noteWeight(answer, host, exchange)
        switch answer.status {
        case 200: return take(answer.body, query, isNearLimit: isNearLimit, &plan)
        case 418, 429: return pause(answer, host, &plan)
        case 500...599:
            words = "\(host) answers with status \(answer.status)"
            return plan.didFail(at: MonotonicClock.now())
        default:
            words = "\(host) refuses \(query.endpoint.path) with status \(answer.status)"
            return plan.didRefuse(at: MonotonicClock.now())
        }
    }

    /// Leaves the host alone where this address has used its requests up; true then.
    private func noteWeight(_ answer: RESTAnswer, _ host: String, _ exchange: Exchange) -> Bool {
        // A header that is no number tells nothing.
        guard let weight = answer.usedWeight.flatMap({ Int($0) }),
            RequestLimiter.isNearLimit(usedWeight: weight, of: exchange)
        else { return false }
        limiter.close(host, until: MonotonicClock.now().adding(millis: RequestLimiter.weightPauseMillis))
        return true
    }

    /// Obeys a 429 or 418, for all who ask that host.
    private mutating func pause(_ answer: RESTAnswer, _ host: String, _ plan: inout RefillPlan) -> RefillPlan.Action {
        let seconds = RetryAfter.seconds(answer.retryAfter, date: answer.date, wallClock: MonotonicClock.wallClock())
        // At least one: a host that says 0 is not asked again at once.
        let wait = UInt64(max(seconds ?? RetryAfter.unnamedSeconds, 1))
        let now = MonotonicClock.now()
        limiter.close(host, until: now.adding(millis: wait * 1_000))
        words = "\(host) limits requests (status \(answer.status)) for \(wait) s"
        return plan.hold(until: limiter.heldUntil(host, at: now) ?? now)
    }

    private mutating func take(
        _ body: [UInt8], _ query: RefillQuery, isNearLimit: Bool, _ plan: inout RefillPlan
    ) -> RefillPlan.Action {
        let page: TradeHistoryPage
        do throws(TradeHistoryError) {
            page = try unsafe TradeHistoryDecoder.decode(
                body.span.bytes, of: query.endpoint, for: query.request, in: catalog)
        } catch {
            words = error.description
            return plan.didMisread()
        }
        guard plan.accepts(page) else {
            words = "the answer does not begin where it was asked to"
            return plan.didMisread()
        }
        record { $0.append(body: body, of: query.endpoint, for: query.request) }
        publish(page.ticks)
        words = isNearLimit ? "the exchange's request limit is nearly used up" : "no time is left for the rest"
        // The time counts behind the ring, which may have been full.
        return plan.didAnswer(page, to: query, isNearLimit: isNearLimit, at: MonotonicClock.now())
    }

    // MARK: the answers' ring

    /// Puts something into the journal; waits where no segment is ready, unless stopped.
    private mutating func record(_ body: (inout HistoryJournal) -> Bool) {
        while !stop.isRequested, let isDone = journal.mutate(body), !isDone {
            stop.wait(timeoutMillis: Self.fullRingPauseMillis)
        }
    }

    /// Puts the ticks on the ring, as far as it has room at a time; what is left when stopped is dropped.
    private mutating func publish(_ ticks: [Tick]) {
        var written = 0
        while written < ticks.count, waitForRoom() {
            // On record before they are on the ring, and not more than the ring has room for.
            let batch = ticks[written..<min(ticks.count, written + min(answers.freeSlots, HistoryJournal.mostSlots))]
            let first = answers.claimedSlots + 1
            record { $0.append(slots: batch, first: first) }
            for tick in batch where !answers.tryWrite(tick) { preconditionFailure("the ring has one writer") }
            answers.publish()
            written += batch.count
            metrics.ticks.add(UInt64(batch.count))
        }
        tickCount += written
    }

    /// Waits until the ring has room; false where stopped.
    private func waitForRoom() -> Bool {
        while !stop.isRequested {
            if answers.freeSlots > 0 { return true }
            stop.wait(timeoutMillis: Self.fullRingPauseMillis)
        }
        return false
    }

    private mutating func end(_ request: RefillRequest, _ outcome: RefillOutcome, _ source: RefillSource) {
        let now = MonotonicClock.now()
        metrics.count(outcome)
        metrics.duration.record(nanos: now.nanos(since: request.noticed))
        log(request, outcome, source, at: now)
        let end = RefillEnd(
            ordinal: request.ordinal, instrument: request.instrument, kind: request.kind, outcome: outcome,
            monotonic: now)
        guard waitForRoom() else { return }
        let number = answers.claimedSlots + 1
        record { $0.append(slots: [end.slot][...], first: number) }
        let isWritten = answers.tryWrite(end.slot)
        precondition(isWritten, "the ring has one writer, and had room")
        answers.publish()
    }

    private mutating func log(
        _ request: RefillRequest, _ outcome: RefillOutcome, _ source: RefillSource, at now: MonotonicNanos
    ) {
        let isComplete = outcome == .complete
        guard let suppressed = isComplete ? successLog.allow(at: now) : failureLog.allow(at: now) else { return }
        var metadata: Logger.Metadata = [
            "instrument": "\(catalog.instruments[Int(request.instrument)].instrument)",
            "kind": "\(request.kind.name)", "ids": "\(request.firstID)-\(request.lastID)",
            "outcome": "\(outcome.name)", "ticks": "\(tickCount)", "address": "\(source.origin.address)",
            "suppressed": "\(suppressed)",
        ]
        if !isComplete { metadata["error"] = "\(words)" }
        logger.log(level: isComplete ? .info : .warning, "refill ended", metadata: metadata)
    }
}

extension Optional where Wrapped: ~Copyable {
    /// Calls `body` with what is there; nil where nothing is.
    fileprivate mutating func mutate<Result>(_ body: (inout Wrapped) -> Result) -> Result? {
        guard var value = self.take() else { return nil }
        let result = body(&value)
        self = consume value
        return result
    }
}
