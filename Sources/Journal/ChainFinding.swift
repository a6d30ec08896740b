/// Something that a check of a chain found.
public enum ChainFinding: Sendable, Equatable, CustomStringConvertible {
    /// A segment ends before what its writer had appended, behind what is known to have been on disk: as a power loss leaves
    /// it. A reader goes by what is whole from its start.
    case tornTail(path: String, wholeEntries: Int, committedEntries: Int)
    /// A running journal recycled the segment while it was read.
    case recycled(path: String)
    /// Entries, counted from 0, that are not whole, or whose bytes are not.
    case damagedEntries(path: String, ClosedRange<Int>)
    /// The header does not fit the file's name, its entries, or the segments beside it.
    case damagedHeader(path: String, reason: String)
    /// The file is no segment, or its header is not whole.
    case unreadable(JournalError)
    /// Entries of the chain that no segment has; the next one there is begins behind them.
    case missing(chain: JournalChain, sequences: ClosedRange<UInt64>, nextPath: String)
    /// Entries that were in memory alone while the disk refused segments, as the next one there is says.
    case inMemory(chain: JournalChain, sequences: ClosedRange<UInt64>, nextPath: String)
    /// A segment's file without a byte.
    case empty(path: String)
    /// A chain without a segment, and what shows that it had some.
    case missingChain(JournalChain, reason: String)

    /// Whether something is not as it was written.
    public var isDamage: Bool {
        switch self {
        case .tornTail, .recycled, .inMemory: false
        case .damagedEntries, .damagedHeader, .unreadable, .missing, .empty, .missingChain: true
        }
    }

    /// One line.
    public var description: String {
        switch self {
        case .tornTail(let path, let whole, let committed):
            "\(path): torn tail, \(whole) whole entries of \(committed)"
        case .recycled(let path): "\(path): recycled by the running journal while it was read"
        case .damagedEntries(let path, let entries):
            entries.count == 1
                ? "\(path), entry \(entries.lowerBound): damaged"
                : "\(path), entries \(entries.lowerBound) to \(entries.upperBound): damaged"
        case .damagedHeader(let path, let reason): "\(path), header: damaged (\(reason))"
        case .unreadable(.damaged(let path, let reason)): "\(path), header: damaged (\(reason))"
        case .unreadable(.notASegment(let path)): "\(path), header: damaged (it does not begin as a segment does)"
        case .unreadable(let error): "\(error)"
        case .missing(let chain, let sequences, let path):
            "\(chain): entries \(sequences.lowerBound) to \(sequences.upperBound) in front of \(path) are missing"
        case .inMemory(let chain, let sequences, let path):
            "\(chain): entries \(sequences.lowerBound) to \(sequences.upperBound) in front of \(path) were in memory alone,"
                + " for the disk refused"
        case .empty(let path): "\(path): empty, its entries are missing"
        case .missingChain(let chain, let reason): "\(chain): all segments are missing (\(reason))"
        }
    }
}
