internal import TradingModel

/// What an id says about its stream.
enum Continuity: Equatable {
    /// The id that was expected, or the first of the stream.
    case next
    /// An id that was seen before, or an older one.
    case repeated
    /// Ids from `firstID` to `lastID` are missing before it.
    case hole(firstID: UInt64, lastID: UInt64)
    /// An id too far ahead to be believed before the next one confirms it; the tick is not taken.
    case implausible
}

/// The last id of one (instrument, kind) over all feeds, so overlapping connections count as one source.
struct ContinuityTracker {
    /// The largest hole in trade ids that is believed at once: more than any market makes in a year of being
    /// disconnected. One rogue id beyond would otherwise make every later tick look old, for ever.
    static let mostPlausibleHole: UInt64 = 1 << 32
    /// The same for update ids of books and quotes: all instruments of USD-M share one count, which rises by some 2³² a
    /// day.
    static let mostPlausibleUpdateHole: UInt64 = 1 << 39

    private var lastID: UInt64 = 0
    /// The id that was not believed last, 0 for none.
    private var doubtedID: UInt64 = 0
    private var hasID = false
    /// Exchange time of the last accepted tick, Unix nanoseconds.
    private(set) var lastTimeNanos: Int64 = 0
    /// The feed's connection that delivered the last accepted tick.
    private(set) var connection: UInt64 = 0

    /// The last accepted tick came by a connection of another run.
    mutating func forgetConnection() { connection = .max }

    // hot path (HotPathTests)
    /// Classifies a tick and, unless it is a repeat, makes it the last one. O(1).
    ///
    /// - Parameters:
    ///   - previousID: the id that must have come before it; nil where ids only rise (quotes, partial books).
    ///   - mostPlausibleHole: the largest hole that is believed at once; where ids only rise, the largest step.
    mutating func accept(
        _ tick: borrowing Tick, after previousID: UInt64?, mostPlausibleHole: UInt64, connection: UInt64
    ) -> Continuity {
        let id = tick.id
        if hasID && id <= lastID { return .repeated }
        var continuity = Continuity.next
        let before = previousID ?? id
        if hasID, before > lastID {
            if before &- lastID > mostPlausibleHole, !confirmsDoubted(id, after: previousID, within: mostPlausibleHole)
            {
                doubtedID = id
                return .implausible
            }
            // A book update may overlap with the one before it (two feeds cut time differently): only what lies between
            // is a hole.
            if let previousID { continuity = .hole(firstID: lastID &+ 1, lastID: previousID) }
        }
        lastID = id
        hasID = true
        // What came in between was believed, so a later rogue id confirms nothing.
        doubtedID = 0
        lastTimeNanos = tick.exchangeTimeNanos
        self.connection = connection
        return continuity
    }

    /// Whether an id follows the one that was not believed: the market really is that far.
    private func confirmsDoubted(_ id: UInt64, after previousID: UInt64?, within most: UInt64) -> Bool {
        if let previousID { return previousID == doubtedID }
        return doubtedID != 0 && id > doubtedID && id &- doubtedID <= most
    }
}

/// The last kline of one (instrument, interval) over all feeds.
struct KlineTracker {
    private var lastOpenNanos = Int64.min
    private var lastEventNanos = Int64.min
    private var lastClosedNanos = Int64.min

    // hot path (HotPathTests)
    /// False for a kline that was seen before, or an older one: a closed one by its open time, a forming one by its
    /// event time as well, since each tells its interval anew. O(1).
    mutating func accept(openNanos: Int64, eventNanos: Int64, isClosed: Bool) -> Bool {
        guard openNanos > lastClosedNanos else { return false }
        if isClosed {
            lastClosedNanos = openNanos
        } else {
            guard openNanos > lastOpenNanos || eventNanos > lastEventNanos else { return false }
        }
        lastOpenNanos = openNanos
        lastEventNanos = eventNanos
        return true
    }
}

extension ContinuityTracker: CheckpointValue {
    func write(to checkpoint: inout CheckpointWriter) {
        checkpoint.write(lastID)
        checkpoint.write(doubtedID)
        checkpoint.write(hasID)
        checkpoint.write(lastTimeNanos)
        checkpoint.write(connection)
    }

    init?(from checkpoint: inout CheckpointReader) {
        guard let lastID = checkpoint.read(UInt64.self), let doubtedID = checkpoint.read(UInt64.self),
            let hasID = checkpoint.readBool(), let time = checkpoint.read(Int64.self),
            let connection = checkpoint.read(UInt64.self)
        else { return nil }
        self.init()
        (self.lastID, self.doubtedID, self.hasID, lastTimeNanos, self.connection) =
            (lastID, doubtedID, hasID, time, connection)
    }
}

extension KlineTracker: CheckpointValue {
    func write(to checkpoint: inout CheckpointWriter) {
        checkpoint.write(lastOpenNanos)
        checkpoint.write(lastEventNanos)
        checkpoint.write(lastClosedNanos)
    }

    init?(from checkpoint: inout CheckpointReader) {
        guard let open = checkpoint.read(Int64.self), let event = checkpoint.read(Int64.self),
            let closed = checkpoint.read(Int64.self)
        else { return nil }
        self.init()
        (lastOpenNanos, lastEventNanos, lastClosedNanos) = (open, event, closed)
    }
}
