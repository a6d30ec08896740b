internal import TradingModel

/// What an id says about its stream.
enum Continuity: Equatable {
    /// The id that was expected, or the first of the stream.
    case next
    /// An id that was seen before, or an older one.
    case repeated
    /// Ids from `firstID` to the one before this are missing.
    case hole(firstID: UInt64)
    /// An id too far ahead to be believed before the next one confirms it; the tick is not taken.
    case implausible
}

/// The last id of one (instrument, kind) over all feeds, so overlapping connections count as one source.
struct ContinuityTracker {
    /// The largest hole that is believed at once: more ids than any market makes in a year of being disconnected. One
    /// rogue id beyond would otherwise make every later tick look old, for ever.
    static let mostPlausibleHole: UInt64 = 1 << 32

    private var lastID: UInt64 = 0
    /// The id that was not believed last, 0 for none.
    private var doubtedID: UInt64 = 0
    private var hasID = false
    /// Exchange time of the last accepted tick, Unix nanoseconds.
    private(set) var lastTimeNanos: Int64 = 0
    /// The feed's connection that delivered the last accepted tick.
    private(set) var connection: UInt64 = 0

    // hot path (HotPathTests)
    /// Classifies a tick and, unless it is a repeat, makes it the last one. O(1).
    ///
    /// - Parameter isContiguous: whether ids rise by one (trades, aggregate trades); quotes only rise.
    mutating func accept(_ tick: borrowing Tick, isContiguous: Bool, connection: UInt64) -> Continuity {
        let id = tick.id
        if hasID && id <= lastID { return .repeated }
        let expected = lastID &+ 1
        let isHole = hasID && isContiguous && id != expected
        if isHole, id &- expected > Self.mostPlausibleHole, id != doubtedID &+ 1 {
            doubtedID = id
            return .implausible
        }
        lastID = id
        hasID = true
        lastTimeNanos = tick.exchangeTimeNanos
        self.connection = connection
        return isHole ? .hole(firstID: expected) : .next
    }
}
