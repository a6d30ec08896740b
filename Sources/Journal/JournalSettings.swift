/// The sizes of one chain's segments.
public struct ChainPlan: Sendable {
    /// The chain.
    public var chain: JournalChain
    /// Size of a segment's file.
    public var segmentBytes: Int
    /// Entries of its table; the rest is its data region.
    public var tableEntries: Int
    /// Segments made ahead.
    public var readyAhead: Int
    /// Whether segments are made only once the writer asks for them.
    public var isOnDemand = false

    /// A quarter of a feed's segment is its table: room for reads of 192 bytes, about one message, on average.
    public static func feed(_ index: Int, segmentBytes: Int) -> ChainPlan {
        ChainPlan(
            chain: JournalChain(.feed, index), segmentBytes: segmentBytes, tableEntries: segmentBytes / 4 / 64,
            readyAhead: 2)
    }

    /// Creates a plan.
    public init(chain: JournalChain, segmentBytes: Int, tableEntries: Int, readyAhead: Int = 1) {
        self.chain = chain
        self.segmentBytes = segmentBytes
        self.tableEntries = tableEntries
        self.readyAhead = readyAhead
    }
}

/// How a journal is kept.
public struct JournalSettings: Sendable {
    /// The folder of its files.
    public var folder: String
    /// The most its files may take; the oldest segments are recycled beyond.
    public var budgetBytes: Int
    /// Time between two synchronisations with the disk: what a power loss can take, and no more. nil: left to the system.
    public var syncIntervalMillis: Int?

    /// Time between two checkpoints that are asked for at the budget's end: what the engine has not taken when one is made is
    /// taken by the next.
    var checkpointIntervalMillis: UInt64 = 2_000

    /// Creates settings.
    public init(folder: String, budgetBytes: Int = 2 << 30, syncIntervalMillis: Int? = 1_000) {
        self.folder = folder
        self.budgetBytes = budgetBytes
        self.syncIntervalMillis = syncIntervalMillis
    }
}
