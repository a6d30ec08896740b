/// What one segment holds, at a glance.
public struct SegmentSummary: Sendable, Equatable {
    /// How a segment ends.
    public enum State: Sendable, Equatable {
        /// Its writer went on in another one, or ended in order.
        case sealed
        /// Its writer is running, or was killed and everything it appended is there.
        case open
        /// A power loss took the end: fewer entries are whole than were appended, though it may be sealed.
        case torn(committedEntries: Int)
    }

    /// What its header says.
    public var identity: SegmentIdentity
    /// Entries that a reader finds in it.
    public var entries: Int
    /// Bytes of header, used entries and used data.
    public var usedBytes: Int
    /// How it ends.
    public var state: State
}

extension SegmentReader {
    /// The summary now. O(bytes of the entries not known to be on disk), among which its end has to be looked for.
    public func summary() -> SegmentSummary {
        let (isSealed, committed) = (isSealed, min(committedEntries, identity.tableEntries))
        let entries = min(countReadableEntries(), committed)
        return SegmentSummary(
            identity: identity, entries: entries, usedBytes: usedBytes(ofFirst: entries),
            state: entries < committed ? .torn(committedEntries: committed) : isSealed ? .sealed : .open)
    }

    /// Bytes of header, entries and data that the first `count` entries take.
    func usedBytes(ofFirst count: Int) -> Int {
        headerBytes + count * MemoryLayout<JournalEntry>.stride + dataEnd(ofFirst: count) - dataStart
    }
}
