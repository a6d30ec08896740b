/// Why a journal can't be read or written.
public enum JournalError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The file is no segment of a journal.
    case notASegment(path: String)
    /// A later version of Tickline wrote it.
    case newer(path: String)
    /// Its header or entries in the middle of it are damaged: not a tail that a kill or power loss has torn.
    case damaged(path: String, reason: String)
    /// Segments or entries in the middle of a chain are missing.
    case incomplete(chain: JournalChain, reason: String)
    /// The system's error.
    case system(path: String, reason: String)
    /// The disk has no room for it.
    case full(path: String)
    /// The budget is too small for the chains.
    case budgetTooSmall(neededBytes: Int)

    /// One line with the remedy.
    public var description: String {
        switch self {
        case .notASegment(let path): "\(path) is not a journal segment; give a journal folder that tickline wrote"
        case .newer(let path):
            "\(path) was written by a newer version of tickline; use that version, or another --data folder"
        case .damaged(let path, let reason):
            "\(path) is damaged (\(reason)); it was left untouched. Move the journal folder away to start without it"
        case .incomplete(let chain, let reason):
            "the journal's chain \(chain) is not complete (\(reason)); it was left untouched. Move the journal folder"
                + " away to start without it"
        case .system(let path, let reason): "\(path): \(reason)"
        case .full(let path): "\(path): the disk is full and no older segment can make room; free some"
        case .budgetTooSmall(let bytes):
            "the journal's budget is too small: these feeds need at least \((bytes + 1_048_575) / 1_048_576) MiB;"
                + " raise --journal-budget"
        }
    }
}
