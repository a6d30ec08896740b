internal import CSQLite
import Glibc

extension SQLiteFailure {
    /// Whether trying again does not help: the file is damaged, foreign, or not ours to write.
    var isRefusal: Bool {
        [SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_READONLY, SQLITE_PERM, SQLITE_AUTH].contains(primaryCode)
    }

    /// Why a file with this failure can't be the store.
    func refusal(of path: String) -> SQLiteStoreError {
        switch primaryCode {
        case SQLITE_NOTADB: .notOurs(path: path)
        case SQLITE_CORRUPT: .damaged(path: path, detail: message)
        default: .unopenable(path: path, reason: message)
        }
    }

    /// Whether it is the folder that can't be written, in which a reader has to make a file.
    var isUnwritableFolder: Bool { primaryCode == SQLITE_CANTOPEN || primaryCode == SQLITE_READONLY }
}

/// What marks a file as ours, and which format of ours it has.
struct DatabaseFormat {
    /// `PRAGMA application_id`.
    let applicationID: Int64
    /// `PRAGMA user_version`; raised when a reader or writer of the older one would err.
    let version: Int64
}

/// Looks at a database file before it is opened for writing, and leaves it and its folder as they are.
enum DatabaseFile {
    /// Files up to this size are checked whole; of larger ones only what tells the format, since reading them would hold
    /// up the start. Damage met later stops the store, not the engine.
    private static let mostCheckedBytes: Int64 = 256 << 20

    /// Looks at a file that will be written, where there is one.
    static func inspect(_ path: String, is format: DatabaseFormat) throws(SQLiteStoreError) {
        if let bytes = try size(path, access: R_OK | W_OK), bytes > 0 {
            try check(path, is: format, isWhole: bytes <= mostCheckedBytes)
        }
        // An empty file is what a run leaves that ended before its first table.
    }

    /// Looks at a file that will be read; damage is met when it is.
    static func inspectForReading(_ path: String, is format: DatabaseFormat) throws(SQLiteStoreError) {
        guard let bytes = try size(path, access: R_OK), bytes > 0 else { throw .absent(path: path) }
        try check(path, is: format, isWhole: false)
    }

    /// nil: there is none.
    private static func size(_ path: String, access rights: Int32) throws(SQLiteStoreError) -> Int64? {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else {
            guard errno == ENOENT else { throw .unopenable(path: path, reason: systemMessage()) }
            return nil
        }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .unopenable(path: path, reason: "not a file") }
        guard unsafe access(path, rights) == 0 else { throw .unopenable(path: path, reason: systemMessage()) }
        return Int64(status.st_size)
    }

    private static func check(
        _ path: String, is format: DatabaseFormat, isWhole: Bool
    ) throws(SQLiteStoreError) {
        let version: Int64
        do throws(SQLiteFailure) {
            version = try self.version(of: path, format, isWhole: isWhole)
        } catch {
            throw error.refusal(of: path)
        }
        guard version <= format.version else {
            throw .newer(path: path, version: Int(version), known: Int(format.version))
        }
        guard version == format.version else {
            throw .older(path: path, version: Int(version), known: Int(format.version))
        }
    }

    /// The file's format; a newer one is not looked into.
    private static func version(
        of path: String, _ format: DatabaseFormat, isWhole: Bool
    ) throws(SQLiteFailure) -> Int64 {
        // With a log beside it the file alone may be older than the log, and is checked together with it.
        var log = stat()
        let hasLog = unsafe stat(path + "-wal", &log) == 0 && log.st_size > 0
        let connection = try SQLiteConnection(path: path, mode: hasLog ? .readOnly : .immutable, busyMillis: 1_000)
        let application = try connection.number("PRAGMA application_id") ?? 0
        let version = try connection.number("PRAGMA user_version") ?? 0
        guard application == format.applicationID else {
            throw SQLiteFailure(code: SQLITE_NOTADB, message: "another program's database")
        }
        guard isWhole, version <= format.version else { return version }
        let verdict = try connection.text("PRAGMA quick_check(1)") ?? "no answer"
        guard verdict == "ok" else {
            // The last of its lines says what; the others where to look for it.
            let detail = verdict.split(separator: "\n").last ?? ""
            throw SQLiteFailure(code: SQLITE_CORRUPT, message: String(detail.drop { $0 == " " }))
        }
        return version
    }

    private static func systemMessage() -> String {
        guard let text = unsafe strerror(errno) else { return "error \(errno)" }
        return unsafe String(cString: text)
    }
}
