internal import CSQLite

/// A failed call of SQLite.
struct SQLiteFailure: Error {
    /// The extended result code.
    var code: Int32
    /// SQLite's words.
    var message: String

    /// The primary code, without what extends it.
    var primaryCode: Int32 { code & 0xFF }
}

/// One connection to a database file; noncopyable, so one thread at a time holds it. Closed when let go.
@safe struct SQLiteConnection: ~Copyable, @unchecked Sendable {
    // Unchecked: noncopyable, so exactly one thread holds the handle; moving it is the hand-over.
    let handle: OpaquePointer

    /// How a file is opened.
    enum Mode {
        /// Read and write, made where absent.
        case readWrite
        /// Read only, beside a writer.
        case readOnly
        /// Read only, promising that nobody writes: touches no other file.
        case immutable

        fileprivate var flags: Int32 {
            switch self {
            case .readWrite: SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX
            case .readOnly: SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX
            case .immutable: SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI
            }
        }
    }

    /// Opens `path`; a call that finds the file locked waits at most `busyMillis`.
    init(path: String, mode: Mode, busyMillis: Int32) throws(SQLiteFailure) {
        var opened: OpaquePointer?
        let name = mode == .immutable ? "file:\(Self.escaped(path))?immutable=1" : path
        let code = unsafe sqlite3_open_v2(name, &opened, mode.flags, nil)
        guard code == SQLITE_OK, let opened = unsafe opened else {
            let message = unsafe String(cString: sqlite3_errstr(code))
            unsafe sqlite3_close_v2(opened)
            throw SQLiteFailure(code: code, message: message)
        }
        unsafe handle = opened
        _ = unsafe sqlite3_extended_result_codes(opened, 1)
        _ = unsafe sqlite3_busy_timeout(opened, busyMillis)
    }

    deinit { unsafe sqlite3_close_v2(handle) }

    /// What a path needs inside a `file:` address.
    private static func escaped(_ path: String) -> String {
        path.utf8.map { byte in
            switch byte {
            case UInt8(ascii: "?"), UInt8(ascii: "#"), UInt8(ascii: "%"): "%" + String(byte, radix: 16)
            default: String(decoding: [byte], as: UTF8.self)
            }
        }.joined()
    }

    /// Runs statements without results.
    func execute(_ sql: String) throws(SQLiteFailure) {
        guard unsafe sqlite3_exec(handle, sql, nil, nil, nil) == SQLITE_OK else { throw failure() }
    }

    /// Compiles a statement; it must not outlive the connection.
    func prepare(_ sql: String) throws(SQLiteFailure) -> SQLiteStatement {
        var statement: OpaquePointer?
        guard
            unsafe sqlite3_prepare_v3(handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil) == SQLITE_OK,
            let statement = unsafe statement
        else { throw failure() }
        return unsafe SQLiteStatement(statement)
    }

    /// The first column of the first row, nil where there is none.
    func number(_ sql: String) throws(SQLiteFailure) -> Int64? {
        let statement = try prepare(sql)
        return try statement.step() ? statement.number(0) : nil
    }

    /// The first column of the first row as text.
    func text(_ sql: String) throws(SQLiteFailure) -> String? {
        let statement = try prepare(sql)
        return try statement.step() ? statement.text(0) : nil
    }

    /// Rows the last statement changed.
    var changes: Int { unsafe Int(sqlite3_changes64(handle)) }

    /// The failure of the last call.
    func failure() -> SQLiteFailure {
        unsafe SQLiteFailure(code: sqlite3_extended_errcode(handle), message: String(cString: sqlite3_errmsg(handle)))
    }
}
