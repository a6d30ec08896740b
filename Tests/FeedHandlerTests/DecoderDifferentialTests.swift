import FeedHandler
import Foundation
import TestSupport
import Testing
import TradingModel

/// Recorded messages of all kinds; partial books, of which there is no recording, are made from snapshots.
enum RecordedMessages {
    static let symbols = [
        "BTCUSDT", "NKNUSDT", "BLZETH", "LRCBTC", "RUNEEUR", "SUSHIUSDT", "AKROUSDT", "KEEPUSDT", "CTKUSDT",
    ]

    static let files: [(name: String, exchange: Exchange)] = [
        ("binance/btcusdt.combined.20240808.ndjson.gz", .binance),
        ("binance/btcusdt@trade.20240808.ndjson.gz", .binance),
        ("binance/btcusdt@bookTicker.20240808.ndjson.gz", .binance),
        ("binance/btcusdt@depth@100ms.20240808.ndjson.gz", .binance),
        ("binance/four_alts.combined.20211012.ndjson.gz", .binance),
        ("binance/btcusdt.testnet_combined.20260913.ndjson.gz", .binance),
        ("binance_usdm/btcusdt.combined.20240808.ndjson.gz", .binanceUSDM),
        ("binance_usdm/btcusdt@trade.20240808.ndjson.gz", .binanceUSDM),
        ("binance_usdm/four_alts.combined.20210722.ndjson.gz", .binanceUSDM),
    ]

    private static let snapshots: [(symbol: String, name: String)] = [
        ("btcusdt", "binance/btcusdt.depth_snapshot.20240808.json.gz"),
        ("nknusdt", "binance/nknusdt.depth_snapshot.20211012.json.gz"),
        ("blzeth", "binance/blzeth.depth_snapshot.20211012.json.gz"),
        ("lrcbtc", "binance/lrcbtc.depth_snapshot.20211012.json.gz"),
        ("runeeur", "binance/runeeur.depth_snapshot.20211012.json.gz"),
        ("btcusdt", "binance_usdm/btcusdt.depth_snapshot.20240808.json.gz"),
        ("sushiusdt", "binance_usdm/sushiusdt.depth_snapshot.20210722.json.gz"),
        ("akrousdt", "binance_usdm/akrousdt.depth_snapshot.20210722.json.gz"),
        ("keepusdt", "binance_usdm/keepusdt.depth_snapshot.20210722.json.gz"),
        ("ctkusdt", "binance_usdm/ctkusdt.depth_snapshot.20210722.json.gz"),
    ]

    /// Each snapshot whole and as its stream would send it, in the envelope and, for one symbol, raw.
    static func partialBooks() throws -> [Data] {
        var messages: [Data] = []
        for (symbol, name) in snapshots {
            guard case .object(let members) = JSONTree(String(decoding: try SharedData.gunzip(name), as: UTF8.self))
            else {
                continue
            }
            for levels in [5, 10, 20, .max] {
                let cut = members.map { member -> JSONTree.Member in
                    guard case .array(let rows) = member.value else { return member }
                    return JSONTree.Member(key: member.key, value: .array(Array(rows.prefix(levels))))
                }
                let text = JSONTree.object(cut).text()
                messages.append(Data(#"{"stream":"\#(symbol)@depth\#(levels)@100ms","data":\#(text)}"#.utf8))
                if symbol == "btcusdt" { messages.append(Data(text.utf8)) }
            }
        }
        return messages
    }

    static func decoder(_ exchange: Exchange = .binance) throws -> DecoderUnderTest {
        try DecoderUnderTest(symbols: symbols, exchange: exchange, streams: ["btcusdt@depth5"])
    }

    static let reference = JSONReference(symbols: symbols, partialSymbol: "BTCUSDT")

    /// A few short ones of every kind, to be spoiled.
    static func samples() throws -> [Data] {
        var samples: [Data] = []
        for (name, most) in [
            (files[0].name, 400), (files[4].name, 265), (files[6].name, 400), (files[8].name, 1_535),
            (files[3].name, 40),
        ] { samples += try recordedLines(name).prefix(most).filter { $0.count < 700 } }
        return try samples + partialBooks().filter { $0.count < 700 }
    }
}

/// The decoders against Foundation's JSON parser: the same values, or both refuse.
///
/// One at a time, and others' turn now and then: these are long, and the tests of the whole feed count seconds.
@Suite(.serialized, .enabled(if: SharedData.shouldRun, "needs the recordings in ../shared/data"))
struct DecoderDifferentialTests {
    /// Messages between two yields.
    private static let messagesAtOnce = 200

    /// Compares; false after a difference was recorded.
    private func isEqual(_ message: Data, _ decoder: DecoderUnderTest, counts: inout [DecodeOutcome: Int]) -> Bool {
        let (outcome, slots) = decoder.slots(message)
        counts[outcome, default: 0] += 1
        let expected = RecordedMessages.reference.record(message)
        guard !outcome.isRefusal, MarketRecord(decoded: slots) == expected else {
            Issue.record(
                "\(String(decoding: message.prefix(500), as: UTF8.self)): \(outcome), \(String(describing: expected))")
            return false
        }
        return true
    }

    @Test func `equals a general parser on every recorded message`() async throws {
        var all: [DecodeOutcome: Int] = [:]
        for (name, exchange) in RecordedMessages.files {
            let decoder = try RecordedMessages.decoder(exchange)
            for (number, line) in try recordedLines(name).enumerated() {
                guard isEqual(line, decoder, counts: &all) else { return }
                if number % Self.messagesAtOnce == 0 { await Task.yield() }
            }
        }
        let decoder = try RecordedMessages.decoder()
        for message in try RecordedMessages.partialBooks() where !isEqual(message, decoder, counts: &all) { return }
        #expect(all[.tick, default: 0] > 2 * (9_757 + 28_040 + 21_313) + 66_089 + 91 + 613)
        #expect(all[.depth, default: 0] > 2 * 3_451 + 6_551 + 764 && all[.kline] == 2 + 67 && all[.partialDepth] == 48)
        print(
            "figure: recorded messages equal to a general parser's: "
                + all.map { "\($0.key.label) \($0.value)" }.sorted().joined(separator: ", ") + "; differences 0")
    }

    @Test func `gives the text of every recorded level back`() async throws {
        var count = 0
        for (name, exchange) in RecordedMessages.files {
            let decoder = try RecordedMessages.decoder(exchange)
            for (number, line) in try recordedLines(name).enumerated() {
                if number % Self.messagesAtOnce == 0 { await Task.yield() }
                guard let book = BookUpdate(decoded: decoder.slots(line).slots) else { continue }
                let text = String(decoding: line, as: UTF8.self)
                for (key, levels) in [("\"b\":", book.bids), ("\"a\":", book.asks)] {
                    let written = levels.map { level in
                        "["
                            + [(level.price, level.priceDigits), (level.quantity, level.quantityDigits)].map {
                                value, digits in
                                "\"\(TextCursor.text { $0.append(fixedPoint: value, decimals: 8, digits: Int(digits)) })\""
                            }.joined(separator: ",") + "]"
                    }
                    #expect(text.contains("\(key)[\(written.joined(separator: ","))]"))
                    count += levels.count
                }
            }
        }
        print("figure: levels whose text is given back: \(count) of \(count)")
        #expect(count > 100_000)
    }

    /// Whatever is done to a message, all is read as a general parser reads it, or both refuse it, but for what
    /// `isBeyondOurRules` lists.
    @Test func `neither misreads nor refuses a spoiled message without need`() async throws {
        let seed = UInt64.random(in: 0 ... .max)
        var generator = SeededGenerator(state: seed)
        let decoder = try RecordedMessages.decoder()
        let trees = try RecordedMessages.samples().map { JSONTree(String(decoding: $0, as: UTF8.self)) }
        var counts: [String: Int] = [:]
        for number in 0..<60_000 {
            if number % Self.messagesAtOnce == 0 { await Task.yield() }
            var tree = trees.randomElement(using: &generator)!
            for _ in 0..<Int.random(in: 1...3, using: &generator) { tree.mutate(using: &generator) }
            let text = tree.text(space: ["", "", " ", "\n\t"].randomElement(using: &generator)!)
            let message = Data(text.utf8)
            let (outcome, slots) = decoder.slots(message)
            let (found, expected) = (MarketRecord(decoded: slots), RecordedMessages.reference.record(message))
            // A number that Foundation can't hold, in a field that nobody reads, is good JSON all the same.
            if found != nil, expected == nil, text.contains("1e400") { continue }
            // A spoiled envelope may leave a partial book without its stream: ours refuses what nothing tells the owner of.
            let isOwnerless = outcome == .ambiguousStream && text.contains("lastUpdateId")
            let isStricter = found == nil && expected != nil && (tree.isBeyondOurRules || isOwnerless)
            guard found == expected || isStricter else {
                Issue.record(
                    "seed \(seed): \(text): \(outcome) \(String(describing: found)), \(String(describing: expected))")
                return
            }
            let kind = isStricter ? "refused by our rules alone" : found == nil ? "refused by both" : "taken by both"
            counts[kind, default: 0] += 1
        }
        print(
            "figure: spoiled messages, differences 0: \(counts.map { "\($0.key) \($0.value)" }.sorted()); seed \(seed)")
        #expect(counts.count == 3 && counts.values.allSatisfy { $0 > 500 })
    }

    @Test func `neither misreads nor refuses damaged bytes without need`() async throws {
        let seed = UInt64.random(in: 0 ... .max)
        var generator = SeededGenerator(state: seed)
        let decoder = try RecordedMessages.decoder()
        let samples = try RecordedMessages.samples().filter { $0.count < 400 }
        var (taken, refused) = (0, 0)
        for number in 0..<60_000 {
            if number % Self.messagesAtOnce == 0 { await Task.yield() }
            var bytes = Array(samples.randomElement(using: &generator)!)
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let place = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0...4, using: &generator) {
                case 0: bytes[place] = UInt8.random(in: 0x20...0x7E, using: &generator)
                case 1: bytes.remove(at: place)
                case 2: bytes.insert(#""{}[],:\0-.eE9"#.utf8.randomElement(using: &generator)!, at: place)
                case 3: bytes.removeLast(Int.random(in: 0..<4, using: &generator))
                default: bytes.swapAt(place, Int.random(in: 0..<bytes.count, using: &generator))
                }
            }
            let (outcome, slots) = decoder.slots(bytes)
            // White space keeps every member off the decoders' short way for simple ones: both must say the same.
            let general = decoder.slots(Self.spaced(bytes))
            let text = String(decoding: bytes, as: UTF8.self)
            let (found, expected) = (MarketRecord(decoded: slots), RecordedMessages.reference.record(Data(bytes)))
            // As above: a number such as 17e255667, and half an emoji as an escape, are good JSON.
            if found != nil, expected == nil, text.contains(/[0-9][eE][-+]?[0-9]|\\u/) { continue }
            guard general.outcome == outcome, general.slots == slots,
                found == expected || (found == nil && JSONTree(text).isBeyondOurRules)
            else {
                Issue.record(
                    "seed \(seed): \(text): \(outcome) \(String(describing: found)), spaced \(general.outcome), \(String(describing: expected))"
                )
                return
            }
            if found == nil { refused += 1 } else { taken += 1 }
        }
        print("figure: damaged messages, differences 0: \(taken) taken by both, \(refused) refused; seed \(seed)")
        #expect(taken > 1_000 && refused > 1_000)
    }

    @Test func `refuses a message of each kind cut at every byte, as a general parser does`() async throws {
        let decoder = try RecordedMessages.decoder()
        var kinds: [String: Data] = [:]
        for message in try RecordedMessages.samples() {
            let (outcome, slots) = decoder.slots(message)
            guard outcome.hasRecords else { continue }
            kinds["\(slots[0].kind), raw: \(message.first == message.prefix(2).last), \(message.count / 300)"] = message
        }
        #expect(kinds.count >= 6)
        var cuts = 0
        for message in kinds.values {
            await Task.yield()
            for length in 0..<message.count {
                #expect(decoder.slots(message.prefix(length)).outcome == .malformed)
                #expect(RecordedMessages.reference.record(message.prefix(length)) == nil)
                cuts += 1
            }
        }
        print("figure: \(cuts) cuts of \(kinds.count) messages: taken 0")
    }
}

extension DecoderDifferentialTests {
    /// The message with a space behind each colon outside of strings.
    private static func spaced(_ bytes: [UInt8]) -> [UInt8] {
        var (result, isInString, isEscaped): ([UInt8], Bool, Bool) = ([], false, false)
        for byte in bytes {
            result.append(byte)
            if byte == UInt8(ascii: ":"), !isInString { result.append(UInt8(ascii: " ")) }
            if byte == UInt8(ascii: "\""), !isEscaped { isInString.toggle() }
            isEscaped = byte == UInt8(ascii: "\\") && !isEscaped
        }
        return result
    }
}

/// Where the decoders are stricter than JSON, or look at less: the whole list. All of these are good JSON.
@Suite struct StricterThanJSONTests {
    private static let trade = #"{"e":"trade","E":1,"s":"BTCUSDT","t":1,"p":"1","q":"1","T":1,"m":true,"M":true}"#
    private static let update = BookDecoderTests.update
    private static let kline = KlineDecoderTests.message

    static let refused: [(text: String, outcome: DecodeOutcome)] = [
        // A key twice: JSON leaves open which one counts.
        (trade.replacing(#""t":1"#, with: #""t":1,"t":1"#), .duplicateKey),
        (update.replacing(#""u":160"#, with: #""u":160,"u":160"#), .duplicateKey),
        (update.replacing(#""u":160"#, with: #""u":160,"pu":1,"pu":1"#), .duplicateKey),
        (kline.replacing(#""n":30"#, with: #""n":30,"n":30"#), .duplicateKey),
        (#"{"stream":"a","stream":"a","data":\#(trade)}"#, .duplicateKey),
        (#"{"data":\#(trade),"data":\#(trade)}"#, .duplicateKey),
        (BookDecoderTests.partial.replacing("160", with: #"160,"lastUpdateId":160"#), .duplicateKey),
        // An escape in a key of a payload, or in a string that is used.
        (trade.replacing(#""M""#, with: #""\u004d""#), .escaped),
        (trade.replacing(#""p":"1""#, with: #""p":"\u0031""#), .escaped),
        (update.replacing(#""b":[["0.0024""#, with: #""b":[["\u0030.0024""#), .escaped),
        (kline.replacing(#""i":"1m""#, with: #""i":"1\u006d""#), .escaped),
        (#"{"stream":"btcusdt\u0040depth5","data":\#(BookDecoderTests.partial)}"#, .escaped),
        // Containers deeper inside each other than 16.
        (trade.replacing(#""M":true"#, with: #""M":[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]"#), .nestedTooDeep),
        // A minus before a zero.
        (trade.replacing(#""t":1"#, with: #""t":-0"#), .badID),
        (trade.replacing(#""T":1"#, with: #""T":-0"#), .badTime),
    ]

    @Test func `refuses these although they are JSON`() throws {
        let reference = JSONReference(symbols: ["BTCUSDT"], partialSymbol: "BTCUSDT")
        let decoder = try DecoderUnderTest(symbols: ["BTCUSDT"], streams: ["btcusdt@depth5"])
        for (text, outcome) in Self.refused {
            #expect(decoder.slots(text.utf8).outcome == outcome, "\(text)")
            #expect(reference.record(Data(text.utf8)) != nil, "\(text)")
            #expect(JSONTree(text).isBeyondOurRules, "\(text)")
        }
    }

    @Test(arguments: [
        // What comes behind the name of an event that is not decoded is not looked at.
        (#"{"e":"24hrTicker","s":oops"#, DecodeOutcome.otherEvent), (#"{"e":"serverShutdown","E":"#, .serverShutdown),
        (#"[{"e":"24hrTicker""#, .otherEvent), (#"{"stream":"!ticker@arr","data":[{"#, .otherEvent),
    ])
    func `looks at no more of these than it needs`(text: String, outcome: DecodeOutcome) {
        #expect(DecoderUnderTest().decode(text).outcome == outcome)
    }

    @Test(arguments: [
        // Foundation holds no such number; in a field that nobody reads it does no harm.
        trade.replacing(#""M":true"#, with: #""M":1e400"#),
        // Half a surrogate pair is an escape by JSON's grammar.
        trade.replacing(#""M":true"#, with: #""M":"\ud800""#),
    ])
    func `takes these although Foundation does not`(text: String) {
        #expect(DecoderUnderTest().decode(text).outcome == .tick)
        #expect(JSONReference(symbols: ["BTCUSDT"]).record(Data(text.utf8)) == nil)
    }
}
