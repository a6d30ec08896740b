import Glibc
import TradingModel

/// What every `OrderStore` must do, whatever is behind it.
public enum OrderStoreContract {
    private typealias Sample = SampleTrading

    /// Checks an empty, reachable store by two handles on it, as two traders have them.
    public static func check<Store: OrderStore & ~Copyable>(_ one: inout Store, _ two: inout Store) throws {
        try one.prepareTrading()
        try two.prepareTrading()
        try one.prepareTrading()
        try checkEmpty(&one)
        try checkLeases(&one, &two)
        try checkInsertions(&one, &two)
        try checkUpdates(&one, &two)
        try checkRefusals(&one)
        try checkSearches(&one, &two)
        try OutcomeContract.check(&one, &two)
        try checkState(&one, &two)
    }

    private static func checkEmpty<Store: OrderStore & ~Copyable>(_ store: inout Store) throws {
        try Contract.expect(store.order(id: "x"), nil, "an empty store has no order")
        try Contract.expect(store.openOrders(), [], "an empty store has no open orders")
        try Contract.expect(store.orders(behind: nil, most: 10), [], "an empty store has no orders")
        try Contract.expect(store.orders(ofSignal: "x"), [], "an empty store has no orders of a signal")
        try Contract.expect(store.outcome(id: "x"), nil, "an empty store has no outcome")
        try Contract.expect(store.lastApplied(), [], "in an empty store nothing is applied")
        try Contract.expect(store.tradingState(), nil, "an empty store has no trading state")
        try Contract.expect(store.sourcePosition(of: "x"), nil, "an empty store has no position")
        try Contract.expect(
            store.update(Sample.next(Sample.order(1), .submitting)), false, "what is not there is not updated")
    }

    // MARK: Leases

    private static func checkLeases<Store: OrderStore & ~Copyable>(_ one: inout Store, _ two: inout Store) throws {
        func held(_ holder: String, _ token: UInt64, _ name: String = "$signals") -> LeaseAttempt {
            .held(TradingLease(name: name, holder: holder, token: token))
        }
        let begin = ContinuousClock.now
        try Contract.expect(one.lease("$signals", holder: "$a", millis: 400), held("$a", 1), "a new lease has token 1")
        try Contract.expect(two.lease("$signals", holder: "b", millis: 1), .heldByOther("$a"), "it is one trader's")
        try Contract.expect(
            one.lease("$signals", holder: "$a", millis: 1), held("$a", 1), "its holder renews it under its token")
        try Contract.expect(
            two.lease("other", holder: "b", millis: 1), held("b", 1, "other"), "each name is a lease of its own")
        try two.release(TradingLease(name: "$signals", holder: "b", token: 1))
        try two.release(TradingLease(name: "$signals", holder: "$a", token: 2))

        // Neither the shorter renewal nor those releases end what was promised first.
        var attempt = LeaseAttempt.heldByOther("$a")
        var last = ContinuousClock.now
        while attempt == .heldByOther("$a"), last - begin < .seconds(20) {
            usleep(5_000)
            last = .now
            attempt = try two.lease("$signals", holder: "b", millis: 60_000)
        }
        try Contract.expect(attempt, held("b", 2), "a lapsed lease goes to the next, its token one higher")
        try Contract.expect(
            ContinuousClock.now - begin >= .milliseconds(400), true, "a lease lasts as long as was asked for")
        try Contract.expect(
            one.lease("$signals", holder: "$a", millis: 1), .heldByOther("b"), "the former holder has lost it")
        try one.release(TradingLease(name: "$signals", holder: "$a", token: 1))
        try Contract.expect(
            one.lease("$signals", holder: "$a", millis: 1), .heldByOther("b"), "it can't give away another's")
        try two.release(TradingLease(name: "$signals", holder: "b", token: 2))
        try two.release(TradingLease(name: "$signals", holder: "b", token: 2))
        try Contract.expect(
            two.lease("$signals", holder: "b", millis: 1), held("b", 3), "one that was given back is free at once")
        attempt = .heldByOther("")
        while attempt != held("b", 4), last - begin < .seconds(20) {
            usleep(5_000)
            last = .now
            attempt = try two.lease("$signals", holder: "b", millis: 1)
        }
        try Contract.expect(attempt, held("b", 4), "one that its holder let lapse has a higher token")
    }

    // MARK: Orders

    private static func checkInsertions<Store: OrderStore & ~Copyable>(
        _ one: inout Store, _ two: inout Store
    ) throws {
        let order = Sample.order(10)
        try Contract.expect(one.insert(order), .inserted, "a new order is inserted")
        try Contract.expect(one.insert(order), .existing(order), "the same order again is told as it stands")
        var other = order
        other.quantity = Sample.decimal("7")
        other.token = 5
        try Contract.expect(two.insert(other), .existing(order), "an order of the same id changes nothing")
        try Contract.expect(two.order(id: order.id), order, "what was inserted is read back")
        try Contract.expect(
            two.order(clientOrderID: order.clientOrderID), order, "and found by what the venue calls it")
        try Contract.expect(two.order(clientOrderID: "x"), nil, "and by nothing else")
        for strange in strangeOrders {
            try Contract.expect(one.insert(strange), .inserted, "an order of any content is inserted")
            try Contract.expect(two.order(id: strange.id), strange, "and read back exactly")
        }
    }

    /// Orders at the ends of what they may hold.
    private static var strangeOrders: [Order] {
        let nines = String(repeating: "9", count: 34)
        var limit = Sample.order(11, leg: 0, createdNanos: -1)
        limit.type = .limit(price: Sample.decimal(nines), timeoutMillis: .max)
        limit.side = .sell
        limit.quantity = Sample.decimal("0." + nines)
        limit.referencePrice = Sample.decimal("-" + nines)
        limit.venueOrderID = ""
        limit.quoteAsset = ""
        limit.signalReceiveTime = UnixNanos(rawValue: 0)
        limit.tickID = UInt64(Int64.max)
        limit.token = UInt64(Int64.max)
        limit.fills = (1...300).map { Sample.fill($0) }
        var words = Sample.order(12, createdNanos: .max)
        words.venueOrderID = "$\u{0}\u{1F600}'\";--"
        words.state = .cancelled
        words.events = [
            OrderEvent(state: .new, time: UnixNanos(rawValue: .min), reason: ""),
            OrderEvent(state: .cancelled, time: UnixNanos(rawValue: .max), reason: "a\u{0}b\n\\ e\u{301}"),
        ]
        var empty = Sample.order(13)
        empty.events = []
        empty.state = .expired
        return [limit, words, empty]
    }

    private static func checkUpdates<Store: OrderStore & ~Copyable>(_ one: inout Store, _ two: inout Store) throws {
        let new = Sample.order(20)
        try Contract.expect(one.insert(new), .inserted, "a new order is inserted")
        let submitting = Sample.next(new, .submitting)
        try Contract.expect(one.update(submitting), true, "the next revision is stored")
        try Contract.expect(one.update(submitting), true, "the same update again is a success")
        try Contract.expect(two.order(id: new.id), submitting, "what was updated is read back")
        try Contract.expect(
            two.update(Sample.next(new, .cancelled)), false, "a revision that is there already is not replaced")
        var submitted = Sample.next(submitting, .submitted)
        submitted.venueOrderID = "v-1"
        var partly = Sample.next(submitted, .partiallyFilled)
        partly.fills.append(Sample.fill(1))
        try Contract.expect(one.update(partly), false, "no revision is left out")
        try Contract.expect(one.update(submitted), true, "the next revision is stored")
        try Contract.expect(two.update(Sample.next(submitted, .inDoubt, token: 3)), true, "a higher token takes over")
        let theirs = Sample.next(submitted, .inDoubt, token: 3)
        try Contract.expect(one.update(partly), false, "another revision is there already")
        try Contract.expect(
            one.update(Sample.next(theirs, .filled, token: 2)), false, "a lower token is refused whatever its revision")
        try Contract.expect(one.order(id: new.id), theirs, "what was refused changed nothing")
        partly = Sample.next(theirs, .partiallyFilled)
        partly.fills = [Sample.fill(1)]
        try Contract.expect(two.update(partly), true, "a fill is stored")
        var filled = Sample.next(partly, .filled, reason: "all of it")
        filled.fills += [Sample.fill(2), Sample.fill(3)]
        try Contract.expect(two.update(filled), true, "more fills are stored")
        try Contract.expect(one.order(id: new.id), filled, "and read back in their order")
        try Contract.expect(two.update(partly), false, "an old update that comes again is told that it is old")
    }

    private static func checkRefusals<Store: OrderStore & ~Copyable>(_ store: inout Store) throws {
        var numbers = Sample.order(30)
        numbers.tickID = UInt64(Int64.max) + 1
        var tokens = Sample.order(30)
        tokens.token = .max
        var wide = Sample.order(30)
        wide.fills = [Sample.fill(1), Sample.fill(2)]
        wide.fills[0].quantity = Sample.decimal(String(repeating: "9", count: 34))
        var known = Sample.order(30)
        known.clientOrderID = Sample.order(10).clientOrderID
        for (order, rule) in [
            (numbers, "a tick id beyond 63 bits"), (tokens, "a token beyond 63 bits"),
            (wide, "a filled quantity of more than 34 digits"), (known, "another order's client order id"),
        ] {
            var refusal: TradeStoreError?
            do { _ = try store.insert(order) } catch { refusal = error }
            guard case .refused(let words)? = refusal, words.contains(order.id) else {
                throw Contract.Violation(
                    description: "\(rule) is refused with the order's id: got \(String(describing: refusal))")
            }
            try Contract.expect(store.order(id: order.id), nil, "\(rule) is not stored")
        }
    }

    private static func checkSearches<Store: OrderStore & ~Copyable>(_ one: inout Store, _ two: inout Store) throws {
        let ofSignal = try one.orders(ofSignal: Sample.signal(20).id).map(\.id)
        try Contract.expect(ofSignal, [Sample.order(20).id], "orders of a signal are found")
        try Contract.expect(one.insert(Sample.order(40, leg: 1)), .inserted, "leg 01 is inserted")
        try Contract.expect(one.insert(Sample.order(40, leg: 0)), .inserted, "leg 00 is inserted")
        try Contract.expect(
            two.orders(ofSignal: Sample.signal(40).id), [Sample.order(40, leg: 0), Sample.order(40, leg: 1)],
            "orders of a signal come by leg")
        // Made before all others, at one moment.
        let early = ["SOLUSDT", "ETHUSDT", "ADAUSDT"].map { Sample.order(50, key: Sample.key($0), createdNanos: -5) }
        for order in early { try Contract.expect(one.insert(order), .inserted, "an order is inserted") }
        let made = [
            early[2], early[1], early[0], strangeOrders[0], Sample.order(10), strangeOrders[2], Sample.order(20),
            Sample.order(40, leg: 0), Sample.order(40, leg: 1), strangeOrders[1],
        ].map(\.id)
        try Contract.expect(two.orders(behind: nil, most: 100).map(\.id), made, "orders come as they were made")
        for size in 1...4 {
            var found: [Order] = []
            while true {
                let last = found.last.map { OrderPosition(createdTime: $0.createdTime, id: $0.id) }
                let page = try two.orders(behind: last, most: size)
                found += page
                if page.count < size { break }
            }
            try Contract.expect(found.map(\.id), made, "pages of \(size) hold each order once")
        }
        let terminal = Set([strangeOrders[1].id, strangeOrders[2].id, Sample.order(20).id])
        try Contract.expect(
            two.openOrders().map(\.id), made.filter { !terminal.contains($0) },
            "open orders are those that are not terminal, oldest first")
        // What is late is found open again, as after a rejection that was none.
        let back = Sample.next(strangeOrders[2], .submitted)
        try Contract.expect(one.update(back), true, "an order may go on")
        try Contract.expect(two.openOrders().contains(back), true, "one that goes on is open")
        try Contract.expect(one.update(Sample.next(back, .rejected)), true, "an order ends")
        try Contract.expect(two.openOrders().map(\.id).contains(back.id), false, "one that has ended is not open")
    }

    // MARK: State

    private static func checkState<Store: OrderStore & ~Copyable>(_ one: inout Store, _ two: inout Store) throws {
        for mode in TradingMode.allCases {
            let state = TradingState(mode: mode, reason: "$because '\(mode)'", time: UnixNanos(rawValue: -7))
            try one.set(state)
            try one.set(state)
            try Contract.expect(two.tradingState(), state, "the trading state that was set last is read")
        }
        for position in [7, UInt64(Int64.max), 3] {
            try one.setSourcePosition(position, of: "journal")
            try Contract.expect(two.sourcePosition(of: "journal"), position, "a position that was set is read")
        }
        try one.setSourcePosition(9, of: "mode")
        try Contract.expect(two.sourcePosition(of: "journal"), 3, "positions are told apart by name")
        try Contract.expect(two.tradingState()?.mode, .halted, "and from the state")
        var position = Position(key: Sample.key(), quoteAsset: "USDT")
        try one.write([])
        try one.write([position, Position(key: Sample.key("ETHUSDT"), quoteAsset: "USDT")])
        position.quantity = Sample.decimal("-0.5")
        position.cost = Sample.decimal("-30913.285")
        position.realisedProfit = Sample.decimal("-1.5")
        position.fees = ["BNB": Sample.decimal("0.1"), "$x.y": Sample.decimal("-0.2"), "": .zero]
        position.fillCount = 3
        position.lastFillTime = UnixNanos(rawValue: SampleMarket.startNanos)
        try one.write([position])
        try two.write([position])
    }
}
