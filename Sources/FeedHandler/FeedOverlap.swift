internal import Digests
import Synchronization
internal import ThreadExecutor
internal import TradingModel
internal import Transport

/// The two connections of one feed, which see to it that there is always one: `OverlapStateMachine`, shared by the two
/// threads. Called for cold events; `version` tells a thread in one load whether there is something new.
public final class FeedOverlap: Sendable {
    private struct State: ~Copyable {
        var machine: OverlapStateMachine
        var signals: InlineArray<2, StopSignal?> = [nil, nil]
    }

    private let state: Mutex<State>
    private let changes = Atomic<UInt64>(1)

    /// Creates the pair.
    ///
    /// - Parameter reconnectAfterSeconds: age at which a connection is replaced, at the latest; nil: only when the exchange
    ///   asks for it.
    public convenience init(reconnectAfterSeconds: Int?) {
        self.init(
            limits: OverlapStateMachine.Limits(lifetimeMillis: reconnectAfterSeconds.map { UInt64($0) * 1_000 }))
    }

    package init(limits: OverlapStateMachine.Limits) {
        state = Mutex(State(machine: OverlapStateMachine(limits: limits, random: { SecureRandom.number() })))
    }

    /// Rises with every event.
    var version: UInt64 {
        // acquiring / releasing: what the event changed is then there, though the lock says so again.
        changes.load(ordering: .acquiring)
    }

    /// Says how a lane's thread is woken; before it runs.
    func attach(_ signal: StopSignal, as lane: Int) { state.withLock { $0.signals[lane] = signal } }

    /// What a lane's thread needs to know.
    func view(of lane: Int) -> (isWanted: Bool, isActive: Bool, isOverlapping: Bool, deadline: MonotonicNanos?) {
        state.withLock {
            (
                $0.machine.isWanted(lane), $0.machine.active == lane, $0.machine.isOverlapping,
                $0.machine.deadline(of: lane)
            )
        }
    }

    /// Why a lane that is not wanted leaves.
    var leaveReason: DisconnectReason { state.withLock { $0.machine.leaveReason } }

    func didOpen(_ lane: Int, at now: MonotonicNanos) { change(lane) { $0.didOpen(lane, at: now) } }

    func didClose(_ lane: Int) { change(lane) { $0.didClose(lane) } }

    func didDeliverAll(_ lane: Int, at now: MonotonicNanos) { change(lane) { $0.didDeliverAll(lane, at: now) } }

    func didAskForNew(_ lane: Int) -> Bool { change(lane) { $0.didAskForNew(lane) } }

    func advance(_ lane: Int, to now: MonotonicNanos) { change(lane) { $0.advance(lane, to: now) } }

    private func change<Result>(_ lane: Int, _ body: (inout OverlapStateMachine) -> Result) -> Result {
        state.withLock { state in
            let result = body(&state.machine)
            changes.add(1, ordering: .releasing)
            state.signals[1 - lane]?.wake()
            return result
        }
    }
}

/// One of a feed's two connections.
public struct FeedLane: Sendable {
    let overlap: FeedOverlap
    let index: Int

    /// Creates lane 0, which serves first, or 1.
    public init(_ overlap: FeedOverlap, _ index: Int) {
        precondition((0...1).contains(index), "a feed has two lanes")
        self.overlap = overlap
        self.index = index
    }

    /// Whether it is to connect, or to stay connected.
    var isWanted: Bool { overlap.view(of: index).isWanted }
    /// Whether it answers for the feed.
    var isActive: Bool { overlap.view(of: index).isActive }
}
