/// What a strategy of an instrument is called in signals, targets and positions.
public struct StrategyKey: Sendable, Hashable, CustomStringConvertible {
    /// The instrument.
    public var instrument: Instrument
    /// The strategy with its parameters, such as `sma-50-200`.
    public var strategy: String

    /// Creates a key.
    public init(instrument: Instrument, strategy: String) {
        self.instrument = instrument
        self.strategy = strategy
    }

    /// `exchange:symbol:strategy`, what the ids of its signals begin with.
    public var description: String { "\(instrument):\(strategy)" }
}

/// A signal as its reader sees it: an entry of the signal stream, or a decision of the journal.
public struct TradeSignal: Sendable, Equatable {
    /// The signal's id, `exchange:symbol:strategy:tickId`, with `:gap` behind it after a gap.
    public var id: String
    /// Instrument and strategy.
    public var key: StrategyKey
    /// Which way: buy or sell.
    public var side: OrderSide
    /// Whether it is the side after a gap, on which nothing may be opened.
    public var isAfterGap: Bool
    /// The tick that crossed.
    public var tickID: UInt64
    /// That tick's price.
    public var price: ExactDecimal
    /// Exchange time of that tick.
    public var eventTime: UnixNanos
    /// When that tick was received; the signal's age is counted from here.
    public var receiveTime: UnixNanos

    /// Creates a signal.
    public init(
        id: String, key: StrategyKey, side: OrderSide, isAfterGap: Bool, tickID: UInt64, price: ExactDecimal,
        eventTime: UnixNanos, receiveTime: UnixNanos
    ) {
        self.id = id
        self.key = key
        self.side = side
        self.isAfterGap = isAfterGap
        self.tickID = tickID
        self.price = price
        self.eventTime = eventTime
        self.receiveTime = receiveTime
    }
}

/// Where an entry stands in its source, and what is known of its deliveries.
public struct SignalEntry: Sendable, Equatable {
    /// Which of its source's streams it stands in: a Redis key, or the journal's folder.
    public var stream: String
    /// Its place there: a Redis entry id or a number of the journal.
    public var position: String
    /// How often it has been handed to a consumer, this time included.
    public var deliveries: Int
    /// Field names and values as the source has them.
    public var fields: [String: String]

    /// Creates an entry.
    public init(stream: String, position: String, deliveries: Int, fields: [String: String]) {
        self.stream = stream
        self.position = position
        self.deliveries = deliveries
        self.fields = fields
    }
}

/// What became of an entry, stored before it is acknowledged; under the signal's id it is written once.
public struct SignalOutcome: Sendable, Equatable {
    /// What the trader did about it.
    public enum Result: String, Sendable, CaseIterable {
        /// Orders were made.
        case ordered
        /// The target was reached already.
        case noOperation
        /// A later signal of its key was applied before.
        case superseded
        /// It was too old to act on, and nothing was to be reduced.
        case expired
        /// The risk gate refused every order of it; the reason says why.
        case refused
        /// It could not be understood; its id is the entry's position.
        case malformed
    }

    /// The signal's id; of what could not be understood `entry:` and its position.
    public var id: String
    /// Instrument and strategy; nil of what could not be understood.
    public var key: StrategyKey?
    /// What was done.
    public var result: Result
    /// Why, for operators; empty where the result says it all.
    public var reason: String
    /// The signal's tick; 0 of what could not be understood.
    public var tickID: UInt64
    /// Whether the signal was the side after a gap.
    public var isAfterGap: Bool
    /// The target that the signal set, in the instrument's quantity with its sign; nil where it set none.
    public var target: ExactDecimal?
    /// The lease's token under which it was decided.
    public var token: UInt64
    /// When.
    public var time: UnixNanos

    /// Creates an outcome.
    public init(
        id: String, key: StrategyKey?, result: Result, reason: String, tickID: UInt64, isAfterGap: Bool,
        target: ExactDecimal?, token: UInt64, time: UnixNanos
    ) {
        self.id = id
        self.key = key
        self.result = result
        self.reason = reason
        self.tickID = tickID
        self.isAfterGap = isAfterGap
        self.target = target
        self.token = token
        self.time = time
    }

    /// Whether it moved what is applied of its key: later entries with a lower tick are superseded.
    public var isApplied: Bool { result != .superseded && result != .malformed }
}
