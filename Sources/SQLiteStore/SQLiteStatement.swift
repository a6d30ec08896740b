internal import CSQLite

/// A compiled statement; columns and parameters count from 0. Finalised when let go; one thread at a time.
@safe struct SQLiteStatement: ~Copyable, @unchecked Sendable {
    // Unchecked: noncopyable, so exactly one thread holds it, the one that holds its connection.
    private let handle: OpaquePointer

    init(_ handle: OpaquePointer) { unsafe self.handle = handle }

    deinit { unsafe sqlite3_finalize(handle) }

    /// Sets a parameter to a number.
    func bind(_ value: Int64, at index: Int32) { check(unsafe sqlite3_bind_int64(handle, index + 1, value)) }

    /// Sets a parameter to a text, which is copied; nil is NULL.
    func bind(_ text: String?, at index: Int32) {
        guard var text else { return check(unsafe sqlite3_bind_null(handle, index + 1)) }
        text.withUTF8 { bytes in
            unsafe bytes.withMemoryRebound(to: CChar.self) { characters in
                // An empty string may have no address; SQLite would read that as NULL.
                guard let start = characters.baseAddress else {
                    return check(unsafe CSQLite_bind_text(handle, index + 1, "", 0))
                }
                check(unsafe CSQLite_bind_text(handle, index + 1, start, Int32(characters.count)))
            }
        }
    }

    /// A parameter out of range is our own mistake.
    private func check(_ code: Int32) { precondition(code == SQLITE_OK, "a parameter could not be set: \(code)") }

    /// Advances; false at the end.
    func step() throws(SQLiteFailure) -> Bool {
        let code = unsafe sqlite3_step(handle)
        if code == SQLITE_ROW { return true }
        if code == SQLITE_DONE { return false }
        let connection = unsafe sqlite3_db_handle(handle)
        throw unsafe SQLiteFailure(code: code, message: String(cString: sqlite3_errmsg(connection)))
    }

    /// Runs it to its end and makes it ready for the next parameters.
    func run() throws(SQLiteFailure) {
        defer { reset() }
        while try step() {}
    }

    /// The first column of the first row, nil where there is none; then ready for the next parameters.
    func firstNumber() throws(SQLiteFailure) -> Int64? {
        defer { reset() }
        return try step() ? number(0) : nil
    }

    /// The first column of the first row as text, nil where there is none; then ready for the next parameters.
    func firstText() throws(SQLiteFailure) -> String? {
        defer { reset() }
        return try step() ? text(0) : nil
    }

    /// Makes it ready for the next parameters and lets go of what it read.
    func reset() { unsafe sqlite3_reset(handle) }

    /// Whether a column is NULL.
    func isNull(_ column: Int32) -> Bool { unsafe sqlite3_column_type(handle, column) == SQLITE_NULL }

    /// Whether a column is an integer.
    func isInteger(_ column: Int32) -> Bool { unsafe sqlite3_column_type(handle, column) == SQLITE_INTEGER }

    /// What a column is called.
    func name(_ column: Int32) -> String {
        guard let name = unsafe sqlite3_column_name(handle, column) else { return "column \(column)" }
        return unsafe String(cString: name)
    }

    /// A column as a number, 0 for NULL.
    func number(_ column: Int32) -> Int64 { unsafe sqlite3_column_int64(handle, column) }

    /// A column as text, nil for NULL.
    func text(_ column: Int32) -> String? {
        guard let text = unsafe sqlite3_column_text(handle, column) else { return nil }
        // By its length: a text may hold a NUL.
        let bytes = unsafe UnsafeRawBufferPointer(start: text, count: Int(sqlite3_column_bytes(handle, column)))
        return unsafe String(decoding: bytes, as: UTF8.self)
    }
}
