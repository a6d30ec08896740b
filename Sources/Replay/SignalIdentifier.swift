internal import TradingModel

/// A signal's id taken apart: `exchange:symbol:strategy:tickId`, with `:gap` behind it where the side changed over a gap.
public struct SignalIdentifier: Sendable, Equatable {
    /// The whole.
    public let text: String
    /// `exchange:symbol:`.
    public let instrumentPrefix: String
    /// `exchange:symbol:strategy:`.
    public let pairPrefix: String
    /// The tick it was decided on.
    public let tickID: UInt64
    /// Whether it tells the new side after a gap.
    public let isGap: Bool

    /// Reads an id; nil where the text is none.
    public init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 4 || parts.count == 5 && parts[4] == "gap", !parts[0].isEmpty, !parts[1].isEmpty,
            !parts[2].isEmpty, let tickID = UInt64(parts[3]), "\(tickID)" == parts[3]
        else { return nil }
        self.text = text
        self.tickID = tickID
        instrumentPrefix = "\(parts[0]):\(parts[1]):"
        pairPrefix = "\(instrumentPrefix)\(parts[2]):"
        isGap = parts.count == 5
    }

    /// The pair it belongs to; nil where the catalogue has no such instrument or strategy.
    func pair(in catalog: MarketCatalog) -> (instrument: Int, strategy: Int)? {
        for instrument in catalog.instruments.indices {
            for strategy in catalog.strategies.indices
            where catalog.identifierPrefix(instrument: UInt32(instrument), strategy: UInt16(strategy)) == pairPrefix {
                return (instrument, strategy)
            }
        }
        return nil
    }

    /// Whether it is the id of that decision of its pair.
    func names(_ decision: Decision) -> Bool {
        decision.tickID == tickID && decision.isSignal && (decision.reason == .gap) == isGap
    }
}
