import TradingModel

/// The part of `OrderStoreContract` that is about the outcomes of signals.
enum OutcomeContract {
    private typealias Sample = SampleTrading

    static func check<Store: OrderStore & ~Copyable>(_ one: inout Store, _ two: inout Store) throws {
        let outcome = Sample.outcome(100)
        try Contract.expect(one.record(outcome), true, "a new outcome is stored")
        try Contract.expect(one.record(outcome), false, "the same outcome again is told to be there")
        var other = outcome
        other.result = .refused
        try Contract.expect(two.record(other), false, "another outcome of the same signal is not stored")
        try Contract.expect(two.outcome(id: outcome.id), outcome, "the first outcome stays")
        for result in SignalOutcome.Result.allCases {
            var strange = Sample.outcome(1, key: Sample.key("A:B"), result)
            strange.id = "entry:\(result)"
            strange.reason = "$'\"\u{0}\u{1F600}"
            strange.target = nil
            strange.token = UInt64(Int64.max)
            strange.time = UnixNanos(rawValue: -1)
            if result == .malformed { strange.key = nil }
            try Contract.expect(one.record(strange), true, "an outcome of any content is stored")
            try Contract.expect(two.outcome(id: strange.id), strange, "and read back exactly")
        }
        try checkRefusal(&one)
        try checkLastApplied(&one, &two)
    }

    private static func checkRefusal<Store: OrderStore & ~Copyable>(_ store: inout Store) throws {
        var outcome = Sample.outcome(101)
        outcome.tickID = .max
        var refusal: TradeStoreError?
        do { _ = try store.record(outcome) } catch { refusal = error }
        guard case .refused(let words)? = refusal, words.contains(outcome.id) else {
            throw Contract.Violation(
                description: "a tick id beyond 63 bits is refused with the id: got \(String(describing: refusal))")
        }
    }

    private static func checkLastApplied<Store: OrderStore & ~Copyable>(
        _ one: inout Store, _ two: inout Store
    ) throws {
        let slow = Sample.key("BTCUSDT", "sma-100-400")
        let futures = StrategyKey(
            instrument: Instrument(exchange: .binanceUSDM, symbol: "BTCUSDT"), strategy: "sma-50-200")
        for outcome in [
            Sample.outcome(300, .refused), Sample.outcome(200), Sample.outcome(400, .superseded),
            Sample.outcome(500, key: slow, isAfterGap: true), Sample.outcome(500, key: slow, .noOperation),
            Sample.outcome(499, key: slow), Sample.outcome(7, key: futures, .expired, isAfterGap: true),
            Sample.outcome(6, key: futures), Sample.outcome(9, key: futures, .malformed),
            Sample.outcome(1, key: Sample.key("ETHUSDT"), .superseded),
            Sample.outcome(0, key: Sample.key("ADAUSDT"), .noOperation),
        ] { try Contract.expect(one.record(outcome), true, "an outcome is stored") }
        let last = try two.lastApplied().sorted { "\($0.key!)" < "\($1.key!)" }
        try Contract.expect(
            last.map(\.id),
            [
                "binance-usdm:BTCUSDT:sma-50-200:7:gap", "binance:A:B:sma-50-200", "binance:ADAUSDT:sma-50-200:0",
                "binance:BTCUSDT:sma-100-400:500", "binance:BTCUSDT:sma-50-200:300",
            ].map { $0 == "binance:A:B:sma-50-200" ? last[1].id : $0 },
            "of each key the applied outcome of the highest tick is told, of one tick the cross")
        try Contract.expect(last[1].tickID, 1, "a symbol may hold any character")
        try Contract.expect(try one.lastApplied().count, 5, "each key once")
    }
}
