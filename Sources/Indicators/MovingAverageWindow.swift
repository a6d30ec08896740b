/// Exact sums of the last `shortPeriod` and `longPeriod` prices: two simple moving averages over one window.
///
/// `average = sum / period`, at the prices' scale. Sums are integers, so nothing drifts and equality is exact: with
/// |price| ≤ 2⁶³ and periods ≤ 2²⁰ a sum stays below 2⁸³. Memory is one 64-bit word per long-period tick, taken at
/// creation. One thread at a time. Not for averages over time; it counts prices.
public struct MovingAverageWindow: ~Copyable {
    /// Prices in the short average.
    public let shortPeriod: Int
    /// Prices in the long average.
    public let longPeriod: Int
    /// Prices in the window, at most `longPeriod`.
    @inlinable public var count: Int { filled }
    /// Sum of the last `min(count, shortPeriod)` prices.
    @inlinable public var shortSum: Int128 { short }
    /// Sum of the last `min(count, longPeriod)` prices.
    @inlinable public var longSum: Int128 { long }

    @usableFromInline let prices: UnsafeMutablePointer<Int64>
    @usableFromInline var filled = 0
    @usableFromInline var short: Int128 = 0
    @usableFromInline var long: Int128 = 0
    /// Where the next price goes, and what leaves the long average when it is full.
    @usableFromInline var longPosition = 0
    /// What leaves the short average next.
    @usableFromInline var shortPosition = 0

    /// Allocates an empty window; periods outside 1 ≤ short < long trap.
    public init(shortPeriod: Int, longPeriod: Int) {
        precondition(shortPeriod >= 1 && shortPeriod < longPeriod, "periods must satisfy 1 <= short < long")
        self.shortPeriod = shortPeriod
        self.longPeriod = longPeriod
        prices = UnsafeMutablePointer<Int64>.allocate(capacity: longPeriod)
        prices.initialize(repeating: 0, count: longPeriod)
    }

    deinit { prices.deallocate() }

    /// Whether both averages exist.
    @inlinable public var isFull: Bool { filled == longPeriod }

    // hot path (HotPathTests)
    /// Takes the next price; O(1), no allocation.
    @inlinable
    public mutating func push(_ price: Int64) {
        if filled >= shortPeriod {
            short &-= Int128(prices[shortPosition])
            shortPosition = shortPosition &+ 1 == longPeriod ? 0 : shortPosition &+ 1
        }
        if filled == longPeriod { long &-= Int128(prices[longPosition]) } else { filled &+= 1 }
        prices[longPosition] = price
        longPosition = longPosition &+ 1 == longPeriod ? 0 : longPosition &+ 1
        short &+= Int128(price)
        long &+= Int128(price)
    }

    // hot path (HotPathTests)
    /// The sign of short average − long average: 1, 0 or −1; only when full.
    ///
    /// Compares `shortSum · longPeriod` with `longSum · shortPeriod`, at most 2¹⁰³ each: no division, no rounding, and the
    /// wrapping operators never wrap.
    @inlinable
    public var sign: Int8 {
        let left = short &* Int128(longPeriod)
        let right = long &* Int128(shortPeriod)
        return left > right ? 1 : left < right ? -1 : 0
    }

    /// Calls `body` with the window's prices, oldest first, in two parts of which either may be empty. O(1).
    public func withPrices(_ body: (UnsafeBufferPointer<Int64>, UnsafeBufferPointer<Int64>) -> Void) {
        // Until it is full the oldest price lies at 0; then at the next place to be overwritten.
        let oldest = isFull ? longPosition : 0
        let older = UnsafeBufferPointer(start: prices + oldest, count: min(filled, longPeriod - oldest))
        body(older, UnsafeBufferPointer(start: prices, count: filled - older.count))
    }

    /// Empties the window; O(1), stale prices are overwritten before they are read.
    public mutating func removeAll() {
        short = 0
        long = 0
        filled = 0
        longPosition = 0
        shortPosition = 0
    }
}
