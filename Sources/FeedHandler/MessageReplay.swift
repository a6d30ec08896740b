internal import ThreadExecutor
public import TradingModel

/// Makes of a feed's messages the slots that the feed publishes of them: the same decoder and the same rules as
/// `FeedLoop`, without a connection. Deterministic. Used by one thread.
public struct MessageReplay: ~Copyable {
    private var decoder: MessageDecoder

    /// - Parameters: as the feed has them; see `MessageDecoder`.
    public init(
        catalog: MarketCatalog, exchange: Exchange, streams: [StreamName], feed: UInt16,
        mostSlots: Int = BookUpdate.mostSlots
    ) {
        decoder = MessageDecoder(
            catalog: catalog, exchange: exchange, streams: streams, feed: feed, mostSlots: mostSlots)
    }

    /// Appends the slots of the message that fills `range` of `bytes`, UTF-8; false where it is refused, as a feed refuses
    /// and counts it. Linear in the message.
    public mutating func append(
        _ bytes: Span<UInt8>, _ range: Range<Int>, received now: MonotonicNanos, to slots: inout [Tick]
    ) -> Bool {
        unsafe bytes.withUnsafeBytes { memory in
            let message = unsafe UnsafeRawBufferPointer(rebasing: memory[range])
            return unsafe !decode(message, received: now, into: &slots).isRefusal
        }
    }

    /// Appends the slots of a message; what it turned out to be is returned.
    @discardableResult
    mutating func decode(
        _ message: UnsafeRawBufferPointer, received now: MonotonicNanos, into slots: inout [Tick]
    ) -> DecodeOutcome {
        var slot = Tick(
            id: 0, exchangeTimeNanos: 0, receiveMonotonicNanos: 0, price: 0, quantity: 0, instrument: 0,
            kind: .session, feed: 0)
        let outcome = unsafe withUnsafeMutableBytes(of: &slot) { memory in
            guard let base = memory.baseAddress else { return DecodeOutcome.malformed }
            return unsafe decoder.decode(message, received: now, into: base)
        }
        if outcome == .tick {
            slots.append(slot)
        } else if outcome.hasRecords {
            for index in 0..<decoder.recordCount {
                slots.append(unsafe decoder.records.load(fromByteOffset: index * 64, as: Tick.self))
            }
        }
        return outcome
    }
}
