package import TradingModel

/// An execution as positions are folded from it.
package struct LedgerFill: Sendable, Equatable {
    /// Which way the order traded.
    package var side: OrderSide
    /// The execution.
    package var fill: Fill

    /// Creates one.
    package init(side: OrderSide, fill: Fill) {
        self.side = side
        self.fill = fill
    }
}

/// A position as a fold of executions: first in, first out, so that cost and realised profit are exact without rounding.
///
/// A closing execution takes the oldest lots' quantities at their own prices. Exactly, at every moment: the cash paid and
/// received (−Σ signed quantity × price) plus the cost of what is held is the profit realised. O(lots closed) per execution.
package struct PositionFold: Sendable, Equatable {
    /// A quantity bought or sold at one price that is held still; the signs of all lots are the position's.
    package struct Lot: Sendable, Equatable {
        /// How much, below zero for a short lot.
        package var quantity: ExactDecimal
        /// What one unit cost.
        package var price: ExactDecimal
    }

    /// The position.
    package private(set) var position: Position
    /// What it consists of, oldest first.
    package private(set) var lots: [Lot] = []
    /// The last day (UTC, since 1970) with an execution.
    private var day = Int64.min
    /// Profit realised on that day, less that day's fees in the quote asset.
    private var dayProfit = ExactDecimal.zero

    /// Nothing held.
    package init(key: StrategyKey, quoteAsset: String) { position = Position(key: key, quoteAsset: quoteAsset) }

    /// Profit realised on the day (UTC) of `time`, less that day's fees in the quote asset.
    package func profit(onDayOf time: UnixNanos) -> ExactDecimal { Self.day(of: time) == day ? dayProfit : .zero }

    /// Folds an execution in; false, and nothing is changed, where a number comes to more than 34 digits.
    package mutating func add(_ entry: LedgerFill) -> Bool {
        var next = self
        guard next.fold(entry) != nil else { return false }
        self = next
        return true
    }

    private mutating func fold(_ entry: LedgerFill) -> Void? {
        let fill = entry.fill
        var rest = entry.side == .buy ? fill.quantity : -fill.quantity
        guard let quantity = position.quantity.adding(rest) else { return nil }
        position.quantity = quantity
        var profit = ExactDecimal.zero
        while let lot = lots.first, lot.quantity.isNegative != rest.isNegative, !rest.isZero {
            // As much of the oldest lot as the execution closes, with the lot's sign.
            let closed = lot.quantity.magnitude > rest.magnitude ? -rest : lot.quantity
            guard let gain = fill.price.subtracting(lot.price)?.multiplied(by: closed), let sum = profit.adding(gain),
                let cost = lot.price.multiplied(by: closed).flatMap({ position.cost.subtracting($0) }),
                let left = lot.quantity.subtracting(closed), let open = rest.adding(closed)
            else { return nil }
            (profit, position.cost, rest) = (sum, cost, open)
            if left.isZero { lots.removeFirst() } else { lots[0].quantity = left }
        }
        if !rest.isZero {
            guard let cost = fill.price.multiplied(by: rest).flatMap({ position.cost.adding($0) }) else { return nil }
            position.cost = cost
            lots.append(Lot(quantity: rest, price: fill.price))
        }
        guard let realised = position.realisedProfit.adding(profit),
            let fees = position.fees[fill.feeAsset, default: .zero].adding(fill.fee)
        else { return nil }
        position.realisedProfit = realised
        if !fill.fee.isZero || position.fees[fill.feeAsset] != nil { position.fees[fill.feeAsset] = fees }
        position.fillCount += 1
        position.lastFillTime = max(position.lastFillTime ?? fill.time, fill.time)
        let fee = fill.feeAsset == position.quoteAsset ? fill.fee : .zero
        return profit.subtracting(fee).flatMap { count($0, on: Self.day(of: fill.time)) }
    }

    /// Executions of a day that is over already count for it no more.
    private mutating func count(_ profit: ExactDecimal, on day: Int64) -> Void? {
        guard day >= self.day else { return () }
        if day > self.day { (self.day, dayProfit) = (day, .zero) }
        guard let sum = dayProfit.adding(profit) else { return nil }
        dayProfit = sum
        return ()
    }

    private static func day(of time: UnixNanos) -> Int64 {
        let (quotient, rest) = time.rawValue.quotientAndRemainder(dividingBy: 86_400_000_000_000)
        return rest < 0 ? quotient - 1 : quotient
    }
}
