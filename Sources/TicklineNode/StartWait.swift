/// How long a run that may not begin yet waits for the stream: as long as that gets on with what earlier runs have left.
package struct StartWait {
    /// How long it may get on with nothing: what a failover takes, and connecting after it.
    package static let limitNanos: UInt64 = 5_000_000_000

    private let signals: SignalDestination
    private let isForAll: Bool
    private var progress: UInt64?
    private var deadlineNanos: UInt64 = 0

    /// Until the publisher has taken over all that waits, or, `forAll`, until that is acknowledged.
    package init(_ signals: SignalDestination, forAll: Bool) { (self.signals, isForAll) = (signals, forAll) }

    /// Whether the run may begin.
    package var isOver: Bool {
        guard isForAll else { return signals.waitingSignals == 0 }
        let taken = signals.takenSignals
        return taken.acknowledged >= taken.count
    }

    /// Looks how far the stream is; every few milliseconds, while it is not over.
    ///
    /// - Throws: `OverfullJournal` where waiting is of no use, or is cancelled.
    package mutating func check(nowNanos: UInt64, isCancelled: Bool = false) throws(OverfullJournal) {
        let now = signals.progress
        if now != progress { (progress, deadlineNanos) = (now, nowNanos + Self.limitNanos) }
        let trouble = signals.trouble
        guard trouble != nil || isCancelled || nowNanos >= deadlineNanos else { return }
        let taken = signals.takenSignals
        throw OverfullJournal(
            waiting: taken.count - taken.acknowledged,
            trouble: signals.waitingSignals == 0
                ? nil : trouble ?? "Redis has taken none for \(Self.limitNanos / 1_000_000_000) s")
    }
}
