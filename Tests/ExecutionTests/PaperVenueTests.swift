import Execution
import Synchronization
import TestSupport
import Testing
import TradingModel

@Suite struct PaperVenueTests {
    /// A wall clock that the test moves.
    final class Clock: Sendable {
        private let nanos = Mutex<Int64>(0)
        var now: UnixNanos { UnixNanos(rawValue: nanos.withLock { $0 }) }
        func advance(millis: Int64) { nanos.withLock { $0 += millis * 1_000_000 } }
    }

    /// A log, a board and a clock, and venues over them.
    struct World {
        let contents = InMemoryPaperLog.Contents()
        let board = QuoteBoard()
        let clock = Clock()
        var source = FillModel.Source.quote(FillModel.QuoteTerms(latencyMicros: 10_000, jitterMicros: 0, seed: 1))
        var slippage = "10"

        func venue() -> PaperVenue<InMemoryPaperLog> {
            PaperVenue(
                log: InMemoryPaperLog(contents: contents), account: "paper",
                model: FillModel(
                    source: source, slippageBasisPoints: number(slippage), feeBasisPoints: number("7.5")),
                instruments: [Samples.instrument: Samples.rules], board: board, now: { [clock] in clock.now })
        }

        func quote(bid: String, _ bidQuantity: String = "10", ask: String, _ askQuantity: String = "10") {
            board.update(
                Samples.instrument,
                Quote(
                    bidPrice: number(bid), bidQuantity: number(bidQuantity), askPrice: number(ask),
                    askQuantity: number(askQuantity), receiveTime: clock.now))
        }
    }

    private static func request(
        _ side: OrderSide = .buy, _ quantity: String = "1", tick: UInt64 = 1, limit: String? = nil,
        reference: String = "100"
    ) -> OrderRequest {
        var order = Samples.order(side, quantity: quantity, tick: tick)
        if let limit { order.type = .limit(price: number(limit), timeoutMillis: 1) }
        order.referencePrice = number(reference)
        return OrderRequest(order)
    }

    private static func thrown<Value>(_ body: () throws -> Value) -> VenueError? {
        do { _ = try body() } catch let error as VenueError { return error } catch { Issue.record("\(error)") }
        return nil
    }

    @Test func `by the signal's price an order is filled at once, spread and slippage against it`() throws {
        var world = World()
        world.source = .signal(halfSpreadBasisPoints: number("2.5"))
        var venue = world.venue()
        // 61826.5 · 1.00125 = 61903.783125, up to the increment of 0.01; the sell down.
        let bought = try venue.submit(Self.request(.buy, "0.5", reference: "61826.5"), token: 1)
        #expect(bought.state == .filled && bought.filledQuantity == number("0.5"))
        let fill = try #require(bought.fills.first)
        #expect(fill.price == number("61903.79") && fill.tradeID == "paper-2" && fill.feeAsset == "USDT")
        // 30951.895 · 7.5 / 10,000
        #expect(fill.fee == number("23.21392125"))
        let sold = try venue.submit(Self.request(.sell, "0.5", tick: 2, reference: "61826.5"), token: 1)
        #expect(sold.fills.first?.price == number("61749.21"))
        #expect(try venue.reports(token: 1).map(\.state) == [.filled, .filled])
        #expect(try venue.reports(token: 1).isEmpty)
    }

    @Test func `by quotes an order is filled after the latency, as much as a quote offers, each offer once`() throws {
        let world = World()
        world.quote(bid: "99", ask: "100", "1.5")
        var venue = world.venue()
        #expect(try venue.submit(Self.request(.buy, "2"), token: 1).state == .submitted)
        _ = try venue.submit(Self.request(.buy, "1", tick: 2), token: 1)
        world.clock.advance(millis: 9)
        #expect(try venue.reports(token: 1).isEmpty)
        world.clock.advance(millis: 1)
        let first = try venue.reports(token: 1)
        #expect(first.flatMap(\.fills).reduce(ExactDecimal.zero) { $0.adding($1.quantity) ?? $0 } == number("1.5"))
        #expect(first.allSatisfy { $0.fills.first?.price == number("100.1") })
        #expect(try venue.reports(token: 1).isEmpty)
        world.quote(bid: "99", ask: "101")
        #expect(try venue.reports(token: 1).map(\.state) == [.filled, .filled])
        let fills = world.contents.records.compactMap(\.fill)
        #expect(fills.reduce(ExactDecimal.zero) { $0.adding($1.quantity) ?? $0 } == number("3"))
    }

    @Test func `sells are filled at the bid, and quantities are multiples of the step`() throws {
        let world = World()
        world.quote(bid: "99.99", "0.000019", ask: "100")
        var venue = world.venue()
        _ = try venue.submit(Self.request(.sell, "1"), token: 1)
        world.clock.advance(millis: 10)
        let fill = try #require(try venue.reports(token: 1).first?.fills.first)
        #expect(fill.quantity == number("0.00001") && fill.price == number("99.89"))
    }

    @Test func `a limit order is filled only where the quote crosses it, and never beyond it`() throws {
        let world = World()
        world.quote(bid: "99", ask: "100.01")
        var venue = world.venue()
        _ = try venue.submit(Self.request(.buy, "1", limit: "100"), token: 1)
        _ = try venue.submit(Self.request(.sell, "1", tick: 2, limit: "99.5"), token: 1)
        world.clock.advance(millis: 10)
        #expect(try venue.reports(token: 1).isEmpty)
        world.quote(bid: "99.5", ask: "99.99")
        let prices = try venue.reports(token: 1).flatMap(\.fills).map(\.price)
        #expect(Set(prices) == [number("100"), number("99.5")])
    }

    @Test func `an old quote, or none, is waited out`() throws {
        let world = World()
        var venue = world.venue()
        _ = try venue.submit(Self.request(), token: 1)
        world.clock.advance(millis: 10)
        #expect(try venue.reports(token: 1).isEmpty && venue.quote(of: Samples.instrument) == nil)
        world.quote(bid: "99", ask: "100")
        world.clock.advance(millis: 5_001)
        #expect(try venue.reports(token: 1).isEmpty)
        world.quote(bid: "99", ask: "100")
        #expect(try venue.reports(token: 1).map(\.state) == [.filled])
    }

    @Test func `latency is drawn by the order and the seed, so a restart keeps it`() throws {
        let terms = FillModel.QuoteTerms(latencyMicros: 1_000, jitterMicros: 500, seed: 3)
        let model = FillModel(source: .quote(terms), slippageBasisPoints: .zero, feeBasisPoints: .zero)
        let start = UnixNanos(rawValue: 5)
        let delays = (0..<1_000).map { model.dueTime(of: "order \($0)", acceptedAt: start).rawValue - 5 }
        #expect(delays.allSatisfy { (1_000_000...1_500_000).contains($0) } && Set(delays).count > 300)
        #expect(model.dueTime(of: "order 1", acceptedAt: start) == model.dueTime(of: "order 1", acceptedAt: start))
    }

    @Test func `what the rules forbid is rejected and leaves no trace`() throws {
        let world = World()
        var venue = world.venue()
        #expect(
            Self.thrown { try venue.submit(Self.request(.buy, "0.000001"), token: 1) } == .rejected("quantity-step"))
        var unknown = Self.request()
        unknown.instrument.symbol = "NOPE"
        #expect(Self.thrown { try venue.submit(unknown, token: 1) } == .rejected("unknown symbol"))
        #expect(world.contents.records.isEmpty && venue.rules(of: unknown.instrument) == nil)
    }

    @Test func `a client order id is answered as it stands and never executed twice`() throws {
        var world = World()
        world.source = .signal(halfSpreadBasisPoints: .zero)
        var venue = world.venue()
        let first = try venue.submit(Self.request(), token: 1)
        #expect(try venue.submit(Self.request(), token: 1) == first)
        _ = try venue.reports(token: 1)
        #expect(try venue.submit(Self.request(), token: 1) == first)
        var successor = world.venue()
        #expect(try successor.submit(Self.request(), token: 2) == first)
        #expect(world.contents.records.map(\.kind) == [.accept, .fill])
    }

    @Test func `a trader whose time is over is told so by the same write and does nothing`() throws {
        let world = World()
        world.quote(bid: "99", ask: "100")
        var old = world.venue()
        var new = world.venue()
        try old.fence(token: 1)
        _ = try old.submit(Self.request(), token: 1)
        try new.fence(token: 2)
        try new.fence(token: 2)
        world.clock.advance(millis: 10)
        let before = world.contents.records
        let id = Self.request().clientOrderID
        #expect(Self.thrown { try old.submit(Self.request(tick: 2), token: 1) } == .fenced(highest: 2))
        #expect(Self.thrown { try old.cancel(id, of: Samples.instrument, token: 1) } == .fenced(highest: 2))
        #expect(Self.thrown { try old.reports(token: 1) } == .fenced(highest: 2))
        #expect(Self.thrown { try old.fence(token: 1) } == .fenced(highest: 2))
        #expect(world.contents.records == before)
        #expect(try new.reports(token: 2).map(\.state) == [.filled])
    }

    @Test func `a lost answer leaves the outcome unknown, and the query knows`() throws {
        let world = World()
        var venue = world.venue()
        let request = Self.request()
        world.contents.fail(.before)
        #expect(Self.thrown { try venue.submit(request, token: 1) } == .unknownOutcome("scripted"))
        #expect(try venue.query(request.clientOrderID, of: request.instrument) == nil)
        world.contents.fail(.after)
        #expect(Self.thrown { try venue.submit(request, token: 1) } == .unknownOutcome("scripted"))
        #expect(try venue.query(request.clientOrderID, of: request.instrument)?.state == .submitted)
        #expect(try venue.submit(request, token: 1).state == .submitted)
        #expect(world.contents.records.map(\.kind) == [.accept])
        world.quote(bid: "99", ask: "100")
        world.clock.advance(millis: 10)
        world.contents.fail(.after)
        #expect(Self.thrown { try venue.reports(token: 1) } == .unavailable("store unavailable: scripted"))
        #expect(try venue.reports(token: 1).map(\.state) == [.filled])
        #expect(world.contents.records.map(\.kind) == [.accept, .fill])
    }

    @Test func `a cancel ends what is open, leaves what has ended, and refuses what is not there`() throws {
        let world = World()
        var venue = world.venue()
        let request = Self.request(.buy, "2")
        _ = try venue.submit(request, token: 1)
        world.quote(bid: "99", ask: "100", "0.5")
        world.clock.advance(millis: 10)
        _ = try venue.reports(token: 1)
        let report = try venue.cancel(request.clientOrderID, of: request.instrument, token: 1)
        #expect(report.state == .cancelled && report.filledQuantity == number("0.5"))
        world.quote(bid: "99", ask: "100")
        #expect(try venue.reports(token: 1).map(\.state) == [.cancelled])
        #expect(try venue.cancel(request.clientOrderID, of: request.instrument, token: 1) == report)
        #expect(
            Self.thrown { try venue.cancel("nope", of: request.instrument, token: 1) } == .rejected("no such order"))
    }

    @Test func `open orders go on after a restart`() throws {
        let world = World()
        var venue = world.venue()
        _ = try venue.submit(Self.request(.buy, "2"), token: 1)
        world.quote(bid: "99", ask: "100", "0.5")
        world.clock.advance(millis: 10)
        _ = try venue.reports(token: 1)
        var successor = world.venue()
        try successor.fence(token: 2)
        world.quote(bid: "99", ask: "100")
        let report = try #require(try successor.reports(token: 2).first)
        #expect(report.state == .filled && report.fills.count == 2)
        #expect(report.fills.map(\.tradeID) == ["paper-2", "paper-4"])
    }

    @Test func `an order that the log never had is unknown, and a log that is down is unavailable`() throws {
        let world = World()
        var venue = world.venue()
        #expect(try venue.query("nope", of: Samples.instrument) == nil)
        world.contents.setDown(true)
        #expect(
            Self.thrown { try venue.query("nope", of: Samples.instrument) }
                == .unavailable("store unavailable: scripted"))
        #expect(Self.thrown { try venue.fence(token: 1) } == .unavailable("store unavailable: scripted"))
        world.contents.setDown(false)
        try venue.fence(token: 1)
    }
}
