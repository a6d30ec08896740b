internal import RingBuffer
public import TradingModel

/// The engine's end of the console output: hands each signal to the in-process stream that a printing thread reads.
public struct ConsoleSignalSink: ~Copyable, SignalSink {
    /// Slots one tick's signals may take: 16 strategies, two slots each.
    static let slotsPerTick = 32

    private let ring: RingProducer

    init(ring: consuming RingProducer) { self.ring = ring }

    /// Whether the stream takes a whole tick's signals; false while the terminal does not keep up.
    public var hasRoom: Bool { ring.freeSlots >= Self.slotsPerTick }

    // hot path (HotPathTests)
    /// Hands one signal over; `sent` means that the printing thread can see it.
    public mutating func publish(_ signal: borrowing Decision) -> PublishOutcome {
        let (first, second) = signal.slots
        guard ring.tryWrite(first) else { return .full }
        guard ring.tryWrite(second) else {
            ring.abort(count: 1)
            return .full
        }
        ring.publish()
        return .sent
    }

    /// Nothing is held back.
    public mutating func flush() {}
}
