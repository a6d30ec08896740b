internal import Synchronization
package import TradingModel

/// The newest best prices by instrument: written by the quotes' feed, read by the trader. Any thread; O(1) under a lock that is
/// held for a copy.
package final class QuoteBoard: Sendable {
    /// A quote with its number: the next quote of the instrument has the next one.
    package struct Entry: Sendable, Equatable {
        /// The quote.
        package var quote: Quote
        /// From 1.
        package var number: UInt64
    }

    private let entries = Mutex<[Instrument: Entry]>([:])

    /// A board without quotes.
    package init() {}

    /// Takes an instrument's next quote; what is offered by it is new.
    package func update(_ instrument: Instrument, _ quote: Quote) {
        entries.withLock { $0[instrument] = Entry(quote: quote, number: ($0[instrument]?.number ?? 0) + 1) }
    }

    /// The newest quote of an instrument; nil where there was none yet.
    package func entry(of instrument: Instrument) -> Entry? { entries.withLock { $0[instrument] } }
}
