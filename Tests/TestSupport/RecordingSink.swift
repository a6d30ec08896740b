import Synchronization
import TradingModel

/// A `SignalSink` in memory, for tests of whatever publishes.
public struct RecordingSink: ~Copyable, SignalSink {
    /// What was published, readable from any thread.
    public final class Record: Sendable {
        private let state = Mutex<[Decision]>([])
        /// Creates an empty record.
        public init() {}
        /// The signals, in order.
        public var signals: [Decision] { state.withLock { $0 } }
        func append(_ signal: Decision) { state.withLock { $0.append(signal) } }
        /// Forgets the signals, as a server that acknowledges them would make room.
        public func removeAll() { state.withLock { $0.removeAll() } }
    }

    private let record: Record
    private let capacity: Int

    /// Keeps at most `capacity` signals in `record`.
    public init(record: Record, capacity: Int = .max) {
        self.record = record
        self.capacity = capacity
    }

    /// Whether fewer than `capacity` signals are kept.
    public func hasRoom(for count: Int) -> Bool { record.signals.count + count <= capacity }

    /// Keeps the signal, or refuses it at the capacity.
    public mutating func publish(_ signal: borrowing Decision) -> PublishOutcome {
        guard hasRoom(for: 1) else { return .full }
        record.append(copy signal)
        return .sent
    }

    /// Nothing is ever held back.
    public mutating func flush() {}
}
