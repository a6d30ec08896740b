import Indicators
import Testing

@Suite struct CrossoverDetectorTests {
    /// Every path of up to nine signs against the rule as the words state it, recomputed from the whole past.
    @Test func `follows the rule on every path of signs, ties and gaps`() {
        // 0 stands for a tie, 2 for a gap.
        let alphabet: [Int8] = [-1, 0, 1, 2]
        var paths: [[Int8]] = [[]]
        for _ in 0..<8 { paths = paths.flatMap { path in alphabet.map { path + [$0] } } }
        for path in paths {
            var detector = CrossoverDetector()
            for (index, symbol) in path.enumerated() {
                if symbol == 2 {
                    detector.breakRun()
                    continue
                }
                let outcome = detector.update(sign: symbol)
                if outcome != expected(path[...index]) { Issue.record("\(path) at \(index): \(outcome)") }
            }
        }
    }

    private func expected(_ path: ArraySlice<Int8>) -> CrossoverOutcome {
        guard let sign = path.last, sign != 0 else { return .tie }
        let past = path.dropLast()
        let lastGap = past.lastIndex(of: 2)
        let run = lastGap.map { past[($0 + 1)...] } ?? past
        if let last = run.last(where: { $0 != 0 }) { return last == sign ? .unchanged : .crossed }
        let before = past.last { $0 == 1 || $0 == -1 }
        return before == nil || before == sign ? .first : .changedOverGap
    }

    @Test func `takes over a published sign only while it knows none`() {
        var detector = CrossoverDetector()
        detector.adopt(sign: 1, insideRun: true)
        #expect(detector.update(sign: -1) == .crossed)

        detector = CrossoverDetector()
        detector.adopt(sign: 1, insideRun: false)
        #expect(detector.update(sign: -1) == .changedOverGap)

        detector = CrossoverDetector()
        detector.adopt(sign: 1, insideRun: false)
        #expect(detector.update(sign: 1) == .first)

        detector = CrossoverDetector()
        #expect(detector.update(sign: -1) == .first)
        detector.adopt(sign: 1, insideRun: true)
        #expect(detector.update(sign: -1) == .unchanged)
    }
}
