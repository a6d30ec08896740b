/// The part of the budget that the engine's chain alone may take, so that signals which the stream does not have yet stay on
/// disk whatever the feeds receive. Journal's thread only.
///
/// A segment of the engine's may hold such signals unless it is in front of the one that was in use when all were last known
/// to be acknowledged. Segments are counted and no clock is asked: one that is set back would make acknowledged signals look
/// new. Once those segments fill the reserve, the engine gets no further one: it stops deciding, takes no more from its
/// rings, and the exchange is held back, until there are acknowledgements.
struct DecisionReserve {
    /// Its size.
    let bytes: Int
    /// The engine's segments in front of this one hold acknowledged signals alone.
    private(set) var acknowledgedSegment: UInt64
    private let signals: @Sendable () -> (count: UInt64, acknowledged: UInt64)
    /// How many signals there were when, for the first look at which more wait.
    private var awaited: (count: UInt64, segment: UInt64)?
    /// Whether the engine wants a segment that the reserve has no room for.
    var isFull = false

    init(
        bytes: Int, acknowledgedSegment: UInt64,
        signals: @escaping @Sendable () -> (count: UInt64, acknowledged: UInt64)
    ) {
        self.bytes = bytes
        self.acknowledgedSegment = acknowledgedSegment
        self.signals = signals
    }

    /// Looks what is acknowledged by now, while the engine writes to `segment`. O(1).
    mutating func look(during segment: UInt64) {
        let (count, acknowledged) = signals()
        if let awaited, acknowledged >= awaited.count {
            acknowledgedSegment = awaited.segment
            self.awaited = nil
        }
        if acknowledged >= count {
            acknowledgedSegment = segment
        } else if awaited == nil {
            awaited = (count, segment)
        }
    }
}
