package import TradingModel

/// The life of a feed's connection: connecting → handshaking → open → closing → waiting → connecting …
///
/// Does no I/O and has no clock: callers say what happened and when, and perform the action that is returned. Calls that
/// make no sense in the present state are our own mistake and trap. Owned by one thread.
package struct ConnectionStateMachine: ~Copyable {
    /// Limits of time; the defaults are those of the product.
    package struct Limits: Sendable {
        /// From the upgrade request to its whole answer.
        package var handshakeMillis: UInt64 = 5_000
        /// Silence after which we ping.
        package var silenceBeforePingMillis: UInt64 = 2_000
        /// Silence after our ping after which the connection is given up.
        package var silenceAfterPingMillis: UInt64 = 2_500
        /// From our close frame to the peer's end.
        package var closeMillis: UInt64 = 250
        /// A connection that was open this long makes the next wait short again: an exchange that cuts each one right after
        /// that sees at most 60 attempts in five minutes, a fifth of what it allows.
        package var stableMillis: UInt64 = 5_000

        /// The defaults.
        package init() {}
    }

    /// What the caller must do now.
    package enum Action: Sendable, Equatable {
        /// Nothing until something happens or `deadline` comes.
        case none
        /// Open a transport connection, then call `didConnect` or `didDisconnect`.
        case connect
        /// Send the upgrade request.
        case sendHandshake
        /// Send a ping frame.
        case sendPing
        /// Send a close frame with this code (nil: an empty one).
        case sendClose(UInt16?)
        /// Drop the transport connection, then call `didDisconnect` with the reason.
        case disconnect(DisconnectReason)
    }

    private enum State {
        case idle
        case connecting
        case handshaking(deadline: MonotonicNanos)
        case open
        case closing(deadline: MonotonicNanos, reason: DisconnectReason)
        case waiting(until: MonotonicNanos)
        case stopped
    }

    private let limits: Limits
    private let random: @Sendable () -> UInt64
    private var state = State.idle
    private var backoff = Backoff()
    private var openedAt: MonotonicNanos?
    private var lastReceivedAt = MonotonicNanos(rawValue: 0)
    private var pingedAt: MonotonicNanos?

    /// Creates an idle machine; `random` gives uniform 64-bit numbers.
    package init(limits: Limits = Limits(), random: @escaping @Sendable () -> UInt64) {
        self.limits = limits
        self.random = random
    }

    /// Whether the upgrade's answer is awaited.
    @inline(__always)
    package var isHandshaking: Bool { if case .handshaking = state { true } else { false } }

    /// Whether messages count.
    @inline(__always)
    package var isOpen: Bool { if case .open = state { true } else { false } }

    /// Begins; once.
    package mutating func start() -> Action {
        guard case .idle = state else { preconditionFailure("started twice") }
        state = .connecting
        return .connect
    }

    /// The attempt may not be made before `time`: the exchange limits their number.
    package mutating func didHoldBack(until time: MonotonicNanos) {
        guard case .connecting = state else { preconditionFailure("held back without an attempt") }
        state = .waiting(until: time)
    }

    /// The transport is connected.
    package mutating func didConnect(at now: MonotonicNanos) -> Action {
        guard case .connecting = state else { preconditionFailure("connected unasked") }
        state = .handshaking(deadline: now.adding(millis: limits.handshakeMillis))
        return .sendHandshake
    }

    /// The upgrade was accepted.
    package mutating func didOpen(at now: MonotonicNanos) {
        guard case .handshaking = state else { preconditionFailure("opened without a handshake") }
        state = .open
        openedAt = now
        lastReceivedAt = now
        pingedAt = nil
    }

    /// Bytes came, of whatever kind.
    @inline(__always)
    package mutating func didReceive(at now: MonotonicNanos) {
        lastReceivedAt = now
        pingedAt = nil
    }

    /// We want to end an open connection: for the peer's breach of the rules, or because it asked for a new one.
    package mutating func close(
        code: UInt16, reason: DisconnectReason, at now: MonotonicNanos
    ) -> Action {
        guard isOpen else { return .none }
        state = .closing(deadline: now.adding(millis: limits.closeMillis), reason: reason)
        return .sendClose(code)
    }

    /// The peer's close frame came: an echo first (RFC 6455, section 5.5.1), or the end of our own closing.
    package mutating func didReceiveClose(code: UInt16?, at now: MonotonicNanos) -> Action {
        switch state {
        case .open:
            state = .closing(deadline: now.adding(millis: limits.closeMillis), reason: .closedByPeer)
            return .sendClose(code)
        case .closing(_, let reason): return .disconnect(reason)
        default: preconditionFailure("a frame without a connection")
        }
    }

    /// The reason that counts when the transport ends now: an end we were waiting for keeps its own.
    package func reason(orWhileOpen reason: DisconnectReason) -> DisconnectReason {
        if case .closing(_, let closing) = state { closing } else { reason }
    }

    /// The transport is gone, or was never there. Waits; at least `atLeastSeconds`, where the exchange asked for it.
    package mutating func didDisconnect(at now: MonotonicNanos, waitingAtLeastSeconds: Int = 0) {
        switch state {
        case .connecting, .handshaking, .open, .closing: break
        case .stopped: return
        case .idle, .waiting: preconditionFailure("disconnected without a connection")
        }
        if let openedAt, now.nanos(since: openedAt) >= limits.stableMillis * 1_000_000 { backoff.reset() }
        openedAt = nil
        let delay = max(backoff.nextDelayNanos(random: random()), UInt64(waitingAtLeastSeconds) * 1_000_000_000)
        state = .waiting(until: MonotonicNanos(rawValue: now.rawValue + delay))
    }

    /// We left in order for another connection that has taken over: no failure, so the next attempt need not wait.
    package mutating func didLeave(at now: MonotonicNanos) {
        backoff.reset()
        openedAt = nil
        state = .waiting(until: now)
    }

    /// Ends for good; an open connection says good-bye.
    package mutating func stop() -> Action {
        let wasOpen = isOpen
        state = .stopped
        return wasOpen ? .sendClose(1000) : .none
    }

    /// When `advance` next has something to do; nil where only an event leads on.
    package var deadline: MonotonicNanos? {
        switch state {
        case .idle, .connecting, .stopped: nil
        case .handshaking(let deadline), .closing(let deadline, _): deadline
        case .open:
            pingedAt.map { $0.adding(millis: limits.silenceAfterPingMillis) }
                ?? lastReceivedAt.adding(millis: limits.silenceBeforePingMillis)
        case .waiting(let until): until
        }
    }

    /// Time has passed.
    package mutating func advance(to now: MonotonicNanos) -> Action {
        guard let deadline, now >= deadline else { return .none }
        switch state {
        case .idle, .connecting, .stopped: return .none
        case .handshaking: return .disconnect(.handshakeTimedOut)
        case .closing(_, let reason): return .disconnect(reason)
        case .open:
            if pingedAt != nil { return .disconnect(.silent) }
            pingedAt = now
            return .sendPing
        case .waiting:
            state = .connecting
            return .connect
        }
    }
}

/// The earlier of two times that may not be set.
func earlier(_ first: MonotonicNanos?, _ second: MonotonicNanos?) -> MonotonicNanos? {
    guard let first, let second else { return first ?? second }
    return min(first, second)
}

extension MonotonicNanos {
    func adding(millis: UInt64) -> MonotonicNanos { MonotonicNanos(rawValue: rawValue + millis * 1_000_000) }
}
