public import TradingModel

/// What the simulated store holds; it outlives the processes that write to it.
public final class SimulatedDocuments {
    /// A tick by its place in its stream.
    public struct Key: Hashable, Comparable, Sendable {
        /// Index of the instrument.
        public var instrument: UInt32
        /// The tick's id.
        public var id: UInt64

        /// A place.
        public init(instrument: UInt32, id: UInt64) {
            self.instrument = instrument
            self.id = id
        }

        /// By instrument, then by id.
        public static func < (left: Key, right: Key) -> Bool {
            (left.instrument, left.id) < (right.instrument, right.id)
        }
    }

    /// A hole by its ends, which are its document's identifier.
    public struct GapKey: Hashable, Sendable {
        /// Index of the instrument.
        public var instrument: UInt32
        /// The first missing id.
        public var firstID: UInt64
        /// The last.
        public var lastID: UInt64
    }

    /// How a write goes.
    public enum Outcome: Sendable {
        /// As it should.
        case written
        /// Nothing is written, and the writer is told so.
        case refused
        /// Some, or all, is written, and the writer is told that nothing was.
        case unanswered(most: Int)
    }

    /// Ticks.
    public private(set) var ticks: [Key: Tick] = [:]
    /// By instrument the newest of them in a batch that was written as a whole; 0 where there is none.
    public private(set) var newestTicks: [UInt64]
    /// Holes that stay, and those that were refilled.
    public private(set) var gaps: [GapKey: GapRecord] = [:]
    /// Decisions by their identifier.
    public private(set) var decisions: [String: Decision] = [:]
    /// Records that were there already with other contents.
    public private(set) var conflicts: [String] = []
    /// Holes with a record that says refilled and one that does not.
    public private(set) var noticedTwice: Set<GapKey> = []
    private let catalog: MarketCatalog

    /// Nothing, of these instruments.
    public init(catalog: MarketCatalog) {
        self.catalog = catalog
        newestTicks = catalog.instruments.map { _ in 0 }
    }

    /// Takes at most `most` records of a batch, in its order, and returns how many were new.
    func take(_ batch: borrowing StoreBatch, most: Int) -> StoreReceipt {
        var receipt = StoreReceipt()
        var left = most
        for stored in batch.ticks where left > 0 {
            left -= 1
            let key = Key(instrument: stored.tick.instrument, id: stored.tick.id)
            // Of what is written in part, decisions are still to come.
            if most == .max { newestTicks[Int(key.instrument)] = max(newestTicks[Int(key.instrument)], key.id) }
            add(stored.tick, key, to: \.ticks, as: "ticks", &receipt) {
                ($0.price, $0.exchangeTimeNanos) == ($1.price, $1.exchangeTimeNanos)
            }
        }
        for stored in batch.gaps where left > 0 {
            left -= 1
            let key = key(of: stored.gap)
            // The first record stays; whether there may be another one that differs is for the oracle to say.
            if gaps[key].map({ $0.isRefilled != stored.gap.isRefilled }) ?? false { noticedTwice.insert(key) }
            add(stored.gap, key, to: \.gaps, as: "gaps", &receipt) { _, _ in true }
        }
        for decision in batch.decisions where left > 0 {
            left -= 1
            let key = catalog.identifier(of: decision) + (decision.isSignal ? "" : ":\(decision.reason.name)")
            add(decision, key, to: \.decisions, as: "trade_signals", &receipt) {
                ($0.side, $0.reason, $0.shortSum, $0.longSum) == ($1.side, $1.reason, $1.shortSum, $1.longSum)
            }
        }
        return receipt
    }

    func key(of gap: GapRecord) -> GapKey {
        GapKey(instrument: gap.instrument, firstID: gap.firstID, lastID: gap.lastID)
    }

    private func add<Key, Value>(
        _ value: Value, _ key: Key, to path: ReferenceWritableKeyPath<SimulatedDocuments, [Key: Value]>,
        as collection: String, _ receipt: inout StoreReceipt, isSame: (Value, Value) -> Bool
    ) {
        if let old = self[keyPath: path][key] {
            receipt.duplicates += 1
            if !isSame(old, value) { conflicts.append("\(collection) \(key): \(old) and \(value)") }
        } else {
            receipt.inserted[collection, default: 0] += 1
            self[keyPath: path][key] = value
        }
    }
}

/// The store of one simulated process. Used by its writer's thread.
public struct SimulatedStore: TradeStore, ~Copyable, @unchecked Sendable {
    // Unchecked: one simulated thread runs at a time.
    private let documents: SimulatedDocuments
    private let outcome: () -> SimulatedDocuments.Outcome

    /// A store whose every write goes as `outcome` says, which may take its time.
    public init(_ documents: SimulatedDocuments, outcome: @escaping () -> SimulatedDocuments.Outcome) {
        self.documents = documents
        self.outcome = outcome
    }

    /// There is nothing to make.
    public mutating func prepare() throws(TradeStoreError) {
        if case .refused = outcome() { throw .unavailable("simulated") }
    }

    /// As `outcome` says.
    public mutating func write(_ batch: borrowing StoreBatch) throws(TradeStoreError) -> StoreReceipt {
        switch outcome() {
        case .written: return documents.take(batch, most: .max)
        case .refused: throw .unavailable("simulated")
        case .unanswered(let most):
            _ = documents.take(batch, most: most)
            throw .unavailable("simulated")
        }
    }

    /// There is nothing to close.
    public mutating func close() {}
}
