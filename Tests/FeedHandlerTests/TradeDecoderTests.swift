import FeedHandler
import Testing
import TradingModel

@Suite struct TradeDecoderTests {
    @Test func `a record in C has the layout of a tick`() {
        let layout = MessageDecoder.recordLayout
        #expect(layout["size"] == MemoryLayout<Tick>.size)
        let swift: [(String, Int?)] = [
            ("id", MemoryLayout<Tick>.offset(of: \.id)),
            ("exchangeTimeNanos", MemoryLayout<Tick>.offset(of: \.exchangeTimeNanos)),
            ("receiveMonotonicNanos", MemoryLayout<Tick>.offset(of: \.receiveMonotonicNanos)),
            ("price", MemoryLayout<Tick>.offset(of: \.price)),
            ("quantity", MemoryLayout<Tick>.offset(of: \.quantity)),
            ("secondaryPrice", MemoryLayout<Tick>.offset(of: \.secondaryPrice)),
            ("secondaryQuantity", MemoryLayout<Tick>.offset(of: \.secondaryQuantity)),
            ("instrument", MemoryLayout<Tick>.offset(of: \.instrument)),
            ("kind", MemoryLayout<Tick>.offset(of: \.kind)), ("flags", MemoryLayout<Tick>.offset(of: \.flags)),
            ("feed", MemoryLayout<Tick>.offset(of: \.feed)),
        ]
        for (name, offset) in swift { #expect(layout[name] == offset, "\(name)") }
        #expect(layout.count == swift.count + 1)
    }

    @Test func `outcomes have C's numbers`() {
        #expect(DecodeOutcome.allCases.map(\.rawValue) == Array(0..<DecodeOutcome.resultCount))
        #expect(DecodeOutcome.allCases.filter(\.hasRecords) == [.tick, .depth, .partialDepth, .kline])
        #expect(Set(DecodeOutcome.allCases.map(\.label)).count == DecodeOutcome.allCases.count)
    }

    @Test func `reads a trade with its keys in any order, unknown ones skipped`() {
        let decoder = DecoderUnderTest()
        let members = [
            #""e":"trade""#, #""E":1723161253112"#, #""s":"BTCUSDT""#, #""t":3735679243"#, #""p":"61826.01000000""#,
            #""q":"0.00009000""#, #""T":1723161253111"#, #""m":true"#, #""M":true"#, #""b":12"#, #""a":13"#,
            #""x":{"y":[1,{"z":"\"}"}],"w":null}"#, #""long":-1.5e+3"#,
        ]
        var generator = SeededGenerator(state: 1)
        for _ in 0..<500 {
            let message = "{\(members.shuffled(using: &generator).joined(separator: " ,\n"))}"
            #expect(
                decoder.decode(message).tick
                    == Tick(
                        id: 3_735_679_243, exchangeTimeNanos: 1_723_161_253_111_000_000, receiveMonotonicNanos: 99,
                        price: 6_182_601_000_000, quantity: 9_000, instrument: 0, kind: .trade,
                        flags: .buyerIsMaker, feed: 7), "\(message)")
            for envelope in [
                #"{"stream":"btcusdt@trade","data":\#(message)}"#, #"{ "data" : \#(message) , "stream":"x"}"#,
            ] {
                #expect(decoder.decode(envelope).tick?.id == 3_735_679_243)
            }
        }
    }

    @Test func `reads aggregate trades, quotes with and without e, and microseconds`() {
        let decoder = DecoderUnderTest(priceDecimals: 2, quantityDecimals: 3)
        let aggregate = decoder.decode(
            #"{"e":"aggTrade","E":1,"s":"BTCUSDT","a":26129,"p":"0.01","q":"4.700","f":100,"l":105,"T":1672515782136123,"m":false,"M":true}"#
        ).tick
        #expect(
            aggregate
                == Tick(
                    id: 26129, exchangeTimeNanos: 1_672_515_782_136_123_000, receiveMonotonicNanos: 99, price: 1,
                    quantity: 4_700, secondaryPrice: 100, secondaryQuantity: 105, instrument: 0,
                    kind: .aggregateTrade, feed: 7))
        let quote = Tick(
            id: 400_900_217, exchangeTimeNanos: 0, receiveMonotonicNanos: 99, price: 2_535, quantity: 31_210,
            secondaryPrice: 0, secondaryQuantity: 0, instrument: 0, kind: .quote, feed: 7)
        let body = #""u":400900217,"s":"BTCUSDT","b":"25.35","B":"31.21","a":"0.00000000","A":"0""#
        #expect(decoder.decode("{\(body)}").tick == quote)
        var timed = quote
        timed.exchangeTimeNanos = 5_000_000
        #expect(decoder.decode(#"{"e":"bookTicker",\#(body),"T":5,"E":6}"#).tick == timed)
    }

    @Test func `a USD-M trade off the market keeps its id and gives no price`() {
        let decoder = DecoderUnderTest()
        func trade(_ execution: String, _ price: String) -> (outcome: DecodeOutcome, tick: Tick?) {
            decoder.decode(
                #"{"e":"trade","E":1,"T":1,"s":"BTCUSDT","t":5,"p":"\#(price)","q":"\#(price)","X":"\#(execution)","m":false}"#
            )
        }
        #expect(trade("MARKET", "1").tick?.flags == 0)
        #expect(trade("INSURANCE_FUND", "1").tick?.flags == TickFlags.noPrice.rawValue)
        #expect(trade("NA", "0").tick?.flags == TickFlags.noPrice.rawValue)
        #expect(trade("MARKET", "0").outcome == .zero)
    }

    @Test(
        arguments: [
            (#"{"e":"serverShutdown","E":1}"#, .serverShutdown),
            (#"{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}"#, .serverShutdown),
            (#"{"result":null,"id":1}"#, .reply), (#"{"result":["btcusdt@trade"],"id":3}"#, .reply),
            (#"{"code":2,"msg":"Invalid request"}"#, .errorReply),
            (#"{"error":{"code":2,"msg":"Invalid request"},"id":1}"#, .errorReply),
            (#"{"e":"24hrTicker"}"#, .otherEvent), (#"[{"e":"24hrTicker"}]"#, .otherEvent),
            (#"{"stream":"!ticker@arr","data":[{}]}"#, .otherEvent),
        ] as [(String, DecodeOutcome)])
    func `recognises what is no tick`(message: String, outcome: DecodeOutcome) {
        let decoder = DecoderUnderTest()
        #expect(decoder.decode(message).outcome == outcome)
        #expect(!outcome.isRefusal)
    }

    static let good = #"{"e":"trade","E":1,"s":"BTCUSDT","t":1,"p":"1","q":"1","T":1,"m":true,"M":true}"#

    @Test(
        arguments: [
            ("", .malformed), ("{", .malformed), ("nul", .malformed), ("7", .malformed), ("\"x\"", .malformed),
            (good + "x", .malformed), (good + "{}", .malformed), ("{,}", .malformed), (#"{"e":"trade",}"#, .malformed),
            (#"{"e" "trade"}"#, .malformed), (#"{"x":01}"#, .malformed), (#"{"x":1.}"#, .malformed),
            (#"{"x":+1}"#, .malformed), (#"{"x":1e}"#, .malformed), (#"{"x":NaN}"#, .malformed),
            (#"{"x":"\x"}"#, .malformed), (#"{"x":"\u12G4"}"#, .malformed), ("{\"x\":\"\u{1}\"}", .malformed),
            ("{\"x\":tru}", .malformed), (#"{"x":[1,]}"#, .malformed), ("{\"e\":\"trade\",\"s", .malformed),
            ("{}", .unrecognised), (#"{"foo":1}"#, .unrecognised), (#"{"u":1,"s":"BTCUSDT"}"#, .unrecognised),
            (#"{"data":{}}"#, .unrecognised), (#"{"data":7,"stream":"x"}"#, .wrongType), (#"{"stream":7}"#, .wrongType),
            (#"{"e":7}"#, .wrongType), (#"{"e":"tr\u0061de"}"#, .escaped),
            (good.replacing("BTCUSDT", with: #"BTC\u0055SDT"#), .escaped),
            (good.replacing(#""p":"1""#, with: #""p":"\u0031""#), .escaped),
            (good.replacing(#""p":"#, with: #""\u0070":"#), .escaped),
            (good.replacing(#""p":"1""#, with: #""p":"1","p":"2""#), .duplicateKey),
            (#"{"data":\#(good),"data":\#(good)}"#, .duplicateKey),
            (#"{"stream":"a","stream":"b"}"#, .duplicateKey),
            (good.replacing(#""e":"trade","#, with: ""), .unrecognised),
            (good.replacing(#""s":"BTCUSDT","#, with: ""), .missingField),
            (good.replacing(#","q":"1""#, with: ""), .missingField),
            (good.replacing(#","T":1"#, with: ""), .missingField),
            (good.replacing(#","m":true"#, with: ""), .missingField),
            (good.replacing(#""m":true"#, with: #""m":"true""#), .wrongType),
            (good.replacing(#""p":"1""#, with: #""p":1"#), .wrongType),
            (good.replacing(#""s":"BTCUSDT""#, with: #""s":7"#), .wrongType),
            (good.replacing("BTCUSDT", with: "ETHUSDT"), .unknownSymbol),
            (good.replacing("BTCUSDT", with: "btcusdt"), .unknownSymbol),
            (good.replacing("BTCUSDT", with: ""), .unknownSymbol),
            (good.replacing("BTCUSDT", with: String(repeating: "B", count: 300)), .unknownSymbol),
            (good.replacing(#""t":1"#, with: #""t":"1""#), .wrongType),
            (good.replacing(#""t":1"#, with: #""t":-1"#), .badID),
            (good.replacing(#""t":1"#, with: #""t":1.0"#), .badID),
            (good.replacing(#""t":1"#, with: #""t":1e3"#), .badID),
            (good.replacing(#""t":1"#, with: #""t":9223372036854775808"#), .badID),
            (good.replacing(#""T":1"#, with: #""T":9223372036855"#), .badTime),
            (good.replacing(#""T":1"#, with: #""T":9223372036854776"#), .badTime),
            (good.replacing(#""T":1"#, with: #""T":-1"#), .badTime),
            (good.replacing(#""T":1"#, with: #""T":1.5"#), .badTime),
        ] as [(String, DecodeOutcome)])
    func `refuses a bad message with its reason`(message: String, outcome: DecodeOutcome) {
        let decoder = DecoderUnderTest()
        #expect(decoder.decode(message).outcome == outcome)
        #expect(outcome.isRefusal)
    }

    @Test func `takes the largest id and times up to 2262`() {
        let decoder = DecoderUnderTest()
        let largest = decoder.decode(Self.good.replacing(#""t":1"#, with: #""t":9223372036854775807"#))
        #expect(largest.tick?.id == UInt64(Int64.max))
        let late = decoder.decode(Self.good.replacing(#""T":1"#, with: #""T":9223372036854"#))
        #expect(late.tick?.exchangeTimeNanos == 9_223_372_036_854_000_000)
    }

    @Test func `bounds nesting`() {
        let decoder = DecoderUnderTest()
        func nested(_ depth: Int) -> String {
            let open = String(repeating: "[", count: depth)
            let close = String(repeating: "]", count: depth)
            return Self.good.replacing(#""M":true"#, with: #""M":\#(open)\#(close)"#)
        }
        #expect(decoder.decode(nested(16)).outcome == .tick)
        #expect(decoder.decode(nested(17)).outcome == .nestedTooDeep)
        #expect(decoder.decode(nested(100_000)).outcome == .nestedTooDeep)
    }

    @Test func `refuses every truncation of a message`() {
        let decoder = DecoderUnderTest()
        for message in [Self.good, #"{"stream":"btcusdt@trade","data":\#(Self.good)}"#] {
            let bytes = Array(message.utf8)
            for length in 0..<bytes.count {
                #expect(decoder.decode(bytes[..<length]).outcome == .malformed, "length \(length)")
            }
        }
    }

    @Test func `finds each of many symbols and no other`() throws {
        let symbols = (0..<3_000).map { "S\($0)USDT" } + ["A", String(repeating: "Z", count: 48)]
        let decoder = try DecoderUnderTest(symbols: symbols)
        for (index, symbol) in symbols.enumerated() {
            #expect(
                decoder.decode(Self.good.replacing("BTCUSDT", with: symbol)).tick?.instrument == UInt32(index))
        }
        for symbol in ["S3000USDT", "S0USD", "Z", "AA", "BTCUSDT"] {
            #expect(decoder.decode(Self.good.replacing("BTCUSDT", with: symbol)).outcome == .unknownSymbol)
        }
    }

    @Test func `decodes only the instruments of its exchange`() throws {
        let decoder = try DecoderUnderTest(
            [
                InstrumentSpecification(instrument: Instrument(exchange: .binance, symbol: "ETHUSDT")),
                InstrumentSpecification(instrument: Instrument(exchange: .binanceUSDM, symbol: "BTCUSDT")),
            ], exchange: .binanceUSDM)
        #expect(decoder.decode(Self.good).tick?.instrument == 1)
        #expect(decoder.decode(Self.good.replacing("BTCUSDT", with: "ETHUSDT")).outcome == .unknownSymbol)
    }
}
