/// Whether the trader may trade, as an operator or a limit has set it; it survives restarts.
public enum TradingMode: String, Sendable, CaseIterable {
    /// Orders are made.
    case active
    /// Only orders that reduce a position are made.
    case reduceOnly = "reduce-only"
    /// No orders are made, and open ones are cancelled.
    case halted
}

/// The trading mode with who set it and why.
public struct TradingState: Sendable, Equatable {
    /// The mode.
    public var mode: TradingMode
    /// Why, in words for operators.
    public var reason: String
    /// When it was set.
    public var time: UnixNanos

    /// Creates a state.
    public init(mode: TradingMode, reason: String, time: UnixNanos) {
        self.mode = mode
        self.reason = reason
        self.time = time
    }
}

/// The right to trade on a stream, held by one trader at a time.
public struct TradingLease: Sendable, Equatable {
    /// What it is for: the stream's key.
    public var name: String
    /// Who holds it.
    public var holder: String
    /// Rises with every change of holder; what is written under a lower one is refused.
    public var token: UInt64

    /// Creates a lease.
    public init(name: String, holder: String, token: UInt64) {
        self.name = name
        self.holder = holder
        self.token = token
    }
}
