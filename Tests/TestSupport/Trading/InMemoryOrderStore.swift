import Synchronization
import TradingModel

/// An `OrderStore` and `PaperOrderLog` in memory that fails and loses answers as a test's script says.
public struct InMemoryOrderStore: OrderStore, PaperOrderLog, ~Copyable {
    /// What becomes of a call that a test has picked.
    public enum Fault: Sendable, Equatable {
        /// It throws and nothing took effect.
        case fails(TradeStoreError)
        /// It takes effect and throws `unavailable`.
        case losesAnswer
    }

    /// What stores over it share, and the test looks at.
    public final class Contents: Sendable {
        struct State {
            var orders: [String: Order] = [:]
            var outcomes: [String: SignalOutcome] = [:]
            var positions: [StrategyKey: Position] = [:]
            var leases: [String: (holder: String, token: UInt64, until: ContinuousClock.Instant)] = [:]
            var trading: TradingState?
            var sourcePositions: [String: UInt64] = [:]
            var paper: [String: [PaperRecord]] = [:]
            var faults: [Fault?] = []
            var calls = 0
        }

        private let state = Mutex(State())

        /// Empty contents.
        public init() {}

        /// What becomes of the next calls of any of the stores, one each; nil is no fault.
        public func plan(_ faults: [Fault?]) { state.withLock { $0.faults += faults } }

        /// Forgets what was planned and has not happened.
        public func unplan() { state.withLock { $0.faults = [] } }

        /// Calls so far, failed ones included.
        public var calls: Int { state.withLock { $0.calls } }

        /// Every order, as it was made.
        public var orders: [Order] { state.withLock { Self.sorted($0.orders.values) } }

        /// Every outcome by its id.
        public var outcomes: [String: SignalOutcome] { state.withLock { $0.outcomes } }

        /// The positions that were written last.
        public var positions: [StrategyKey: Position] { state.withLock { $0.positions } }

        /// The paper venue's records of an account.
        public func paperRecords(account: String) -> [PaperRecord] { state.withLock { $0.paper[account] ?? [] } }

        /// One call: its planned fault, and else what `body` does.
        func call<Value: Sendable>(
            _ body: (inout State) throws(TradeStoreError) -> Value
        ) throws(TradeStoreError) -> Value {
            let result = state.withLock { state -> Result<Value, TradeStoreError> in
                state.calls += 1
                let fault = state.faults.isEmpty ? nil : state.faults.removeFirst()
                if case .fails(let error)? = fault { return .failure(error) }
                do throws(TradeStoreError) {
                    let value = try body(&state)
                    return fault == nil ? .success(value) : .failure(.unavailable("the answer was lost"))
                } catch { return .failure(error) }
            }
            return try result.get()
        }

        /// Orders as they were made, then by the bytes of their ids, as databases compare them.
        static func sorted(_ orders: some Sequence<Order>) -> [Order] {
            orders.sorted { left, right in
                left.createdTime != right.createdTime
                    ? left.createdTime < right.createdTime : precedes(left.id, right.id)
            }
        }

        static func precedes(_ left: String, _ right: String) -> Bool {
            left.utf8.lexicographicallyPrecedes(right.utf8)
        }
    }

    private let contents: Contents

    /// A store over `contents`.
    public init(_ contents: Contents) { self.contents = contents }

    /// Nothing to make.
    public mutating func prepareTrading() throws(TradeStoreError) { try contents.call { _ in } }

    /// Counts as a call.
    public mutating func prepareReading() throws(TradeStoreError) { try contents.call { _ in } }

    /// By the machine's monotonic clock.
    public mutating func lease(_ name: String, holder: String, millis: Int) throws(TradeStoreError) -> LeaseAttempt {
        try contents.call { state in
            let now = ContinuousClock.now
            var lease = state.leases[name] ?? ("", 0, now)
            if lease.until <= now {
                (lease.holder, lease.token) = (holder, lease.token + 1)
            } else if lease.holder != holder {
                return .heldByOther(lease.holder)
            }
            lease.until = max(lease.until, now + .milliseconds(millis))
            state.leases[name] = lease
            return .held(TradingLease(name: name, holder: holder, token: lease.token))
        }
    }

    /// The lease's token stays known.
    public mutating func release(_ lease: TradingLease) throws(TradeStoreError) {
        try contents.call { state in
            guard let known = state.leases[lease.name], known.holder == lease.holder, known.token == lease.token
            else { return }
            state.leases[lease.name]?.until = .now
        }
    }

    /// Refuses what databases refuse.
    public mutating func insert(_ order: Order) throws(TradeStoreError) -> OrderInsertion {
        try contents.call { (state) throws(TradeStoreError) in
            try Self.check([order.tickID, order.token, order.revision], of: order.id)
            guard order.filledQuantity != nil else { throw .refused("\(order.id) is filled with too many digits") }
            if let stored = state.orders[order.id] { return .existing(stored) }
            guard !state.orders.values.contains(where: { $0.clientOrderID == order.clientOrderID }) else {
                throw .refused("another order than \(order.id) has the client order id \(order.clientOrderID)")
            }
            state.orders[order.id] = order
            return .inserted
        }
    }

    /// As the port says.
    public mutating func update(_ order: Order) throws(TradeStoreError) -> Bool {
        try contents.call { (state) throws(TradeStoreError) in
            try Self.check([order.tickID, order.token, order.revision], of: order.id)
            guard order.filledQuantity != nil else { throw .refused("\(order.id) is filled with too many digits") }
            guard let stored = state.orders[order.id] else { return false }
            if stored == order { return true }
            guard stored.revision + 1 == order.revision, stored.token <= order.token else { return false }
            state.orders[order.id] = order
            return true
        }
    }

    /// As the port says.
    public mutating func order(id: String) throws(TradeStoreError) -> Order? {
        try contents.call { $0.orders[id] }
    }

    /// As the port says.
    public mutating func order(clientOrderID: String) throws(TradeStoreError) -> Order? {
        try contents.call { $0.orders.values.first { $0.clientOrderID == clientOrderID } }
    }

    /// As the port says.
    public mutating func orders(ofSignal id: String) throws(TradeStoreError) -> [Order] {
        try contents.call { $0.orders.values.filter { $0.signalID == id }.sorted { $0.leg < $1.leg } }
    }

    /// As the port says.
    public mutating func openOrders() throws(TradeStoreError) -> [Order] {
        try contents.call { Contents.sorted($0.orders.values.filter { !$0.state.isTerminal }) }
    }

    /// As the port says.
    public mutating func orders(behind position: OrderPosition?, most: Int) throws(TradeStoreError) -> [Order] {
        try contents.call { state in
            let behind = state.orders.values.filter { order in
                guard let position else { return true }
                return order.createdTime > position.createdTime
                    || order.createdTime == position.createdTime && Contents.precedes(position.id, order.id)
            }
            return Array(Contents.sorted(behind).prefix(most))
        }
    }

    /// Closes nothing.
    public mutating func close() {}

    private static func check(_ numbers: [UInt64], of id: String) throws(TradeStoreError) {
        guard numbers.allSatisfy({ $0 <= UInt64(Int64.max) }) else {
            throw .refused("\(id) has a number above 2^63 - 1")
        }
    }
}

extension InMemoryOrderStore {
    /// As the port says.
    public mutating func record(_ outcome: SignalOutcome) throws(TradeStoreError) -> Bool {
        try contents.call { (state) throws(TradeStoreError) in
            try Self.check([outcome.tickID, outcome.token], of: outcome.id)
            guard state.outcomes[outcome.id] == nil else { return false }
            state.outcomes[outcome.id] = outcome
            return true
        }
    }

    /// As the port says.
    public mutating func outcome(id: String) throws(TradeStoreError) -> SignalOutcome? {
        try contents.call { $0.outcomes[id] }
    }

    /// As the port says.
    public mutating func lastApplied() throws(TradeStoreError) -> [SignalOutcome] {
        try contents.call { state in
            let applied = Dictionary(grouping: state.outcomes.values.filter { $0.isApplied && $0.key != nil }) {
                $0.key
            }
            return applied.values.compactMap { outcomes in
                outcomes.max { ($0.tickID, $0.isAfterGap ? 0 : 1) < ($1.tickID, $1.isAfterGap ? 0 : 1) }
            }
        }
    }

    /// As the port says.
    public mutating func tradingState() throws(TradeStoreError) -> TradingState? {
        try contents.call { $0.trading }
    }

    /// As the port says.
    public mutating func set(_ trading: TradingState) throws(TradeStoreError) {
        try contents.call { $0.trading = trading }
    }

    /// As the port says.
    public mutating func sourcePosition(of name: String) throws(TradeStoreError) -> UInt64? {
        try contents.call { $0.sourcePositions[name] }
    }

    /// As the port says.
    public mutating func setSourcePosition(_ position: UInt64, of name: String) throws(TradeStoreError) {
        try contents.call { $0.sourcePositions[name] = position }
    }

    /// As the port says.
    public mutating func write(_ positions: [Position]) throws(TradeStoreError) {
        try contents.call { state in for position in positions { state.positions[position.key] = position } }
    }

    /// Nothing to make.
    public mutating func preparePaper() throws(TradeStoreError) { try contents.call { _ in } }

    /// As the port says.
    public mutating func append(_ record: PaperRecord, account: String) throws(TradeStoreError) -> PaperAppend {
        try contents.call { (state) throws(TradeStoreError) in
            try Self.check([record.sequence, record.token], of: account)
            let records = state.paper[account] ?? []
            if records.contains(where: { $0.sequence == record.sequence }) { return .isBehind }
            if record.kind == .accept,
                records.contains(where: { $0.kind == .accept && $0.clientOrderID == record.clientOrderID })
            {
                return .isKnown
            }
            state.paper[account, default: []].append(record)
            return .appended
        }
    }

    /// As the port says.
    public mutating func records(
        behind sequence: UInt64, account: String, most: Int
    ) throws(TradeStoreError) -> [PaperRecord] {
        try contents.call { Array(($0.paper[account] ?? []).filter { $0.sequence > sequence }.prefix(most)) }
    }

    /// As the port says.
    public mutating func records(of clientOrderID: String, account: String) throws(TradeStoreError) -> [PaperRecord] {
        try contents.call { ($0.paper[account] ?? []).filter { $0.clientOrderID == clientOrderID } }
    }
}
