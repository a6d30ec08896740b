/// One thing the paper venue did, in the order it did them.
public struct PaperRecord: Sendable, Equatable {
    /// What it was.
    public enum Kind: String, Sendable, CaseIterable {
        /// A trader took over: tokens below its own are refused from here on.
        case fence
        /// An order was taken.
        case accept
        /// Part or all of an order was executed.
        case fill
        /// An order was cancelled.
        case cancel
        /// An order ended by itself.
        case expire
    }

    /// Its number: each is one above the one before, from 1.
    public var sequence: UInt64
    /// What.
    public var kind: Kind
    /// The trader's token.
    public var token: UInt64
    /// The order; empty for a fence. Of `accept` records it is unique.
    public var clientOrderID: String
    /// What was asked for; of `accept` alone.
    public var request: OrderRequest?
    /// What was executed; of `fill` alone.
    public var fill: Fill?
    /// When.
    public var time: UnixNanos

    /// Creates a record.
    public init(
        sequence: UInt64, kind: Kind, token: UInt64, clientOrderID: String, request: OrderRequest?, fill: Fill?,
        time: UnixNanos
    ) {
        self.sequence = sequence
        self.kind = kind
        self.token = token
        self.clientOrderID = clientOrderID
        self.request = request
        self.fill = fill
        self.time = time
    }
}

/// What appending to the paper venue's log came to.
public enum PaperAppend: Sendable, Equatable {
    /// It is there, durably.
    case appended
    /// A record of that number is there already: somebody else has appended, who must be read first.
    case isBehind
    /// An order of that client order id has been accepted before.
    case isKnown
}

/// The log of the paper venue, apart from the trader's own orders, so that the venue knows what the trader may have forgotten.
///
/// A record is appended under the next number or not at all, in one write: a trader whose time is over does not know the
/// number of the fence that its successor has appended, is told so, reads on and finds the higher token. Durable on return.
/// Used by one thread at a time.
public protocol PaperOrderLog: ~Copyable, Sendable {
    /// Makes collections, tables and indexes; may be called again after a failure.
    mutating func preparePaper() throws(TradeStoreError)

    /// Appends the record under its number.
    ///
    /// A repeated call whose first succeeded without an answer returns `isBehind`; the reader finds its own record.
    mutating func append(_ record: PaperRecord, account: String) throws(TradeStoreError) -> PaperAppend

    /// Records with numbers above `sequence`, in order, at most `most`.
    mutating func records(behind sequence: UInt64, account: String, most: Int) throws(TradeStoreError) -> [PaperRecord]

    /// All records of one order, in order. By an index.
    mutating func records(of clientOrderID: String, account: String) throws(TradeStoreError) -> [PaperRecord]
}
