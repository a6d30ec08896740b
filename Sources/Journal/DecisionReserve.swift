/// The part of the budget that the engine's chain alone may take, so that signals which the stream does not have yet stay on
/// disk whatever the feeds receive. Journal's thread only.
///
/// A segment of the engine's may hold such signals while it ended after the last moment up to which all are known to be
/// acknowledged. Once those segments fill the reserve, the engine gets no further one: it stops deciding, takes no more from
/// its rings, and the exchange is held back, until there are acknowledgements.
struct DecisionReserve {
    /// Its size.
    let bytes: Int
    /// Wall clock up to which every signal is acknowledged.
    private(set) var acknowledgedNanos: Int64
    private let signals: @Sendable () -> (count: UInt64, acknowledged: UInt64)
    /// How many signals there were when, for the first look at which more wait.
    private var awaited: (count: UInt64, atNanos: Int64)?
    /// Whether the engine wants a segment that the reserve has no room for.
    var isFull = false

    init(
        bytes: Int, acknowledgedNanos: Int64, signals: @escaping @Sendable () -> (count: UInt64, acknowledged: UInt64)
    ) {
        self.bytes = bytes
        self.acknowledgedNanos = acknowledgedNanos
        self.signals = signals
    }

    /// Looks what is acknowledged by now. O(1).
    mutating func look(at nanos: Int64) {
        let (count, acknowledged) = signals()
        if let awaited, acknowledged >= awaited.count {
            acknowledgedNanos = awaited.atNanos
            self.awaited = nil
        }
        if acknowledged >= count {
            acknowledgedNanos = nanos
        } else if awaited == nil {
            awaited = (count, nanos)
        }
    }
}
