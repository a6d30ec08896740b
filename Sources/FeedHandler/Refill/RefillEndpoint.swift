package import TradingModel

/// Which list of past trades of the exchange was asked for. The raw values are kept in journals.
public enum RefillEndpoint: UInt8, Sendable, CaseIterable {
    /// Spot, `/api/v3/historicalTrades`: trade by trade.
    case spotTrades = 1
    /// Spot, `/api/v3/aggTrades`.
    case spotAggregates
    /// USD-M, `/fapi/v1/aggTrades`. Its trades one by one are only for holders of a key.
    case futuresAggregates

    /// Rows of one answer at most, at all three.
    package static let mostRows = 1_000

    package var path: String {
        switch self {
        case .spotTrades: "/api/v3/historicalTrades"
        case .spotAggregates: "/api/v3/aggTrades"
        case .futuresAggregates: "/fapi/v1/aggTrades"
        }
    }

    /// What a question says beside its target. Spot gives times to the microsecond where asked [rest-api.md, "General API
    /// information"], as its feeds do by default: a refilled trade has the time it would have come with.
    package var headers: [String] { self == .futuresAggregates ? [] : ["X-MBX-TIME-UNIT: MICROSECOND"] }

    /// Whether a row stands for all trades of its price, time and taker order.
    package var hasAggregates: Bool { self != .spotTrades }
}

/// One question to the exchange's history.
package struct RefillQuery: Sendable, Equatable {
    /// What is asked.
    package var endpoint: RefillEndpoint
    /// Path and query.
    package var target: String
    /// The refill's request, narrowed to the ids that are still missing: the answer is read by it.
    package var request: RefillRequest
    /// Rows the answer may have.
    package var limit: Int
    /// Time for the whole question.
    package var timeoutMillis: Int
}
