/// What the engine does about a hole in the ids that the averages are taken over.
///
/// A hole that another connection may still fill, or that the exchange's history is asked for, puts the stream on hold: the
/// ticks behind it wait, and what comes is processed in the order of the ids, as if it had come in time. Any other hole, and
/// each one without a configuration, is a gap at once.
public struct RefillConfiguration: Sendable, Equatable {
    /// The largest hole that is waited for while another connection may fill it, and the most ids that may be asked for at
    /// once: half of the ticks that can wait.
    public static let mostIDs = HoldBuffer.capacitySlots / 2
    /// A stream that is still on hold so long after the hole was seen goes on without the missing ids.
    public static let giveUpNanos: UInt64 = 3_000_000_000
    /// How long another connection may take before missing ids are asked for.
    public static let twinWaitMillis: UInt32 = 250
    /// How long it may take where nobody is asked: a packet that is lost twice on its way comes after some 200 + 400 ms of
    /// waiting and the round trips.
    public static let loneTwinWaitMillis: UInt32 = 1_000

    /// Holes one stream has room for; the first is given up when it is taken up, so one fewer are waited for. A feed that lacks a
    /// tenth of 1,000 trades/s has some 25 while its twin's time lasts.
    public static let mostHoles = 32

    /// The largest hole that is asked for, in ids, to `mostIDs`; 0: none.
    public var mostRefilledIDs: Int
    /// Holes of one stream at once, to `mostHoles`: fewer in a replay of runs that waited for fewer.
    public var mostHoles = Self.mostHoles
    /// How long another connection may still deliver the missing ids before they are asked for or, where they are not, a gap.
    public var twinWaitMillis: UInt32
    /// By instrument index, the feeds that deliver its trades; missing entries are empty.
    public var feedsByInstrument: [[Int]]
    /// Where each feed has two connections, which are feeds of the engine: the number of feeds, to `DecisionCore.mostFeeds`,
    /// so that feed `f` and feed `f + feedPairs` deliver the same; a second one may never open. 0: no other feed is waited for.
    public var feedPairs: Int

    /// Creates a configuration.
    public init(mostRefilledIDs: Int = 1_000, feedsByInstrument: [[Int]] = [], feedPairs: Int = 0) {
        self.mostRefilledIDs = mostRefilledIDs
        twinWaitMillis = mostRefilledIDs > 0 ? Self.twinWaitMillis : Self.loneTwinWaitMillis
        self.feedsByInstrument = feedsByInstrument
        self.feedPairs = feedPairs
    }
}
