internal import Indicators
internal import TradingModel

/// One strategy on one instrument: window, signs and the decision that stands.
struct StrategyState: ~Copyable {
    var window: MovingAverageWindow
    var detector = CrossoverDetector()
    let instrument: UInt32
    let strategy: UInt16
    /// What was recorded last; nothing yet where the side is nil.
    var side: Side?
    var reason = DecisionReason.warming
    /// Since the last break: the id with which the present run began.
    var runStartID: UInt64 = 0
    /// Whether a gap, not the start, began the present run.
    var isAfterGap = false
    /// Prices to come until the last one outside the price band has left the long window.
    var suspendedFor = 0
    /// The newest signal found in the stream at start; consulted once, when warm-up ends.
    var published: PublishedSign?

    init(instrument: UInt32, strategy: UInt16, parameters: SMACrossoverParameters) {
        window = MovingAverageWindow(shortPeriod: parameters.shortPeriod, longPeriod: parameters.longPeriod)
        #if TICKLINE_PLANTED_BUGS
            if PlantedBug.planted == .windowOffByOne {
                window = MovingAverageWindow(
                    shortPeriod: parameters.shortPeriod, longPeriod: parameters.longPeriod + 1)
            }
        #endif
        self.instrument = instrument
        self.strategy = strategy
    }

    /// Keeps the stream's newest signal until warm-up ends; later it is ignored.
    mutating func adopt(_ sign: PublishedSign) {
        if !window.isFull { published = sign }
    }

    /// Ids are missing before the next tick: the window must be whole again before anything is decided.
    mutating func breakRun() {
        window.removeAll()
        detector.breakRun()
        isAfterGap = true
        suspendedFor = 0
    }

    // hot path (HotPathTests)
    /// Takes the next price of an unbroken run and returns the decision where it must be recorded. O(1).
    mutating func evaluate(_ tick: borrowing Tick, receiveTime: UnixNanos) -> Decision? {
        if window.count == 0 { runStartID = tick.id }
        window.push(tick.price)
        if tick.flags & TickFlags.outsideBand.rawValue != 0 {
            suspendedFor = window.longPeriod
            // What the averages do until then is not seen: the next sign is compared as it is after a gap.
            detector.breakRun()
        }
        guard suspendedFor == 0 else {
            suspendedFor &-= 1
            return nil
        }
        guard window.isFull else {
            return record(.neutral, isAfterGap ? .gap : .warming, tick, receiveTime)
        }
        if let sign = published {
            // A tick above the present one belongs to a future this run has not reached (a replayed recording).
            if sign.tickID <= tick.id {
                detector.adopt(sign: sign.side.rawValue, insideRun: sign.tickID >= runStartID)
            }
            published = nil
        }
        let sign = window.sign
        switch detector.update(sign: sign) {
        case .tie: return record(.neutral, .tie, tick, receiveTime)
        case .crossed: return signal(sign, .cross, tick, receiveTime)
        case .changedOverGap: return signal(sign, .gap, tick, receiveTime)
        case .first, .unchanged:
            let current: Side = sign > 0 ? .buy : .sell
            return side == current ? nil : record(current, .state, tick, receiveTime)
        }
    }

    private mutating func signal(
        _ sign: Int8, _ reason: DecisionReason, _ tick: borrowing Tick, _ receiveTime: UnixNanos
    ) -> Decision {
        side = sign > 0 ? .buy : .sell
        self.reason = reason
        return decision(tick, receiveTime)
    }

    /// The decision, where side or reason changed.
    private mutating func record(
        _ side: Side, _ reason: DecisionReason, _ tick: borrowing Tick, _ receiveTime: UnixNanos
    ) -> Decision? {
        guard self.side != side || self.reason != reason else { return nil }
        self.side = side
        self.reason = reason
        return decision(tick, receiveTime)
    }

    private func decision(_ tick: borrowing Tick, _ receiveTime: UnixNanos) -> Decision {
        let isWhole = window.isFull
        return Decision(
            instrument: instrument, strategy: strategy, side: side ?? .neutral, reason: reason, tickID: tick.id,
            price: tick.price, shortSum: isWhole ? window.shortSum : 0, longSum: isWhole ? window.longSum : 0,
            exchangeTime: UnixNanos(rawValue: tick.exchangeTimeNanos), receiveTime: receiveTime,
            receiveMonotonic: MonotonicNanos(rawValue: tick.receiveMonotonicNanos))
    }
}
