internal import CSQLiteRows

/// A row of `tick_rows`, its columns in the table's order.
struct TickRow: BitwiseCopyable {
    var stream: Int64
    var id: Int64
    var price: Int64
    var quantity: Int64
    var secondPrice: Int64
    var secondQuantity: Int64
    var format: Int64
    var eventNanos: Int64
    var receiveNanos: Int64
    var createdMillis: Int64
}

/// Rows in memory that a connection's statements read as the table `tick_source`. Must outlive the connection; one thread
/// at a time.
@safe struct TickRowSource: ~Copyable, @unchecked Sendable {
    // Unchecked: noncopyable, so exactly one thread holds it, the one that holds its connection.
    private let rows: UnsafeMutablePointer<integer_rows>

    /// Inserts what is lent; a row whose key is in the table already is passed over.
    static let insertStatement =
        "INSERT OR IGNORE INTO tick_rows SELECT c0, c1, c2, c3, c4, c5, c6, c7, c8, c9 FROM tick_source"

    init(in connection: borrowing SQLiteConnection) throws(SQLiteFailure) {
        precondition(MemoryLayout<TickRow>.stride == Int(INTEGER_ROWS_COLUMNS) * MemoryLayout<Int64>.stride)
        unsafe rows = .allocate(capacity: 1)
        unsafe rows.initialize(to: integer_rows(values: nil, count: 0))
        try unsafe connection.register(rows, as: "tick_source")
    }

    deinit { unsafe rows.deallocate() }

    /// Lets statements read `lent` while `body` runs.
    func lend(_ lent: [TickRow], while body: () throws(SQLiteFailure) -> Void) throws(SQLiteFailure) {
        try unsafe lent.withUnsafeBufferPointer { (lent) throws(SQLiteFailure) in
            defer { unsafe rows.pointee = integer_rows(values: nil, count: 0) }
            let values = unsafe UnsafeRawPointer(lent.baseAddress)?.assumingMemoryBound(to: Int64.self)
            unsafe rows.pointee = integer_rows(values: values, count: lent.count)
            try body()
        }
    }
}

extension SQLiteConnection {
    /// Makes `rows` a table of this connection.
    fileprivate func register(
        _ rows: UnsafeMutablePointer<integer_rows>, as name: String
    ) throws(SQLiteFailure) {
        guard unsafe integer_rows_register(handle, name, rows) == 0 else { throw failure() }
    }
}
