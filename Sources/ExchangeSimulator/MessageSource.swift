internal import MarketRecording
internal import NIOCore

extension RecordedStream {
    /// The symbol in capitals, where its trades or aggregate trades are what the stream carries.
    var tradedSymbol: String? {
        guard kind == .trade || kind == .aggregateTrade else { return nil }
        return name.split(separator: "@").first.map { $0.uppercased() }
    }

    /// Whether a client that asks for `asked` gets this stream.
    func matches(_ asked: String) -> Bool {
        asked == name || (anySpeed && asked.hasPrefix(name + "@"))
    }
}

/// The message a source stands at.
struct MessageHead {
    /// Index into the source's streams.
    var stream: Int
    /// Its time after the first message, nanoseconds.
    var offsetNanos: Int64
    /// Length of its payload with millisecond times, without envelope.
    var payloadBytes: Int
    /// Trade id, aggregate trade id or first update id; nil where the message has none.
    var firstID: UInt64?
}

/// The unit of the times within payloads. [Binance Spot, web-socket-streams.md: `timeUnit`]
enum TimeUnit {
    case milliseconds
    case microseconds
}

/// One message's payload.
protocol MessageContent {
    /// The trade's price in units of 10⁻⁸ before any fault; nil where it is no trade or does not fit.
    var tradePriceUnits: Int64? { get }
    /// Appends the payload. O(payload).
    func write(into buffer: inout ByteBuffer, unit: TimeUnit)
}

/// Messages in the order of their times, one after the other. Used on the event loop only; its content is the message it
/// stands at.
protocol MessageSource: AnyObject, MessageContent {
    /// The streams messages belong to.
    var streams: [RecordedStream] { get }
    /// The markets whose trades or aggregate trades it has.
    var markets: [Market] { get }
    /// The message it stands at; nil after the last.
    var head: MessageHead? { get }
    /// What that message adds to the trade history. O(1).
    var historyRecord: HistoryRecord? { get }
    /// Goes to the next message. O(1).
    func advance()
    /// Goes to the first message; a source that makes up its times begins at `wallNanos`.
    func rewind(wallNanos: Int64)
}

extension MessageSource {
    var tradePriceUnits: Int64? {
        guard case .trade(let trade) = historyRecord else { return nil }
        return trade.price.units
    }
}
