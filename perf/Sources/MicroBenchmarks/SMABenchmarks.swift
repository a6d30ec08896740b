import Indicators

/// Cost of one price through both averages and the crossover rule, with exact sums.
///
/// One thread, prices in memory. Left out: ring, id continuity and recording, which tick-to-decision contains.
enum SMABenchmarks {
    private static let updates = 2_000_000
    /// Prices are taken from here in turn, so that making them is not measured; 512 KiB.
    private static let distinctPrices = 1 << 16

    static let all = [(5, 20), (50, 200)].map { short, long in
        Benchmark(name: "SMA crossover \(short)/\(long): update", operations: updates) { run(short, long) }
    }

    private static func run(_ shortPeriod: Int, _ longPeriod: Int) -> UInt64 {
        var generator = SplitMix64(state: 1)
        let prices = (0..<distinctPrices).map { _ in 6_183_763_000_000 + Int64(generator.next() % 20_000) * 10_000 }
        var window = MovingAverageWindow(shortPeriod: shortPeriod, longPeriod: longPeriod)
        var detector = CrossoverDetector()
        var crossings = 0
        let nanos = Runner.time {
            for index in 0..<updates {
                window.push(prices[index & (distinctPrices - 1)])
                if window.isFull, detector.update(sign: window.sign) == .crossed { crossings += 1 }
            }
        }
        precondition(crossings > 0, "random prices cross")
        return nanos
    }

    /// SplitMix64, Steele, Lea and Flood 2014.
    private struct SplitMix64: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }
}
