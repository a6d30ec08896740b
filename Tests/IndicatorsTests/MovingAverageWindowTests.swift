import Indicators
import TestSupport
import Testing

@Suite struct MovingAverageWindowTests {
    @Test func `sums equal a slow recomputation at every price and scale`() {
        let seed = UInt64.random(in: .min ... .max)
        print("MovingAverageWindowTests seed \(seed)")
        var random = SeededRandom(seed: seed)
        for _ in 0..<60 {
            let long = Int.random(in: 2...70, using: &random)
            let short = Int.random(in: 1..<long, using: &random)
            let bits = Int.random(in: 1...62, using: &random)
            var window = MovingAverageWindow(shortPeriod: short, longPeriod: long)
            var prices: [Int64] = []
            for _ in 0..<400 {
                if Int.random(in: 0..<150, using: &random) == 0 {
                    window.removeAll()
                    prices = []
                }
                let price = Int64.random(in: -(1 << bits)...(1 << bits), using: &random)
                window.push(price)
                prices.append(price)
                let shortSum = prices.suffix(short).reduce(Int128(0)) { $0 + Int128($1) }
                let longSum = prices.suffix(long).reduce(Int128(0)) { $0 + Int128($1) }
                let state = (window.shortSum, window.longSum, window.isFull, window.sign)
                #expect(state.0 == shortSum && state.1 == longSum && state.2 == (prices.count >= long))
                if prices.count >= long {
                    let difference = shortSum * Int128(long) - longSum * Int128(short)
                    #expect(Int128(state.3) == difference.signum())
                }
            }
        }
    }

    @Test func `holds sums beyond 64 bits`() {
        let long = 1 << 20
        var window = MovingAverageWindow(shortPeriod: long - 1, longPeriod: long)
        for _ in 0..<long { window.push(.max) }
        let (short, longSum, sign) = (window.shortSum, window.longSum, window.sign)
        #expect(longSum == Int128(Int64.max) * Int128(long))
        #expect(short == Int128(Int64.max) * Int128(long - 1))
        #expect(sign == 0)
        window.push(.max - 1)
        let after = window.sign
        #expect(after == -1)
    }
}
