/// Why a session record was written.
public enum SessionEvent: UInt8, Sendable {
    /// The websocket handshake succeeded; ticks of this connection follow.
    case opened = 1
    /// The wall clock moved against the monotonic clock.
    case clockMoved
    /// The connection ended; what follows belongs to another.
    case closed
}

/// A feed's statement about its connection and clock, in the place of a tick on the ring.
///
/// It carries the offset that turns the monotonic receive time of the ticks behind it into wall-clock time, so each tick
/// needs one time only and a replay has both. The fields are those of a `Tick`, so that a ring has one slot layout.
public struct SessionRecord: Sendable, Equatable {
    /// What happened.
    public var event: SessionEvent
    /// Index of the feed.
    public var feed: UInt16
    /// Counts the connections of this feed from 1.
    public var connection: UInt64
    /// Wall clock minus monotonic clock, nanoseconds.
    public var wallOffsetNanos: Int64
    /// When it happened.
    public var monotonic: MonotonicNanos

    /// Creates a record.
    public init(
        event: SessionEvent, feed: UInt16, connection: UInt64, wallOffsetNanos: Int64, monotonic: MonotonicNanos
    ) {
        self.event = event
        self.feed = feed
        self.connection = connection
        self.wallOffsetNanos = wallOffsetNanos
        self.monotonic = monotonic
    }

    /// Reads the record from a slot of kind `session`; nil where the event is unknown.
    @inlinable
    public init?(slot: Tick) {
        guard slot.kind == RecordKind.session.rawValue, let event = SessionEvent(rawValue: slot.flags) else {
            return nil
        }
        self.event = event
        feed = slot.feed
        connection = slot.id
        wallOffsetNanos = slot.exchangeTimeNanos
        monotonic = MonotonicNanos(rawValue: slot.receiveMonotonicNanos)
    }

    /// The record as a ring slot.
    @inlinable
    public var slot: Tick {
        var slot = Tick(
            id: connection, exchangeTimeNanos: wallOffsetNanos, receiveMonotonicNanos: monotonic.rawValue, price: 0,
            quantity: 0, instrument: 0, kind: .session, feed: feed)
        slot.flags = event.rawValue
        return slot
    }
}
