package import TradingModel

/// What to ask the exchange for one refill, page after page, until it ends. Does no I/O: each method takes what happened and
/// returns what to do.
///
/// Spot trades are asked trade by trade; where that is refused, and for USD-M, aggregates are asked for: those of the hole's
/// time, then by their ids. Spot aggregate trades are asked by id. Owned by one thread.
package struct RefillPlan: ~Copyable {
    /// Time for one refill. With the way to the exchange and back, deciding resumes within 3 s of the hole.
    package static let limitMillis: UInt64 = 2_500
    /// Time for one question: a connection that died in silence, as in the outage that made the hole, leaves as much again for
    /// a new one.
    package static let questionMillis: UInt64 = 1_200
    /// Failures of network or server that are borne.
    package static let mostRetries = 1
    /// Pause before asking again.
    package static let pauseMillis: UInt64 = 100
    /// How often the end of the range is asked for again where the exchange does not have it yet: the stream runs ahead of the
    /// history.
    package static let mostCatchUps = 2
    /// Length of a window of time, both of its ends included; the exchange takes less than an hour.
    package static let windowMillis: Int64 = 3_600_000
    /// Windows without a trade in them before the times around the hole are not believed any more.
    package static let mostEmptyWindows = 24

    /// What to do next.
    package enum Action: Sendable, Equatable {
        /// Ask, then call `didAnswer`, `didRefuse`, `didFail` or `hold`.
        case ask(RefillQuery)
        /// Sleep until then, then call `resume`.
        case wait(until: MonotonicNanos)
        /// The refill is over.
        case end(RefillOutcome)
    }

    /// Where the next page begins.
    private enum Position {
        case trades
        case window(startMillis: Int64)
        case aggregates(from: UInt64)
    }

    private enum State { case idle, asking, waiting, ended }

    /// The request, narrowed to what is missing still.
    private var missing: RefillRequest
    private let symbol: String
    private let aggregates: RefillEndpoint
    private let deadline: MonotonicNanos
    /// Ends of the hole's time.
    private let startMillis: Int64
    private let endMillis: Int64
    private var position: Position
    /// Whether an aggregate's time says that it lies behind the hole.
    private var isByTime: Bool
    private var state = State.idle
    private var retries = 0
    private var catchUps = 0
    private var emptyWindows = 0

    /// Plans the refill of `request`, which ends `limitMillis` after `now`.
    package init(
        _ request: RefillRequest, of instrument: Instrument, at now: MonotonicNanos,
        limitMillis: UInt64 = RefillPlan.limitMillis
    ) {
        precondition(request.firstID <= request.lastID, "a refill of no ids")
        precondition(request.kind == .trade || request.kind == .aggregateTrade, "only trades can be refilled")
        let isFutures = instrument.exchange == .binanceUSDM
        missing = request
        symbol = Self.escaped(instrument.symbol)
        aggregates = isFutures ? .futuresAggregates : .spotAggregates
        deadline = now.adding(millis: limitMillis)
        // Times may go back a little from one id to the next. Saturated: times are the exchange's.
        let times = [request.beforeTimeNanos, request.afterTimeNanos].map { UnixNanos(rawValue: $0).millis }
        startMillis = max(0, min(times[0], times[1]) - 1)
        endMillis = max(0, max(times[0], times[1]) + 1)
        isByTime = isFutures
        position =
            isFutures
            ? .window(startMillis: startMillis)
            : request.kind == .trade ? .trades : .aggregates(from: request.firstID)
    }

    /// Begins.
    package mutating func start(at now: MonotonicNanos) -> Action {
        precondition(state == .idle, "a refill begins once")
        return ask(at: now)
    }

    /// The pause is over.
    package mutating func resume(at now: MonotonicNanos) -> Action {
        precondition(state == .waiting, "resumed without a pause")
        return ask(at: now)
    }

    /// The host takes no question before `time`.
    package mutating func hold(until time: MonotonicNanos) -> Action {
        precondition(state == .asking, "held back without a question")
        guard time < deadline else { return end(.rateLimited) }
        state = .waiting
        return .wait(until: time)
    }

    /// No answer, or one that says that the server failed.
    package mutating func didFail(at now: MonotonicNanos) -> Action {
        precondition(state == .asking, "failed without a question")
        guard retries < Self.mostRetries else { return end(.failed) }
        retries += 1
        return pause(at: now) ?? end(.failed)
    }

    /// The exchange refuses the question.
    package mutating func didRefuse(at now: MonotonicNanos) -> Action {
        precondition(state == .asking, "refused without a question")
        guard case .trades = position else { return end(.refused) }
        position = .window(startMillis: startMillis)
        isByTime = true
        return ask(at: now)
    }

    /// The answer can't be read, or is none to the question.
    package mutating func didMisread() -> Action {
        precondition(state == .asking, "answered without a question")
        return end(.failed)
    }

    /// Whether an answer begins where it was asked to; else it is none, and `didMisread`.
    package func accepts(_ page: TradeHistoryPage) -> Bool {
        guard let first = page.firstRowID else { return true }
        switch position {
        case .trades: return first >= missing.firstID
        case .aggregates(let from): return first >= from
        case .window: return true
        }
    }

    /// An accepted answer to `query`, whose ticks are delivered. `isNearLimit`: the exchange's request limit has no room for another question.
    package mutating func didAnswer(
        _ page: TradeHistoryPage, to query: RefillQuery, isNearLimit: Bool, at now: MonotonicNanos
    ) -> Action {
        precondition(state == .asking, "answered without a question")
        precondition(accepts(page), "an answer that is none to the question")
        if covers(page) { return end(.complete) }
        narrow(behind: page)
        let isLast = isLastPage(page, limit: query.limit)
        if isLast && (catchUps == Self.mostCatchUps || isNearLimit) { return end(.complete) }
        if isNearLimit { return end(.rateLimited) }
        guard advance(behind: page) else { return end(.failed) }
        guard isLast else { return ask(at: now) }
        catchUps += 1
        return pause(at: now) ?? end(.complete)
    }

    // MARK: pages

    /// Whether the answer reaches the end of the missing ids, or of their time.
    private func covers(_ page: TradeHistoryPage) -> Bool {
        guard let last = page.lastRow else { return false }
        if lastID(of: last) >= missing.lastID { return true }
        return isByTime && UnixNanos(rawValue: last.exchangeTimeNanos).millis > endMillis
    }

    /// The highest id of the requested kind that a row stands for.
    private func lastID(of row: Tick) -> UInt64 {
        row.kind == missing.kind.rawValue ? row.id : UInt64(row.secondaryQuantity)
    }

    private mutating func narrow(behind page: TradeHistoryPage) {
        guard let last = page.lastRow else { return }
        missing.firstID = max(missing.firstID, lastID(of: last) + 1)
    }

    /// Whether the exchange had no more to give.
    private func isLastPage(_ page: TradeHistoryPage, limit: Int) -> Bool {
        guard page.rowCount < limit else { return false }
        if case .window(let start) = position { return windowEnd(start) == endMillis }
        return true
    }

    /// Sets the next page's position; false where the exchange has nothing at the times it was asked for.
    private mutating func advance(behind page: TradeHistoryPage) -> Bool {
        switch (position, page.lastRow) {
        case (.trades, _), (.aggregates, nil): return true
        case (.aggregates, let last?), (.window, let last?): position = .aggregates(from: last.id + 1)
        case (.window(let start), nil) where windowEnd(start) < endMillis:
            position = .window(startMillis: windowEnd(start) + 1)
            emptyWindows += 1
        case (.window, nil): break  // asked for again: the history may catch up
        }
        return emptyWindows < Self.mostEmptyWindows
    }

    private func windowEnd(_ startMillis: Int64) -> Int64 { min(startMillis + Self.windowMillis - 1, endMillis) }

    // MARK: actions

    private mutating func ask(at now: MonotonicNanos) -> Action {
        let leftMillis = deadline.nanos(since: now) / 1_000_000
        guard leftMillis > 0 else { return end(.failed) }
        state = .asking
        let endpoint: RefillEndpoint
        let place: String
        var limit = RefillEndpoint.mostRows
        // No more than is missing, where a row is one id of it.
        let missingCount = Int(min(missing.lastID - missing.firstID, UInt64(limit) - 1)) + 1
        switch position {
        case .trades:
            endpoint = .spotTrades
            place = "fromId=\(missing.firstID)"
            limit = missingCount
        case .aggregates(let from):
            endpoint = aggregates
            place = "fromId=\(from)"
            if missing.kind == .aggregateTrade { limit = missingCount }
        case .window(let start):
            endpoint = aggregates
            place = "startTime=\(start)&endTime=\(windowEnd(start))"
        }
        return .ask(
            RefillQuery(
                endpoint: endpoint, target: "\(endpoint.path)?symbol=\(symbol)&\(place)&limit=\(limit)",
                request: missing, limit: limit, timeoutMillis: Int(min(leftMillis, Self.questionMillis))))
    }

    /// A pause, where it fits the time.
    private mutating func pause(at now: MonotonicNanos) -> Action? {
        let time = now.adding(millis: Self.pauseMillis)
        guard time < deadline else { return nil }
        state = .waiting
        return .wait(until: time)
    }

    private mutating func end(_ outcome: RefillOutcome) -> Action {
        state = .ended
        return .end(outcome)
    }

    /// Percent-encodes all but letters and digits: symbols may be of any script.
    private static func escaped(_ symbol: String) -> String {
        symbol.utf8.map { byte in
            let isPlain =
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
            if isPlain { return String(UnicodeScalar(byte)) }
            let digits = String(byte, radix: 16, uppercase: true)
            return byte < 16 ? "%0\(digits)" : "%\(digits)"
        }.joined()
    }
}
