/// The strategy's side after an evaluation.
public enum Side: Int8, Sendable {
    /// The short average is below the long one.
    case sell = -1
    /// Nothing is decided; the reason says why.
    case neutral = 0
    /// The short average is above the long one.
    case buy = 1

    /// The name in the signal entry and in documents.
    public var name: StaticString {
        switch self {
        case .sell: "SELL"
        case .neutral: "NEUTRAL"
        case .buy: "BUY"
        }
    }
}

/// Why a decision stands as it does.
public enum DecisionReason: UInt8, Sendable {
    /// The sign of short − long changed: a signal.
    case cross = 1
    /// A side seen without a crossing: the first sign after warm-up, or the same side again after a tie.
    case state
    /// Neutral: the long window is not full yet.
    case warming
    /// Neutral: both averages are equal.
    case tie
    /// Neutral: ids are missing and the window must be whole again. With a side: the first sign after such a gap, or after
    /// prices outside the band, differs from the one before it, which is a signal of its own kind.
    case gap
    /// Neutral: the instrument's stream is silent.
    case silent

    /// The name in the signal entry, in documents and as the suffix of ids.
    public var name: StaticString {
        switch self {
        case .cross: "cross"
        case .state: "state"
        case .warming: "warming"
        case .tie: "tie"
        case .gap: "gap"
        case .silent: "silent"
        }
    }
}

/// The strategy's state after an evaluation, recorded when side or reason changes and at every crossing.
///
/// Averages are kept as exact sums; `shortSum / shortPeriod` is the average at the price scale. On a ring it takes two
/// slots, `decision` and `decisionSums`, published together.
public struct Decision: Sendable, Equatable {
    /// Index of the instrument in the `MarketCatalog`.
    public var instrument: UInt32
    /// Index of the strategy in the `MarketCatalog`.
    public var strategy: UInt16
    /// The side.
    public var side: Side
    /// Why.
    public var reason: DecisionReason
    /// The id of the tick that was evaluated.
    public var tickID: UInt64
    /// That tick's price at the price scale.
    public var price: Int64
    /// Sum of the last `shortPeriod` prices; 0 while warming or in a gap.
    public var shortSum: Int128
    /// Sum of the last `longPeriod` prices; 0 while warming or in a gap.
    public var longSum: Int128
    /// Exchange time of the tick.
    public var exchangeTime: UnixNanos
    /// Wall-clock receive time of the tick.
    public var receiveTime: UnixNanos
    /// Monotonic receive time of the tick; 0 for a refilled tick, which no stream delivered: no latency is taken from it.
    public var receiveMonotonic: MonotonicNanos

    /// Creates a decision.
    @inlinable
    public init(
        instrument: UInt32, strategy: UInt16, side: Side, reason: DecisionReason, tickID: UInt64, price: Int64,
        shortSum: Int128, longSum: Int128, exchangeTime: UnixNanos, receiveTime: UnixNanos,
        receiveMonotonic: MonotonicNanos
    ) {
        self.instrument = instrument
        self.strategy = strategy
        self.side = side
        self.reason = reason
        self.tickID = tickID
        self.price = price
        self.shortSum = shortSum
        self.longSum = longSum
        self.exchangeTime = exchangeTime
        self.receiveTime = receiveTime
        self.receiveMonotonic = receiveMonotonic
    }

    /// Whether this decision is a signal: a crossing, or the new side after a gap.
    @inlinable
    public var isSignal: Bool {
        reason == .cross || (reason == .gap && side != .neutral)
    }

    /// The two ring slots, in order.
    @inlinable
    public var slots: (Tick, Tick) {
        var first = Tick(
            id: tickID, exchangeTimeNanos: exchangeTime.rawValue, receiveMonotonicNanos: receiveMonotonic.rawValue,
            price: price, quantity: receiveTime.rawValue, secondaryPrice: Int64(side.rawValue),
            secondaryQuantity: Int64(strategy), instrument: instrument, kind: .decision, feed: 0)
        first.flags = reason.rawValue
        let second = Tick(
            id: UInt64(truncatingIfNeeded: shortSum), exchangeTimeNanos: Int64(truncatingIfNeeded: shortSum >> 64),
            receiveMonotonicNanos: UInt64(truncatingIfNeeded: longSum),
            price: Int64(truncatingIfNeeded: longSum >> 64), quantity: 0, instrument: instrument, kind: .decisionSums,
            feed: 0)
        return (first, second)
    }

    /// Reads a decision back from its two slots; nil where they are no such pair.
    @inlinable
    public init?(first: Tick, second: Tick) {
        guard first.kind == RecordKind.decision.rawValue, second.kind == RecordKind.decisionSums.rawValue,
            let side = Side(rawValue: Int8(truncatingIfNeeded: first.secondaryPrice)),
            let reason = DecisionReason(rawValue: first.flags)
        else { return nil }
        self.init(
            instrument: first.instrument, strategy: UInt16(truncatingIfNeeded: first.secondaryQuantity), side: side,
            reason: reason, tickID: first.id, price: first.price,
            shortSum: Int128(second.exchangeTimeNanos) << 64 | Int128(second.id),
            longSum: Int128(second.price) << 64 | Int128(second.receiveMonotonicNanos),
            exchangeTime: UnixNanos(rawValue: first.exchangeTimeNanos),
            receiveTime: UnixNanos(rawValue: first.quantity),
            receiveMonotonic: MonotonicNanos(rawValue: first.receiveMonotonicNanos))
    }
}
