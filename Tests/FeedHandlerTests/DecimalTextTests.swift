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

    /// Every place of a message that holds a price or a quantity, with `NUM` where the number goes, and whether it may be 0.
    static let places: [(message: String, isZeroAllowed: Bool)] = {
        let quote = #"{"u":1,"s":"BTCUSDT","b":"25.35","B":"31.21","a":"25.36","A":"40.66"}"#
        let aggregate =
            #"{"e":"aggTrade","E":1,"s":"BTCUSDT","a":1,"p":"3","q":"4","f":1,"l":5,"T":1,"m":false,"M":true}"#
        let partial = #"{"stream":"btcusdt@depth5","data":\#(BookDecoderTests.partial)}"#
        return [
            (#"{"e":"trade","E":1,"s":"BTCUSDT","t":1,"p":"NUM","q":"1","T":1,"m":true,"M":true}"#, false),
            (#"{"e":"trade","E":1,"s":"BTCUSDT","t":1,"p":"1","q":"NUM","T":1,"m":true,"M":true}"#, false),
            (aggregate.replacing(#""3""#, with: #""NUM""#), false),
            (aggregate.replacing(#""4""#, with: #""NUM""#), false),
            (quote.replacing("25.35", with: "NUM"), true), (quote.replacing("31.21", with: "NUM"), true),
            (quote.replacing("25.36", with: "NUM"), true), (quote.replacing("40.66", with: "NUM"), true),
            (BookDecoderTests.update.replacing("61500.10", with: "NUM"), false),
            (BookDecoderTests.update.replacing("10.0", with: "NUM"), true),
            (partial.replacing("0.0026", with: "NUM"), false), (partial.replacing(#""100""#, with: #""NUM""#), true),
            (KlineDecoderTests.message.replacing("0.35270000", with: "NUM"), false),
            (KlineDecoderTests.message.replacing("0.35280000", with: "NUM"), false),
            (KlineDecoderTests.message.replacing("0.35290000", with: "NUM"), false),
            (KlineDecoderTests.message.replacing("0.35220000", with: "NUM"), false),
            (KlineDecoderTests.message.replacing("25877.00000000", with: "NUM"), true),
        ]
    }()

    @Test func `refuses each of over 200 bad numbers wherever a number stands`() {
        let decoder = DecoderUnderTest()
        var (tried, accepted) = (0, 0)
        for (message, isZeroAllowed) in Self.places {
            #expect(decoder.slots(message.replacing("NUM", with: "1.5").utf8).outcome.hasRecords, "\(message)")
            for (text, outcome) in Self.bad where outcome != .zero || !isZeroAllowed {
                let found = decoder.slots(message.replacing("NUM", with: text).utf8).outcome
                #expect(found == outcome, "\(text) in \(message)")
                tried += 1
                if found.hasRecords { accepted += 1 }
            }
        }
        #expect(Self.bad.count >= 200 && accepted == 0)
        print(
            "figure: D2: \(Self.bad.count) bad numbers in \(Self.places.count) places, \(tried) messages: accepted \(accepted)"
        )
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
