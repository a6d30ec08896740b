package import TradingModel

/// Subscribes the streams of one connection after another: those the address does not name by `SUBSCRIBE` requests, as fast
/// as the exchange allows, then one `LIST_SUBSCRIPTIONS` that shows whether any is missing.
///
/// idle → open (requests under way → list asked for → settled) → idle … Does no I/O and has no clock: callers say what
/// happened and when, and perform the action that is returned; after each, `advance` may have more to do. Streams are known
/// by their position. Calls that make no sense in the present state are our own mistake and trap. Owned by one thread.
package struct SubscriptionStateMachine: ~Copyable {
    /// Binance Spot takes 5 messages a second from a connection, pings and pongs included, and cuts it beyond
    /// [web-socket-streams.md, limits].
    package static let mostMessages = 5
    /// The length of that second.
    package static let messageWindowMillis: UInt64 = 1_000

    /// Limits; the defaults are those of the product.
    package struct Limits: Sendable {
        /// Messages a second up to which requests are sent: the rest of `mostMessages` is kept for a ping and a pong.
        package var requestsPerSecond = 3
        /// Streams named in one request: some 12 KB of the longest names.
        package var streamsPerRequest = 200
        /// From a request to its answer.
        package var replyMillis: UInt64 = 4_000

        /// The defaults.
        package init() {}
    }

    /// Something to send.
    package enum Request: Sendable, Equatable {
        case subscribe(id: Int64, streams: Range<Int>)
        case list(id: Int64)
    }

    /// What became of a stream that was not subscribed; the label in `tickline_subscription_failures_total{reason}`.
    package enum Failure: String, Sendable, CaseIterable {
        /// The exchange refused the request that names it.
        case refused
        /// The request was not answered in time.
        case unanswered
        /// It is not in the exchange's list, though nothing was refused.
        case absent
        /// The list was refused or did not come: no stream failed, but none is known to be there.
        case unlisted
    }

    /// What the caller must do now.
    package enum Action: Sendable, Equatable {
        /// Nothing until something happens or `deadline` comes.
        case none
        /// Send this request.
        case send(Request)
        /// These streams are subscribed from now on.
        case subscribed(Range<Int>)
        /// These streams will not come; the words are the exchange's or ours.
        case fail(Failure, streams: [Int], words: String)
    }

    private enum Status: UInt8 {
        case waiting, subscribed, delivering, refused, unanswered, absent

        var isFailure: Bool { rawValue >= Status.refused.rawValue }
    }

    private struct Outstanding {
        var request: Request
        var deadline: MonotonicNanos

        var id: Int64 {
            switch request {
            case .subscribe(let id, _), .list(let id): id
            }
        }
    }

    private let limits: Limits
    private let streams: [String]
    private let streamsInAddress: Int
    private var isOpen = false
    private var statuses: [Status]
    /// The first stream that no request has named yet.
    private var nextStream = 0
    private var nextID: Int64 = 1
    private var isListed = false
    /// Requests without an answer, oldest first; at most one for each `streamsPerRequest` streams.
    private var outstanding: [Outstanding] = []
    private var messages = SlidingWindow(capacity: mostMessages, lengthMillis: messageWindowMillis)

    /// Creates an idle machine for `streams`, of which the address names the first `streamsInAddress`.
    package init(streams: [String], streamsInAddress: Int, limits: Limits = Limits()) {
        precondition(streamsInAddress <= streams.count, "an address with more streams than the feed")
        precondition(
            (1...Self.mostMessages).contains(limits.requestsPerSecond), "more requests than the exchange takes")
        self.streams = streams
        self.streamsInAddress = streamsInAddress
        self.limits = limits
        statuses = Array(repeating: .waiting, count: streams.count)
    }

    /// The connection is open: the address's streams are subscribed.
    package mutating func didOpen(at now: MonotonicNanos) -> Action {
        precondition(!isOpen, "opened twice")
        isOpen = true
        nextStream = streamsInAddress
        nextID = 1
        isListed = false
        for stream in statuses.indices { statuses[stream] = stream < streamsInAddress ? .subscribed : .waiting }
        return .subscribed(0..<streamsInAddress)
    }

    /// The connection ended; nothing of it counts any more. May be called again.
    package mutating func didDisconnect() {
        isOpen = false
        outstanding.removeAll(keepingCapacity: true)
        messages.removeAll()
        for stream in statuses.indices { statuses[stream] = .waiting }
    }

    /// A ping or pong of ours went out, which counts as a message.
    package mutating func didSendControl(at now: MonotonicNanos) { messages.record(at: now) }

    /// A stream delivered something, so it is there whatever the exchange said or did not say; true where that ends a
    /// failure.
    package mutating func didDeliver(_ stream: Int) -> Bool {
        precondition(isOpen, "a message without a connection")
        defer { statuses[stream] = .delivering }
        return statuses[stream].isFailure
    }

    /// Takes the answer to a request; nil where it answers none of ours. Answers are matched by id; a refusal without one
    /// answers the oldest request, for the exchange answers in order.
    package mutating func didReceive(_ reply: SubscriptionReply, at now: MonotonicNanos) -> Action? {
        guard isOpen, let position = position(of: reply) else { return nil }
        switch (outstanding.remove(at: position).request, reply.outcome) {
        case (.subscribe(_, let streams), .refused(let code, let message)):
            return fail(.refused, streams.filter { isAwaited($0) }, "\(message) (code \(code))")
        case (.subscribe(_, let streams), _):
            for stream in streams where isAwaited(stream) { statuses[stream] = .subscribed }
            return .subscribed(streams)
        case (.list, .list(let names)):
            let present = Set(names)
            let absent = statuses.indices.filter { statuses[$0] == .subscribed && !present.contains(streams[$0]) }
            return absent.isEmpty ? Action.none : fail(.absent, absent, "missing in the exchange's list")
        case (.list, .refused(let code, let message)):
            return .fail(.unlisted, streams: [], words: "\(message) (code \(code))")
        case (.list, .accepted): return .fail(.unlisted, streams: [], words: "the answer holds no list")
        }
    }

    /// Time has passed, or something happened.
    package mutating func advance(to now: MonotonicNanos) -> Action {
        guard isOpen else { return .none }
        if let oldest = outstanding.first, now >= oldest.deadline {
            outstanding.removeFirst()
            let words = "no answer within \(limits.replyMillis) ms"
            guard case .subscribe(_, let streams) = oldest.request else {
                return .fail(.unlisted, streams: [], words: words)
            }
            return fail(.unanswered, streams.filter { isAwaited($0) }, words)
        }
        guard let time = nextRequestTime(notBefore: now), time <= now else { return .none }
        return .send(takeRequest(at: now))
    }

    /// When `advance` next has something to do; nil where only an event leads on.
    package var deadline: MonotonicNanos? {
        guard isOpen else { return nil }
        return earlier(nextRequestTime(notBefore: MonotonicNanos(rawValue: 0)), outstanding.first?.deadline)
    }

    /// The streams that failed and have not delivered anything since.
    package var failed: [Int] {
        statuses.indices.filter { statuses[$0].isFailure }
    }

    /// Whether the exchange refused every single stream, so that the connection is of no use.
    package var isRefused: Bool { statuses.allSatisfy { $0 == .refused || $0 == .absent } }

    /// A request as the exchange reads it.
    package func text(of request: Request) -> String {
        switch request {
        case .subscribe(let id, let range):
            let names = streams[range].map { "\"\($0)\"" }.joined(separator: ",")
            return #"{"method":"SUBSCRIBE","params":[\#(names)],"id":\#(id)}"#
        case .list(let id): return #"{"method":"LIST_SUBSCRIPTIONS","id":\#(id)}"#
        }
    }

    /// When the next request may go out; nil where there is none to send.
    private func nextRequestTime(notBefore now: MonotonicNanos) -> MonotonicNanos? {
        guard nextStream < streams.count || (!isListed && outstanding.isEmpty) else { return nil }
        return messages.admission(below: limits.requestsPerSecond, notBefore: now)
    }

    private mutating func takeRequest(at now: MonotonicNanos) -> Request {
        let request: Request
        if nextStream < streams.count {
            let end = min(nextStream + limits.streamsPerRequest, streams.count)
            request = .subscribe(id: nextID, streams: nextStream..<end)
            nextStream = end
        } else {
            request = .list(id: nextID)
            isListed = true
        }
        nextID += 1
        messages.record(at: now)
        outstanding.append(Outstanding(request: request, deadline: now.adding(millis: limits.replyMillis)))
        return request
    }

    private func position(of reply: SubscriptionReply) -> Int? {
        if let id = reply.id { return outstanding.firstIndex { $0.id == id } }
        guard case .refused = reply.outcome, !outstanding.isEmpty else { return nil }
        return outstanding.startIndex
    }

    private func isAwaited(_ stream: Int) -> Bool { statuses[stream] != .delivering }

    private mutating func fail(_ failure: Failure, _ failed: [Int], _ words: String) -> Action {
        let status: Status =
            switch failure {
            case .refused: .refused
            case .unanswered: .unanswered
            case .absent, .unlisted: .absent
            }
        for stream in failed { statuses[stream] = status }
        return .fail(failure, streams: failed, words: words)
    }
}
