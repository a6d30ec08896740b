/// What the engine does about a hole in the ids that the averages are taken over.
///
/// With it such a hole puts the stream on hold: the ticks behind the hole wait, the missing ids are asked for, and what
/// comes is processed in the order of the ids, as if it had come in time. Without it a hole is a gap at once.
public struct RefillConfiguration: Sendable, Equatable {
    /// Most ids that may be asked for at once: half of the ticks that can wait.
    public static let mostIDs = HoldBuffer.capacitySlots / 2
    /// A stream that is still on hold so long after the hole was seen goes on without the missing ids.
    public static let giveUpNanos: UInt64 = 3_000_000_000

    /// The largest hole that is refilled, in ids, 1 to `mostIDs`; a larger one is a gap at once.
    public var mostRefilledIDs: Int
    /// How long another connection may still deliver the missing ids before they are asked for.
    public var twinWaitMillis: UInt32
    /// By instrument index, whether more than one connection delivers its trades; missing entries are false.
    public var hasTwin: [Bool]
    /// Where each feed has two connections, which are feeds of the engine: the number of feeds, so that feed `f` and feed
    /// `f + feedPairs` deliver the same. 0: each has one. While both are open, each is the other's twin.
    public var feedPairs: Int

    /// Creates a configuration.
    public init(mostRefilledIDs: Int = 1_000, twinWaitMillis: UInt32 = 250, hasTwin: [Bool] = [], feedPairs: Int = 0) {
        self.mostRefilledIDs = mostRefilledIDs
        self.twinWaitMillis = twinWaitMillis
        self.hasTwin = hasTwin
        self.feedPairs = feedPairs
    }
}
