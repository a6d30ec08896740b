internal import RingBuffer
public import TradingModel

/// The engine's end of the console output: hands each signal to the in-process stream that a printing thread reads.
public struct ConsoleSignalSink: ~Copyable, SignalSink {
    private let ring: RingProducer

    init(ring: consuming RingProducer) { self.ring = ring }

    /// Whether the stream takes `count` signals, two slots each; false while the terminal does not keep up.
    public func hasRoom(for count: Int) -> Bool { ring.freeSlots >= 2 * count }

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
