/// What was ever added to the signal stream, and what consumers have removed of it: the stream itself holds only the rest.
public struct StreamLedger {
    /// All that was added since the server's data began, in order, by field.
    public private(set) var appended: [[String: String]] = []
    /// Signals that consumers had removed when the server lost its data: whether they come back is open, since nobody can
    /// tell what was lost from what was removed.
    public private(set) var removedBeforeLoss: Set<String> = []
    /// Signals that were removed while the publisher could not know that they had been there: these may come once more.
    public private(set) var mayComeAgain: Set<String> = []
    /// Signals that consumers have removed since then.
    public private(set) var removed: Set<String> = []

    /// Nothing.
    public init() {}

    /// How many were removed.
    public var removedCount: Int { removed.count + removedBeforeLoss.count }

    /// An entry was added.
    public mutating func append(_ entry: RedisEntry) { appended.append(entry.values) }

    /// An entry was removed by a consumer.
    ///
    /// - Parameter isKnown: whether the publisher is certain to know, also after a kill, that the stream had it.
    public mutating func remove(_ entry: RedisEntry, isKnown: Bool) {
        guard let id = entry.values["id"] else { return }
        removed.insert(id)
        if !isKnown { mayComeAgain.insert(id) }
    }

    /// The server has begun anew, without its data.
    public mutating func loseData() {
        removedBeforeLoss.formUnion(removed)
        (appended, removed, mayComeAgain) = ([], [], [])
    }
}

extension RedisEntry {
    /// By field.
    fileprivate var values: [String: String] {
        var values: [String: String] = [:]
        for index in stride(from: 0, to: fields.count - 1, by: 2) { values[fields[index]] = fields[index + 1] }
        return values
    }
}
