package import TradingModel

/// The pause that an HTTP answer asks for.
package enum RetryAfter {
    /// Longest wait a `Retry-After` can ask for: Binance's longest ban, three days.
    package static let mostSeconds = 3 * 86_400
    /// The wait after a 429 or 418 that names none.
    package static let unnamedSeconds = 60

    /// Reads the header, seconds or a date (RFC 9110, section 10.2.3), which is measured by the server's own clock where its
    /// `date` header shows it. nil where none is asked for, or none that can be read.
    package static func seconds(_ text: String?, date: String?, wallClock: UnixNanos) -> Int? {
        guard let text else { return nil }
        if let seconds = Int(text) { return min(max(seconds, 0), mostSeconds) }
        if !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) { return mostSeconds }
        guard let until = HTTPDate.parse(text, now: wallClock) else { return nil }
        let now = date.flatMap { HTTPDate.parse($0, now: wallClock) } ?? wallClock
        // Rounded up: not a moment too early.
        let seconds = (until.rawValue - now.rawValue + 999_999_999) / 1_000_000_000
        return Int(min(max(seconds, 0), Int64(mostSeconds)))
    }
}
