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
    /// Sum of the last `min(count, shortPeriod)` prices.
    public private(set) var shortSum: Int128 = 0
    /// Sum of the last `min(count, longPeriod)` prices.
    public private(set) var longSum: Int128 = 0
    /// Prices in the window, at most `longPeriod`.
    public private(set) var count = 0

    private let prices: UnsafeMutablePointer<Int64>
    /// Where the next price goes, and what leaves the long average when it is full.
    private var longPosition = 0
    /// What leaves the short average next.
    private var shortPosition = 0

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
    public var isFull: Bool { count == longPeriod }

    // hot path (StrategyEngineHotPathTests)
    /// Takes the next price; O(1), no allocation.
    public mutating func push(_ price: Int64) {
        if count >= shortPeriod {
            shortSum -= Int128(prices[shortPosition])
            shortPosition = shortPosition + 1 == longPeriod ? 0 : shortPosition + 1
        }
        if count == longPeriod { longSum -= Int128(prices[longPosition]) } else { count += 1 }
        prices[longPosition] = price
        longPosition = longPosition + 1 == longPeriod ? 0 : longPosition + 1
        shortSum += Int128(price)
        longSum += Int128(price)
    }

    /// The sign of short average − long average: 1, 0 or −1; only when full.
    ///
    /// Compares `shortSum · longPeriod` with `longSum · shortPeriod`, at most 2¹⁰³ each: no division, no rounding.
    public var sign: Int8 {
        let short = shortSum * Int128(longPeriod)
        let long = longSum * Int128(shortPeriod)
        return short > long ? 1 : short < long ? -1 : 0
    }

    /// Empties the window; O(1), stale prices are overwritten before they are read.
    public mutating func removeAll() {
        shortSum = 0
        longSum = 0
        count = 0
        longPosition = 0
        shortPosition = 0
    }
}
