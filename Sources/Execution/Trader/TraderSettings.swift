package import TradingModel

/// What a trader does with signals, and within which bounds.
package struct TraderSettings: Sendable {
    /// What the right to trade is for: the stream's key, or the journal's folder.
    package var leaseName: String
    /// This trader's name, which no other running one may have.
    package var holder: String
    /// How long the lease holds without being renewed; it is renewed four times as often. A standby takes over within it.
    package var leaseMillis = 2_000
    /// How large a target is.
    package var size: OrderSize
    /// What sides aim at, and how old a signal may be.
    package var policy: TargetPolicy
    /// Nil for market orders; else limits at the signal's price, cancelled after so long.
    package var limitTimeoutMillis: Int?
    /// What may be lost.
    package var limits = RiskLimits()
    /// What the account began with, in the quote asset: what a share of the equity is taken of.
    package var startingEquity = ExactDecimal.zero
    /// An entry that has been handed out more often is set aside.
    package var mostDeliveries = 5
    /// Entries handled between two looks at everything else.
    package var mostBatchEntries = 64
    /// How long a look for entries may wait: what orders at the venue and a stop may wait for.
    package var waitMillis = 20
    /// From how much silence on an open order is asked for.
    package var askAfterMillis = 5_000
    /// Trading is halted once a file of this name is there; nil for none.
    package var haltFile: String?

    /// Settings with the defaults above.
    package init(leaseName: String, holder: String, size: OrderSize, policy: TargetPolicy) {
        self.leaseName = leaseName
        self.holder = holder
        self.size = size
        self.policy = policy
    }
}
