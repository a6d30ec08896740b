/// The engine's note in its records of how far it had come, in the place of a tick on the ring.
///
/// It stands behind what the engine recorded up to there, so once it is reached everything before it is stored.
public struct StoreMark: Sendable, Equatable {
    /// The entry of the engine's journal up to which everything was recorded.
    public var sequence: UInt64
    /// Index of a feed.
    public var feed: UInt16
    /// Slots of that feed's ring that the engine had taken by then, over the run.
    public var takenSlots: UInt64

    /// Creates a mark.
    public init(sequence: UInt64, feed: UInt16, takenSlots: UInt64) {
        self.sequence = sequence
        self.feed = feed
        self.takenSlots = takenSlots
    }

    /// Reads the mark from a slot; nil where it is of another kind.
    @inlinable
    public init?(slot: Tick) {
        guard slot.kind == RecordKind.mark.rawValue else { return nil }
        self.init(sequence: slot.id, feed: slot.feed, takenSlots: UInt64(bitPattern: slot.price))
    }

    /// The mark as a ring slot.
    @inlinable
    public var slot: Tick {
        Tick(
            id: sequence, exchangeTimeNanos: 0, receiveMonotonicNanos: 0, price: Int64(bitPattern: takenSlots),
            quantity: 0, instrument: 0, kind: .mark, feed: feed)
    }
}
