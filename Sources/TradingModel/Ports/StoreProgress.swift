/// How far the engine's records are stored, from the marks among them (`StoreMark`).
public struct StoreProgress: Sendable, Equatable {
    /// The entry of the engine's journal up to which everything is stored; 0 before the first mark.
    public private(set) var sequence: UInt64 = 0
    /// By feed index: slots of that feed's ring whose records are all stored; 0 for a feed without a mark. 16 bits bound its
    /// length.
    public private(set) var takenSlots: [UInt64] = []

    /// Nothing is stored.
    public init() {}

    /// Takes the next mark. Marks stand in the engine's order, so the last one is the newest; O(1) for a known feed.
    public mutating func advance(to mark: StoreMark) {
        sequence = mark.sequence
        while takenSlots.count <= Int(mark.feed) { takenSlots.append(0) }
        takenSlots[Int(mark.feed)] = mark.takenSlots
    }
}

/// Takes a store writer's progress, on the store writer's own thread, after each batch with a mark in it.
///
/// What a store has refused for good, and what was dropped before it reached the store, counts as stored: both are counted
/// elsewhere. The handler may take a lock and write memory; while it runs nothing is stored.
public typealias StoreProgressHandler = @Sendable (StoreProgress) -> Void
