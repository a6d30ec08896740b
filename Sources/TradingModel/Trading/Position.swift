/// What is held of an instrument by a strategy, or by the account: a fold of the orders' fills.
public struct Position: Sendable, Equatable {
    /// Instrument and strategy; of an account's position the strategy is `account`.
    public var key: StrategyKey
    /// How much, below zero for a short position.
    public var quantity: ExactDecimal
    /// What the quantity held has cost, in the quote asset; below zero for a short position.
    public var cost: ExactDecimal
    /// Profit of what was closed, without fees, in the quote asset.
    public var realisedProfit: ExactDecimal
    /// Fees paid, by asset.
    public var fees: [String: ExactDecimal]
    /// The asset that cost and profit are in.
    public var quoteAsset: String
    /// Fills folded in.
    public var fillCount: Int
    /// The newest fill's time; nil where there is none.
    public var lastFillTime: UnixNanos?

    /// Nothing held.
    public init(key: StrategyKey, quoteAsset: String) {
        self.key = key
        self.quoteAsset = quoteAsset
        quantity = .zero
        cost = .zero
        realisedProfit = .zero
        fees = [:]
        fillCount = 0
        lastFillTime = nil
    }
}
