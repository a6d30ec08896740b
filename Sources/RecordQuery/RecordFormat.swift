public import TradingModel

/// How records are printed.
public enum RecordFormat: String, Sendable, CaseIterable {
    /// Aligned columns of what matters most, for a terminal.
    case table
    /// One JSON object a line, with all fields that the record has.
    case json
    /// RFC 4180: a line of names, then all fields of each record; absent ones are empty.
    case csv

    /// The formatter for records of `table`.
    public func formatter(of table: StoredTable) -> any RecordFormatter {
        switch self {
        case .table: TableFormatter(table: table)
        case .json: JSONFormatter(table: table)
        case .csv: CSVFormatter(table: table)
        }
    }
}

/// Turns records into bytes for standard output. O(length) a record.
public protocol RecordFormatter: Sendable {
    /// Appends what stands in front of the first record.
    func appendHeader(to output: inout [UInt8])
    /// Appends a record.
    func append(_ record: StoredRecord, to output: inout [UInt8])
}
