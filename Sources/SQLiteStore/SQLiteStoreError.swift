/// Why a database file can't be the store.
public enum SQLiteStoreError: Error, Sendable, Equatable, CustomStringConvertible {
    /// There is no file, or one without anything in it.
    case absent(path: String)
    /// The file is no SQLite database, or another program's.
    case notOurs(path: String)
    /// The file is damaged; the detail is SQLite's.
    case damaged(path: String, detail: String)
    /// A later version of Tickline wrote it.
    case newer(path: String, version: Int, known: Int)
    /// It has the format of a version that was never released.
    case older(path: String, version: Int, known: Int)
    /// It can't be opened.
    case unopenable(path: String, reason: String)
    /// The retention is not between a second and a hundred years.
    case invalidRetention(Int)

    /// One line with the remedy.
    public var description: String {
        switch self {
        case .absent(let path):
            "there is no \(path); tickline run writes it, and --data names its folder"
        case .notOurs(let path):
            "\(path) is not a Tickline database; name another data folder or move the file away"
        case .damaged(let path, let detail):
            "\(path) is damaged (\(detail)); it was left as it is: restore a copy or move it away to begin anew"
        case .newer(let path, let version, let known):
            "\(path) has format \(version), this version knows up to \(known); use the newer Tickline or another folder"
        case .older(let path, let version, let known):
            "\(path) has format \(version) of an unreleased version, this one needs \(known); move it away to begin anew"
        case .unopenable(let path, let reason): "\(path) can't be opened: \(reason); check the folder's permissions"
        case .invalidRetention(let seconds): "a retention of \(seconds) s is not between 1 s and 100 years"
        }
    }
}
