import Execution
import Testing
import TradingModel

@Suite struct OrderStateMachineTests {
    private static let now = UnixNanos(rawValue: 9)

    private static func machine(
        _ states: OrderState..., quantity: String = "1", body: (inout OrderStateMachine) -> Void
    ) throws {
        let order = Samples.order(quantity: quantity)
        guard var machine = OrderStateMachine(order) else { throw LedgerOverflow(key: order.key) }
        if states.first != .new { _ = machine.beginSubmitting(at: now) }
        for state in states where state != .new && state != .submitting {
            switch state {
            case .inDoubt: _ = machine.take(.unknownOutcome("timeout"), ofCancel: false, at: now)
            case .cancelPending: _ = machine.requestCancel(at: now, reason: "timeout")
            default: _ = machine.take(Samples.report(of: order, state), at: now)
            }
        }
        #expect(machine.order.state == states.last)
        body(&machine)
    }

    private static func take(
        _ machine: inout OrderStateMachine, _ state: OrderState, filled: String = "0", _ fills: Fill...,
        isAnswer: Bool = false
    ) -> OrderStep {
        machine.take(
            Samples.report(of: machine.order, state, filled: filled, fills: fills), isAnswer: isAnswer, at: now)
    }

    @Test func `an order goes from new over submitted and partly filled to filled`() throws {
        try Self.machine(.new) { machine in
            #expect(machine.reconciliation == .submit)
            #expect(machine.beginSubmitting(at: Self.now) == OrderStep(isChanged: true, task: .submit))
            #expect(machine.order.state == .submitting && machine.reconciliation == .query)
            #expect(Self.take(&machine, .submitted).task == .wait)
            #expect(machine.order.venueOrderID == "v1" && machine.openQuantity == number("1"))
            let half = Samples.fill("a", "0.5")
            #expect(Self.take(&machine, .partiallyFilled, filled: "0.5", half).newFills == [half])
            #expect(machine.order.state == .partiallyFilled && machine.openQuantity == number("0.5"))
            let step = Self.take(&machine, .filled, filled: "1", half, Samples.fill("b", "0.5"))
            #expect(step.isChanged && step.task == .done && step.newFills.map(\.tradeID) == ["b"])
            #expect(machine.order.state == .filled && machine.openQuantity.isZero && machine.reconciliation == .done)
            #expect(machine.order.events.map(\.state) == [.new, .submitting, .submitted, .partiallyFilled, .filled])
        }
    }

    @Test func `a report that says nothing new changes nothing`() throws {
        try Self.machine(.submitted) { machine in
            let before = machine.order
            for _ in 0..<3 { #expect(Self.take(&machine, .submitted) == OrderStep()) }
            #expect(machine.order == before)
        }
    }

    @Test func `each write has the next revision and the token`() throws {
        try Self.machine(.submitted) { machine in
            #expect(machine.takeForStoring(token: 7).revision == 1)
            let order = machine.takeForStoring(token: 8)
            #expect(order.revision == 2 && order.token == 8 && order == machine.order)
        }
    }

    @Test func `a fill counts once, and another content under its trade id is an anomaly`() throws {
        try Self.machine(.submitted) { machine in
            _ = Self.take(&machine, .partiallyFilled, filled: "0.5", Samples.fill("a", "0.5"))
            let again = Self.take(
                &machine, .partiallyFilled, filled: "0.5", Samples.fill("a", "0.5"), Samples.fill("a", "0.5"))
            #expect(again == OrderStep())
            let other = Self.take(&machine, .partiallyFilled, filled: "0.5", Samples.fill("a", "0.6"))
            #expect(other.anomalies == [.conflictingFill] && other.newFills.isEmpty)
            #expect(machine.filledQuantity == number("0.5"))
        }
    }

    @Test(arguments: ["0", "-1"]) func `a fill without a quantity or price above zero counts for nothing`(text: String)
        throws
    {
        try Self.machine(.submitted) { machine in
            #expect(Self.take(&machine, .submitted, Samples.fill("a", text)).anomalies == [.invalidFill])
            #expect(Self.take(&machine, .submitted, Samples.fill("a", "1", price: text)).anomalies == [.invalidFill])
            #expect(machine.order.fills.isEmpty && machine.order.state == .submitted)
        }
    }

    @Test(arguments: [OrderState.filled, .cancelled, .expired])
    func `an order does not end before its fills are known, so that a restart misses none`(end: OrderState) throws {
        try Self.machine(.submitted) { machine in
            let filled = end == .filled ? "1" : "0.6"
            let step = Self.take(&machine, end, filled: filled, Samples.fill("a", "0.5"))
            #expect(step.task == .query && machine.isMissingFills)
            #expect(machine.order.state == .partiallyFilled)
            let rest = Samples.fill("b", end == .filled ? "0.5" : "0.1")
            let answer = Self.take(&machine, end, filled: filled, Samples.fill("a", "0.5"), rest, isAnswer: true)
            #expect(answer.newFills == [rest] && answer.task == .done && machine.order.state == end)
        }
    }

    @Test func `filled means all of it, whatever quantity the report names`() throws {
        try Self.machine(.submitted) { machine in
            #expect(Self.take(&machine, .filled, filled: "0").task == .query)
            #expect(machine.order.state == .partiallyFilled)
        }
    }

    @Test(arguments: [OrderState.cancelled, .expired])
    func `a fill that comes after the end still counts`(end: OrderState) throws {
        try Self.machine(.submitted, end) { machine in
            let late = Self.take(&machine, .partiallyFilled, filled: "0.4", Samples.fill("a", "0.4"))
            #expect(late.newFills.count == 1 && late.isChanged && machine.order.state == end)
            // More is filled than is known: open again until the venue has told it.
            #expect(Self.take(&machine, end, filled: "0.7").task == .query)
            #expect(machine.order.state == .partiallyFilled && machine.reconciliation == .query)
            #expect(Self.take(&machine, end, filled: "0.7", Samples.fill("b", "0.3"), isAnswer: true).task == .done)
            #expect(machine.order.state == end)
            _ = Self.take(&machine, end, filled: "1", Samples.fill("c", "0.3"))
            #expect(machine.order.state == .filled)
        }
    }

    @Test func `the first end stands against older and later reports`() throws {
        for end in [OrderState.cancelled, .expired] {
            try Self.machine(.submitted, end) { machine in
                for state in [OrderState.submitted, .cancelled, .expired, .rejected] {
                    #expect(Self.take(&machine, state) == OrderStep(task: .done))
                }
                #expect(machine.order.state == end)
            }
        }
    }

    @Test func `an order taken for rejected that is found accepted goes on, and is asked about`() throws {
        try Self.machine(.submitting) { machine in
            #expect(machine.take(.rejected("no funds"), ofCancel: false, at: Self.now).task == .done)
            #expect(machine.order.state == .rejected && machine.order.events.last?.reason == "no funds")
            #expect(Self.take(&machine, .submitted).task == .query)
            #expect(machine.order.state == .submitted)
            #expect(Self.take(&machine, .rejected, isAnswer: true).task == .done)
            #expect(machine.order.state == .rejected)
            let fill = Samples.fill("a", "1")
            #expect(Self.take(&machine, .filled, filled: "1", fill).newFills == [fill])
            #expect(machine.order.state == .filled)
        }
    }

    @Test func `an unknown outcome is asked about before anything is sent again`() throws {
        try Self.machine(.submitting, .inDoubt) { machine in
            #expect(machine.reconciliation == .query)
            #expect(machine.requestCancel(at: Self.now, reason: "halted").task == .query)
            #expect(machine.takeUnknown(at: Self.now).task == .submit)
            #expect(machine.beginSubmitting(at: Self.now).isChanged && machine.order.state == .submitting)
            #expect(machine.take(.unavailable("down"), ofCancel: false, at: Self.now) == OrderStep(task: .submit))
            #expect(
                machine.take(.rateLimited(retryAfterMillis: 5), ofCancel: false, at: Self.now)
                    == OrderStep(task: .submit))
            #expect(machine.take(.fenced(highest: 9), ofCancel: false, at: Self.now) == OrderStep())
            #expect(machine.order.state == .submitting)
        }
    }

    @Test func `a cancel is pending until the venue says what became of the order`() throws {
        try Self.machine(.submitted) { machine in
            #expect(machine.requestCancel(at: Self.now, reason: "timeout") == OrderStep(isChanged: true, task: .cancel))
            #expect(machine.take(.unknownOutcome("timeout"), ofCancel: true, at: Self.now).task == .query)
            #expect(machine.take(.rejected("no such order"), ofCancel: true, at: Self.now).task == .query)
            #expect(machine.take(.unavailable("down"), ofCancel: true, at: Self.now).task == .cancel)
            // An old report does not ask again; the answer to a query does.
            #expect(Self.take(&machine, .submitted).task == .wait && machine.order.state == .cancelPending)
            #expect(Self.take(&machine, .submitted, isAnswer: true).task == .cancel)
            #expect(Self.take(&machine, .partiallyFilled, filled: "0.5", Samples.fill("a", "0.5")).isChanged)
            #expect(machine.order.state == .cancelPending && machine.openQuantity == number("0.5"))
            #expect(Self.take(&machine, .cancelled, filled: "0.5").task == .done)
        }
        try Self.machine(.submitted, .cancelPending) { machine in
            #expect(Self.take(&machine, .filled, filled: "1", Samples.fill("a", "1")).task == .done)
            #expect(machine.order.state == .filled)
        }
    }

    @Test func `what was never sent is cancelled or refused at once`() throws {
        try Self.machine(.new) { machine in
            #expect(machine.requestCancel(at: Self.now, reason: "halted").task == .done)
            #expect(machine.order.state == .cancelled)
        }
        try Self.machine(.new) { machine in
            #expect(machine.refuse(.dailyLoss, at: Self.now).task == .done)
            #expect(machine.order.state == .rejected && machine.order.events.last?.reason == "daily-loss")
        }
        try Self.machine(.submitting, .inDoubt) { machine in
            #expect(machine.abandon(at: Self.now, reason: "superseded").task == .done)
            #expect(machine.order.state == .cancelled)
        }
    }

    @Test func `an acknowledged order that the venue forgets is asked about again before it is given up`() throws {
        try Self.machine(.submitted) { machine in
            for _ in 1..<OrderStateMachine.mostUnknownAnswers {
                #expect(machine.takeUnknown(at: Self.now) == OrderStep(task: .query, anomalies: [.forgottenOrder]))
            }
            _ = Self.take(&machine, .submitted, isAnswer: true)
            for _ in 1..<OrderStateMachine.mostUnknownAnswers {
                #expect(machine.takeUnknown(at: Self.now).task == .query)
            }
            #expect(machine.takeUnknown(at: Self.now).task == .done && machine.order.state == .expired)
        }
    }

    @Test func `a venue's impossible words are counted and change nothing`() throws {
        try Self.machine(.submitted) { machine in
            for state in [OrderState.new, .submitting, .inDoubt, .cancelPending] {
                #expect(Self.take(&machine, state) == OrderStep(task: .query, anomalies: [.impossibleState]))
            }
            var report = Samples.report(of: machine.order, .submitted)
            report.venueOrderID = "v2"
            #expect(machine.take(report, at: Self.now).anomalies == [.conflictingOrderID])
            #expect(machine.order.venueOrderID == "v1")
            let over = Self.take(&machine, .filled, filled: "1.5", Samples.fill("a", "1.5"))
            #expect(over.anomalies == [.overfilled] && machine.order.state == .filled && machine.openQuantity.isZero)
            #expect(machine.filledQuantity == number("1.5"))
        }
    }

    @Test func `a refusal behind fills ends the rest of the order`() throws {
        try Self.machine(.submitted) { machine in
            _ = Self.take(&machine, .rejected, filled: "0.5", Samples.fill("a", "0.5"))
            #expect(machine.order.state == .expired)
        }
    }

    @Test func `an order whose stored fills have no sum is not taken`() {
        var order = Samples.order()
        order.fills = [Samples.fill("a", "9999999999999999999999999999999999"), Samples.fill("b", "1")]
        if OrderStateMachine(order) != nil { Issue.record("it was taken") }
    }
}
