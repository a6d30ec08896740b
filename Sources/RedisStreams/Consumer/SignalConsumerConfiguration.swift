/// Settings of a `ConsumerGroupReader`.
public struct SignalConsumerConfiguration: Sendable {
    /// The server, or its sentinels.
    public var endpoint: RedisEndpoint
    /// The streams' keys.
    public var streamKeys: [String]
    /// The consumer group, the same for all traders of a stream; it begins at the stream's oldest entry.
    public var group: String
    /// This reader's name, which no other running reader may have.
    public var consumer: String
    /// The stream that names what was handled, as the earlier Go trader's users expect it.
    public var processedKey: String
    /// Entries `processedKey` is trimmed to, roughly.
    public var mostProcessed: Int
    /// The stream for what can't be handled.
    public var deadLetterKey: String
    /// Entries `deadLetterKey` is trimmed to, roughly.
    public var mostDeadLetters: Int
    /// Milliseconds after which an entry that another reader was handed, one that has stalled or lost its lease, is claimed; looked
    /// for once a second.
    public var claimIdleMillis: Int
    /// Milliseconds a connection may take.
    public var connectTimeoutMillis: Int
    /// Milliseconds an answer may take, beyond those it may block.
    public var replyTimeoutMillis: Int

    /// Creates settings with their defaults; the group and the stream of handled entries are those of the earlier Go trader.
    public init(endpoint: RedisEndpoint, streamKeys: [String], consumer: String) {
        self.endpoint = endpoint
        self.streamKeys = streamKeys
        self.consumer = consumer
        group = "signal_group"
        processedKey = "processed_signals"
        mostProcessed = 100_000
        deadLetterKey = "dead_signals"
        mostDeadLetters = 10_000
        claimIdleMillis = 3_000
        connectTimeoutMillis = 1_000
        replyTimeoutMillis = 2_000
    }
}
