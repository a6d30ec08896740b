/// What a stream's messages carry.
package enum StreamKind: Sendable, Hashable, CaseIterable {
    /// Single trades.
    case trade
    /// Aggregate trades.
    case aggregateTrade
    /// Best bid and ask.
    case quote
    /// Book changes and partial books.
    case depth
    /// Anything else, such as klines.
    case other
}

/// A stream that a recording has messages of.
package struct RecordedStream: Sendable, Hashable {
    /// Its name, such as `btcusdt@trade`; for a raw book recording of unknown speed `btcusdt@depth`.
    package var name: String
    /// What its messages carry.
    package var kind: StreamKind
    /// Whether the name's update speed is unknown, so that `@depth@100ms` and its like match too.
    package var anySpeed = false

    /// Creates a stream of a known speed.
    package init(name: String, kind: StreamKind) {
        self.name = name
        self.kind = kind
    }

    init(name: String, kind: StreamKind, anySpeed: Bool) {
        self.init(name: name, kind: kind)
        self.anySpeed = anySpeed
    }
}
