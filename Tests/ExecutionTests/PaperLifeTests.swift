import Execution
import TestSupport
import Testing
import TradingModel

/// Orders at the paper venue while its log fails before and after writing, and traders come and go.
@Suite struct PaperLifeTests {
    /// A trader's one order with the venue it is at; a new one takes over what is stored and what is in the log.
    private struct Trader: ~Copyable {
        var venue: PaperVenue<InMemoryPaperLog>
        var machine: OrderStateMachine
        let token: UInt64

        /// Reconciles first of all, as a trader must.
        init(world: PaperVenueTests.World, stored: Order, token: UInt64) throws {
            guard let machine = OrderStateMachine(stored) else { throw LedgerOverflow(key: stored.key) }
            let first = machine.reconciliation
            self.machine = machine
            self.token = token
            venue = world.venue()
            while (try? venue.fence(token: token)) == nil {}
            perform(first, now: world.clock.now)
        }

        mutating func perform(_ task: OrderTask, now: UnixNanos) {
            var task = task
            let instrument = machine.order.key.instrument
            // A few tries; what does not come through is asked again with the next call.
            for _ in 0..<5 where task != .wait && task != .done {
                let isCancel = task == .cancel
                do throws(VenueError) {
                    switch task {
                    case .submit:
                        _ = machine.beginSubmitting(at: now)
                        let report = try venue.submit(OrderRequest(machine.order), token: token)
                        task = machine.take(report, at: now).task
                    case .query:
                        let answer = try venue.query(machine.order.clientOrderID, of: instrument)
                        task =
                            answer.map { machine.take($0, isAnswer: true, at: now).task }
                            ?? machine.takeUnknown(at: now).task
                    case .cancel:
                        let report = try venue.cancel(machine.order.clientOrderID, of: instrument, token: token)
                        task = machine.take(report, at: now).task
                    case .wait, .done: break
                    }
                } catch {
                    if task != .query { task = machine.take(error, ofCancel: isCancel, at: now).task }
                }
            }
        }

        mutating func listen(now: UnixNanos) throws {
            do throws(VenueError) {
                for report in try venue.reports(token: token) { perform(machine.take(report, at: now).task, now: now) }
            } catch { if case .fenced = error { Issue.record("the newest trader is fenced off") } }
        }
    }

    private static func quote(_ world: PaperVenueTests.World, _ random: inout SeededRandom) {
        let quantity = "\(Int.random(in: 1...4, using: &random))"
        world.quote(bid: "99", quantity, ask: "100", quantity)
    }

    private static func live(_ random: inout SeededRandom, quantity: Int) throws -> (order: Order, log: [PaperRecord]) {
        let world = PaperVenueTests.World()
        var token: UInt64 = 1
        var trader = try Trader(world: world, stored: Samples.order(quantity: "\(quantity)"), token: token)
        for _ in 0..<Int.random(in: 5...60, using: &random) {
            switch Int.random(in: 0..<12, using: &random) {
            case 0...3: world.clock.advance(millis: Int64.random(in: 1...8, using: &random))
            case 4...5: quote(world, &random)
            case 6: world.contents.fail(Bool.random(using: &random) ? .before : .after)
            case 7 where Int.random(in: 0..<4, using: &random) == 0:
                trader.perform(
                    trader.machine.requestCancel(at: world.clock.now, reason: "timeout").task, now: world.clock.now)
            case 8:
                token += 1
                trader = try Trader(world: world, stored: trader.machine.takeForStoring(token: token), token: token)
            case 9: trader.perform(trader.machine.reconciliation, now: world.clock.now)
            default: try trader.listen(now: world.clock.now)
            }
        }
        world.contents.fail()
        for _ in 0..<40 where !trader.machine.order.state.isTerminal {
            world.clock.advance(millis: 10)
            quote(world, &random)
            trader.perform(trader.machine.reconciliation, now: world.clock.now)
            try trader.listen(now: world.clock.now)
        }
        return (trader.machine.order, world.contents.records)
    }

    @Test func `whatever fails and whoever trades, an order is accepted once and what is executed is what is known`()
        throws
    {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        var (ends, fences) = ([OrderState: Int](), 0)
        for _ in 0..<2_000 {
            let quantity = Int.random(in: 1...8, using: &random)
            let (order, log) = try Self.live(&random, quantity: quantity)
            #expect(log.map(\.sequence) == Array(1...UInt64(log.count)), "seed \(seed)")
            #expect(log.count { $0.kind == .accept } <= 1, "seed \(seed)")
            let fills = log.compactMap(\.fill)
            #expect(Set(fills.map(\.tradeID)) == Set(order.fills.map(\.tradeID)), "seed \(seed)")
            #expect(fills.count == order.fills.count, "seed \(seed)")
            let sum = try #require(order.filledQuantity)
            switch order.state {
            case .filled: #expect(sum == ExactDecimal(quantity), "seed \(seed)")
            case .cancelled:
                #expect(sum < ExactDecimal(quantity) && log.last { $0.kind != .fence }?.kind == .cancel, "seed \(seed)")
            default: Issue.record("seed \(seed): the order ends \(order.state)")
            }
            ends[order.state, default: 0] += 1
            fences += log.count { $0.kind == .fence }
        }
        #expect(ends.count == 2)
        print(
            "paper lives: filled \(ends[.filled, default: 0]), cancelled \(ends[.cancelled, default: 0]); \(fences) traders; seed \(seed)"
        )
    }
}
