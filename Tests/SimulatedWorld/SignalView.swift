import TradingModel

/// A signal that the rule of crossings gives in at least one of the ways in which the ids can have been taken.
struct PossibleSignal {
    let decision: Decision
    /// Whether it is a signal in each of the ways, and no kill could take it.
    let isRequired: Bool
}

/// What the rule of crossings remembers of one way in which an instrument's ids can have been taken: the plain reference.
struct SignalView: Hashable {
    /// Prices of the unbroken run, at most as many as the long window.
    private var count = 0
    private var lastSign = 0
    private var signBeforeGap = 0

    /// Behind an id that was not taken.
    func broken() -> SignalView {
        var view = SignalView()
        view.signBeforeGap = lastSign != 0 ? lastSign : signBeforeGap
        return view
    }

    /// Takes an id whose windows, where they are whole, have the short average above (1), below (−1) or at the long one.
    mutating func take(sign: Int, longPeriod: Int) -> DecisionReason? {
        count = min(count + 1, longPeriod)
        guard count == longPeriod, sign != 0 else { return nil }
        var reason: DecisionReason?
        if lastSign == 0 {
            if signBeforeGap != 0, signBeforeGap != sign { reason = .gap }
        } else if sign != lastSign {
            reason = .cross
        }
        (lastSign, signBeforeGap) = (sign, 0)
        return reason
    }
}
