/// A tick as the store keeps it: with its wall-clock receive time.
public struct StoredTick: Sendable, Equatable {
    /// The tick; its monotonic time has no meaning outside the process.
    public var tick: Tick
    /// Wall-clock receive time.
    public var receiveTime: UnixNanos

    /// Creates a stored tick.
    public init(tick: Tick, receiveTime: UnixNanos) {
        self.tick = tick
        self.receiveTime = receiveTime
    }
}

/// A gap as the store keeps it: with the wall-clock time at which it was noticed.
public struct StoredGap: Sendable, Equatable {
    /// The gap.
    public var gap: GapRecord
    /// Wall-clock time at which the hole was seen.
    public var noticedTime: UnixNanos

    /// Creates a stored gap.
    public init(gap: GapRecord, noticedTime: UnixNanos) {
        self.gap = gap
        self.noticedTime = noticedTime
    }
}

/// A kline as the store keeps it: with its wall-clock receive time.
public struct StoredKline: Sendable, Equatable {
    /// The kline.
    public var kline: Kline
    /// Wall-clock receive time.
    public var receiveTime: UnixNanos

    /// Creates a stored kline.
    public init(kline: Kline, receiveTime: UnixNanos) {
        self.kline = kline
        self.receiveTime = receiveTime
    }
}

/// Records that are written together, in the engine's order within each kind.
public struct StoreBatch: Sendable, Equatable {
    /// Accepted ticks.
    public var ticks: [StoredTick] = []
    /// Decisions, signals among them.
    public var decisions: [Decision] = []
    /// Gaps.
    public var gaps: [StoredGap] = []
    /// Book updates.
    public var books: [BookUpdate] = []
    /// Closed klines.
    public var klines: [StoredKline] = []

    /// Creates an empty batch.
    public init() {}

    /// Number of records.
    public var count: Int { ticks.count + decisions.count + gaps.count + books.count + klines.count }

    /// Empties the batch and keeps its memory.
    public mutating func removeAll() {
        ticks.removeAll(keepingCapacity: true)
        decisions.removeAll(keepingCapacity: true)
        gaps.removeAll(keepingCapacity: true)
        books.removeAll(keepingCapacity: true)
        klines.removeAll(keepingCapacity: true)
    }
}

/// How many records of a batch were new, and which were set aside.
public struct StoreReceipt: Sendable, Equatable {
    /// New documents by collection name.
    public var inserted: [String: Int] = [:]
    /// Records that were there already.
    public var duplicates = 0
    /// Records the store refuses for good (invalid, oversized); set aside and counted, the rest is written.
    public var refused = 0

    /// Creates an empty receipt.
    public init() {}
}

/// Why a batch is not known to be stored.
public enum TradeStoreError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The store can't be reached, is in fail-over or too slow; the same batch may be written again later.
    case unavailable(String)
    /// The store refuses us for a reason that retrying does not mend (credentials, permissions). Readiness turns false;
    /// the writer goes on trying, slowly, since an operator may mend it.
    case refused(String)

    /// The store's own words.
    public var description: String {
        switch self {
        case .unavailable(let reason): "store unavailable: \(reason)"
        case .refused(let reason): "store refuses us: \(reason)"
        }
    }
}

/// Where ticks, decisions, gaps, book updates and klines are kept: MongoDB, SQLite, or a test's memory.
///
/// All methods are called on one thread, the store writer's, and may block within the store's own time limits.
public protocol TradeStore: ~Copyable, Sendable {
    /// Makes collections, tables and indexes; may be called again after a failure.
    ///
    /// - Throws: `unavailable`, `refused`.
    mutating func prepare() throws(TradeStoreError)

    /// Writes a batch durably. Idempotent: ids are functions of the records, and what is there already is success.
    ///
    /// - Throws: `unavailable` where the outcome is unknown or negative for the whole batch; write the same batch again.
    mutating func write(_ batch: borrowing StoreBatch) throws(TradeStoreError) -> StoreReceipt

    /// Releases the connection; nothing may be called afterwards.
    mutating func close()
}
