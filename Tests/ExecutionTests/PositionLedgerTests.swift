import Execution
import TestSupport
import Testing
import TradingModel

@Suite struct PositionLedgerTests {
    private static func position(_ trades: [(OrderSide, String, String)]) throws -> Position {
        var ledger = PositionLedger()
        for (index, (side, quantity, price)) in trades.enumerated() {
            try ledger.add(
                Samples.fill("\(index)", quantity, price: price, fee: "0.1", timeNanos: Int64(index)),
                of: Samples.order(side))
        }
        return try #require(ledger.positions.first)
    }

    @Test func `buys add up, and a sell takes the oldest lots at their own prices`() throws {
        let held = try Self.position([(.buy, "1", "100"), (.buy, "2", "110")])
        #expect(held.quantity == number("3") && held.cost == number("320") && held.realisedProfit.isZero)
        let sold = try Self.position([(.buy, "1", "100"), (.buy, "2", "110"), (.sell, "1.5", "120")])
        #expect(sold.quantity == number("1.5") && sold.cost == number("165") && sold.realisedProfit == number("25"))
        #expect(sold.fees == ["USDT": number("0.3")] && sold.fillCount == 3)
        #expect(sold.lastFillTime == UnixNanos(rawValue: 2))
    }

    @Test func `a short position has a cost below zero and gains when the price falls`() throws {
        let short = try Self.position([(.sell, "2", "100")])
        #expect(short.quantity == number("-2") && short.cost == number("-200"))
        #expect(ProfitAndLoss.unrealised(short, mark: number("90")) == number("20"))
        #expect(ProfitAndLoss.net(short, mark: number("90")) == number("19.9"))
        let covered = try Self.position([(.sell, "2", "100"), (.buy, "2", "90")])
        #expect(covered.quantity.isZero && covered.cost.isZero && covered.realisedProfit == number("20"))
    }

    @Test func `a fill through zero closes all and opens the rest at its price`() throws {
        let turned = try Self.position([(.buy, "1", "100"), (.sell, "3", "130")])
        #expect(turned.quantity == number("-2") && turned.cost == number("-260"))
        #expect(turned.realisedProfit == number("30"))
    }

    @Test func `a position is marked at what closing it would bring`() throws {
        let quote = Quote(
            bidPrice: number("99"), bidQuantity: number("1"), askPrice: number("101"), askQuantity: number("1"),
            receiveTime: UnixNanos(rawValue: 0))
        #expect(ProfitAndLoss.mark(of: try Self.position([(.buy, "1", "100")]), at: quote) == number("99"))
        #expect(ProfitAndLoss.mark(of: try Self.position([(.sell, "1", "100")]), at: quote) == number("101"))
    }

    @Test func `strategies of an instrument add up to the account's position`() throws {
        var ledger = PositionLedger()
        try ledger.add(Samples.fill("a", "2", price: "100", fee: "1", feeAsset: "BNB"), of: Samples.order(.buy))
        try ledger.add(
            Samples.fill("b", "3", price: "90", timeNanos: 7), of: Samples.order(.sell, strategy: "sma-5-20"))
        let account = try #require(ledger.accountPosition(of: Samples.instrument))
        #expect(account.quantity == number("-1") && account.cost == number("-70") && account.fillCount == 2)
        #expect(account.key.strategy == "account" && account.fees == ["BNB": number("1")])
        #expect(account.lastFillTime == UnixNanos(rawValue: 7))
        #expect(ledger.quantity(of: Samples.key) == number("2"))
        #expect(ledger.accountPosition(of: Instrument(exchange: .okx, symbol: "X")) == nil)
    }

    @Test func `a day's profit is what was realised on it, with its fees in the quote asset`() throws {
        let day: Int64 = 86_400_000_000_000
        var ledger = PositionLedger()
        func add(_ side: OrderSide, _ price: String, _ nanos: Int64, feeAsset: String = "USDT") throws {
            try ledger.add(
                Samples.fill("\(nanos)", "1", price: price, fee: "1", feeAsset: feeAsset, timeNanos: nanos),
                of: Samples.order(side))
        }
        try add(.buy, "100", 10)
        try add(.sell, "110", day - 1)
        #expect(ledger.profits(onDayOf: UnixNanos(rawValue: day - 1)) == ["USDT": number("8")])
        #expect(ledger.profits(onDayOf: UnixNanos(rawValue: day)) == ["USDT": .zero])
        try add(.buy, "100", day)
        try add(.sell, "95", 2 * day - 1, feeAsset: "BNB")
        #expect(ledger.profits(onDayOf: UnixNanos(rawValue: day + 5)) == ["USDT": number("-6")])
        try add(.sell, "1000", 20)
        #expect(ledger.profits(onDayOf: UnixNanos(rawValue: -1)) == ["USDT": .zero])
    }

    @Test func `a number beyond 34 digits is refused and changes nothing`() throws {
        var ledger = PositionLedger()
        let order = Samples.order()
        try ledger.add(Samples.fill("a", "1"), of: order)
        let before = ledger.positions
        #expect(throws: LedgerOverflow(key: order.key)) {
            try ledger.add(Samples.fill("b", "9999999999999999999999999999999999", price: "0.1"), of: order)
        }
        #expect(ledger.positions == before)
    }
}

/// Random executions against what must hold whatever they are.
@Suite struct PositionConservationTests {
    private static func fills(_ random: inout SeededRandom, count: Int, isWhole: Bool) -> [LedgerFill] {
        (0..<count).map { index in
            let (most, decimals) = isWhole ? (20, 0) : (1_000_000, 5)
            let quantity = ExactDecimal(mantissa: Int128(Int.random(in: 1...most, using: &random)), decimals: decimals)
            let price = ExactDecimal(
                mantissa: Int128(Int.random(in: 1...10_000_000, using: &random)), decimals: isWhole ? 0 : 2)
            let fee = ExactDecimal(mantissa: Int128(Int.random(in: -50...1_000, using: &random)), decimals: 7)
            guard let quantity, let price, let fee else { preconditionFailure("small numbers are decimals") }
            return LedgerFill(
                side: Bool.random(using: &random) ? .buy : .sell,
                fill: Fill(
                    tradeID: "\(index)", price: price, quantity: quantity, fee: fee,
                    feeAsset: Bool.random(using: &random) ? "USDT" : "BNB", time: UnixNanos(rawValue: Int64(index / 3)))
            )
        }
    }

    private static func order(_ side: OrderSide) -> Order { Samples.order(side) }

    @Test func `cash and cost are the profit realised, and with the position's worth the equity, to the last digit`()
        throws
    {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        var checks = 0
        for _ in 0..<200 {
            var ledger = PositionLedger()
            var (cash, fees) = (ExactDecimal.zero, ["USDT": ExactDecimal.zero, "BNB": .zero])
            for entry in Self.fills(&random, count: 100, isWhole: false) {
                let fill = entry.fill
                try ledger.add(fill, of: Self.order(entry.side))
                let amount = try #require(fill.price.multiplied(by: fill.quantity))
                cash = try #require(entry.side == .buy ? cash.subtracting(amount) : cash.adding(amount))
                fees[fill.feeAsset] = try #require(fees[fill.feeAsset]?.adding(fill.fee))
                let position = try #require(ledger.positions.first)
                #expect(cash.adding(position.cost) == position.realisedProfit, "seed \(seed)")
                for (asset, sum) in fees { #expect(position.fees[asset, default: .zero] == sum, "seed \(seed)") }
                // Equity: the cash and what the position is worth, less fees.
                let mark = try #require(
                    ExactDecimal(mantissa: Int128(Int.random(in: 1...10_000_000, using: &random)), decimals: 2))
                let worth = try #require(position.quantity.multiplied(by: mark))
                let equity = try #require(cash.adding(worth)?.subtracting(fees["USDT", default: .zero]))
                #expect(ProfitAndLoss.net(position, mark: mark) == equity, "seed \(seed)")
                checks += 1
            }
        }
        print("conservation: \(checks) states exact; seed \(seed)")
    }

    @Test func `lots are closed first in, first out, as a queue of single units has it`() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        for _ in 0..<100 {
            var ledger = PositionLedger()
            var (units, isLong, profit) = ([Int](), true, 0)
            for entry in Self.fills(&random, count: 60, isWhole: true) {
                try ledger.add(entry.fill, of: Self.order(entry.side))
                let price = Int(entry.fill.price.mantissa)
                for _ in 0..<Int(entry.fill.quantity.mantissa) {
                    if units.isEmpty { isLong = entry.side == .buy }
                    if isLong == (entry.side == .buy) {
                        units.append(price)
                    } else {
                        profit += isLong ? price - units.removeFirst() : units.removeFirst() - price
                    }
                }
                let position = try #require(ledger.positions.first)
                let sign = isLong ? 1 : -1
                #expect(position.quantity == ExactDecimal(sign * units.count), "seed \(seed)")
                #expect(position.cost == ExactDecimal(sign * units.reduce(0, +)), "seed \(seed)")
                #expect(position.realisedProfit == ExactDecimal(profit), "seed \(seed)")
            }
        }
    }

    @Test func `executions learnt out of order come to the same positions, also beyond what is kept for folding again`()
        throws
    {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        for count in [50, PositionLedger.mostRetained + 500] {
            let fills = Self.fills(&random, count: count, isWhole: false)
            var expected = PositionFold(key: Samples.key, quoteAsset: "USDT")
            for entry in fills where !expected.add(entry) { Issue.record("seed \(seed): \(entry) does not fold") }
            var ledger = PositionLedger()
            var pending: [LedgerFill] = []
            for entry in fills {
                pending.append(entry)
                if pending.count > 20 {
                    let late = pending.remove(at: Int.random(in: 0..<pending.count, using: &random))
                    try ledger.add(late.fill, of: Self.order(late.side))
                }
            }
            for late in pending.shuffled(using: &random) { try ledger.add(late.fill, of: Self.order(late.side)) }
            #expect(ledger.positions == [expected.position], "seed \(seed)")
        }
    }
}
