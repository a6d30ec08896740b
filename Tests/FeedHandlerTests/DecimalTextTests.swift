import FeedHandler
import Testing
import TradingModel

@Suite struct DecimalTextTests {
    /// Texts that must never become a number, with the reason.
    static let bad: [(String, DecodeOutcome)] = {
        var table: [(String, DecodeOutcome)] = [
            ("0", .zero), ("0.0", .zero), ("0.00000000", .zero), ("0.000000000000000", .zero),
            ("0.000000001", .tooPrecise), ("1.123456789", .tooPrecise), ("1.0000000001", .tooPrecise),
            ("92233720368.54775808", .tooLarge), ("92233720369", .tooLarge), ("9223372036854775807", .tooLarge),
            ("9223372036854775808", .tooLarge), ("18446744073709551616", .tooLarge),
            (String(repeating: "9", count: 40), .tooLarge), (String(repeating: "9", count: 4_000), .tooLarge),
            ("1" + String(repeating: "0", count: 39), .tooLarge),
        ]
        table += ["1e400", "1e5", "1E5", "1e-5", "1.5e3", "0e0", "1e", "1e+"].map { ($0, .exponent) }
        table += ["-1", "-0", "-0.0", "-1.5", "-9999999999999999999999", "-1e5", "-0.00000001"].map { ($0, .negative) }
        table += [
            "", " ", "NaN", "nan", "-NaN", "Infinity", "-Infinity", "inf", "-inf", "+1", "+", "-", "--1", "-+1", ".",
            ".5",
            "-.5", "5.", "5.x", "1..2", "1.2.3", "1,5", "1 ", " 1", "1 000", "1_000", "0x10", "0b1", "1f", "1d", "00",
            "01",
            "00.5", "1a", "a1", "null", "true", "１２", "٣", "1.٣", "½", "1\u{7F}", "$1", "1%", "(1)", "1/2", "1.-5",
            "1.+5",
            "1.e5", "é", "1\u{A0}", "0.5.", "..", "e5", "E", "1;", "1:2", "'1'", "1'000", "0-1", "1-", "1+", "0..1",
        ].map { ($0, .notANumber) }
        for character in "abcdfghijklmnopqrstuvwxyzABCDFGHIJKLMNOPQRSTUVWXYZ!#$%&()*,;<=>?@[]^_`{|}~" {
            table.append(("1\(character)", .notANumber))
            table.append(("0.5\(character)", .notANumber))
        }
        return table
    }()

    @Test func `refuses each of some 200 bad numbers, as price and as quantity`() {
        let decoder = DecoderUnderTest()
        for (text, outcome) in Self.bad {
            #expect(decoder.trade(price: text).outcome == outcome, "price \(text)")
            #expect(decoder.trade(price: "1", quantity: text).outcome == outcome, "quantity \(text)")
        }
        print("bad numbers: \(Self.bad.count) texts, all refused as price and as quantity")
    }

    @Test(arguments: 0...12) func `scales exactly up to the largest value`(decimals: Int) {
        let decoder = DecoderUnderTest(priceDecimals: decimals)
        let digits = "9223372036854775807"
        let whole = digits.dropLast(decimals)
        let fraction = digits.suffix(decimals)
        let text = decimals == 0 ? digits : "\(whole).\(fraction)"
        #expect(decoder.trade(price: text).tick?.price == .max)
        #expect(decoder.trade(price: text + (decimals == 0 ? ".000" : "000")).tick?.price == .max)
        let above = decimals == 0 ? "9223372036854775808" : "\(whole).\(fraction.dropLast())8"
        #expect(decoder.trade(price: above).outcome == .tooLarge)
        var unit: Int64 = 1
        for _ in 0..<decimals { unit *= 10 }
        #expect(decoder.trade(price: "1").tick?.price == unit)
        #expect(decoder.trade(price: "0.0000000000001").outcome == .tooPrecise)
    }

    @Test func `agrees with wide arithmetic on random numbers`() {
        let seed = UInt64.random(in: 0 ... .max)
        print("seed \(seed)")
        var generator = SeededGenerator(state: seed)
        for _ in 0..<20_000 {
            let decimals = Int.random(in: 0...12, using: &generator)
            let places = Int.random(in: 0...14, using: &generator)
            let whole = UInt64.random(in: 0 ... .max, using: &generator) >> UInt64.random(in: 0...63, using: &generator)
            let fraction = (0..<places).map { _ in Int.random(in: 0...9, using: &generator) }
            let text = "\(whole)" + (places == 0 ? "" : "." + fraction.map(String.init).joined())
            var exact = Int128(whole)
            for place in 0..<decimals { exact = exact * 10 + Int128(place < places ? fraction[place] : 0) }
            let isExact = fraction.dropFirst(decimals).allSatisfy { $0 == 0 }
            let decoder = DecoderUnderTest(priceDecimals: decimals)
            let (outcome, tick) = decoder.trade(price: text)
            if exact > Int128(Int64.max) {
                #expect(outcome == .tooLarge || (!isExact && outcome == .tooPrecise), "\(text) at \(decimals)")
            } else if !isExact {
                #expect(outcome == .tooPrecise, "\(text) at \(decimals)")
            } else if exact == 0 {
                #expect(outcome == .zero, "\(text) at \(decimals)")
            } else {
                #expect(tick.map { Int128($0.price) } == exact, "\(text) at \(decimals)")
            }
        }
    }
}
