import FeedHandler
import Testing
import TradingModel

@Suite struct KlineDecoderTests {
    static let message =
        #"{"e":"kline","E":1633998523963,"s":"BTCUSDT","k":{"t":1633998480000,"T":1633998539999,"s":"BTCUSDT","#
        + #""i":"1m","f":19862761,"L":19862790,"o":"0.35270000","c":"0.35280000","h":"0.35290000","l":"0.35220000","#
        + #""v":"25877.00000000","n":30,"x":false,"q":"9116.04600000","V":"58.00000000","Q":"20.46240000","B":"0"}}"#

    static let kline = Kline(
        instrument: 0, feed: 7, interval: .oneMinute, isClosed: false,
        openTime: UnixNanos(rawValue: 1_633_998_480_000_000_000),
        closeTime: UnixNanos(rawValue: 1_633_998_539_999_000_000),
        eventTime: UnixNanos(rawValue: 1_633_998_523_963_000_000), receiveMonotonic: MonotonicNanos(rawValue: 99),
        open: 35_270_000, high: 35_290_000, low: 35_220_000, close: 35_280_000, volume: 2_587_700_000_000,
        tradeCount: 30, firstTradeID: 19_862_761, lastTradeID: 19_862_790)

    @Test func `reads a kline, raw and in the envelope, of any time zone`() {
        let decoder = DecoderUnderTest()
        for text in [
            Self.message, #"{"stream":"btcusdt@kline_1m","data":\#(Self.message)}"#,
            #"{"stream":"btcusdt@kline_1m@+08:00","data":\#(Self.message)}"#,
            #"{"data" : \#(Self.message) ,"stream":"btcusdt@kline_1m"}"#,
        ] {
            #expect(decoder.kline(text) == (.kline, Self.kline))
        }
        #expect(decoder.slots(Self.message.utf8).slots.map(\.kind) == [11, 12])
    }

    @Test func `reads its keys in any order, unknown ones skipped`() {
        let decoder = DecoderUnderTest()
        let outer = [#""e":"kline""#, #""E":1633998523963"#, #""s":"BTCUSDT""#, #""x":true"#, #""y":[{"k":1}]"#]
        let inner = [
            #""t":1633998480000"#, #""T" : 1633998539999"#, #""i":"1m""#, #""f":19862761"#, #""L":19862790"#,
            #""o":"0.3527""#, #""c":"0.35280000""#, #""h":"0.35290000""#, #""l":"0.35220000""#, #""v":"25877""#,
            #""n":30"#, #""x":false"#, #""e":"trade""#, #""long":{"t":[1]}"#,
        ]
        var generator = SeededGenerator(state: 1)
        for _ in 0..<500 {
            let object = "{\(inner.shuffled(using: &generator).joined(separator: ","))}"
            let text = "{\((outer + [#""k":\#(object)"#]).shuffled(using: &generator).joined(separator: " ,"))}"
            #expect(decoder.kline(text) == (.kline, Self.kline), "\(text)")
        }
    }

    @Test func `reads every interval the exchange names, and no other`() {
        let decoder = DecoderUnderTest()
        for interval in KlineInterval.allCases {
            let text = Self.message.replacing(#""i":"1m""#, with: #""i":"\#(interval.name)""#)
            #expect(decoder.kline(text).kline?.interval == interval)
        }
        for name in ["", "2m", "1y", "60m", "1D", "1m ", "1mm", "1"] {
            let text = Self.message.replacing(#""i":"1m""#, with: #""i":"\#(name)""#)
            #expect(decoder.kline(text).outcome == .unknownInterval, "\(name)")
        }
    }

    @Test func `reads a closed one, one without trades, and microseconds`() {
        let decoder = DecoderUnderTest()
        var closed = Self.kline
        closed.isClosed = true
        #expect(decoder.kline(Self.message.replacing(#""x":false"#, with: #""x":true"#)).kline == closed)
        var empty = Self.kline
        (empty.firstTradeID, empty.lastTradeID, empty.tradeCount, empty.volume) = (nil, nil, 0, 0)
        let text = Self.message.replacing("19862761", with: "-1").replacing("19862790", with: "-1")
            .replacing(#""n":30"#, with: #""n":0"#).replacing("25877.00000000", with: "0.00000000")
        #expect(decoder.kline(text).kline == empty)
        var micro = Self.kline
        micro.openTime = UnixNanos(rawValue: 1_633_998_480_000_000_000)
        micro.closeTime = UnixNanos(rawValue: 1_633_998_539_999_999_000)
        micro.eventTime = UnixNanos(rawValue: 1_633_998_523_963_001_000)
        let times = Self.message.replacing("1633998480000", with: "1633998480000000")
            .replacing("1633998539999", with: "1633998539999999").replacing("1633998523963", with: "1633998523963001")
        #expect(decoder.kline(times).kline == micro)
    }

    @Test(
        arguments: [
            (#""o":"0.35270000","#, "", .missingField), (#""x":false,"#, "", .missingField),
            (#""i":"1m","#, "", .missingField), (#""f":19862761,"#, "", .missingField),
            (#""E":1633998523963,"#, "", .missingField), (#""s":"BTCUSDT","k""#, #""k""#, .missingField),
            (#""k":"#, #""K":"#, .missingField), (#""o":"0.35270000""#, #""o":0.3527"#, .wrongType),
            (#""o":"0.35270000""#, #""o":"0.0""#, .zero), (#""o":"0.35270000""#, #""o":"-1""#, .negative),
            (#""h":"0.35290000""#, #""h":"1e3""#, .exponent),
            (#""l":"0.35220000""#, #""l":"0.352200001""#, .tooPrecise),
            (#""v":"25877.00000000""#, #""v":"1e5""#, .exponent), (#""v":"25877.00000000""#, #""v":"-0""#, .negative),
            (#""v":"25877.00000000""#, #""v":"92233720369""#, .tooLarge),
            (#""c":"0.35280000""#, #""c":"NaN""#, .notANumber),
            (#""x":false"#, #""x":0"#, .wrongType), (#""i":"1m""#, #""i":1"#, .wrongType),
            (#""i":"1m""#, #""i":"\u0031m""#, .escaped), (#""f":19862761"#, #""f":-2"#, .badID),
            (#""f":19862761"#, #""f":-1.0"#, .badID), (#""L":19862790"#, #""L":"-1""#, .wrongType),
            (#""n":30"#, #""n":-1"#, .badID), (#""t":1633998480000"#, #""t":-1"#, .badTime),
            (#""T":1633998539999"#, #""T":1e3"#, .badTime), (#""n":30"#, #""n":30,"n":30"#, .duplicateKey),
            (#","B":"0"}}"#, #","B":"0"},"k":{}}"#, .duplicateKey),
            (#","B":"0"}}"#, #","B":"0","\u0042":1}}"#, .escaped),
            (#","B":"0"}}"#, #","B":"0",}}"#, .malformed), (#","B":"0"}}"#, #","B":"0"}"#, .malformed),
            (#"BTCUSDT","k""#, #"ETHUSDT","k""#, .unknownSymbol),
        ] as [(String, String, DecodeOutcome)])
    func `refuses a bad kline with its reason`(part: String, replacement: String, outcome: DecodeOutcome) {
        let text = Self.message.replacing(part, with: replacement)
        #expect(text != Self.message)
        #expect(DecoderUnderTest().kline(text).outcome == outcome)
        #expect(outcome.isRefusal)
    }

    @Test func `takes nothing else for a kline`() {
        let decoder = DecoderUnderTest()
        for value in ["null", "7", "\"x\"", "[]", "[{}]"] {
            #expect(decoder.kline(#"{"e":"kline","E":1,"s":"BTCUSDT","k":\#(value)}"#).outcome == .wrongType)
        }
        #expect(decoder.kline(#"{"e":"kline","E":1,"s":"BTCUSDT","k":{}}"#).outcome == .missingField)
        #expect(decoder.kline(#"{"e":"kline","data":{"e":"trade"}}"#).outcome == .unrecognised)
    }

    @Test func `refuses every truncation of a kline`() {
        let decoder = DecoderUnderTest()
        let bytes = Array(Self.message.utf8)
        for length in 0..<bytes.count { #expect(decoder.slots(bytes[..<length]).outcome == .malformed, "\(length)") }
    }
}
