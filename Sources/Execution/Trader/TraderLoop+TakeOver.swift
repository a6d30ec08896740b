internal import Logging
internal import Telemetry
internal import TradingModel

extension TraderLoop where Source: ~Copyable, Store: ~Copyable, Venue: ~Copyable {
    /// Orders read from the store at a time.
    private static var pageOrders: Int { 1_000 }

    /// Learns from the store and the venue how things stand, and carries on what another trader, or this one before, has left.
    ///
    /// The venue refuses the one before first; then orders are folded into positions, open ones are asked for at the venue, and
    /// only then entries are taken over. A signal without an outcome comes again as an entry. O(orders ever made).
    func takeOver() throws(Interruption) {
        metrics.leaseChanges.add()
        do throws(VenueError) { try venue.fence(token: token) } catch { throw .failed("\(error)") }
        isCareful = true
        open = [:]
        ledger = PositionLedger()
        try readState()
        do throws(TradeStoreError) {
            lastApplied = [:]
            for outcome in try store.lastApplied() {
                if let key = outcome.key { lastApplied[key] = AppliedSignal(outcome) }
            }
        } catch { throw .failed("\(error)") }
        try foldOrders()
        for open in self.open.values.sorted(by: { $0.order.id < $1.order.id }) {
            try keepLease()
            try advance(open)
        }
        try writePositions()
        do throws(SignalSourceError) { try source.takeOver() } catch { throw .sourceFailed("\(error)") }
        logger.notice(
            "trading as the lease's holder",
            metadata: ["lease": "\(settings.leaseName)", "token": "\(token)", "openOrders": "\(self.open.count)"])
    }

    /// Folds the orders of the stream; of others' only what they hold is looked at.
    private func foldOrders() throws(Interruption) {
        (unfinished, heldByOthers) = ([], [:])
        var place: OrderPosition?
        while true {
            try keepLease()
            let page: [Order]
            do throws(TradeStoreError) { page = try store.orders(behind: place, most: Self.pageOrders) } catch {
                throw .failed("\(error)")
            }
            for order in page {
                guard order.stream == settings.leaseName else {
                    // Beyond 34 digits it is not zero in any case.
                    heldByOthers[order.key, default: .zero] =
                        heldByOthers[order.key, default: .zero]
                        .adding(order.side == .buy ? order.exposure : -order.exposure) ?? order.quantity
                    continue
                }
                for fill in order.fills { try fold(fill, of: order) }
                if !order.state.isTerminal, let machine = OrderStateMachine(order) {
                    let task = machine.reconciliation
                    open[order.clientOrderID] = OpenOrder(machine, task: task, askAt: clocks.monotonic())
                }
                let applied = lastApplied[order.key]
                if applied.map({ order.tickID > $0.tickID || order.tickID == $0.tickID && $0.isAfterGap }) ?? true {
                    unfinished.insert(order.signalID)
                }
            }
            guard page.count == Self.pageOrders, let last = page.last else { return }
            place = OrderPosition(createdTime: last.createdTime, id: last.id)
        }
    }

    /// Stores an outcome, and moves what is applied by it.
    func record(_ outcome: SignalOutcome) throws(Interruption) {
        do throws(TradeStoreError) {
            if try store.record(outcome) { metrics.count(outcome.result) }
        } catch { throw .failed("\(error)") }
        guard outcome.isApplied, let key = outcome.key else { return }
        let applied = AppliedSignal(outcome)
        if let last = lastApplied[key], last.tickID > applied.tickID { return }
        lastApplied[key] = applied
    }

    /// Folds an execution in; a position that can't be kept exactly halts trading rather than being wrong.
    func fold(_ fill: Fill, of order: Order) throws(Interruption) {
        do throws(LedgerOverflow) { try ledger.add(fill, of: order) } catch {
            do throws(TradeStoreError) {
                try store.set(TradingState(mode: .halted, reason: "\(error)", time: clocks.wall()))
            } catch { throw .failed("\(error)") }
            state.mode = .halted
        }
        hasNewPositions = true
    }
}

extension Order {
    /// What it has filled; of an open one what it may fill.
    fileprivate var exposure: ExactDecimal { state.isTerminal ? filledQuantity ?? quantity : quantity }
}
