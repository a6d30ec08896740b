/// A stream's word that it holds a signal, and under which entry id (`milliseconds-sequence`).
public struct SignalAcknowledgement: Sendable, Equatable {
    /// The signal's number: the engine counts its signals from 1, over runs.
    public var ordinal: UInt64
    /// First part of the entry id: Unix milliseconds by the server's clock.
    public var entryMillis: UInt64
    /// Second part of the entry id.
    public var entrySequence: UInt64

    /// Creates an acknowledgement.
    public init(ordinal: UInt64, entryMillis: UInt64, entrySequence: UInt64) {
        self.ordinal = ordinal
        self.entryMillis = entryMillis
        self.entrySequence = entrySequence
    }
}

/// Takes a publisher's acknowledgements, each once, on the publisher's own thread.
///
/// Ordinals rise by one. A signal that the server has lost again, in a failover or restart, and that was put back is told
/// again, with its new entry id. An acknowledgement is told before the publisher counts the signal as no longer pending. The
/// handler may take a lock and write memory; while it runs no reply is taken, so it must not wait.
public typealias AcknowledgementHandler = @Sendable (SignalAcknowledgement) -> Void

/// What a publisher takes over from the runs before it: signals that may have to be sent, or sent again.
public struct RecoveredSignals: Sendable {
    /// Consecutive signals of one catalogue.
    public struct Part: Sendable {
        /// The instruments and strategies that the signals' indices refer to.
        public var catalog: MarketCatalog
        /// The signals in their order.
        public var signals: [Decision]

        /// Creates a part.
        public init(catalog: MarketCatalog, signals: [Decision]) {
            self.catalog = catalog
            self.signals = signals
        }
    }

    /// The signals by rising ordinal, none left out: from the first one acknowledged within the last minute of the last run
    /// (`SignalPublisherConfiguration.retentionMillis`), or from the first one not acknowledged where that is earlier.
    public var parts: [Part] = []
    /// The acknowledgements of that minute, in the order in which they were told, repeats included. Those of ordinals
    /// before the first signal say nothing but how new the stream was.
    public var acknowledgements: [SignalAcknowledgement] = []
    /// The newest acknowledgement in front of those, of a signal that has none among them; nil where there is none.
    public var forgotten: SignalAcknowledgement?
    /// First part of the newest entry id ever acknowledged, however long ago; nil where nothing was.
    public var newestEntryMillis: UInt64?

    /// Nothing: a first run.
    public init() {}

    /// Number of signals.
    public var count: Int { parts.reduce(0) { $0 + $1.signals.count } }
}
