/// Which records of a series are wanted, and in which direction.
public struct RecordRange: Sendable, Equatable {
    /// Keys, both ends included.
    public var keys: ClosedRange<Int64> = Int64.min...Int64.max
    /// Times in Unix nanoseconds, the upper end excluded; nil: any.
    public var timesNanos: Range<Int64>?
    /// Records behind this one only, in the direction of reading.
    public var behind: RecordPosition?
    /// Highest key first.
    public var isDescending = false
    /// Records at most.
    public var most = 1

    /// Every record, lowest key first, one at most.
    public init() {}
}

/// Gives back what a `TradeStore` keeps: from MongoDB or SQLite, while an engine writes or when none runs.
///
/// Each call is a read of its own and holds nothing open behind it, so a reader that pauses between two calls neither keeps
/// the store's log from being recycled nor a cursor alive. Used by one thread at a time; calls block within the store's own
/// time limits. Errors are those of the store: `unavailable`, `refused`.
public protocol TradeReader: ~Copyable {
    /// The instruments of which anything may be stored, in their order. O(instruments · log records).
    mutating func instruments() throws(TradeStoreError) -> [StoredInstrument]

    /// The series of an instrument in a table, by name; some may be empty. O(series · log records).
    mutating func series(
        of table: StoredTable, instrument: StoredInstrument
    ) throws(TradeStoreError) -> [RecordSeries]

    /// The first records of a series that are in `range`, fewer than `range.most` only where there are no more.
    ///
    /// O(log records) to the first key, and from there what it reads; records whose time is not in the range are read over.
    mutating func records(of series: RecordSeries, in range: RecordRange) throws(TradeStoreError) -> [StoredRecord]
}
