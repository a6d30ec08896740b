import Synchronization

/// The three services the health paths speak for; one process may be all of them.
public enum HealthRole: String, Sendable, CaseIterable {
    /// Feeds and store.
    case collector
    /// Store and Redis.
    case processor
    /// Redis.
    case trader
}

/// One thing readiness depends on, reported by the component that uses it.
public final class HealthCheck: Sendable {
    /// What is shown.
    public struct Status: Sendable, Equatable {
        /// Whether the component can do its work.
        public var isReady: Bool
        /// Why, in words an operator can act on.
        public var reason: String
        /// Since when it has been so.
        public var since: ContinuousClock.Instant
    }

    /// The check's name, such as `feed:binance` or `redis`.
    public let name: String
    /// The services that are not ready while this is not.
    public let roles: Set<HealthRole>
    private let state: Mutex<Status>

    init(name: String, roles: Set<HealthRole>, reason: String) {
        self.name = name
        self.roles = roles
        state = Mutex(Status(isReady: false, reason: reason, since: .now))
    }

    /// Reports the state from any thread but the hot ones; `since` moves only when `isReady` changes.
    public func report(isReady: Bool, reason: String) {
        state.withLock { status in
            if status.isReady != isReady { status.since = .now }
            status.isReady = isReady
            status.reason = reason
        }
    }

    /// The state now.
    public var status: Status { state.withLock { $0 } }
}

/// The health checks of a process.
public final class HealthRegistry: Sendable {
    private let checks = Mutex<[HealthCheck]>([])

    /// Creates an empty registry.
    public init() {}

    /// Adds a check that is not ready until its component reports.
    public func check(_ name: String, roles: Set<HealthRole>, reason: String = "starting") -> HealthCheck {
        let check = HealthCheck(name: name, roles: roles, reason: reason)
        checks.withLock { $0.append(check) }
        return check
    }

    /// The checks of one service, in the order they were added.
    public func checks(of role: HealthRole) -> [HealthCheck] {
        checks.withLock { $0.filter { $0.roles.contains(role) } }
    }
}
