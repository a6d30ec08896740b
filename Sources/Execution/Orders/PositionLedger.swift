package import TradingModel

/// An execution was refused by the ledger: the position has a number of more than 34 digits, and is not what is held.
package struct LedgerOverflow: Error, Sendable, Equatable, CustomStringConvertible {
    /// Whose position.
    package var key: StrategyKey

    /// Creates one.
    package init(key: StrategyKey) { self.key = key }

    /// One line for operators.
    package var description: String { "the position of \(key) has more digits than can be kept exactly" }
}

/// The positions of all instruments and strategies: a fold of the orders' fills, the same however the fills came.
///
/// Executions are folded in the order of their times, then of their trade ids' numbers, so that a restart, which reads orders one after
/// the other, comes to the same cost and profit as the trader that learnt of them as they happened. One that comes late is put
/// in its place and what is behind it is folded again; only behind `mostRetained` others is it folded last. Owned by one
/// thread. O(1) per execution in order, O(`mostRetained`) for a late one.
package struct PositionLedger: Sendable {
    /// How many of a key's newest executions can be folded again: half of them at least.
    package static let mostRetained = 1_024

    private struct Account {
        /// What is folded for good.
        var base: PositionFold
        /// The executions behind it, in their order.
        var tail: [LedgerFill] = []
        /// The base and the tail.
        var fold: PositionFold
    }

    private var accounts: [StrategyKey: Account] = [:]

    /// Nothing held.
    package init() {}

    /// Folds in an execution of an order, which must not have been folded in before: `OrderStep.newFills` are such.
    ///
    /// - Throws: where a number comes to more than 34 digits; nothing is changed.
    package mutating func add(_ fill: Fill, of order: Order) throws(LedgerOverflow) {
        let entry = LedgerFill(side: order.side, fill: fill)
        let empty = PositionFold(key: order.key, quoteAsset: order.quoteAsset)
        // Out of the dictionary while it is changed, so that nothing is copied.
        var account = accounts.removeValue(forKey: order.key) ?? Account(base: empty, fold: empty)
        defer { accounts[order.key] = account }
        let place = account.tail.lastIndex { !Self.isBefore(entry, $0) }.map { $0 + 1 } ?? 0
        var fold = place == account.tail.count ? account.fold : account.base
        let behind =
            place == account.tail.count ? [entry][...] : account.tail[..<place] + [entry] + account.tail[place...]
        for entry in behind {
            guard fold.add(entry) else { throw LedgerOverflow(key: order.key) }
        }
        account.fold = fold
        account.tail.insert(entry, at: place)
        if account.tail.count > Self.mostRetained {
            for entry in account.tail.prefix(Self.mostRetained / 2) {
                guard account.base.add(entry) else { preconditionFailure("what was folded folds again") }
            }
            account.tail.removeFirst(Self.mostRetained / 2)
        }
    }

    /// All positions ever held, by key.
    package var positions: [Position] {
        accounts.values.map(\.fold.position).sorted { $0.key.description < $1.key.description }
    }

    /// What a strategy holds of an instrument.
    package func quantity(of key: StrategyKey) -> ExactDecimal { accounts[key]?.fold.position.quantity ?? .zero }

    /// The position of an instrument over all strategies, under the strategy `account`; nil where there is none, or where a
    /// sum has more than 34 digits.
    package func accountPosition(of instrument: Instrument) -> Position? {
        var sum: Position?
        for position in positions where position.key.instrument == instrument {
            var total =
                sum
                ?? Position(
                    key: StrategyKey(instrument: instrument, strategy: "account"), quoteAsset: position.quoteAsset)
            guard total.add(position) != nil else { return nil }
            sum = total
        }
        return sum
    }

    /// Profit realised on the day (UTC) of `time`, less that day's fees in the quote asset, by quote asset; nil where a sum
    /// has more than 34 digits.
    package func profits(onDayOf time: UnixNanos) -> [String: ExactDecimal]? {
        var profits: [String: ExactDecimal] = [:]
        for account in accounts.values {
            let asset = account.fold.position.quoteAsset
            guard let sum = profits[asset, default: .zero].adding(account.fold.profit(onDayOf: time)) else {
                return nil
            }
            profits[asset] = sum
        }
        return profits
    }

    private static func isBefore(_ left: LedgerFill, _ right: LedgerFill) -> Bool {
        // Venues number their trades, and many fall into one millisecond: of two numbers the shorter is the lower.
        let (leftID, rightID) = (left.fill.tradeID, right.fill.tradeID)
        return (left.fill.time, leftID.utf8.count, leftID) < (right.fill.time, rightID.utf8.count, rightID)
    }
}

extension Position {
    /// Adds another position of the instrument; nil beyond 34 digits.
    fileprivate mutating func add(_ other: Position) -> Void? {
        guard let quantity = quantity.adding(other.quantity), let cost = cost.adding(other.cost),
            let profit = realisedProfit.adding(other.realisedProfit)
        else { return nil }
        (self.quantity, self.cost, realisedProfit) = (quantity, cost, profit)
        for (asset, fee) in other.fees {
            guard let sum = fees[asset, default: .zero].adding(fee) else { return nil }
            fees[asset] = sum
        }
        fillCount += other.fillCount
        lastFillTime = [lastFillTime, other.lastFillTime].compactMap { $0 }.max()
        return ()
    }
}
