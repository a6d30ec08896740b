/// A field of a stored record.
public enum StoredValue: Sendable, Equatable {
    /// The record does not have it.
    case none
    /// Text, a time, a decimal or levels, by the column's form.
    case text(String)
    /// An integer.
    case integer(Int64)
    /// True or false.
    case boolean(Bool)
}

/// A record as a store gives it back.
public struct StoredRecord: Sendable, Equatable {
    /// One for each of the table's columns.
    public var values: [StoredValue]
    /// Where it stands in its series.
    public var position: RecordPosition
    /// Its time in Unix nanoseconds, from the first of the table's time columns that it has.
    public var timeNanos: Int64
    /// Whether that is the first of them, the exchange's own time where the table has one.
    public var hasFirstTime: Bool

    /// Creates a record.
    public init(values: [StoredValue], position: RecordPosition, timeNanos: Int64, hasFirstTime: Bool) {
        self.values = values
        self.position = position
        self.timeNanos = timeNanos
        self.hasFirstTime = hasFirstTime
    }
}

/// A place in a series: records are ordered by key, those of one key by id.
public struct RecordPosition: Sendable, Equatable {
    /// The value of the table's key column.
    public var key: Int64
    /// The record's `_id`.
    public var identifier: String

    /// Creates a position.
    public init(key: Int64, identifier: String) {
        self.key = key
        self.identifier = identifier
    }
}

/// An instrument as a store names it; the store may know exchanges that this version does not.
public struct StoredInstrument: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// The exchange's name.
    public var exchange: String
    /// The exchange's symbol.
    public var symbol: String

    /// Creates an instrument.
    public init(exchange: String, symbol: String) {
        self.exchange = exchange
        self.symbol = symbol
    }

    /// By exchange, then symbol.
    public static func < (left: StoredInstrument, right: StoredInstrument) -> Bool {
        (left.exchange, left.symbol) < (right.exchange, right.symbol)
    }

    /// `exchange:symbol`.
    public var description: String { "\(exchange):\(symbol)" }
}

/// The records of one table, instrument and kind (strategy, interval), which one exchange numbers in one order.
public struct RecordSeries: Sendable, Hashable {
    /// The table.
    public var table: StoredTable
    /// The instrument.
    public var instrument: StoredInstrument
    /// The value of the table's series column.
    public var name: String

    /// Creates a series.
    public init(table: StoredTable, instrument: StoredInstrument, name: String) {
        self.table = table
        self.instrument = instrument
        self.name = name
    }
}
