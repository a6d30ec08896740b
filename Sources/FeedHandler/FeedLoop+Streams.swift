internal import Logging
internal import Telemetry
internal import ThreadExecutor
internal import TradingModel

// The streams of a connection: subscribing them, and noticing those that are not there.
extension FeedLoop {
    /// Streams named in a health reason or a log line; of the rest only the number is told.
    private static let mostNames = 10

    /// Where each of the plan's streams leaves its marks.
    static func places(
        of plan: FeedPlan, in catalog: MarketCatalog, silence: SilenceAlarms
    ) -> [StreamWatch.Place] {
        let own = catalog.instruments.enumerated().filter { $0.element.instrument.exchange == plan.exchange }
        let indices = Dictionary(uniqueKeysWithValues: own.map { ($0.element.instrument.symbol, $0.offset) })
        return plan.streams.map { stream in
            guard let instrument = indices[stream.symbol] else {
                preconditionFailure("a stream of an instrument that the catalogue lacks: \(stream)")
            }
            return StreamWatch.Place(
                instrument: instrument, kind: stream.recordKind, limits: silence.limits(of: stream))
        }
    }

    /// Requests that may go out, answers that did not come, streams that went silent or came back.
    mutating func tendStreams(at now: MonotonicNanos) throws(SessionEnd) {
        guard machine.isOpen else { return }
        // First the look: what has delivered is there, whatever was not answered.
        if watch.look(at: now, telling: &subscriptions) { reportStreams() }
        var action = subscriptions.advance(to: now)
        while action != .none {
            perform(action, at: now)
            action = subscriptions.advance(to: now)
        }
        try closeIfAsked(at: now)
    }

    /// Takes the answer to one of our requests; false where it answers none.
    mutating func takeReply(_ message: UnsafeRawBufferPointer, at now: MonotonicNanos) -> Bool {
        guard let reply = unsafe SubscriptionReply(parsing: message),
            let action = subscriptions.didReceive(reply, at: now)
        else { return false }
        perform(action, at: now)
        return true
    }

    private mutating func perform(_ action: SubscriptionStateMachine.Action, at now: MonotonicNanos) {
        switch action {
        case .none: break
        // Where the queue is full of unsent bytes the request is not answered in time, and so an alarm.
        case .send(let request): _ = session.sendText(subscriptions.text(of: request))
        case .subscribed(let streams): watch.didSubscribe(streams, at: now)
        case .fail(let failure, let streams, let words): take(failure, of: streams, words)
        }
    }

    /// At most one line for each request of a connection.
    private mutating func take(_ failure: SubscriptionStateMachine.Failure, of streams: [Int], _ words: String) {
        metrics.count(failure, streams: streams.count)
        failureWords = words
        logger.warning(
            failure == .unlisted ? "the exchange does not list the subscriptions" : "streams are not subscribed",
            metadata: [
                "feed": "\(configuration.name)", "reason": "\(failure.rawValue)", "error": "\(words)",
                "streams": "\(names(streams))",
            ])
        reportStreams()
        if subscriptions.isRefused {
            closing = (1000, .subscriptionRefused, "the exchange refuses every stream: \(words); check their names")
        }
    }

    /// Readiness and gauges by what is missing now.
    mutating func reportStreams() {
        guard answersForFeed else { return }
        let failed = subscriptions.failed
        let silent = watch.silent
        metrics.failedStreams.set(Double(failed.count))
        metrics.silentStreams.set(Double(silent.count))
        var reasons: [String] = []
        if !failed.isEmpty { reasons.append("not subscribed: \(names(failed)) (\(failureWords))") }
        let quiet = silent.filter { !failed.contains($0) }
        if !quiet.isEmpty {
            reasons.append("no data from \(names(quiet)); check the symbols, or set --silence-alarm for quiet ones")
        }
        health.report(
            isReady: reasons.isEmpty,
            reason: reasons.isEmpty ? "connected since \(openedSince)" : reasons.joined(separator: "; "))
    }

    private borrowing func names(_ streams: [Int]) -> String {
        let names = streams.prefix(Self.mostNames).map { configuration.plan.streams[$0].displayName }
        let rest = streams.count - names.count
        return names.joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
    }
}
