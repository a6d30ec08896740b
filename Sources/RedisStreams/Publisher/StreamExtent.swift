/// Which entries a stream has ever held, by `XINFO STREAM`: what is gone from among them was removed, not lost.
struct StreamExtent {
    /// The newest entry that it has ever had.
    let newest: StreamEntryID
    /// Entries.
    let length: Int
    /// Entries that it has had and has no more; nil before Redis 7.
    let removed: Int?
    private let oldest: StreamEntryID?
    /// The newest entry that `XDEL` has removed, which trimming leaves as it is; nil before Redis 7.
    private let newestDeleted: StreamEntryID?

    /// There is no stream.
    static let nothing = StreamExtent()

    private init() {
        newest = .zero
        length = 0
        removed = 0
        oldest = nil
        newestDeleted = nil
    }

    /// Reads the reply; nil where it is none.
    init?(_ reply: RedisReply) {
        guard let parts = reply.elements else { return nil }
        var fields: [String: RedisReply] = [:]
        for index in stride(from: 0, to: parts.count - 1, by: 2) { fields[parts[index].text ?? ""] = parts[index + 1] }
        guard let newest = fields["last-generated-id"]?.text.flatMap(StreamEntryID.init),
            let length = fields["length"]?.integer
        else { return nil }
        self.newest = newest
        self.length = Int(length)
        removed = fields["entries-added"]?.integer.map { Int(max(0, $0 - length)) }
        oldest = fields["first-entry"]?.elements?.first?.text.flatMap(StreamEntryID.init)
        newestDeleted = fields["max-deleted-entry-id"]?.text.flatMap(StreamEntryID.init)
    }

    /// Whether an entry that is not there was there.
    ///
    /// Trimming removes the oldest entries. Above the oldest one there is, only `XDEL` removes; an entry that it can't have
    /// removed was never there, though newer ones are: a failover undid it, and somebody else has written since. A stream that
    /// was made anew has had no more entries than it has.
    func hasHeld(_ entry: StreamEntryID) -> Bool {
        guard entry <= newest, removed != 0 else { return false }
        guard let oldest, entry > oldest, let newestDeleted else { return true }
        return entry <= newestDeleted
    }

    /// Which of all signals that are not there may have been trimmed, by the entries they were acknowledged under: those in
    /// front of the oldest entry that were not deleted, and no more than the server has removed; of too many the newest, for
    /// those a stream that was made anew has had.
    func trimmed(_ absent: [StreamEntryID?]) -> [Bool] {
        var candidates: [(entry: StreamEntryID, index: Int)] = []
        var deleted = 0
        for (index, entry) in absent.enumerated() {
            guard let entry else { continue }
            if let newestDeleted, entry <= newestDeleted {
                deleted += 1
            } else if oldest.map({ entry < $0 }) ?? (entry <= newest) {
                candidates.append((entry, index))
            }
        }
        candidates.sort { $0 < $1 }
        var result = absent.map { _ in false }
        let most = removed.map { max(0, $0 - deleted) } ?? candidates.count
        for candidate in candidates.suffix(most) { result[candidate.index] = true }
        return result
    }
}
