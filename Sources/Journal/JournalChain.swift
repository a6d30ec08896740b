/// Who writes a chain of segments: each writing thread has its own, so that none waits for another.
public enum ChainKind: UInt32, Sendable, CaseIterable {
    /// A feed's thread: what its connections received, byte for byte, and when.
    case feed = 1
    /// The engine's thread: in which order it took what the feeds published, timer events, decisions.
    case engine
    /// The thread that asks the exchange's history: its answers, byte for byte.
    case history
    /// The publisher's thread: which signals the stream has acknowledged, with their entry ids.
    case acknowledgements
    /// The store writer's thread: up to where the store has everything.
    case stored

    /// The name in file names and listings.
    public var name: String {
        switch self {
        case .feed: "feed"
        case .engine: "engine"
        case .history: "history"
        case .acknowledgements: "acknowledgements"
        case .stored: "stored"
        }
    }
}

/// One chain: its kind, and which of that kind.
public struct JournalChain: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// Who writes it.
    public var kind: ChainKind
    /// Which one: a feed's index; 0 where there is one only.
    public var index: Int

    /// Names a chain.
    public init(_ kind: ChainKind, _ index: Int = 0) {
        self.kind = kind
        self.index = index
    }

    /// Such as `feed-0`.
    public var description: String { "\(kind.name)-\(index)" }

    /// By kind, then by index.
    public static func < (left: JournalChain, right: JournalChain) -> Bool {
        (left.kind.rawValue, left.index) < (right.kind.rawValue, right.index)
    }
}

/// What a segment says of itself in its header; see `journal_segment.h`.
public struct SegmentIdentity: Sendable, Equatable {
    /// Wall clock at the start of the process that wrote it, Unix nanoseconds; rises from run to run.
    public var run: UInt64
    /// The chain.
    public var chain: JournalChain
    /// Number within the chain, from 1, rising over runs.
    public var segment: UInt64
    /// The chain's number of its first entry.
    public var firstSequence: UInt64
    /// Size of the file.
    public var segmentBytes: Int
    /// Entries its table can hold.
    public var tableEntries: Int
    /// Wall clock at its creation, Unix nanoseconds.
    public var createdNanos: Int64
}
