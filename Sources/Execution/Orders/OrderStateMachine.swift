package import TradingModel

/// One order's life. Does no I/O; owned by one thread; O(fills) per report.
///
/// A venue's word never traps, however late, doubled or out of order it comes: transitions follow the cumulative filled
/// quantity, which never falls, and a fill counts once by its trade id. Our own impossible transitions trap.
///
/// ```
/// new ──▶ submitting ──▶ submitted ──▶ partiallyFilled ──▶ filled
///          │      ▲          └──────┬───────┘
///          ▼      │                 ▼
///         inDoubt ┘           cancelPending ──▶ cancelled          any open state ──▶ cancelled, rejected, expired
/// ```
///
/// Terminal states are left in three cases alone: the rest of the order is filled late (`filled`); a report tells of more
/// filled than is known, so that the fills must be asked for (`partiallyFilled`, until the venue has told them); an order taken
/// for rejected is found accepted. A terminal state is entered only when all its fills are known, so that a restart, which
/// looks at open orders, misses none.
package struct OrderStateMachine: ~Copyable, Sendable {
    /// How often in a row the venue may not know an order that it has acknowledged before the order is taken for ended: what
    /// a venue has just taken may not be visible to a query at once.
    package static let mostUnknownAnswers = 3

    /// The order as it is now; its revision counts what `takeForStoring` gave out.
    package private(set) var order: Order
    /// What is filled by the fills known.
    package private(set) var filledQuantity: ExactDecimal
    /// What the venue has said is filled; above `filledQuantity` while fills are missing.
    package private(set) var reportedQuantity: ExactDecimal
    private var unknownAnswers = 0

    /// Takes an order as it was made or as it is stored; nil where its fills' sum has more than 34 digits, which none that was
    /// stored by us has.
    package init?(_ order: Order) {
        guard let filled = order.filledQuantity else { return nil }
        self.order = order
        filledQuantity = filled
        reportedQuantity = filled
    }

    /// Whether the venue has told of more than it has given the fills of.
    package var isMissingFills: Bool { reportedQuantity > filledQuantity }

    /// What is left to fill of an order that may still fill; zero of a terminal one.
    package var openQuantity: ExactDecimal {
        guard !order.state.isTerminal, let rest = order.quantity.subtracting(filledQuantity) else { return .zero }
        return max(rest, .zero)
    }

    /// What to do about it whenever nothing has been heard of it for long, and after a restart before any report is taken, since
    /// what was reported without its fills is forgotten by then: every open state has a way on.
    package var reconciliation: OrderTask {
        if order.state.isTerminal { return .done }
        return order.state == .new ? .submit : .query
    }

    /// The order under its next revision and the lease's token, to be written as often as it takes.
    package mutating func takeForStoring(token: UInt64) -> Order {
        order.revision += 1
        order.token = token
        return order
    }

    // MARK: Our own doing

    /// It is about to be sent, for the first time or again after the venue turned out not to have it.
    package mutating func beginSubmitting(at time: UnixNanos) -> OrderStep {
        precondition(
            [.new, .submitting, .inDoubt].contains(order.state), "an order in state \(order.state) is not to be sent")
        return OrderStep(isChanged: move(to: .submitting, at: time), task: .submit)
    }

    /// The risk gate or the venue's rules refuse it before anything was sent.
    package mutating func refuse(_ reason: RefusalReason, at time: UnixNanos) -> OrderStep {
        precondition(order.state == .new, "only an order that was never sent is refused")
        return OrderStep(isChanged: move(to: .rejected, at: time, reason: reason.rawValue), task: .done)
    }

    /// It is not wanted any more: timed out, superseded or halted.
    ///
    /// What was never sent ends at once; what may have been sent is asked about first, since only an order that the venue has
    /// can be cancelled.
    package mutating func requestCancel(at time: UnixNanos, reason: String) -> OrderStep {
        switch order.state {
        case .new: OrderStep(isChanged: move(to: .cancelled, at: time, reason: reason), task: .done)
        case .submitting, .inDoubt: OrderStep(task: .query)
        case .submitted, .partiallyFilled, .cancelPending:
            OrderStep(isChanged: move(to: .cancelPending, at: time, reason: reason), task: .cancel)
        case .filled, .cancelled, .rejected, .expired: OrderStep(task: .done)
        }
    }

    /// The venue does not have it and it is not to be sent again. A late acceptance would still count.
    package mutating func abandon(at time: UnixNanos, reason: String) -> OrderStep {
        precondition([.new, .submitting, .inDoubt].contains(order.state), "the venue has this order")
        return OrderStep(isChanged: move(to: .cancelled, at: time, reason: reason), task: .done)
    }

    // MARK: The venue's word

    /// A submit or cancel failed; of a failed query nothing is learnt, so it is just made again. `fenced` says nothing of the order: the lease is lost, and the step is empty.
    package mutating func take(_ error: VenueError, ofCancel isCancel: Bool, at time: UnixNanos) -> OrderStep {
        switch error {
        case .fenced: return OrderStep()
        case .rateLimited, .unavailable: return OrderStep(task: isCancel ? .cancel : .submit)
        case .unknownOutcome(let reason):
            guard !isCancel, order.state == .submitting else { return OrderStep(task: .query) }
            return OrderStep(isChanged: move(to: .inDoubt, at: time, reason: reason), task: .query)
        case .rejected(let reason):
            // A cancel is refused where the order has ended or is not there: the query tells.
            guard !isCancel, order.state == .submitting else { return OrderStep(task: .query) }
            return OrderStep(isChanged: move(to: .rejected, at: time, reason: reason), task: .done)
        }
    }

    /// A query found nothing under the client order id.
    package mutating func takeUnknown(at time: UnixNanos) -> OrderStep {
        switch order.state {
        case .new, .submitting, .inDoubt: return OrderStep(task: .submit)
        case .filled, .cancelled, .rejected, .expired: return OrderStep(task: .done)
        case .submitted, .partiallyFilled, .cancelPending:
            unknownAnswers += 1
            guard unknownAnswers >= Self.mostUnknownAnswers else {
                return OrderStep(task: .query, anomalies: [.forgottenOrder])
            }
            // Sending it again could fill it twice.
            reportedQuantity = filledQuantity
            return OrderStep(
                isChanged: move(to: .expired, at: time, reason: "the venue knows it no more"), task: .done,
                anomalies: [.forgottenOrder])
        }
    }

    /// A report, in answer to a request or on the venue's own; `isAnswer` where it is the answer to a query, and so new.
    package mutating func take(_ report: OrderReport, isAnswer: Bool = false, at time: UnixNanos) -> OrderStep {
        precondition(report.clientOrderID == order.clientOrderID, "another order's report")
        var step = OrderStep()
        guard ![.new, .submitting, .inDoubt, .cancelPending].contains(report.state) else {
            step.anomalies = [.impossibleState]
            step.task = order.state.isTerminal ? .done : .query
            return step
        }
        unknownAnswers = 0
        takeVenueOrderID(report.venueOrderID, &step)
        for fill in report.fills { takeFill(fill, &step) }
        // `filled` says that all of it is, whatever else the report says.
        let cumulative = report.state == .filled ? max(report.filledQuantity, order.quantity) : report.filledQuantity
        reportedQuantity = max(reportedQuantity, cumulative, filledQuantity)
        let before = order.state
        if move(to: state(after: report), at: time, reason: report.reason) { step.isChanged = true }
        step.task = task(after: report, isAnswer: isAnswer, before: before)
        return step
    }

    private mutating func takeVenueOrderID(_ id: String, _ step: inout OrderStep) {
        guard !id.isEmpty, id != order.venueOrderID else { return }
        guard order.venueOrderID == nil else { return step.anomalies.append(.conflictingOrderID) }
        order.venueOrderID = id
        step.isChanged = true
    }

    private mutating func takeFill(_ fill: Fill, _ step: inout OrderStep) {
        if let known = order.fills.first(where: { $0.tradeID == fill.tradeID }) {
            if known.price != fill.price || known.quantity != fill.quantity { step.anomalies.append(.conflictingFill) }
            return
        }
        guard fill.quantity > .zero, fill.price > .zero, let sum = filledQuantity.adding(fill.quantity) else {
            return step.anomalies.append(.invalidFill)
        }
        if sum > order.quantity { step.anomalies.append(.overfilled) }
        order.fills.append(fill)
        filledQuantity = sum
        step.newFills.append(fill)
        step.isChanged = true
    }

    /// Where the order is after a report whose fills are taken in.
    private func state(after report: OrderReport) -> OrderState {
        let open: OrderState = reportedQuantity.isZero ? .submitted : .partiallyFilled
        if isMissingFills { return order.state == .cancelPending ? .cancelPending : open }
        if filledQuantity >= order.quantity { return .filled }
        switch (order.state, report.state) {
        // The first end stands, but for one: an order taken for rejected that the venue has after all.
        case (.filled, _), (.cancelled, _), (.expired, _), (.rejected, .rejected): return order.state
        case (_, .rejected): return filledQuantity.isZero ? .rejected : .expired
        case (_, .cancelled), (_, .expired): return report.state
        case (.cancelPending, _): return .cancelPending
        default: return open
        }
    }

    private func task(after report: OrderReport, isAnswer: Bool, before: OrderState) -> OrderTask {
        if isMissingFills { return .query }
        if order.state.isTerminal { return .done }
        // An old report of an acceptance may have come behind the refusal: asked again, the venue says which it is.
        if before.isTerminal { return isAnswer ? .wait : .query }
        return order.state == .cancelPending && isAnswer ? .cancel : .wait
    }

    /// Comes to a state; false where it is there already.
    private mutating func move(to state: OrderState, at time: UnixNanos, reason: String = "") -> Bool {
        guard state != order.state else { return false }
        order.state = state
        order.events.append(OrderEvent(state: state, time: time, reason: reason))
        return true
    }
}
