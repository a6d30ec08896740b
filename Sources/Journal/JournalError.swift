import Glibc

/// Why a journal can't be read or written.
public enum JournalError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The file is no segment of a journal.
    case notASegment(path: String)
    /// A later version of Tickline wrote it.
    case newer(path: String)
    /// Its header is damaged, or entries that were on disk: not a tail that a power loss has torn.
    case damaged(path: String, reason: String)
    /// Segments or entries in the middle of a chain are missing.
    case incomplete(chain: JournalChain, reason: String)
    /// This user may not read it.
    case unreadable(path: String, reason: String)
    /// In the place of a segment is something else; what, in words.
    case notAFile(path: String, kind: String)
    /// In the place of the journal's folder is a file.
    case notAFolder(path: String)
    /// The system's error.
    case system(path: String, reason: String)
    /// The disk has no room for it.
    case full(path: String)
    /// The budget is too small for the chains.
    case budgetTooSmall(neededBytes: Int)

    /// Why something can't be opened for reading, by the system's error number.
    static func opening(_ path: String, _ code: Int32) -> JournalError {
        code == EACCES || code == EPERM
            ? .unreadable(path: path, reason: SegmentFile.text(code))
            : .system(path: path, reason: SegmentFile.text(code))
    }

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
        case .unreadable(let path, let reason):
            "cannot read \(path): \(reason); run as the user that wrote it, or give this one the right to read it"
        case .notAFile(let path, let kind):
            "\(path) is \(kind), not a journal segment; move it out of the journal folder"
        case .notAFolder(let path):
            "\(path) is a file, and a journal is a folder; give the --data folder of a run, or move the file away"
        case .system(let path, let reason): "\(path): \(reason)"
        case .full(let path): "\(path): the disk is full and no older segment can make room; free some"
        case .budgetTooSmall(let bytes):
            "the journal's budget is too small: these feeds need at least \((bytes + 1_048_575) / 1_048_576) MiB;"
                + " raise --journal-budget"
        }
    }
}
