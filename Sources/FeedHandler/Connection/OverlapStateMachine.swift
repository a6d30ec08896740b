package import TradingModel

/// Which of a feed's two connections, its lanes, is wanted: one serves, the other rests, and before the exchange ends the
/// one the other is opened beside it, so that no message is missed.
///
/// A lane opens for the other when that one's time is up or when the exchange asks for a new connection. It takes over
/// when each of its streams has delivered, or after a bounded time those that do, and then a moment more, in which the old
/// one delivers what was on its way. Where one of the two is lost meanwhile, the other goes on; where both are, the first
/// that opens. Does no I/O and has no clock. Owned by one thread at a time.
package struct OverlapStateMachine: ~Copyable {
    /// Limits of time.
    package struct Limits: Sendable {
        /// Age at which a connection is replaced; nil: never by age.
        package var lifetimeMillis: UInt64?
        /// From the new connection's opening until it takes over although not all its streams have delivered.
        package var settleMillis: UInt64 = 10_000
        /// For how long both deliver after the new one's streams are there: what the old one's path may be slower by.
        package var graceMillis: UInt64 = 1_000

        /// The defaults.
        package init(lifetimeMillis: UInt64? = nil) { self.lifetimeMillis = lifetimeMillis }
    }

    private struct Lane {
        var isOpen = false
        /// When it is to be replaced.
        var dueAt: MonotonicNanos?
        /// When it takes over; set while it is open beside the serving one.
        var takesOverAt: MonotonicNanos?
    }

    private let limits: Limits
    private let random: @Sendable () -> UInt64
    private var lanes: InlineArray<2, Lane> = [Lane(), Lane()]
    /// Why an overlap is under way; nil for none.
    private var cause: DisconnectReason?
    /// The lane that answers for the feed.
    package private(set) var active = 0
    /// Why the resting lane was left.
    package private(set) var leaveReason = DisconnectReason.planned

    /// Lane 0 serves; `random` gives uniform 64-bit numbers.
    package init(limits: Limits, random: @escaping @Sendable () -> UInt64) {
        self.limits = limits
        self.random = random
    }

    /// Whether a lane is to connect, or to stay so; else it leaves and rests.
    package func isWanted(_ lane: Int) -> Bool { lane == active || cause != nil }

    /// Whether both lanes are wanted.
    package var isOverlapping: Bool { cause != nil }

    /// A lane's connection is open.
    package mutating func didOpen(_ lane: Int, at now: MonotonicNanos) {
        lanes[lane] = Lane(isOpen: true, dueAt: dueTime(from: now))
        guard cause != nil else { return }
        if !lanes[1 - lane].isOpen {
            settle(on: lane)
        } else if lane != active {
            lanes[lane].takesOverAt = now.adding(millis: limits.settleMillis)
        }
    }

    /// A lane's connection has ended, for whatever reason.
    package mutating func didClose(_ lane: Int) {
        lanes[lane] = Lane()
        if cause != nil, lane == active, lanes[1 - lane].isOpen { settle(on: 1 - lane) }
    }

    /// Each stream of a lane has delivered.
    package mutating func didDeliverAll(_ lane: Int, at now: MonotonicNanos) {
        guard let time = lanes[lane].takesOverAt else { return }
        lanes[lane].takesOverAt = min(time, now.adding(millis: limits.graceMillis))
    }

    /// The exchange asks for a new connection; false where the lane has to see to that itself, because it is not the one that
    /// serves.
    package mutating func didAskForNew(_ lane: Int) -> Bool {
        guard lane == active else { return false }
        cause = .serverShutdown
        return true
    }

    /// When `advance` next has something to do for a lane; nil where only an event leads on.
    package func deadline(of lane: Int) -> MonotonicNanos? {
        if let time = lanes[lane].takesOverAt { return time }
        // While the other one is still leaving its end comes first.
        return lane == active && cause == nil && !lanes[1 - lane].isOpen ? lanes[lane].dueAt : nil
    }

    /// Time has passed for a lane.
    package mutating func advance(_ lane: Int, to now: MonotonicNanos) {
        guard let deadline = deadline(of: lane), now >= deadline else { return }
        if lanes[lane].takesOverAt != nil { settle(on: lane) } else { cause = .planned }
    }

    /// The overlap is over.
    private mutating func settle(on lane: Int) {
        if lane != active, let cause { leaveReason = cause }
        active = lane
        cause = nil
        for lane in 0..<2 { lanes[lane].takesOverAt = nil }
    }

    /// Up to a twentieth early, so that connections that were opened together are not replaced together.
    private func dueTime(from now: MonotonicNanos) -> MonotonicNanos? {
        limits.lifetimeMillis.map { now.adding(millis: $0 - random() % ($0 / 20 + 1)) }
    }
}
