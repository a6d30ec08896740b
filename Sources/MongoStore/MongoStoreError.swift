/// Why a `MongoStore` can't be made; nothing was contacted yet.
public enum MongoStoreError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The connection string can't be used; the reason holds no secret.
    case invalidURI(String)
    /// A database or collection name that MongoDB does not take.
    case invalidName(setting: String, name: String)
    /// Two kinds of document are to share a collection.
    case sameCollection(String, String, name: String)
    /// A retention outside the range MongoDB takes.
    case invalidRetention(seconds: Int)

    /// One line with the remedy.
    public var description: String {
        switch self {
        case .invalidURI(let reason):
            "the MongoDB address can't be used: \(reason); give one like mongodb://user:password@host:27017"
        case .invalidName(let setting, let name):
            "\(setting) \"\(name)\" is no MongoDB name; use 1 to 63 letters, digits, '_' or '-'"
        case .sameCollection(let first, let second, let name):
            "\(first) and \(second) are both \"\(name)\"; give each a name of its own"
        case .invalidRetention(let seconds):
            "a retention of \(seconds) s is out of range; give 1 to \(MongoStoreSettings.longestRetentionSeconds) s"
        }
    }
}
