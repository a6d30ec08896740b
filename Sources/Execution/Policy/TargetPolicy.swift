package import TradingModel

/// What a SELL aims at.
package enum SellTarget: String, Sendable, CaseIterable {
    /// Nothing held.
    case flat
    /// The same size as a BUY, below zero.
    case short
}

/// The newest signal of a key that has been applied.
package struct AppliedSignal: Sendable, Equatable {
    /// Its tick.
    package var tickID: UInt64
    /// Whether it was the side after a gap.
    package var isAfterGap: Bool

    /// Creates one.
    package init(tickID: UInt64, isAfterGap: Bool) {
        self.tickID = tickID
        self.isAfterGap = isAfterGap
    }

    /// That of an outcome.
    package init(_ outcome: SignalOutcome) { self.init(tickID: outcome.tickID, isAfterGap: outcome.isAfterGap) }
}

/// One order of a plan.
package struct OrderLeg: Sendable, Equatable {
    /// The leg that brings a position nearer to zero.
    package static let reducing = 0
    /// The leg that opens or enlarges one.
    package static let opening = 1

    /// `reducing` or `opening`.
    package var number: Int
    /// Which way.
    package var side: OrderSide
    /// How much, above zero.
    package var quantity: ExactDecimal

    /// Creates a leg.
    package init(number: Int, side: OrderSide, quantity: ExactDecimal) {
        self.number = number
        self.side = side
        self.quantity = quantity
    }

    /// Whether it brings the position nearer to zero.
    package var isReducing: Bool { number == Self.reducing }
}

/// What a signal asks of a position.
package struct TargetPlan: Sendable, Equatable {
    /// Where the position is to go, with its sign; what it is where nothing may be done.
    package var target: ExactDecimal
    /// The orders that bring it there, the reducing one first; none where it is there.
    package var legs: [OrderLeg]
    /// Whether something would have been opened that the signal, being old or after a gap, may not open.
    package var isOpeningLeftOut: Bool
    /// Whether something would have been opened whose size came to less than a step.
    package var isBelowStep: Bool

    /// Creates a plan.
    package init(target: ExactDecimal, legs: [OrderLeg], isOpeningLeftOut: Bool, isBelowStep: Bool = false) {
        self.target = target
        self.legs = legs
        self.isOpeningLeftOut = isOpeningLeftOut
        self.isBelowStep = isBelowStep
    }
}

/// Turns signals into target positions: BUY aims at a long one, SELL at none or a short one. Pure; O(1).
///
/// The same side again is no operation, whatever a price-dependent size would come to by now: a position that is on the
/// target's side already is kept as it is.
package struct TargetPolicy: Sendable, Equatable {
    /// What a SELL aims at.
    package var sellTarget: SellTarget
    /// From which age on a signal may only reduce; nil: never.
    package var mostSignalAgeMillis: Int?

    /// Creates a policy.
    package init(sellTarget: SellTarget, mostSignalAgeMillis: Int?) {
        self.sellTarget = sellTarget
        self.mostSignalAgeMillis = mostSignalAgeMillis
    }

    /// Whether a later signal of its key was applied before: its tick is below the last applied one, or the same, unless it is
    /// a crossing where the last applied one was the side after a gap, which could open nothing.
    package static func isSuperseded(_ signal: TradeSignal, by last: AppliedSignal?) -> Bool {
        guard let last, signal.tickID <= last.tickID else { return false }
        return signal.tickID < last.tickID || signal.isAfterGap || !last.isAfterGap
    }

    /// Whether it is older than its reader's limit, by the reader's clock and its receive time.
    package func isExpired(_ signal: TradeSignal, now: UnixNanos) -> Bool {
        guard let mostSignalAgeMillis else { return false }
        let (age, overflow) = now.rawValue.subtractingReportingOverflow(signal.receiveTime.rawValue)
        // It overflows only for times centuries apart.
        return overflow ? now > signal.receiveTime : age > Int64(mostSignalAgeMillis) * 1_000_000
    }

    /// What the signal asks of a position.
    ///
    /// A rest below a step can't be traded: it is on neither side, and where nothing is to be held it is asked to be closed in vain,
    /// so that the refusal shows it.
    /// - Parameters:
    ///   - held: the key's position with what its open orders have yet to fill, with its sign.
    ///   - closable: as much of it as whole steps make, with its sign.
    ///   - size: the target's size, zero or above.
    ///   - isExpired: whether it may only reduce for its age.
    package func plan(
        _ signal: TradeSignal, held: ExactDecimal, closable: ExactDecimal, size: ExactDecimal, isExpired: Bool
    ) -> TargetPlan {
        let side: OrderSide? = signal.side == .buy ? .buy : sellTarget == .short ? .sell : nil
        let heldSide: OrderSide? = closable.isZero ? nil : closable.isNegative ? .sell : .buy
        if heldSide == side, side != nil || held.isZero {
            return TargetPlan(target: held, legs: [], isOpeningLeftOut: false)
        }
        // The position is on the other side, or there is none: all of it is closed, all of the target is opened.
        var legs: [OrderLeg] = []
        if let heldSide {
            legs.append(OrderLeg(number: OrderLeg.reducing, side: heldSide.opposite, quantity: closable.magnitude))
        } else if side == nil {
            legs.append(
                OrderLeg(number: OrderLeg.reducing, side: held.isNegative ? .buy : .sell, quantity: held.magnitude))
        }
        guard let side else { return TargetPlan(target: .zero, legs: legs, isOpeningLeftOut: false) }
        if signal.isAfterGap || isExpired { return TargetPlan(target: .zero, legs: legs, isOpeningLeftOut: true) }
        guard !size.isZero else {
            return TargetPlan(target: .zero, legs: legs, isOpeningLeftOut: false, isBelowStep: true)
        }
        legs.append(OrderLeg(number: OrderLeg.opening, side: side, quantity: size))
        return TargetPlan(target: side == .buy ? size : -size, legs: legs, isOpeningLeftOut: false)
    }
}
