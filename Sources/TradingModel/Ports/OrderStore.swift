/// What an attempt to hold a lease came to.
public enum LeaseAttempt: Sendable, Equatable {
    /// Held: nobody else gets it within the time asked for, counted from before the call.
    case held(TradingLease)
    /// Another one holds it.
    case heldByOther(String)
}

/// What storing a new order came to.
public enum OrderInsertion: Sendable, Equatable {
    /// It is stored.
    case inserted
    /// An order of that id is there already, as it stands.
    case existing(Order)
}

/// Where orders, their outcomes, positions and the right to trade are kept: MongoDB, SQLite, or a test's memory.
///
/// Every call is durable when it returns (`w: majority`, `journal: true`; SQLite with `synchronous = FULL`), is one write of
/// one document, and blocks within the store's own time limits. Used by one thread at a time. Errors are the store's:
/// `unavailable` where the outcome is unknown or negative, and the same call may be made again; `refused`.
public protocol OrderStore: ~Copyable, Sendable {
    /// Makes collections, tables and indexes; may be called again after a failure.
    mutating func prepareTrading() throws(TradeStoreError)

    /// Opens what is there and makes nothing, for who has the right to read alone; used instead of `prepareTrading`.
    mutating func prepareReading() throws(TradeStoreError)

    /// Takes or renews the lease `name` for `holder`, for `millis` by the store's own clock.
    ///
    /// A free or lapsed lease goes to the caller with a token one higher than any before, also where the caller was the one that
    /// let it lapse; one that the caller holds is renewed with its token.
    mutating func lease(_ name: String, holder: String, millis: Int) throws(TradeStoreError) -> LeaseAttempt

    /// Gives the lease back at once; nothing where it has gone to another holder.
    mutating func release(_ lease: TradingLease) throws(TradeStoreError)

    /// Stores a new order, once for all time by its id.
    mutating func insert(_ order: Order) throws(TradeStoreError) -> OrderInsertion

    /// Replaces the order of that id by one with the next revision; false, and nothing is written, where the stored one has
    /// another revision than the one before or a higher token.
    ///
    /// A repeated call whose first succeeded without an answer is told by equal content: it returns true.
    mutating func update(_ order: Order) throws(TradeStoreError) -> Bool

    /// The order of that id.
    mutating func order(id: String) throws(TradeStoreError) -> Order?

    /// The order that venues know by that id. By an index.
    mutating func order(clientOrderID: String) throws(TradeStoreError) -> Order?

    /// Orders of a signal, by leg.
    mutating func orders(ofSignal id: String) throws(TradeStoreError) -> [Order]

    /// Orders that are not terminal, oldest first. O(them), by an index.
    mutating func openOrders() throws(TradeStoreError) -> [Order]

    /// Orders in the order they were made, then of their ids, behind `position`, at most `most`; for folds and tables.
    mutating func orders(behind position: OrderPosition?, most: Int) throws(TradeStoreError) -> [Order]

    /// Stores what became of a signal, once for all time by its id; false where it was stored already.
    mutating func record(_ outcome: SignalOutcome) throws(TradeStoreError) -> Bool

    /// What became of a signal; nil where it is not stored.
    mutating func outcome(id: String) throws(TradeStoreError) -> SignalOutcome?

    /// Of each key the applied outcome with the highest tick; of two of one tick the cross. O(keys · log outcomes).
    mutating func lastApplied() throws(TradeStoreError) -> [SignalOutcome]

    /// Whether trading is on; nil where nobody has ever set it.
    mutating func tradingState() throws(TradeStoreError) -> TradingState?

    /// Sets whether trading is on.
    mutating func set(_ state: TradingState) throws(TradeStoreError)

    /// Where the journal's reader stands, for a trader without Redis; nil where it never was.
    mutating func sourcePosition(of name: String) throws(TradeStoreError) -> UInt64?

    /// Moves where the journal's reader stands.
    mutating func setSourcePosition(_ position: UInt64, of name: String) throws(TradeStoreError)

    /// Writes positions as they are now, for readers in other languages; a projection that the orders give any time.
    mutating func write(_ positions: [Position]) throws(TradeStoreError)

    /// Releases the connection; nothing may be called afterwards.
    mutating func close()
}

/// A place in the orders' order.
public struct OrderPosition: Sendable, Equatable {
    /// The order's creation.
    public var createdTime: UnixNanos
    /// Its id.
    public var id: String

    /// The place of an order.
    public init(createdTime: UnixNanos, id: String) {
        self.createdTime = createdTime
        self.id = id
    }
}
