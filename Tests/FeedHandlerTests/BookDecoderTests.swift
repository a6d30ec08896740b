import FeedHandler
import Testing
import TradingModel

@Suite struct BookDecoderTests {
    static let update =
        #"{"e":"depthUpdate","E":1723161255208,"s":"BTCUSDT","U":157,"u":160,"#
        + #""b":[["0.0024","10.0"],["0.0023","0.000"],["61500.10","1"],["7","0.5"]],"a":[["0.0026","100"]]}"#
    static let partial =
        #"{"lastUpdateId":160,"bids":[["0.0024","10.0"],["0.0023","0.000"]],"asks":[["0.0026","100"]]}"#

    static let header = Tick(
        id: 160, exchangeTimeNanos: 1_723_161_255_208_000_000, receiveMonotonicNanos: 99, price: 157, quantity: -1,
        secondaryPrice: 0, secondaryQuantity: 4 << 32 | 1, instrument: 0, kind: .depth, feed: 7)
    static let bids = [
        BookLevel(price: 240_000, quantity: 1_000_000_000, priceDigits: 4, quantityDigits: 1),
        BookLevel(price: 230_000, quantity: 0, priceDigits: 4, quantityDigits: 3),
        BookLevel(price: 6_150_010_000_000, quantity: 100_000_000, priceDigits: 2, quantityDigits: 0),
        BookLevel(price: 700_000_000, quantity: 50_000_000, priceDigits: 0, quantityDigits: 1),
    ]
    static let asks = [BookLevel(price: 260_000, quantity: 10_000_000_000, priceDigits: 4, quantityDigits: 0)]

    @Test func `a slot of levels in C has the layout of its Swift type, and as many fit a book`() {
        let layout = MessageDecoder.levelLayout
        let swift: [(String, Int?)] = [
            ("size", MemoryLayout<BookLevelSlot>.size), ("price0", MemoryLayout<BookLevelSlot>.offset(of: \.price0)),
            ("digits", MemoryLayout<BookLevelSlot>.offset(of: \.digits)),
            ("levelCount", MemoryLayout<BookLevelSlot>.offset(of: \.levelCount)),
            ("side", MemoryLayout<BookLevelSlot>.offset(of: \.side)),
            ("instrument", MemoryLayout<BookLevelSlot>.offset(of: \.instrument)),
            ("kind", MemoryLayout<BookLevelSlot>.offset(of: \.kind)),
            ("flags", MemoryLayout<BookLevelSlot>.offset(of: \.flags)),
            ("feed", MemoryLayout<BookLevelSlot>.offset(of: \.feed)),
        ]
        for (name, offset) in swift { #expect(layout[name] == offset, "\(name)") }
        #expect(layout.count == swift.count)
        #expect(MessageDecoder.mostBookSlots == BookUpdate.mostSlots)
    }

    @Test func `reads an update, raw and in the envelope, with its keys in any order`() {
        let decoder = DecoderUnderTest()
        let expected = BookUpdate(
            header: Self.header, receiveTime: UnixNanos(rawValue: 0), bids: Self.bids, asks: Self.asks)
        #expect(decoder.book(Self.update) == (.depth, expected))
        let members = [
            #""e":"depthUpdate""#, #""E":1723161255208"#, #""s":"BTCUSDT""#, #""U":157"#, #""u":160"#,
            #""b":[["0.0024","10.0"],["0.0023","0.000"] ,[ "61500.10" , "1" ],["7","0.5"]]"#,
            #""a": [["0.0026","100"]]"#, #""x":{"b":[[1]],"a":null}"#, #""bids":[["9","9"]]"#, #""long":-1.5e+3"#,
        ]
        var generator = SeededGenerator(state: 1)
        for _ in 0..<500 {
            let message = "{\(members.shuffled(using: &generator).joined(separator: " ,\n"))}"
            for text in [
                message, #"{"stream":"btcusdt@depth@100ms","data":\#(message)}"#,
                #"{ "data" : \#(message) , "stream":"x"}"#,
            ] {
                #expect(decoder.book(text) == (.depth, expected), "\(text)")
            }
        }
    }

    @Test func `reads an update without levels, and one of USD-M in microseconds`() {
        let decoder = DecoderUnderTest(priceDecimals: 2, quantityDecimals: 3)
        let empty = decoder.book(#"{"e":"depthUpdate","E":0,"s":"BTCUSDT","U":1,"u":1,"b":[],"a":[ ]}"#).book
        #expect(empty?.bids == [] && empty?.asks == [] && empty?.header.secondaryQuantity == 0)
        let book = decoder.book(
            #"{"e":"depthUpdate","E":1723161256299123,"T":1723161256298456,"s":"BTCUSDT","U":5123107832006,"#
                + #""u":5123107837557,"pu":5123107831937,"b":[["58710.20000","0.0140"]],"a":[]}"#)
        #expect(book.outcome == .depth)
        #expect(
            book.book?.header
                == Tick(
                    id: 5_123_107_837_557, exchangeTimeNanos: 1_723_161_256_299_123_000, receiveMonotonicNanos: 99,
                    price: 5_123_107_832_006, quantity: 5_123_107_831_937, secondaryPrice: 1_723_161_256_298_456_000,
                    secondaryQuantity: 1 << 32, instrument: 0, kind: .depth, feed: 7))
        #expect(
            book.book?.bids == [BookLevel(price: 5_871_020, quantity: 14, priceDigits: 5, quantityDigits: 4)])
    }

    @Test(arguments: [
        ("btcusdt@depth5", "BTCUSDT"), ("btcusdt@depth10@100ms", "BTCUSDT"), ("ethusdt@depth20@1000ms", "ETHUSDT"),
        ("ETHUSDT@depth20", "ETHUSDT"),
    ])
    func `a partial book belongs to the envelope's stream`(stream: String, symbol: String) throws {
        let decoder = try DecoderUnderTest(symbols: ["BTCUSDT", "ETHUSDT"])
        for text in [
            #"{"stream":"\#(stream)","data":\#(Self.partial)}"#, #"{"data":\#(Self.partial),"stream":"\#(stream)"}"#,
        ] {
            let (outcome, book) = decoder.book(text)
            #expect(outcome == .partialDepth)
            #expect(
                book?.header
                    == Tick(
                        id: 160, exchangeTimeNanos: 0, receiveMonotonicNanos: 99, price: 160, quantity: -1,
                        secondaryQuantity: 2 << 32 | 1, instrument: symbol == "BTCUSDT" ? 0 : 1, kind: .partialDepth,
                        feed: 7))
            #expect(book?.bids == Array(Self.bids.prefix(2)) && book?.asks == Self.asks)
        }
    }

    @Test(
        arguments: [
            (["ethusdt@depth20", "btcusdt@trade"], .partialDepth),
            (["ethusdt@depth20", "ethusdt@depth5@100ms", "btcusdt@depth"], .partialDepth),
            (["ethusdt@depth", "btcusdt@trade"], .unknownStream), ([], .unknownStream),
            (["ethusdt@depth20", "btcusdt@depth5"], .ambiguousStream),
        ] as [([String], DecodeOutcome)])
    func `a raw partial book belongs to the one instrument that subscribes some`(
        streams: [String], outcome: DecodeOutcome
    ) throws {
        let decoder = try DecoderUnderTest(symbols: ["BTCUSDT", "ETHUSDT"], streams: streams)
        for text in [Self.partial, #"{"asks":[["0.0026","100"]],"bids":[],"lastUpdateId":160,"x":[1]}"#] {
            let (found, book) = decoder.book(text)
            #expect(found == outcome)
            #expect(book?.header.instrument == (outcome == .partialDepth ? 1 : nil))
        }
    }

    @Test(
        arguments: [
            ("btcusdt@depth@0ms", [], .depth), ("btcusdt@depth5@500ms", [], .partialDepth),
            ("btcusdt@depth20", [], .partialDepth), ("btcusdt@aggTrade", [], .depth), ("", [], .depth),
            ("", ["btcusdt@depth@100ms"], .depth), ("", ["btcusdt@depth10"], .partialDepth),
            ("", ["ethusdt@depth10"], .depth), ("", ["btcusdt@depth10", "btcusdt@depth"], .ambiguousStream),
        ] as [(String, [String], DecodeOutcome)])
    func `a USD-M partial book is told by its stream`(
        stream: String, streams: [String], outcome: DecodeOutcome
    ) throws {
        let decoder = try DecoderUnderTest(symbols: ["BTCUSDT"], streams: streams)
        let message = Self.update.replacing(#""u":160"#, with: #""u":160,"pu":150"#)
        let (found, book) = decoder.book(
            stream.isEmpty ? message : #"{"stream":"\#(stream)","data":\#(message)}"#)
        #expect(found == outcome)
        #expect(book?.header.price == (outcome == .depth ? 157 : outcome == .partialDepth ? 160 : nil))
        // Spot sends these for changes alone, whatever is subscribed beside them.
        #expect(decoder.book(Self.update).outcome == .depth)
    }

    @Test(
        arguments: [
            (#""b":[["0.0024""#, #""b":[["1e5""#, .exponent), (#""b":[["0.0024""#, #""b":[["-1""#, .negative),
            (#""b":[["0.0024""#, #""b":[["NaN""#, .notANumber), (#""b":[["0.0024""#, #""b":[["0.0""#, .zero),
            (#""b":[["0.0024""#, #""b":[["0.000000001""#, .tooPrecise), ("10.0", "1e400", .exponent),
            ("10.0", "92233720369", .tooLarge), ("10.0", "-0", .negative), ("10.0", "", .notANumber),
            ("10.0", "1." + String(repeating: "0", count: 256), .tooPrecise), ("10.0", #"1\u0030"#, .escaped),
            (#"["0.0024","10.0"]"#, #"["0.0024"]"#, .wrongType), (#"["0.0024","10.0"]"#, "[]", .wrongType),
            (#"["0.0024","10.0"]"#, #"["0.0024","10.0",[]]"#, .wrongType), (#"["0.0024","10.0"]"#, "{}", .wrongType),
            (#"["0.0024","10.0"]"#, #"["0.0024",10.0]"#, .wrongType), (#"["0.0024","10.0"]"#, "null", .wrongType),
            (#"["0.0024","10.0"]"#, #"["0.0024","10.0"],"#, .malformed),
            (#"["0.0024","10.0"]"#, #"["0.0024","10.0",]"#, .malformed),
            (#"["0.0024","10.0"]"#, #"["0.0024" "10.0"]"#, .malformed),
            (#"["0.0024","10.0"]"#, #"["0.0024","\x"]"#, .malformed),
            (
                #"["0.0024","10.0"]"#, String(repeating: "[", count: 20) + String(repeating: "]", count: 20),
                .nestedTooDeep
            ),
            (#""a":[["0.0026","100"]]"#, #""a":{}"#, .wrongType), (#""a":[["0.0026","100"]]"#, #""a":"x""#, .wrongType),
            (#""a":[["0.0026","100"]]"#, #""a":null"#, .wrongType), (#","a":[["0.0026","100"]]"#, "", .missingField),
            (#""b":[["#, #""b":[],"b":[["#, .duplicateKey), (#""a":[["#, #""a":[["1","1"]],"a":[["#, .duplicateKey),
            (#""b":[["#, #""\u0062":[["#, .escaped), (#""s":"BTCUSDT""#, #""s":"ETHUSDT""#, .unknownSymbol),
            (#""s":"BTCUSDT","#, "", .missingField), (#""U":157,"#, "", .missingField),
            (#","u":160"#, "", .missingField),
            (#""E":1723161255208,"#, "", .missingField), (#""u":160"#, #""u":156"#, .badID),
            (#""u":160"#, #""u":160.0"#, .badID), (#""u":160"#, #""u":9223372036854775808"#, .badID),
            (#""u":160"#, #""u":"160""#, .wrongType), (#""u":160"#, #""u":160,"pu":-1"#, .badID),
            (#""u":160"#, #""u":160,"pu":1,"pu":1"#, .duplicateKey), (#""u":160"#, #""u":160,"pu":null"#, .wrongType),
            ("1723161255208", "-1", .badTime), ("1723161255208", "9223372036854776", .badTime),
            (#""u":160"#, #""u":160,"T":"1""#, .wrongType),
            (#""u":160"#, #""u":160,"lastUpdateId":160"#, .unrecognised),
        ] as [(String, String, DecodeOutcome)])
    func `refuses a bad update whole, with its reason`(part: String, replacement: String, outcome: DecodeOutcome) {
        let decoder = DecoderUnderTest()
        let message = Self.update.replacing(part, with: replacement, maxReplacements: 1)
        #expect(message != Self.update)
        // Once read in place, once behind the levels.
        let late = message.replacing(#","s":"BTCUSDT""#, with: "").dropLast() + #","s":"BTCUSDT"}"#
        for text in message.contains(#""s":"BTCUSDT""#) ? [message, String(late)] : [message] {
            #expect(decoder.book(text).outcome == outcome, "\(text)")
        }
        #expect(outcome.isRefusal)
    }

    @Test(
        arguments: [
            (#"{"stream":"btcusdt@depth","data":\#(partial)}"#, .unknownStream),
            (#"{"stream":"btcusdt@trade","data":\#(partial)}"#, .unknownStream),
            (#"{"stream":"@depth5","data":\#(partial)}"#, .unknownStream),
            (#"{"stream":"btcusdt","data":\#(partial)}"#, .unknownStream),
            (#"{"stream":"","data":\#(partial)}"#, .unknownStream),
            (#"{"stream":"ltcusdt@depth5","data":\#(partial)}"#, .unknownSymbol),
            (#"{"stream":"\#(String(repeating: "b", count: 49))@depth5","data":\#(partial)}"#, .unknownSymbol),
            (#"{"stream":"btcusdt\u0040depth5","data":\#(partial)}"#, .escaped),
            (#"{"stream":"btcusdt@depth5","data":{"lastUpdateId":160,"bids":[]}}"#, .missingField),
            (#"{"stream":"btcusdt@depth5","data":{"lastUpdateId":160,"asks":[]}}"#, .missingField),
            (#"{"stream":"btcusdt@depth5","data":{"lastUpdateId":"160","bids":[],"asks":[]}}"#, .wrongType),
            (#"{"stream":"btcusdt@depth5","data":{"lastUpdateId":-1,"bids":[],"asks":[]}}"#, .badID),
            (
                #"{"stream":"btcusdt@depth5","data":{"lastUpdateId":1,"lastUpdateId":1,"bids":[],"asks":[]}}"#,
                .duplicateKey
            ),
            (#"{"stream":"btcusdt@depth5","data":{"lastUpdateId":1,"bids":[],"bids":[],"asks":[]}}"#, .duplicateKey),
            (#"{"stream":"btcusdt@depth5","data":{"lastUpdateId":1,"bids":[],"asks":[],"e":"trade"}}"#, .unrecognised),
            (
                #"{"stream":"btcusdt@depth5","data":{"lastUpdateId":1,"bids":[],"asks":[],"e":"depthUpdate"}}"#,
                .unknownSymbol
            ),
            (#"{"lastUpdateId":1,"bids":[["1","1"]],"asks":[],"stream":"ethusdt@depth5"}"#, .ambiguousStream),
            (#"{"lastUpdateId":1,"data":{"e":"24hrTicker"}}"#, .unrecognised),
            (#"{"lastUpdateId":1,"bids":[],"asks":[],"data":{}}"#, .unrecognised),
        ] as [(String, DecodeOutcome)])
    func `refuses a bad partial book with its reason`(message: String, outcome: DecodeOutcome) throws {
        let decoder = try DecoderUnderTest(symbols: ["BTCUSDT", "ETHUSDT"], streams: ["btcusdt@depth5"])
        let message =
            outcome == .unknownSymbol
            ? message.replacing("\"depthUpdate\"", with: "\"depthUpdate\",\"s\":\"X\"") : message
        #expect(decoder.book(message).outcome == outcome)
    }

    @Test(arguments: [2, 3, 100, BookUpdate.mostSlots])
    func `takes as many levels as there are slots, and refuses more whole`(mostSlots: Int) throws {
        let decoder = try DecoderUnderTest(
            [InstrumentSpecification(instrument: Instrument(exchange: .binance, symbol: "BTCUSDT"))],
            mostSlots: mostSlots)
        func message(bids: Int, asks: Int) -> String {
            let sides = [bids, asks].map { Array(repeating: #"["1","1"]"#, count: $0).joined(separator: ",") }
            return #"{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":1,"u":1,"b":[\#(sides[0])],"a":[\#(sides[1])]}"#
        }
        let most = 3 * (mostSlots - 1)
        #expect(decoder.book(message(bids: most, asks: 0)).book?.bids.count == most)
        #expect(decoder.book(message(bids: 0, asks: most)).book?.asks.count == most)
        #expect(decoder.book(message(bids: most - 3, asks: 3)).book?.asks.count == 3)
        for (bids, asks) in [(most + 1, 0), (0, most + 1), (most, 1), (1, most)] {
            #expect(decoder.book(message(bids: bids, asks: asks)).outcome == .tooManyLevels)
        }
    }

    @Test func `refuses every truncation of a book`() throws {
        let decoder = try DecoderUnderTest(symbols: ["BTCUSDT"], streams: ["btcusdt@depth5"])
        for message in [
            Self.update, Self.partial, #"{"stream":"btcusdt@depth5","data":\#(Self.partial)}"#,
            #"{"data":\#(Self.partial),"stream":"btcusdt@depth5"}"#,
        ] {
            let bytes = Array(message.utf8)
            #expect(decoder.slots(bytes).outcome.hasRecords)
            for length in 0..<bytes.count {
                #expect(decoder.slots(bytes[..<length]).outcome == .malformed, "length \(length) of \(message)")
            }
        }
    }
}
