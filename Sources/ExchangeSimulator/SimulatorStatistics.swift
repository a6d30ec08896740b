internal import MarketRecording
internal import Synchronization

/// Counts of one simulator since its start, over all replays and connections.
public struct SimulatorStatistics: Sendable, Hashable {
    /// Websocket connections accepted.
    public var connectionsAccepted = 0
    /// Websocket connections open now.
    public var connectionsOpen = 0
    /// Connections refused because `maximumConnections` were open.
    public var connectionsRefused = 0
    /// Connections the simulator cut on purpose.
    public var connectionsCut = 0
    /// Connections reset because the client read too slowly, or closed because it answered no ping.
    public var connectionsTooSlow = 0
    /// Messages of the source the replay has passed, sent to anyone or not.
    public var messagesReplayed = 0
    /// Data messages sent, counted once per connection.
    public var messagesSent = 0
    /// Bytes of data frames sent, headers included.
    public var bytesSent = 0
    /// Messages withheld on purpose, counted once per connection that would have got them.
    public var messagesWithheld = 0
    /// Messages sent once more, out of their order, spoiled, and with another price; each among the sent ones.
    public var messagesRepeated = 0
    /// See above.
    public var messagesReordered = 0
    /// See above.
    public var messagesMalformed = 0
    /// See above.
    public var messagesSpiked = 0
    /// Handshakes spoiled on purpose.
    public var handshakesSpoiled = 0
    /// Requests for the trade history answered, of these with a status other than 200, and spoiled on purpose.
    public var restRequests = 0
    /// See above.
    public var restRefused = 0
    /// See above.
    public var restSpoiled = 0
    /// Pings sent, on time or in bursts.
    public var pingsSent = 0
    /// Pings whose payload came back in a pong.
    public var pingsAnswered = 0
    /// The longest time from a ping to its pong, nanoseconds.
    public var slowestPongNanos: Int64 = 0
    /// Messages sent by kind, counted once per connection.
    public var sentByKind: SentByKind = SentByKind()
    /// Replays begun.
    public var replaysStarted = 0
    /// Replays that reached the end.
    public var replaysFinished = 0
    /// Whether the present replay has reached its end.
    public var isFinished = false

    /// Counts a message for one connection.
    mutating func count(_ treatment: MessageTreatment, _ kind: StreamKind) {
        switch treatment {
        case .withheld:
            messagesWithheld += 1
            return
        case .sound: break
        case .duplicate: messagesRepeated += 1
        case .reordered: messagesReordered += 1
        case .spiked: messagesSpiked += 1
        case .malformed: messagesMalformed += 1
        }
        messagesSent += 1
        sentByKind.add(kind)
    }

    /// Messages sent by kind.
    public struct SentByKind: Sendable, Hashable {
        /// Single trades.
        public var trades = 0
        /// Aggregate trades.
        public var aggregateTrades = 0
        /// Quotes.
        public var quotes = 0
        /// Book messages.
        public var depths = 0
        /// Others.
        public var others = 0

        mutating func add(_ kind: StreamKind) {
            switch kind {
            case .trade: trades += 1
            case .aggregateTrade: aggregateTrades += 1
            case .quote: quotes += 1
            case .depth: depths += 1
            case .other: others += 1
            }
        }
    }
}

/// The statistics as other threads see them.
final class PublishedStatistics: Sendable {
    private let value = Mutex(SimulatorStatistics())

    func store(_ statistics: SimulatorStatistics) { value.withLock { $0 = statistics } }
    func load() -> SimulatorStatistics { value.withLock { $0 } }
}
