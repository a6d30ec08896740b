public import Journal

/// Why a journal can't be replayed.
public enum ReplayError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The journal can't be read.
    case journal(JournalError)
    /// A checkpoint, or what stands in front of it, is not of this version.
    case foreignCheckpoint(path: String)
    /// What the engine took is not in a feed's chain any more.
    case missingFeed(chain: JournalChain, path: String)
    /// The same input gave another decision or state than when it was written.
    case diverged(path: String, sequence: UInt64, reason: String)
    /// One event gave more records than a reader has room for.
    case overflow(count: Int)

    /// Whether what the engine took is missing, rather than damaged or of another version.
    var isForMissingInput: Bool {
        switch self {
        case .missingFeed, .journal(.incomplete): true
        default: false
        }
    }

    /// What is missing, in words; for errors that are for missing input.
    var whatIsMissing: String {
        switch self {
        case .missingFeed(let chain, let path): "the journal does not hold all that \(path) took from \(chain)"
        case .journal(.incomplete(_, let reason)): reason
        default: description
        }
    }

    /// One line with the remedy.
    public var description: String {
        switch self {
        case .journal(let error): "\(error)"
        case .foreignCheckpoint(let path):
            "\(path) was written by another version of tickline, whose state this one does not understand; replay it with that"
                + " version"
        case .missingFeed(let chain, let path):
            "the engine's segment \(path) took ticks that the chain \(chain) no longer holds; begin with a later one"
        case .diverged(let path, let sequence, let reason):
            "\(path), entry \(sequence): the replay differs from what was written (\(reason))"
        case .overflow(let count): "\(count) records of one moment found no room; what comes of them is not known"
        }
    }
}
