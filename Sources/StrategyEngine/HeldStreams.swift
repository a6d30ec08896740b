internal import TradingModel

/// Ids that are missing in a stream on hold.
struct Hole {
    var firstID: UInt64
    var lastID: UInt64
    /// Of these, how many have not come.
    var missingCount: UInt64
    /// The request's, 0 before there is one.
    var ordinal: UInt64 = 0
    /// Monotonic receive time of the tick behind the hole.
    var noticedNanos: UInt64
    /// When another connection has had its time and the ids are asked for; `max` where that is over.
    var askAtNanos = UInt64.max
    /// Exchange times of the ticks around the hole.
    var beforeTimeNanos: Int64
    var afterTimeNanos: Int64
    /// Wall-clock receive time minus exchange time, as the tick behind the hole measured it.
    var receiveOffsetNanos: Int64
    var feed: UInt16
    var cause: GapCause
    /// False for a hole that is too large to wait for: its ids are a gap, and nothing of it is taken any more.
    var isRefillable: Bool
    /// Nobody waits for its ids any more; those that did come still count.
    var isGivenUp: Bool

    /// When it is given up.
    var deadlineNanos: UInt64 {
        let (nanos, isOver) = noticedNanos.addingReportingOverflow(RefillConfiguration.giveUpNanos)
        return isOver ? .max : nanos
    }
}

/// The stream of one instrument's averages, while it is on hold.
struct HeldStream {
    var isOnHold = false
    /// Something can be released: the next id is there, or nobody waits for it any more.
    var isDue = false
    /// The id that is processed next.
    var nextID: UInt64 = 0
    /// Exchange time of the tick processed last.
    var lastTimeNanos: Int64 = 0
    var holeCount = 0
    /// Its ticks in the buffer.
    var heldCount = 0
    /// The run of refilled ids that is being released, of which there is no record yet.
    var refilled: (firstID: UInt64, source: RefillSource, beforeTimeNanos: Int64)?
}

/// What waits for missing ids, of all instruments: at most one stream each, the one its averages are taken over.
///
/// Flat memory taken at creation. Holes of a stream are in the order of their ids; right behind each there is a tick in the
/// buffer.
struct HeldStreams: ~Copyable {
    /// Holes one stream has room for.
    static let mostHoles = RefillConfiguration.mostHoles

    let instrumentCount: Int
    /// Whether anything is ever held.
    let isUsed: Bool
    /// The largest hole that is asked for; 0: none.
    let mostRefilledIDs: UInt64
    /// Holes of one stream that are room enough: with so many the first is given up.
    let holeLimit: Int
    private let twinWaitNanos: UInt64
    let feedPairs: Int
    /// By instrument and feed, whether the feed delivers the stream.
    private let deliveries: UnsafeMutablePointer<Bool>
    /// By instrument. What is changed in place (`+=`) is reached by a pointer of its own, `streams + instrument`: where it is
    /// reached through this noncopyable value, the compiler makes wrong code for the thread sanitizer and ends (Swift 6.3).
    let streams: UnsafeMutablePointer<HeldStream>
    private let holes: UnsafeMutablePointer<Hole>
    var buffer: HoldBuffer
    var onHoldCount = 0
    var dueCount = 0
    /// Requests so far.
    var requestCount: UInt64 = 0

    init(instrumentCount: Int, configuration: RefillConfiguration?) {
        precondition(
            configuration.map { (0...RefillConfiguration.mostIDs).contains($0.mostRefilledIDs) } ?? true,
            "0 to \(RefillConfiguration.mostIDs) ids are refilled at once")
        precondition(
            configuration.map { (1...Self.mostHoles).contains($0.mostHoles) } ?? true, "1 to \(Self.mostHoles) holes")
        self.instrumentCount = instrumentCount
        holeLimit = configuration?.mostHoles ?? Self.mostHoles
        isUsed = configuration != nil
        mostRefilledIDs = UInt64(configuration?.mostRefilledIDs ?? 0)
        twinWaitNanos = UInt64(configuration?.twinWaitMillis ?? 0) * 1_000_000
        feedPairs = configuration?.feedPairs ?? 0
        deliveries = .allocate(capacity: instrumentCount * feedPairs)
        deliveries.initialize(repeating: false, count: instrumentCount * feedPairs)
        for (index, feeds) in (configuration?.feedsByInstrument ?? []).prefix(instrumentCount).enumerated() {
            for feed in feeds where feed < feedPairs { deliveries[index * feedPairs + feed] = true }
        }
        streams = .allocate(capacity: instrumentCount)
        streams.initialize(repeating: HeldStream(), count: instrumentCount)
        holes = .allocate(capacity: configuration == nil ? 0 : instrumentCount * Self.mostHoles)
        buffer = HoldBuffer(isUsed: configuration != nil)
    }

    deinit {
        deliveries.deallocate()
        streams.deallocate()
        holes.deallocate()
    }

    /// The hole of that index, O(1).
    func hole(_ index: Int, of instrument: Int) -> UnsafeMutablePointer<Hole> {
        holes + instrument * Self.mostHoles + index
    }

    /// The hole that an id lies in and may still fill; nil where there is none, or the id is there.
    func hole(of instrument: Int, missing id: UInt64) -> UnsafeMutablePointer<Hole>? {
        guard id >= streams[instrument].nextID else { return nil }
        for index in 0..<streams[instrument].holeCount {
            let hole = hole(index, of: instrument)
            guard hole.pointee.firstID <= id, id <= hole.pointee.lastID else { continue }
            return hole.pointee.isRefillable && !buffer.contains(UInt32(instrument), id) ? hole : nil
        }
        return nil
    }

    /// Whether a feed delivers the stream.
    func isDelivered(_ instrument: Int, by feed: Int) -> Bool { deliveries[instrument * feedPairs + feed] }

    /// The largest hole that is waited for; `isAwaited`: another connection may fill it.
    func mostHeldIDs(isAwaited: Bool) -> UInt64 { isAwaited ? UInt64(RefillConfiguration.mostIDs) : mostRefilledIDs }

    /// Adds a hole behind the others; `isAwaited`: another connection may fill it.
    mutating func append(_ hole: Hole, to instrument: Int, isAwaited: Bool) {
        precondition(streams[instrument].holeCount < Self.mostHoles, "room for a hole is always left")
        var hole = hole
        if isAwaited, hole.isRefillable {
            let (nanos, isOver) = hole.noticedNanos.addingReportingOverflow(twinWaitNanos)
            if !isOver { hole.askAtNanos = nanos }
        }
        let stream = streams + instrument
        self.hole(stream.pointee.holeCount, of: instrument).initialize(to: hole)
        stream.pointee.holeCount += 1
    }

    /// Removes the first hole.
    mutating func removeFirstHole(of instrument: Int) {
        let stream = streams + instrument
        stream.pointee.holeCount -= 1
        for index in 0..<stream.pointee.holeCount {
            hole(index, of: instrument).pointee = hole(index + 1, of: instrument).pointee
        }
    }

    /// Finds out anew whether something of the stream can be released.
    mutating func updateDue(_ instrument: Int) {
        let stream = streams[instrument]
        let isDue =
            stream.isOnHold
            && (stream.holeCount > 0 && hole(0, of: instrument).pointee.isGivenUp
                || buffer.contains(UInt32(instrument), stream.nextID))
        guard isDue != stream.isDue else { return }
        streams[instrument].isDue = isDue
        dueCount += isDue ? 1 : -1
    }

    /// The first stream of which something can be released. O(instruments).
    var dueInstrument: Int {
        var instrument = 0
        while !streams[instrument].isDue { instrument += 1 }
        return instrument
    }

    /// The stream with the most ticks in the buffer. O(instruments).
    var fullestInstrument: Int {
        var fullest = 0
        for instrument in 1..<max(1, instrumentCount)
        where streams[instrument].heldCount > streams[fullest].heldCount { fullest = instrument }
        return fullest
    }
}
