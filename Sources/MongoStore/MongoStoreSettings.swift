/// Where and how a `MongoStore` keeps its documents.
public struct MongoStoreSettings: Sendable, CustomStringConvertible {
    /// 68 years; MongoDB takes a 32-bit count of seconds.
    public static let longestRetentionSeconds = Int(Int32.max)

    /// The connection string, `mongodb://` or `mongodb+srv://`; time limits it does not set are added (`MongoURI`).
    public var uri: String
    /// The database.
    public var database = "btc_data"
    /// Trades, aggregate trades and quotes.
    public var ticksCollection = "ticks"
    /// Book updates.
    public var depthCollection = "depth"
    /// Closed klines.
    public var klinesCollection = "klines"
    /// Decisions, signals among them.
    public var signalsCollection = "trade_signals"
    /// Runs of missing ids.
    public var gapsCollection = "gaps"
    /// How long ticks and book updates are kept after their insertion; a changed value is applied to the existing index.
    public var tickRetentionSeconds = 7 * 86_400

    /// Creates settings with the defaults above.
    public init(uri: String) { self.uri = uri }

    /// The address without secrets, and the database: fit for logs.
    public var description: String { "\(MongoURI.masked(uri)) database \(database)" }

    /// Checks names and retention; the address is checked where it is parsed.
    func validate() throws(MongoStoreError) {
        let names = [
            ("database", database), ("ticks collection", ticksCollection), ("depth collection", depthCollection),
            ("klines collection", klinesCollection), ("signals collection", signalsCollection),
            ("gaps collection", gapsCollection),
        ]
        // Narrower than the server's rules ("/\. \"$" and more are refused there); 63 bytes is its database limit.
        for (setting, name) in names
        where !(1...63).contains(name.utf8.count)
            || !name.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == "-") })
        {
            throw .invalidName(setting: setting, name: name)
        }
        // Two kinds of document in one collection would share its indexes, retention among them.
        let collections = names.dropFirst()
        for (setting, name) in collections {
            guard let (other, _) = collections.first(where: { $0.0 != setting && $0.1 == name }) else { continue }
            throw .sameCollection(setting, other, name: name)
        }
        for (setting, name) in collections where TradingCollection(rawValue: name) != nil {
            throw .sameCollection(setting, "a collection of the trader", name: name)
        }
        guard (1...Self.longestRetentionSeconds).contains(tickRetentionSeconds) else {
            throw .invalidRetention(seconds: tickRetentionSeconds)
        }
    }
}
