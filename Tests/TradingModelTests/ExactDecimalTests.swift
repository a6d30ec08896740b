import TestSupport
import Testing
import TradingModel

@Suite struct ExactDecimalTests {
    private static let roundings: [(ExactDecimal.Rounding, String)] = [
        (.down, "down"), (.up, "up"), (.halfEven, "halfEven"),
    ]

    /// Numbers of every length, with many zeros, nines, twos and fives among them: where carries and cuts happen.
    private static func operand(_ random: inout SeededRandom, mostDigits: Int = 34, mostDecimals: Int = 34)
        -> ExactDecimal
    {
        var mantissa: Int128 = 0
        let digits = Int.random(in: 1...mostDigits, using: &random)
        switch Int.random(in: 0..<6, using: &random) {
        case 0: mantissa = power(10, digits - 1)
        case 1: mantissa = power(10, digits) - 1
        case 2: mantissa = power(2, digits * 3)
        case 3: mantissa = power(5, digits)
        default:
            for _ in 0..<digits { mantissa = mantissa * 10 + Int128(Int.random(in: 0...9, using: &random)) }
            let zeros = Int.random(in: 0...digits, using: &random)
            if Bool.random(using: &random) { mantissa -= mantissa % power(10, zeros) }
        }
        if Bool.random(using: &random) { mantissa = -mantissa }
        return ExactDecimal(mantissa: mantissa, decimals: Int.random(in: 0...mostDecimals, using: &random))
            ?? ExactDecimal(1)
    }

    private static func power(_ base: Int128, _ exponent: Int) -> Int128 {
        var power: Int128 = 1
        for _ in 0..<exponent { power *= base }
        return power
    }

    @Test func `every operation agrees with integers of any length, and is nil exactly where its result does not fit`()
        throws
    {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        var questions: [String] = []
        var results: [String] = []
        func ask(_ name: String, _ a: ExactDecimal, _ b: ExactDecimal, _ places: Int, _ mode: String, _ result: String?)
        {
            questions.append("\(name) \(a) \(b) \(places) \(mode)")
            results.append(result ?? "nil")
        }
        for _ in 0..<8_000 {
            let (a, b) = (Self.operand(&random), Self.operand(&random))
            let places = Int.random(in: 0...34, using: &random)
            let (rounding, mode) = Self.roundings[Int.random(in: 0..<3, using: &random)]
            ask("add", a, b, 0, mode, a.adding(b)?.description)
            ask("subtract", a, b, 0, mode, a.subtracting(b)?.description)
            ask("multiply", a, b, 0, mode, a.multiplied(by: b)?.description)
            ask("compare", a, b, 0, mode, a < b ? "-1" : (b < a ? "1" : "0"))
            ask("divide", a, b, places, mode, a.divided(by: b, places: places, rounding)?.description)
            ask("round", a, b, places, mode, a.rounded(to: places, rounding)?.description)
            ask("multiple", a, b, places, mode, a.isMultiple(of: b) ? "1" : "0")
            ask("text", a, b, places, mode, a.description)
        }
        let answers = try DecimalOracle.answers(to: questions)
        try #require(answers.count == questions.count)
        let nils = results.count { $0 == "nil" }
        for (index, answer) in answers.enumerated() where answer != results[index] {
            Issue.record("seed \(seed): \(questions[index]) is \(answer), not \(results[index])")
            return
        }
        print("exact decimals: \(answers.count) operations agree, \(nils) of them beyond the limits; seed \(seed)")
    }

    @Test func `steps of the size that venues have are met exactly`() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        var questions: [String] = []
        var results: [String] = []
        for _ in 0..<20_000 {
            let a = Self.operand(&random, mostDigits: 18, mostDecimals: 12)
            let b = Self.operand(&random, mostDigits: 10, mostDecimals: 12)
            let (rounding, mode) = Self.roundings[Int.random(in: 0..<3, using: &random)]
            questions.append("step \(a) \(b) 0 \(mode)")
            results.append(a.rounded(toMultipleOf: b, rounding)?.description ?? "nil")
        }
        let answers = try DecimalOracle.answers(to: questions)
        try #require(answers.count == questions.count)
        for (index, answer) in answers.enumerated() where answer != results[index] {
            Issue.record("seed \(seed): \(questions[index]) is \(answer), not \(results[index])")
            return
        }
        #expect(ExactDecimal("5")?.rounded(toMultipleOf: .zero) == ExactDecimal(5))
    }

    @Test func `equal numbers are equal and hash alike however they are written`() throws {
        for texts in [["1.50", "1.5", "01.5"], ["0", "-0", "0.000", ".0"], ["100", "100.0"], ["-.25", "-0.250"]] {
            let numbers = try texts.map { try #require(ExactDecimal($0)) }
            #expect(Set(numbers).count == 1)
            #expect(Set(numbers.map(\.description)).count == 1)
        }
    }

    @Test func `every number survives its text`() throws {
        var random = SeededRandom(seed: 7)
        for _ in 0..<20_000 {
            let number = Self.operand(&random)
            #expect(ExactDecimal(number.description) == number)
        }
    }

    @Test(
        arguments: [
            "", "-", ".", "-.", "5.", "+5", "1e3", "0x1", "1.2.3", "--1", " 1", "1 ", "1,5", "NaN", "٣", "1\u{0}",
            "10000000000000000000000000000000000", "0.00000000000000000000000000000000001",
        ]) func `what is no number of ours is refused`(text: String)
    {
        #expect(ExactDecimal(text) == nil)
    }

    @Test func `34 digits and 34 decimals are the limits on both sides`() throws {
        let most = try #require(ExactDecimal(String(repeating: "9", count: 34)))
        #expect(most.adding(ExactDecimal(1)) == nil)
        #expect((-most).subtracting(ExactDecimal(1)) == nil)
        #expect(most.adding(-most) == ExactDecimal.zero)
        let least = try #require(ExactDecimal("0." + String(repeating: "0", count: 33) + "1"))
        #expect(least.multiplied(by: try #require(ExactDecimal("0.1"))) == nil)
        #expect(most.adding(least) == nil)
        #expect(least < most && -most < least && -most < -least)
        #expect(ExactDecimal(mantissa: .max, decimals: 0) == nil && ExactDecimal(mantissa: .min, decimals: 0) == nil)
        #expect(ExactDecimal(mantissa: 1, decimals: -1) == nil)
        #expect(ExactDecimal(mantissa: Self.power(10, 37), decimals: 36) == ExactDecimal(10))
        #expect(most.divided(by: .zero, places: 2, .down) == nil)
        // Nines that are carried to a one behind 34 zeros.
        #expect(ExactDecimal("0." + String(repeating: "9", count: 34))?.rounded(to: 33, .up) == ExactDecimal(1))
    }
}
