package import TradingModel

/// Judges every order before it is stored as one to be sent. Owned by one thread; does no I/O; O(digits).
///
/// A limit bounds what may be lost, so an order that brings a position nearer to zero is held up by few: by a halt, by an
/// instrument that is not traded, by the venue's own rules and by the orders per second, which guard against a loop of our own.
/// Opening orders have to pass everything. The first reason found is the one named, in the order of `refusal`'s lines.
package struct RiskGate: Sendable {
    /// The limits.
    package let limits: RiskLimits
    /// When the newest orders were let through, oldest first; at most `mostOrdersPerSecond` of them.
    private var sentTimes: [MonotonicNanos] = []

    /// A gate that has let nothing through yet.
    package init(limits: RiskLimits) { self.limits = limits }

    /// Why the order is not to be sent; nil where it is, and then it counts among the orders of its second.
    package mutating func judge(_ order: ProposedOrder, in conditions: TradingConditions) -> RefusalReason? {
        let refusal = refusal(of: order, in: conditions)
        if refusal == nil, let most = limits.mostOrdersPerSecond {
            sentTimes.append(conditions.monotonicNow)
            if sentTimes.count > most { sentTimes.removeFirst() }
        }
        return refusal
    }

    private func refusal(of order: ProposedOrder, in conditions: TradingConditions) -> RefusalReason? {
        if let refusal = conditions.mode.refusal(isReducing: order.leg.isReducing) { return refusal }
        guard let rules = conditions.rules else { return .unknownSymbol }
        if let refusal = TradingRulesCheck.refusal(
            quantity: order.leg.quantity, type: order.type, referencePrice: order.referencePrice, rules: rules)
        {
            return refusal
        }
        if !order.leg.isReducing, let refusal = refusalOfOpening(order, rules: rules, in: conditions) { return refusal }
        return isRateReached(at: conditions.monotonicNow) ? .tooManyOrdersPerSecond : nil
    }

    private func refusalOfOpening(
        _ order: ProposedOrder, rules: TradingRules, in conditions: TradingConditions
    ) -> RefusalReason? {
        if order.isExpired { return .expiredSignal }
        if let most = limits.mostOpenOrders, conditions.openOrders >= most { return .tooManyOpenOrders }
        if let most = limits.mostDailyLoss {
            guard let profit = conditions.dayProfit else { return .numberTooLarge }
            if -profit >= most { return .dailyLoss }
        }
        guard let notional = order.price.multiplied(by: order.leg.quantity),
            let held = order.held.adding(order.signedQuantity),
            let accountHeld = order.accountHeld.adding(order.signedQuantity),
            let value = held.magnitude.multiplied(by: order.price),
            let accountValue = accountHeld.magnitude.multiplied(by: order.price)
        else { return .numberTooLarge }
        if let most = limits.mostOrderNotional, notional > most { return .orderTooLarge }
        if let most = limits.mostPositionNotional {
            if value > most { return .positionTooLarge }
            if accountValue > most { return .accountPositionTooLarge }
        }
        if order.leg.side == .sell, accountHeld.isNegative, !rules.allowsShort { return .shortSale }
        return refusalByBand(order, in: conditions)
    }

    /// The price must be within the band around what the order would trade at: the ask for a buy, the bid for a sell.
    private func refusalByBand(_ order: ProposedOrder, in conditions: TradingConditions) -> RefusalReason? {
        guard let band = limits.priceBandBasisPoints else { return nil }
        guard let quote = conditions.quote, isFresh(quote, at: conditions.now) else { return .noQuote }
        let market = order.leg.side == .buy ? quote.askPrice : quote.bidPrice
        // |price − market| / market > band / 10,000, without a division.
        guard let distance = order.price.subtracting(market)?.magnitude.multiplied(by: ExactDecimal(10_000)),
            let most = market.multiplied(by: ExactDecimal(band))
        else { return .numberTooLarge }
        return distance > most ? .priceOutsideBand : nil
    }

    private func isFresh(_ quote: Quote, at now: UnixNanos) -> Bool {
        // A quote from after now has been received while the clock was being set: it is new.
        let (age, overflow) = now.rawValue.subtractingReportingOverflow(quote.receiveTime.rawValue)
        return !overflow && age <= Int64(limits.mostQuoteAgeMillis) * 1_000_000
    }

    private func isRateReached(at now: MonotonicNanos) -> Bool {
        guard let most = limits.mostOrdersPerSecond, sentTimes.count >= most else { return false }
        return sentTimes.first.map { now.nanos(since: $0) < 1_000_000_000 } ?? true
    }
}

extension TradingMode {
    /// Why no order of a kind is made in this mode; nil where it is.
    package func refusal(isReducing: Bool) -> RefusalReason? {
        switch self {
        case .active: nil
        case .reduceOnly: isReducing ? nil : .reduceOnly
        case .halted: .halted
        }
    }

    /// Whether orders that are open at the venue are cancelled.
    package var cancelsOpenOrders: Bool { self == .halted }
}
