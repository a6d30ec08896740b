internal import Logging
internal import Telemetry
internal import TradingModel

extension TraderLoop where Source: ~Copyable, Store: ~Copyable, Venue: ~Copyable {
    /// Handles entries in their order, then acknowledges those whose outcome is stored.
    func handle(_ entries: [SignalEntry]) throws(Interruption) {
        let readAt = clocks.monotonic()
        var handled: [SignalEntry] = []
        for entry in entries {
            try keepLease()
            try lookAround()
            if try handle(entry, readAt: readAt) { handled.append(entry) }
        }
        do throws(SignalSourceError) { try source.acknowledge(handled) } catch { throw .sourceFailed("\(error)") }
    }

    /// Handles one entry; false where it was set aside, and so acknowledged already.
    private func handle(_ entry: SignalEntry, readAt: MonotonicNanos) throws(Interruption) -> Bool {
        let signal: TradeSignal
        do throws(SignalEntryError) { signal = try SignalEntryReader.signal(of: entry) } catch {
            return try setAside(entry, reason: "\(error)")
        }
        if TargetPolicy.isSuperseded(signal, by: lastApplied[signal.key]) {
            // A signal that was handled before has its outcome, which stands.
            try record(outcome(of: signal, .superseded))
            return true
        }
        guard entry.deliveries <= settings.mostDeliveries else {
            return try setAside(
                entry, reason: "handed out \(entry.deliveries) times without having been handled")
        }
        try settleOrders(of: signal.key, for: signal.side)
        try record(try act(on: signal, readAt: readAt))
        return true
    }

    /// Puts an entry where operators look; its outcome is stored first.
    private func setAside(_ entry: SignalEntry, reason: String) throws(Interruption) -> Bool {
        try record(
            SignalOutcome(
                id: "entry:\(entry.stream):\(entry.position)", key: nil, result: .malformed, reason: reason, tickID: 0,
                isAfterGap: false, target: nil, token: token, time: clocks.wall()))
        do throws(SignalSourceError) { try source.setAside(entry, reason: reason) } catch {
            throw .sourceFailed("\(error)")
        }
        logger.warning(
            "an entry of the signal stream is set aside",
            metadata: ["stream": "\(entry.stream)", "entry": "\(entry.position)", "reason": "\(reason)"])
        return false
    }

    private func outcome(
        of signal: TradeSignal, _ result: SignalOutcome.Result, reason: String = "", target: ExactDecimal? = nil
    ) -> SignalOutcome {
        SignalOutcome(
            id: signal.id, key: signal.key, result: result, reason: reason, tickID: signal.tickID,
            isAfterGap: signal.isAfterGap, target: target, token: token, time: clocks.wall())
    }

    /// Makes a signal's orders; returns what became of it.
    private func act(on signal: TradeSignal, readAt: MonotonicNanos) throws(Interruption) -> SignalOutcome {
        let instrument = signal.key.instrument
        guard let rules = venue.rules(of: instrument) else {
            metrics.count(.unknownSymbol)
            return outcome(of: signal, .refused, reason: RefusalReason.unknownSymbol.rawValue)
        }
        guard heldByOthers[signal.key, default: .zero].isZero else {
            metrics.count(.otherStream)
            return outcome(of: signal, .refused, reason: RefusalReason.otherStream.rawValue)
        }
        let type = orderType(for: signal, rules: rules)
        let equity = equity(in: rules.quoteAsset)
        let held = held(of: signal.key)
        guard
            let size = OrderSizing.quantity(
                of: settings.size, price: signal.price, equity: equity, rules: rules, isMarket: type == .market),
            let closable = OrderSizing.rounded(held, rules: rules, isMarket: type == .market)
        else {
            metrics.count(.numberTooLarge)
            return outcome(of: signal, .refused, reason: RefusalReason.numberTooLarge.rawValue)
        }
        let isExpired = settings.policy.isExpired(signal, now: clocks.wall())
        let plan = settings.policy.plan(
            signal, held: held, closable: closable, size: size, isExpired: isExpired)
        var refusals: [RefusalReason] = []
        for leg in plan.legs {
            // What opens waits until what closes is out of doubt.
            if leg != plan.legs.first { try settleOrders(of: signal.key, for: signal.side) }
            if let refusal = try send(leg, of: signal, type: type, rules: rules, isExpired: isExpired, readAt: readAt) {
                refusals.append(refusal)
            }
        }
        if plan.isBelowStep {
            metrics.count(.quantityStep)
            refusals.append(.quantityStep)
        } else if plan.legs.isEmpty {
            if unfinished.remove(signal.id) != nil { return outcome(of: signal, .ordered, target: plan.target) }
            guard plan.isOpeningLeftOut else { return outcome(of: signal, .noOperation, target: plan.target) }
            return outcome(
                of: signal, .expired,
                reason: signal.isAfterGap ? "nothing is opened after a gap" : "too old to open on",
                target: plan.target)
        }
        let isRefused = refusals.count == plan.legs.count + (plan.isBelowStep ? 1 : 0)
        return outcome(
            of: signal, isRefused ? .refused : .ordered, reason: refusals.map(\.rawValue).joined(separator: ", "),
            target: plan.target)
    }

    private func orderType(for signal: TradeSignal, rules: TradingRules) -> OrderType {
        guard let millis = settings.limitTimeoutMillis,
            // Never worse than the signal's price, which may be between two increments.
            let price = signal.price.rounded(
                toMultipleOf: rules.priceIncrement, signal.side == .buy ? .down : .up)
        else { return .market }
        return .limit(price: price, timeoutMillis: millis)
    }

    /// Stores a leg's order, judges it and sends it; why it was refused, if it was.
    private func send(
        _ leg: OrderLeg, of signal: TradeSignal, type: OrderType, rules: TradingRules, isExpired: Bool,
        readAt: MonotonicNanos
    ) throws(Interruption) -> RefusalReason? {
        let refusal = gate.judge(
            ProposedOrder(
                leg: leg, type: type, referencePrice: signal.price, isExpired: isExpired, held: held(of: signal.key),
                accountHeld: accountHeld(of: signal.key.instrument)),
            in: conditions(for: signal.key.instrument, rules: rules))
        let order = Order(
            id: OrderID.text(ofSignal: signal.id, leg: leg.number),
            clientOrderID: ClientOrderID.text(ofSignal: signal.id, leg: leg.number), signal: signal,
            stream: settings.leaseName, leg: leg.number, side: leg.side, quantity: leg.quantity, type: type,
            referencePrice: signal.price,
            quoteAsset: rules.quoteAsset, token: token, createdTime: clocks.wall())
        let stored = try insert(order)
        guard stored.stream == order.stream else {
            metrics.count(.otherStream)
            return .otherStream
        }
        guard let machine = OrderStateMachine(stored) else { throw .failed("the order \(order.id) can't be read") }
        let task = machine.reconciliation
        let open = OpenOrder(machine, task: task, askAt: clocks.monotonic())
        if let refusal, stored.state == .new {
            metrics.count(refusal)
            try settle(open, open.machine.refuse(refusal, at: clocks.wall()))
            return refusal
        }
        self.open[stored.clientOrderID] = open
        try advance(open)
        if stored.state == .new { metrics.signalToOrder.record(nanos: clocks.monotonic().nanos(since: readAt)) }
        return nil
    }

    private func insert(_ order: Order) throws(Interruption) -> Order {
        do throws(TradeStoreError) {
            switch try store.insert(order) {
            case .inserted:
                metrics.count(OrderState.new)
                return order
            case .existing(let stored): return stored
            }
        } catch { throw .failed("\(error)") }
    }

    // MARK: - What is held

    /// What a strategy holds, with what its open orders have yet to fill.
    func held(of key: StrategyKey) -> ExactDecimal {
        sum(ledger.quantity(of: key), open.values.lazy.filter { $0.order.key == key })
    }

    private func accountHeld(of instrument: Instrument) -> ExactDecimal {
        sum(
            ledger.accountPosition(of: instrument)?.quantity ?? .zero,
            open.values.lazy.filter { $0.order.key.instrument == instrument })
    }

    private func sum(_ held: ExactDecimal, _ orders: some Sequence<OpenOrder>) -> ExactDecimal {
        // Quantities of one step each: their sum has no more digits than the largest of them and a few.
        orders.reduce(held) { $0.adding($1.openQuantity) ?? $0 }
    }

    private func conditions(for instrument: Instrument, rules: TradingRules) -> TradingConditions {
        TradingConditions(
            mode: state.mode, rules: rules, quote: venue.quote(of: instrument), openOrders: open.count,
            dayProfit: dayProfit(in: rules.quoteAsset), now: clocks.wall(), monotonicNow: clocks.monotonic())
    }

    /// The day's profit with what is not realised, at the newest quotes; where there is no quote what is held counts as it cost.
    private func dayProfit(in quoteAsset: String) -> ExactDecimal? {
        guard let realised = ledger.profits(onDayOf: clocks.wall()) else { return nil }
        return unrealised(in: quoteAsset)?.adding(realised[quoteAsset, default: .zero])
    }

    /// Shows what positions would bring at the newest quotes.
    func showUnrealised() {
        for position in ledger.positions {
            guard let quote = venue.quote(of: position.key.instrument) else { continue }
            let mark = ProfitAndLoss.mark(of: position, at: quote)
            guard let profit = ProfitAndLoss.unrealised(position, mark: mark) else { continue }
            metrics.show(profit, ofPosition: position.key)
        }
    }

    private func unrealised(in quoteAsset: String) -> ExactDecimal? {
        var sum = ExactDecimal.zero
        for position in ledger.positions where position.quoteAsset == quoteAsset && !position.quantity.isZero {
            guard let quote = venue.quote(of: position.key.instrument) else { continue }
            guard
                let profit = ProfitAndLoss.unrealised(
                    position, mark: ProfitAndLoss.mark(of: position, at: quote)), let next = sum.adding(profit)
            else { return nil }
            sum = next
        }
        return sum
    }

    /// What the account began with and has made since, fees taken off, at the newest quotes.
    private func equity(in quoteAsset: String) -> ExactDecimal {
        var equity = settings.startingEquity
        for position in ledger.positions where position.quoteAsset == quoteAsset {
            equity = equity.adding(position.realisedProfit) ?? equity
            equity = equity.subtracting(position.fees[quoteAsset, default: .zero]) ?? equity
        }
        return unrealised(in: quoteAsset).flatMap { equity.adding($0) } ?? equity
    }
}
