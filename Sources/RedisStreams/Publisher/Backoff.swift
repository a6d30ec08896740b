/// Delays between attempts: doubling from a first to a longest one, each cut by a random part of up to one half, so that
/// many clients do not return at once.
struct Backoff {
    private let range: ClosedRange<Int>
    private var next: Int

    /// Starts at the first delay of `rangeMillis`.
    init(rangeMillis: ClosedRange<Int>) {
        range = rangeMillis
        next = rangeMillis.lowerBound
    }

    /// The delay before the next attempt, in milliseconds.
    mutating func nextDelayMillis() -> Int {
        let delay = next
        next = min(range.upperBound, next * 2)
        return delay - Int.random(in: 0...delay / 2)
    }

    /// Begins again at the first delay.
    mutating func reset() { next = range.lowerBound }
}
