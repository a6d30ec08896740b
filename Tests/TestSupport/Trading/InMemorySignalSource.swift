import Synchronization
import TradingModel

/// A `SignalSource` in memory: a stream that several readers of one group share, and that fails as a test's script says.
public struct InMemorySignalSource: SignalSource, ~Copyable {
    /// What readers share, and the test fills and looks at.
    public final class Contents: Sendable {
        struct State {
            var entries: [[String: String]] = []
            /// Entries handed to somebody at least once.
            var delivered = 0
            /// How often, of entries that are not acknowledged; by their index.
            var pending: [Int: Int] = [:]
            /// Who was handed them last.
            var readers: [Int: ObjectIdentifier] = [:]
            var setAside: [Int: String] = [:]
            var acknowledged: [Int] = []
            /// Calls that fail before they take effect.
            var failures: [Bool] = []
        }

        let state = Mutex(State())

        /// An empty stream.
        public init() {}

        /// Adds an entry.
        public func append(_ fields: [String: String]) { state.withLock { $0.entries.append(fields) } }

        /// What becomes of the next calls, one each; true fails.
        public func plan(_ failures: [Bool]) { state.withLock { $0.failures = failures } }

        /// Whether every entry is acknowledged.
        public var isDone: Bool { state.withLock { $0.delivered == $0.entries.count && $0.pending.isEmpty } }

        /// Positions acknowledged, in the order they were.
        public var acknowledged: [Int] { state.withLock { $0.acknowledged } }

        /// Reasons by position of what was set aside.
        public var setAside: [Int: String] { state.withLock { $0.setAside } }
    }

    private let contents: Contents
    /// Own pending entries that are still to be handed out again; nil before `takeOver`.
    private var history: [Int]?
    private final class Identity: Sendable {}
    private let identity = Identity()

    /// A reader of the stream.
    public init(_ contents: Contents) { self.contents = contents }

    private func call<Value: Sendable>(
        _ body: (inout Contents.State) -> Value
    ) throws(SignalSourceError) -> Value {
        let value = contents.state.withLock { state -> Value? in
            guard state.failures.isEmpty || !state.failures.removeFirst() else { return nil }
            return body(&state)
        }
        guard let value else { throw .unavailable("scripted") }
        return value
    }

    /// As the port says.
    public mutating func takeOver() throws(SignalSourceError) {
        history = try call { $0.pending.keys.sorted() }
    }

    /// As the port says; it never waits.
    public mutating func next(most: Int, waitMillis: Int) throws(SignalSourceError) -> [SignalEntry] {
        guard var history else { throw .unavailable("nothing was taken over since") }
        let own = ObjectIdentifier(identity)
        // What another one was handed since is claimed at once.
        if history.isEmpty {
            history = try call { state in state.pending.keys.filter { state.readers[$0] != own }.sorted() }
        }
        let again = Array(history.prefix(most))
        let entries = try call { state in
            let indices =
                again.isEmpty
                ? Array(state.delivered..<min(state.entries.count, state.delivered + most)) : again
            state.delivered = max(state.delivered, (indices.last ?? -1) + 1)
            return indices.map { index in
                state.pending[index, default: 0] += 1
                state.readers[index] = own
                return SignalEntry(
                    stream: "memory", position: "\(index)", deliveries: state.pending[index] ?? 0,
                    fields: state.entries[index])
            }
        }
        history.removeFirst(again.count)
        self.history = history
        return entries
    }

    /// As the port says.
    public mutating func acknowledge(_ entries: [SignalEntry]) throws(SignalSourceError) {
        try call { state in
            for entry in entries {
                guard let index = Int(entry.position) else { continue }
                state.pending[index] = nil
                state.acknowledged.append(index)
            }
        }
    }

    /// As the port says.
    public mutating func setAside(_ entry: SignalEntry, reason: String) throws(SignalSourceError) {
        try call { state in
            guard let index = Int(entry.position) else { return }
            state.pending[index] = nil
            state.setAside[index] = reason
        }
    }

    /// As the port says.
    public mutating func backlog() throws(SignalSourceError) -> SourceBacklog {
        try call { SourceBacklog(lag: $0.entries.count - $0.delivered, pending: $0.pending.count, missed: 0) }
    }

    /// As the port says.
    public mutating func close() { history = nil }
}
