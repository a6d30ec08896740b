internal import Logging
internal import Telemetry
internal import TradingModel

extension TraderLoop where Source: ~Copyable, Store: ~Copyable, Venue: ~Copyable {
    /// The shortest and the longest pause behind a venue that does not answer.
    private static var pauseMillis: ClosedRange<Int> { 50...5_000 }

    /// Takes what the venue says on its own.
    func takeReports() throws(Interruption) {
        let reports: [OrderReport]
        do throws(VenueError) { reports = try venue.reports(token: token) } catch { throw interruption(error) }
        for report in reports {
            guard let open = try find(report.clientOrderID) else { continue }
            try settle(open, open.machine.take(report, at: clocks.wall()))
            try advance(open)
        }
    }

    /// The order that a report is about; of one that had ended, from the store.
    private func find(_ clientOrderID: String) throws(Interruption) -> OpenOrder? {
        if let known = open[clientOrderID] { return known }
        let stored: Order?
        do throws(TradeStoreError) { stored = try store.order(clientOrderID: clientOrderID) } catch {
            throw .failed("\(error)")
        }
        guard let stored, let machine = OrderStateMachine(stored) else { return nil }
        return OpenOrder(machine, task: .done, askAt: clocks.monotonic())
    }

    /// Does what is due about open orders: limits' time-outs, a halt, silence, and what was put off.
    func attendToOrders() throws(Interruption) {
        guard !open.isEmpty else { return metrics.openOrders.set(0) }
        let time = clocks.monotonic()
        for open in open.values.sorted(by: { $0.order.id < $1.order.id }) {
            if let until = open.pausedUntil, time < until { continue }
            open.pausedUntil = nil
            if open.task == .wait {
                if let timesOutAt = open.timesOutAt, time >= timesOutAt {
                    try settle(open, open.machine.requestCancel(at: clocks.wall(), reason: "not filled in time"))
                } else if state.mode.cancelsOpenOrders, open.order.state != .cancelPending {
                    try settle(open, open.machine.requestCancel(at: clocks.wall(), reason: "trading is halted"))
                } else if time >= open.askAt {
                    open.task = .query
                }
            }
            try keepLease()
            try advance(open)
        }
        metrics.openOrders.set(Double(self.open.count))
    }

    /// Brings a key's open orders to where more can be ordered: none is in doubt, since one that may or may not come to be
    /// filled would make the next one's size a guess, and none works against `side`.
    ///
    /// Waits for the venue as long as it takes, and nothing behind the signal is handled meanwhile.
    func settleOrders(of key: StrategyKey, for side: OrderSide) throws(Interruption) {
        while true {
            try keepLease()
            let unsettled = open.values.filter { open in
                open.order.key == key
                    && (open.order.side != side || open.machine.isMissingFills
                        || [.new, .submitting, .inDoubt, .cancelPending].contains(open.order.state))
            }
            if unsettled.isEmpty { return }
            if isStopping { throw .failed("a stop was asked for while orders were in doubt") }
            for open in unsettled
            where open.order.side != side && open.task == .wait && open.order.state != .cancelPending {
                try settle(open, open.machine.requestCancel(at: clocks.wall(), reason: "a later signal"))
            }
            try attendToOrders()
            try takeReports()
            try lookAround()
            clocks.pause(1)
        }
    }

    /// Does what is next about an order until it is to wait, or the venue is.
    func advance(_ open: OpenOrder) throws(Interruption) {
        // Each pass is an answer of the venue's; a venue that goes on contradicting itself is left for later.
        for _ in 0..<8 {
            switch open.task {
            case .wait, .done: return
            case .submit: try submit(open)
            case .query: try query(open)
            case .cancel: try cancel(open)
            }
            if open.pausedUntil != nil { return }
        }
        putOff(open)
    }

    private func submit(_ open: OpenOrder) throws(Interruption) {
        if let reason = reasonNotToSend(open.order) {
            return try settle(open, open.machine.abandon(at: clocks.wall(), reason: reason))
        }
        try settle(open, open.machine.beginSubmitting(at: clocks.wall()))
        try keepLease()
        let report: OrderReport
        do throws(VenueError) { report = try venue.submit(OrderRequest(open.order), token: token) } catch {
            return try failed(open, error, ofCancel: false)
        }
        heard(of: open)
        try settle(open, open.machine.take(report, at: clocks.wall()))
    }

    /// Why an order that the venue does not have, and that was made a while ago, is not to be sent any more: it would open a
    /// position on old news, or against the mode.
    private func reasonNotToSend(_ order: Order) -> String? {
        if let refusal = state.mode.refusal(isReducing: order.leg == OrderLeg.reducing) { return refusal.rawValue }
        guard order.leg == OrderLeg.opening else { return nil }
        if let last = lastApplied[order.key], order.tickID < last.tickID { return "superseded" }
        guard let most = settings.policy.mostSignalAgeMillis,
            clocks.wall().rawValue - order.signalReceiveTime.rawValue > Int64(most) * 1_000_000
        else { return nil }
        return RefusalReason.expiredSignal.rawValue
    }

    private func query(_ open: OpenOrder) throws(Interruption) {
        let report: OrderReport?
        do throws(VenueError) {
            report = try venue.query(open.order.clientOrderID, of: open.order.key.instrument)
        } catch {
            if case .fenced = error { throw interruption(error) }
            return putOff(open, error)
        }
        heard(of: open)
        if let report {
            try settle(open, open.machine.take(report, isAnswer: true, at: clocks.wall()))
        } else {
            try settle(open, open.machine.takeUnknown(at: clocks.wall()))
        }
        // What could not be settled by asking is asked again later.
        if open.task == .query { putOff(open) }
    }

    private func cancel(_ open: OpenOrder) throws(Interruption) {
        let report: OrderReport
        do throws(VenueError) {
            report = try venue.cancel(open.order.clientOrderID, of: open.order.key.instrument, token: token)
        } catch { return try failed(open, error, ofCancel: true) }
        heard(of: open)
        try settle(open, open.machine.take(report, at: clocks.wall()))
    }

    private func failed(_ open: OpenOrder, _ error: VenueError, ofCancel isCancel: Bool) throws(Interruption) {
        if case .fenced = error { throw interruption(error) }
        try settle(open, open.machine.take(error, ofCancel: isCancel, at: clocks.wall()))
        if open.task != .done { putOff(open, error) }
    }

    private func heard(of open: OpenOrder) {
        open.failures = 0
        open.askAt = MonotonicNanos(
            rawValue: clocks.monotonic().rawValue &+ nanos(millis: settings.askAfterMillis))
    }

    /// Leaves an order alone for a while that doubles from one failure to the next, or as long as the venue asks for.
    private func putOff(_ open: OpenOrder, _ error: VenueError? = nil) {
        var millis = min(Self.pauseMillis.upperBound, Self.pauseMillis.lowerBound << min(open.failures, 10))
        if case .rateLimited(let asked) = error { millis = max(millis, asked) }
        open.failures += 1
        open.pausedUntil = MonotonicNanos(rawValue: clocks.monotonic().rawValue &+ nanos(millis: millis))
        guard let error else { return }
        logger.warning(
            "the venue does not do as asked", metadata: ["order": "\(open.order.id)", "error": "\(error)"])
    }

    private func interruption(_ error: VenueError) -> Interruption {
        if case .fenced = error { return .leaseLost("\(error)") }
        return .failed("\(error)")
    }

    /// Takes what a step has done to an order: counts it, folds its executions, stores it, forgets it where it has ended.
    func settle(_ open: OpenOrder, _ step: OrderStep) throws(Interruption) {
        for anomaly in step.anomalies { metrics.anomalies[anomaly]?.add() }
        if step.isChanged {
            let order = open.machine.takeForStoring(token: token)
            let isStored: Bool
            do throws(TradeStoreError) { isStored = try store.update(order) } catch { throw .failed("\(error)") }
            guard isStored else { throw .leaseLost("another trader has written the order \(order.id)") }
            for event in order.events.dropFirst(open.countedEvents) { metrics.count(event.state) }
            open.countedEvents = order.events.count
        }
        for fill in step.newFills { try fold(fill, of: open.order) }
        open.task = step.task
        if case .limit(_, let millis) = open.order.type, open.order.venueOrderID != nil, open.timesOutAt == nil {
            open.timesOutAt = MonotonicNanos(rawValue: clocks.monotonic().rawValue &+ nanos(millis: millis))
        }
        guard open.order.state.isTerminal, step.task != .query else {
            // Also one that had ended and turns out not to have.
            self.open[open.order.clientOrderID] = open
            return
        }
        self.open[open.order.clientOrderID] = nil
    }
}
