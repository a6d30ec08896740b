/// What became of a signal handed to a sink.
public enum PublishOutcome: Sendable, Equatable {
    /// The publish command was handed to the transport before the call returned.
    case sent
    /// The sink keeps it and sends it from another thread, in order; it measures the time itself.
    case queued
    /// The bound on unacknowledged signals is reached; nothing was kept. The engine must stop deciding until there is
    /// room, so that nothing is lost.
    case full
}

/// Where the engine hands its signals: Redis, the console, or a test's memory.
///
/// A generic parameter of the engine, never `any`. All methods are called on the engine's thread alone and must not
/// block, allocate or take a lock.
public protocol SignalSink: ~Copyable, Sendable {
    /// Whether `count` more signals would all be kept. Asked before each tick, for as many as it can make.
    func hasRoom(for count: Int) -> Bool

    /// Takes one signal, in order.
    mutating func publish(_ signal: borrowing Decision) -> PublishOutcome

    /// Ends a batch: what was held back for coalescing is sent now.
    mutating func flush()
}

/// The newest signal of one (instrument, strategy) that a stream already holds when an instance starts.
public struct PublishedSign: Sendable, Equatable {
    /// Index of the instrument in the `MarketCatalog`.
    public var instrument: UInt32
    /// Index of the strategy in the `MarketCatalog`.
    public var strategy: UInt16
    /// The tick of that signal.
    public var tickID: UInt64
    /// Its side, never neutral.
    public var side: Side

    /// Creates a sign.
    public init(instrument: UInt32, strategy: UInt16, tickID: UInt64, side: Side) {
        self.instrument = instrument
        self.strategy = strategy
        self.tickID = tickID
        self.side = side
    }
}
