import Execution
import Logging
import Synchronization
import Telemetry
import TestSupport
import Testing
import TradingModel

/// The trader over a store, a stream and a paper venue in memory, each of which fails as a test says.
@Suite struct TraderTests {
    private let market = Market()

    @Test func `signals become orders and positions, once each, whatever is handed out again`() {
        market.publish([.buy, .buy, .sell, .buy, .sell])
        let trader = market.trader("a")
        market.run(trader)
        #expect(market.orderIDs == ["1-01", "3-00", "4-01", "5-00"])
        #expect(market.results == ["1": .ordered, "2": .noOperation, "3": .ordered, "4": .ordered, "5": .ordered])
        #expect(market.position?.quantity == .zero)
        // A group that was made again at the beginning hands out everything once more.
        for fields in market.fields { market.stream.append(fields) }
        market.run(trader)
        #expect(market.orderIDs == ["1-01", "3-00", "4-01", "5-00"] && market.executed.count == 4)
        trader.finish()
    }

    @Test func `a short target closes with one order and opens with another`() {
        market.sellTarget = .short
        market.publish([.sell, .buy])
        let trader = market.trader("a")
        market.run(trader)
        #expect(market.orderIDs == ["1-01", "2-00", "2-01"])
        #expect(market.position?.quantity == number("0.5"))
        trader.finish()
    }

    @Test func `after a gap and too late nothing is opened, and the cross behind the gap's entry is applied`() {
        market.publish([.buy])
        market.stream.append(market.entry(.sell, tick: 2, isAfterGap: true))
        market.stream.append(market.entry(.buy, tick: 3, isAfterGap: true))
        market.stream.append(market.entry(.buy, tick: 3))
        market.stream.append(market.entry(.sell, tick: 3, isAfterGap: true))
        let trader = market.trader("a")
        market.run(trader)
        #expect(market.orderIDs == ["1-01", "2:gap-00", "3-01"])
        #expect(market.results["3:gap"] == .expired && market.results["3"] == .ordered)
        market.signalAgeNanos = 10_000_000_000
        market.stream.append(market.entry(.sell, tick: 4))
        market.stream.append(market.entry(.buy, tick: 5))
        market.run(trader)
        #expect(market.orderIDs.suffix(1) == ["4-00"] && market.results["5"] == .expired)
        trader.finish()
    }

    @Test func `what can't be understood, and what was handed out too often, is set aside with its reason`() {
        market.stream.append(["signal": "BUY", "shortSMA": "1", "longSMA": "2", "time": "x"])
        market.publish([.buy])
        let trader = market.trader("a")
        market.run(trader)
        #expect(market.stream.setAside[0]?.contains("earlier services") == true)
        #expect(market.store.outcomes["entry:memory:0"]?.result == .malformed)
        #expect(market.orderIDs == ["1-01"])
        trader.finish()
        // Five traders die over the second entry.
        market.publish([.sell])
        for _ in 0..<5 {
            var reader = InMemorySignalSource(market.stream)
            try? reader.takeOver()
            _ = try? reader.next(most: 1, waitMillis: 0)
        }
        let heir = market.trader("a")
        market.run(heir)
        #expect(market.stream.setAside[2] == "handed out 6 times without having been handled")
        #expect(market.orderIDs == ["1-01"])
        heir.finish()
    }

    @Test func `an entry that traders die over is set aside, and none for what another one did`() throws {
        market.publish([.buy, .sell, .buy, .sell])
        var first = InMemorySignalSource(market.stream)
        try first.takeOver()
        #expect(try first.next(most: 10, waitMillis: 0).count == 4)
        for _ in 0..<5 {
            let trader = market.trader("a")
            trader.step()
            // Beyond the look at the mode: the order is not stored, and the trader is gone.
            market.store.plan([nil] + Array(repeating: .fails(.unavailable("killed")), count: 500))
            trader.step()
            market.store.unplan()
        }
        let heir = market.trader("a")
        market.run(heir)
        #expect(market.stream.setAside == [0: "handed out 7 times without having been handled"])
        #expect(market.orderIDs == ["3-01", "4-00"] && market.results["2"] == .noOperation)
        heir.finish()
    }

    @Test func `a size or a position below the step is refused, stored and counted`() {
        market.size = number("0.000001")
        market.publish([.buy, .sell])
        let trader = market.trader("a")
        market.run(trader)
        #expect(market.results == ["1": .refused, "2": .noOperation] && market.store.orders.isEmpty)
        #expect(market.store.outcomes["\(Samples.key):1"]?.reason == "quantity-step")
        #expect(market.refusals("quantity-step") == 1)
        trader.finish()
        // A rest from before the venue's step was made coarser.
        market.size = number("0.00002")
        market.publish([.buy])
        let fine = market.trader("a")
        market.run(fine)
        fine.finish()
        market.quantityStep = "0.0001"
        market.size = number("0.5")
        market.publish([.sell])
        let coarse = market.trader("a")
        market.run(coarse)
        #expect(market.results["4"] == .refused && market.store.orders.last?.state == .rejected)
        #expect(market.store.orders.last?.events.last?.reason == "quantity-step")
        #expect(market.refusals("quantity-step") == 2)
        market.publish([.buy, .sell])
        market.run(coarse)
        #expect(market.orderIDs.suffix(2) == ["5-01", "6-00"] && market.position?.quantity == number("0.00002"))
        coarse.finish()
    }

    @Test func `a position that another stream's orders hold is left alone, and taken on once nothing is held`() {
        market.publish([.buy])
        let trader = market.trader("a")
        market.run(trader)
        trader.finish()
        // The signals go on by another stream, which can't tell who else acts on them.
        market.leaseName = "other"
        market.publish([.sell])
        let other = market.trader("b")
        market.run(other)
        other.finish()
        #expect(market.results["2"] == .refused && market.refusals("other-stream") == 1)
        #expect(market.executed == ["1-01"])
        market.leaseName = "memory"
        market.publish([.sell])
        let owner = market.trader("a")
        market.run(owner)
        owner.finish()
        market.leaseName = "other"
        market.publish([.buy])
        let heir = market.trader("b")
        market.run(heir)
        heir.finish()
        #expect(market.executed == ["1-01", "3-00", "4-01"])
    }

    @Test func `a trader that can't reach its source for a lease's time leaves it to another one`() {
        let (cut, other) = (market.trader("a"), market.trader("b"))
        cut.step()
        market.publish([.buy, .sell])
        // By the store's clock no time passes, so the lease does not lapse; by the traders' a minute of pauses of 100 ms.
        market.stream.plan(Array(repeating: true, count: 10_000))
        for _ in 0..<650 {
            cut.step()
            other.step()
        }
        market.stream.plan([])
        market.run(other)
        #expect(market.executed == ["1-01", "2-00"])
        for trader in [cut, other] { trader.finish() }
    }

    @Test func `every state that orders come to is counted, and a mode that could not be stored is asked for still`() {
        market.publish([.buy, .sell])
        let trader = market.trader("a")
        market.run(trader)
        for state in ["new", "submitting", "filled"] { #expect(market.orders(in: state) == 2, "\(state)") }
        market.tradingSwitch.request(TradingState(mode: .halted, reason: "by hand", time: UnixNanos(rawValue: 1)))
        market.store.plan([.fails(.unavailable("scripted"))])
        trader.step()
        #expect(market.tradingSwitch.current?.mode == .active)
        trader.step()
        trader.step()
        #expect(market.tradingSwitch.current?.mode == .halted)
        trader.finish()
    }

    @Test func `a halt stops orders, is stored, and lasts until somebody ends it`() {
        market.publish([.buy])
        let trader = market.trader("a")
        market.run(trader)
        market.tradingSwitch.request(TradingState(mode: .halted, reason: "by hand", time: UnixNanos(rawValue: 1)))
        trader.step()
        market.publish([.sell])
        market.run(trader)
        #expect(market.results["2"] == .refused && market.store.orders.last?.state == .rejected)
        #expect(market.store.orders.last?.events.last?.reason == "halted")
        trader.finish()
        let heir = market.trader("a")
        market.publish([.buy, .sell])
        market.run(heir)
        #expect(market.results["4"] == .refused && market.executed.count == 1)
        market.tradingSwitch.request(TradingState(mode: .active, reason: "", time: UnixNanos(rawValue: 2)))
        heir.step()
        market.publish([.sell])
        market.run(heir)
        #expect(market.results["5"] == .ordered && market.position?.quantity == .zero)
        heir.finish()
    }

    @Test func `a trader that stalls past its lease does nothing more once another has taken over`() async throws {
        market.publish([.buy])
        market.leaseMillis = 20
        let stalled = market.trader("a")
        market.run(stalled)
        // Its clock stands still, as between a look at the lease and the call behind it.
        let heir = market.trader("b")
        try await waitUntil("the lease lapses") {
            heir.step()
            return market.metrics.total("tickline_trader_takeovers_total") == 2
        }
        market.publish([.sell, .buy])
        let before = market.store.calls
        stalled.step()
        #expect(market.store.calls > before)
        #expect(market.orderIDs.count { $0 == "2-00" } <= 1)
        // The stalled one may have stored an intent; it has not executed it.
        #expect(market.executed == ["1-01"])
        market.run(heir)
        #expect(market.orderIDs == ["1-01", "2-00", "3-01"] && market.executed == ["1-01", "2-00", "3-01"])
        for trader in [stalled, heir] { trader.finish() }
    }

    @Test func `a trader whose lease another one holds sends nothing, also where the venue has not been told`()
        async throws
    {
        market.leaseMillis = 20
        let clock = ManualClock()
        let trader = market.trader("a", clock: clock)
        trader.step()
        try await waitUntil("the lease lapses and goes to another") {
            var store = InMemoryOrderStore(market.store)
            guard case .held = try store.lease("memory", holder: "b", millis: 60_000) else { return false }
            return true
        }
        market.publish([.buy])
        // By now it is due to renew the lease.
        clock.advance(millis: 10)
        trader.step()
        #expect(market.store.orders.isEmpty && market.executed.isEmpty)
        trader.finish()
    }

    @Test(arguments: 0..<300) func `killed anywhere, and failed at anywhere, no order is lost and none is doubled`(
        seed: UInt64
    ) throws {
        var random = SeededRandom(seed: seed)
        market.mostDeliveries = 1_000
        market.leaseMillis = 2_000
        market.sellTarget = seed.isMultiple(of: 2) ? .flat : .short
        let sides = (0..<12).map { _ in Bool.random(using: &random) ? OrderSide.buy : .sell }
        market.publish(sides)
        var steps = 0
        while !market.isDone {
            let trader = market.trader("a")
            // Some calls pass, then one fails or loses its answer, perhaps with all behind it: a kill.
            let calls = Int.random(in: 0..<40, using: &random)
            let fault: InMemoryOrderStore.Fault =
                Bool.random(using: &random) ? .losesAnswer : .fails(.unavailable("scripted"))
            let isKill = Bool.random(using: &random)
            market.store.plan(
                Array(repeating: nil, count: calls) + [fault]
                    + (isKill ? Array(repeating: .fails(.unavailable("killed")), count: 2_000) : []))
            market.stream.plan((0..<10).map { _ in Int.random(in: 0..<8, using: &random) == 0 })
            for _ in 0..<Int.random(in: 2..<20, using: &random) { trader.step() }
            market.store.unplan()
            market.stream.plan([])
            steps += 1
            try #require(steps < 500, "no end, seed \(seed)")
        }
        let reference = market.reference(sides)
        #expect(market.executed == reference.orders, "seed \(seed)")
        #expect(market.store.orders.allSatisfy { $0.state == .filled || $0.state == .cancelled })
        #expect(market.results.count == sides.count)
        let trader = market.trader("a")
        market.run(trader)
        #expect(market.position?.quantity ?? .zero == reference.quantity, "seed \(seed)")
        trader.finish()
    }
}

/// A monotonic clock that goes by what is slept.
private final class ManualClock: Sendable {
    private let nanos = Atomic<UInt64>(10_000_000_000)

    var now: MonotonicNanos { MonotonicNanos(rawValue: nanos.load(ordering: .relaxed)) }

    func advance(millis: Int) { nanos.wrappingAdd(UInt64(millis) * 1_000_000, ordering: .relaxed) }
}

/// A wall clock that gives no time twice.
private final class WallClock: Sendable {
    private let nanos = Atomic<Int64>(1_723_161_000_000_000_000)

    func tick() -> UnixNanos {
        UnixNanos(rawValue: nanos.wrappingAdd(1_000, ordering: .relaxed).newValue)
    }
}

/// A stream, a store and a paper venue in memory, and traders over them.
private final class Market {
    let stream = InMemorySignalSource.Contents()
    let store = InMemoryOrderStore.Contents()
    let metrics = MetricsRegistry()
    let health = HealthRegistry()
    let tradingSwitch = TradingSwitch()
    var sellTarget = SellTarget.flat
    var leaseMillis = 60_000
    var leaseName = "memory"
    var size = number("0.5")
    var quantityStep: String?
    var mostDeliveries = 5
    var signalAgeNanos: Int64 = 0
    private(set) var fields: [[String: String]] = []
    private let wall = WallClock()

    /// Its clock stands still but for pauses, so that a trader may be stalled between two calls.
    func trader(_ name: String, clock monotonic: ManualClock = ManualClock()) -> TraderLoop<
        InMemorySignalSource, InMemoryOrderStore, PaperVenue<InMemoryOrderStore>
    > {
        var settings = TraderSettings(
            leaseName: leaseName, holder: name, size: .quantity(size),
            policy: TargetPolicy(sellTarget: sellTarget, mostSignalAgeMillis: 5_000))
        settings.leaseMillis = leaseMillis
        settings.mostDeliveries = mostDeliveries
        var rules = Samples.rules
        rules.allowsShort = true
        if let quantityStep { rules.quantityStep = number(quantityStep) }
        rules.leastNotional = .zero
        rules.leastQuantity = .zero
        let venue = PaperVenue(
            log: InMemoryOrderStore(store), account: "paper",
            model: FillModel(
                source: .signal(halfSpreadBasisPoints: .zero), slippageBasisPoints: .zero, feeBasisPoints: .zero),
            instruments: [Samples.instrument: rules], board: QuoteBoard(), now: { [wall] in wall.tick() })
        var clocks = TraderClocks()
        clocks.wall = { [wall] in wall.tick() }
        clocks.monotonic = { monotonic.now }
        clocks.pause = { monotonic.advance(millis: $0) }
        return TraderLoop(
            settings: settings, source: InMemorySignalSource(stream), store: InMemoryOrderStore(store), venue: venue,
            tradingSwitch: tradingSwitch, metrics: metrics, health: health.check("trader", roles: [.trader]),
            logger: Logger(label: "trader", factory: { _ in SwiftLogNoOpLogHandler() }), clocks: clocks)
    }

    func entry(_ side: OrderSide, tick: UInt64, isAfterGap: Bool = false) -> [String: String] {
        let time = UnixNanos(rawValue: wall.tick().rawValue - signalAgeNanos)
        return [
            "schema": "1", "id": "\(Samples.key):\(tick)\(isAfterGap ? ":gap" : "")", "exchange": "binance",
            "symbol": "BTCUSDT", "strategy": "sma-50-200", "signal": side.rawValue,
            "shortSMA": side == .buy ? "2" : "1", "longSMA": side == .buy ? "1" : "2", "price": "61826.5",
            "tickId": "\(tick)", "eventTime": "\(time.rawValue)", "receiveTime": "\(time.rawValue)",
            "time": TextCursor.text { $0.append(rfc3339: time) }, "reason": isAfterGap ? "gap" : "cross",
        ]
    }

    /// Adds a crossing of each side, with the next ticks.
    func publish(_ sides: [OrderSide]) {
        for side in sides {
            fields.append(entry(side, tick: UInt64(fields.count + 1)))
            stream.append(fields[fields.count - 1])
        }
    }

    /// Every entry is acknowledged, and every order has ended.
    var isDone: Bool { stream.isDone && store.orders.allSatisfy { $0.state.isTerminal } }

    func run(_ trader: TraderLoop<InMemorySignalSource, InMemoryOrderStore, PaperVenue<InMemoryOrderStore>>) {
        trader.step()
        for _ in 0..<1_000 where !isDone { trader.step() }
        trader.step()
    }

    private func short(_ id: String) -> String { String(id.dropFirst("\(Samples.key):".count)) }

    /// Orders' ids without the key in front.
    var orderIDs: [String] { store.orders.filter { $0.state != .rejected }.map { short($0.id) } }

    /// The orders that the venue has executed, in its order, one for each execution.
    var executed: [String] {
        let ids = Dictionary(uniqueKeysWithValues: store.orders.map { ($0.clientOrderID, short($0.id)) })
        return store.paperRecords(account: "paper").filter { $0.kind == .fill }.map { ids[$0.clientOrderID] ?? "?" }
    }

    var results: [String: SignalOutcome.Result] {
        Dictionary(
            uniqueKeysWithValues: store.outcomes.values.filter { $0.key != nil }.map { (short($0.id), $0.result) })
    }

    func refusals(_ reason: String) -> UInt64 {
        metrics.counter("tickline_order_refusals_total", help: "", labels: [("reason", reason)]).value
    }

    func orders(in state: String) -> UInt64 {
        metrics.counter("tickline_orders_total", help: "", labels: [("state", state)]).value
    }

    var position: Position? {
        var ledger = PositionLedger()
        for order in store.orders { for fill in order.fills { try? ledger.add(fill, of: order) } }
        return ledger.positions.first
    }

    /// What a plain reading of the policy makes of crossings.
    func reference(_ sides: [OrderSide]) -> (orders: [String], quantity: ExactDecimal) {
        var (orders, held) = ([String](), 0)
        for (index, side) in sides.enumerated() {
            let target = side == .buy ? 1 : sellTarget == .flat ? 0 : -1
            guard target != held else { continue }
            if held != 0 { orders.append("\(index + 1)-00") }
            if target != 0 { orders.append("\(index + 1)-01") }
            held = target
        }
        return (orders, number("0.5").multiplied(by: ExactDecimal(held)) ?? .zero)
    }
}
