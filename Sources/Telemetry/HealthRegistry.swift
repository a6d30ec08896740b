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
    /// What the component delivers, such as streams; empty where no other one can stand in for it.
    public let delivers: Set<String>
    private let state: Mutex<Status>

    init(name: String, roles: Set<HealthRole>, delivers: Set<String>, reason: String) {
        self.name = name
        self.roles = roles
        self.delivers = delivers
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

/// What one check says, seen beside the others.
public struct HealthReading: Sendable {
    /// The check's name.
    public var name: String
    /// What it reported last.
    public var status: HealthCheck.Status
    /// Whether it is not ready, and others that are ready deliver everything that it delivers.
    public var isCovered: Bool

    /// Whether its services are not ready because of it.
    public var isFailing: Bool { !status.isReady && !isCovered }
}

/// The health checks of a process.
public final class HealthRegistry: Sendable {
    private let checks = Mutex<[HealthCheck]>([])

    /// Creates an empty registry.
    public init() {}

    /// Adds a check that is not ready until its component reports.
    ///
    /// - Parameter delivers: what the component delivers; while others that are ready deliver all of it, its services are
    ///   ready without it. Empty: nothing stands in for it.
    public func check(
        _ name: String, roles: Set<HealthRole>, delivers: Set<String> = [], reason: String = "starting"
    ) -> HealthCheck {
        let check = HealthCheck(name: name, roles: roles, delivers: delivers, reason: reason)
        checks.withLock { $0.append(check) }
        return check
    }

    /// What the checks of one service say, in the order they were added. O(checks and what they deliver).
    public func readings(of role: HealthRole) -> [HealthReading] {
        let found = checks.withLock { $0.filter { $0.roles.contains(role) } }.map { (check: $0, status: $0.status) }
        let delivered = found.reduce(into: Set<String>()) { set, entry in
            if entry.status.isReady { set.formUnion(entry.check.delivers) }
        }
        return found.map { check, status in
            let isCovered = !status.isReady && !check.delivers.isEmpty && check.delivers.isSubset(of: delivered)
            return HealthReading(name: check.name, status: status, isCovered: isCovered)
        }
    }
}
