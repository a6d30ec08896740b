import Execution
import TestSupport
import Testing
import TradingModel

/// Random lives of orders at a venue whose reports come doubled, late, out of order, with some of their fills, or never.
@Suite struct OrderLifeTests {
    /// What the venue knows: the order's true story, and every report that it told of it.
    private struct Venue {
        let order: Order
        var fills: [Fill] = []
        var state = OrderState.submitted
        var reports: [OrderReport] = []
        var isLate = false

        var filled: ExactDecimal { fills.reduce(.zero) { $0.adding($1.quantity) ?? $0 } }

        /// The truth, with all fills.
        var answer: OrderReport { report(fills) }

        func report(_ fills: [Fill]) -> OrderReport {
            OrderReport(
                clientOrderID: order.clientOrderID, venueOrderID: "v1", state: state, filledQuantity: filled,
                fills: fills, reason: "", time: UnixNanos(rawValue: 1))
        }

        mutating func tell(_ random: inout SeededRandom) {
            // All fills, the newest or none: venues differ.
            let shown =
                switch Int.random(in: 0..<3, using: &random) {
                case 0: fills
                case 1: Array(fills.suffix(1))
                default: [Fill]()
                }
            reports.append(report(shown))
        }

        mutating func end(_ end: OrderState, _ random: inout SeededRandom) {
            state = end
            tell(&random)
        }

        /// Lives its own life to a random point, the end perhaps.
        mutating func live(_ random: inout SeededRandom) {
            if Int.random(in: 0..<8, using: &random) == 0 { return end(.rejected, &random) }
            tell(&random)
            for number in 0..<Int.random(in: 0...5, using: &random) {
                guard let rest = order.quantity.subtracting(filled), !rest.isZero else { break }
                let most = min(rest, ExactDecimal(Int.random(in: 1...5, using: &random)))
                fills.append(Samples.fill("t\(number)", most.description))
                state = filled == order.quantity ? .filled : .partiallyFilled
                tell(&random)
            }
            guard state != .filled else { return }
            switch Int.random(in: 0..<3, using: &random) {
            case 0: end(.cancelled, &random)
            case 1: end(.expired, &random)
            default: return
            }
            guard Bool.random(using: &random), let rest = order.quantity.subtracting(filled) else { return }
            // A fill that the venue finds behind the end.
            fills.append(Samples.fill("late", Bool.random(using: &random) ? rest.description : "0.5"))
            if filled == order.quantity { state = .filled }
            isLate = true
            tell(&random)
        }
    }

    /// The machine with what must hold after every step.
    private struct Watched: ~Copyable {
        var machine: OrderStateMachine
        var seen: Set<String> = []
        var reopened = 0
        let seed: UInt64

        init(_ order: Order, seed: UInt64) throws {
            guard let machine = OrderStateMachine(order) else { throw LedgerOverflow(key: order.key) }
            self.machine = machine
            self.seed = seed
        }

        mutating func check(_ body: (inout OrderStateMachine) -> OrderStep) -> OrderTask {
            let (before, filledBefore) = (machine.order, machine.filledQuantity)
            let step = body(&machine)
            let (order, filled) = (machine.order, machine.filledQuantity)
            #expect(filled >= filledBefore, "seed \(seed): the filled quantity fell")
            #expect(order.filledQuantity == filled && Set(order.fills.map(\.tradeID)).count == order.fills.count)
            for fill in step.newFills {
                #expect(seen.insert(fill.tradeID).inserted, "seed \(seed): a fill counted twice")
            }
            #expect(seen.count == order.fills.count)
            #expect(step.isChanged == (order != before), "seed \(seed): a change that is not told, or none that is")
            #expect(order.events.last?.state == order.state)
            if before.state.isTerminal, before.state != order.state {
                reopened += 1
                let isDocumented =
                    (order.state == .filled && filled >= order.quantity)
                    || (order.state == .partiallyFilled && machine.isMissingFills) || before.state == .rejected
                #expect(isDocumented, "seed \(seed): \(before.state) became \(order.state)")
            }
            // An end is come to only with all fills known, and an open state always has something to do.
            if order.state.isTerminal {
                #expect(!machine.isMissingFills && step.task != .submit)
            } else {
                #expect(machine.reconciliation == (order.state == .new ? .submit : .query), "seed \(seed)")
            }
            return step.task
        }
    }

    private static let now = UnixNanos(rawValue: 2)

    /// Doubles, drops and shuffles what was told; of a fill behind the end the venue tells at least once, since nobody asks.
    private static func delivered(by venue: Venue, _ random: inout SeededRandom) -> [OrderReport] {
        var delivered = venue.isLate ? venue.reports.suffix(1) : []
        for report in venue.reports {
            for _ in 0..<Int.random(in: 0...2, using: &random) { delivered.append(report) }
        }
        return Bool.random(using: &random) ? delivered.shuffled(using: &random) : Array(delivered)
    }

    /// Sends the order into doubt, perhaps, and gives it some of the reports, with cancels and restarts between.
    private static func play(_ watched: inout Watched, at venue: Venue, _ random: inout SeededRandom) throws {
        _ = watched.check { $0.beginSubmitting(at: now) }
        if Bool.random(using: &random) {
            _ = watched.check { $0.take(.unknownOutcome("timeout"), ofCancel: false, at: now) }
        }
        for report in delivered(by: venue, &random) {
            _ = watched.check { $0.take(report, at: now) }
            switch Int.random(in: 0..<8, using: &random) {
            case 0: _ = watched.check { $0.requestCancel(at: now, reason: "timeout") }
            case 1:
                // A restart knows what is stored and nothing else.
                let stored = watched.machine.takeForStoring(token: 1)
                guard let machine = OrderStateMachine(stored) else { throw LedgerOverflow(key: stored.key) }
                watched.machine = machine
                if watched.machine.reconciliation == .query {
                    _ = watched.check { $0.take(venue.answer, isAnswer: true, at: now) }
                }
            default: break
            }
        }
    }

    /// Does what the machine asks for until it asks for nothing more; returns how often.
    private static func settle(_ watched: inout Watched, at venue: inout Venue) -> Int {
        var task = watched.machine.reconciliation
        for step in 0..<20 {
            switch task {
            case .done: return step
            case .wait, .query, .submit:
                let answer = venue.answer
                task = watched.check { $0.take(answer, isAnswer: true, at: now) }
                if task == .wait { task = watched.check { $0.requestCancel(at: now, reason: "the end") } }
            case .cancel:
                if !venue.state.isTerminal { venue.state = .cancelled }
                let answer = venue.answer
                task = watched.check { $0.take(answer, at: now) }
            }
        }
        return 20
    }

    @Test
    func `whatever reports come how often and in what order, fills count once and every order comes to its true end`()
        throws
    {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        var ends: [OrderState: Int] = [:]
        var (fills, reopened, longest) = (0, 0, 0)
        for _ in 0..<20_000 {
            let order = Samples.order(quantity: "\(Int.random(in: 1...10, using: &random))")
            var venue = Venue(order: order)
            venue.live(&random)
            var watched = try Watched(order, seed: seed)
            try Self.play(&watched, at: venue, &random)
            // After a restart only open orders are looked at: one that has ended must have been right already.
            longest = max(longest, Self.settle(&watched, at: &venue))
            #expect(watched.machine.order.state == venue.state, "seed \(seed)")
            #expect(watched.machine.filledQuantity == venue.filled, "seed \(seed)")
            ends[watched.machine.order.state, default: 0] += 1
            fills += venue.fills.count
            reopened += watched.reopened
        }
        #expect(ends.keys.count == 4 && reopened > 0 && longest < 20)
        let counts = OrderState.allCases.compactMap { state in ends[state].map { "\(state.rawValue) \($0)" } }
        print(
            "order lives: \(counts.joined(separator: ", ")); \(fills) fills once each, \(reopened) ends left as documented, "
                + "at most \(longest) steps to the end; seed \(seed)")
    }
}
