import FeedHandler
import Foundation
import Telemetry
import TestSupport
import Testing
import TradingModel

/// Fault D1: what is no good message is dropped and counted by its reason, and the connection goes on.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct FeedRefusalTests {
    private static let trade = FeedUnderTest.trade(1)
    private static let quote = #"{"u":1,"s":"BTCUSDT","b":"25.35","B":"31.21","a":"25.36","A":"40.66"}"#
    private static let aggregate =
        #"{"e":"aggTrade","E":1,"s":"BTCUSDT","a":26129,"p":"0.01","q":"4.7","f":100,"l":105,"T":1,"m":false,"M":true}"#
    private static let deep = String(repeating: "[", count: 40) + String(repeating: "]", count: 40)

    /// Bad messages, with the reason each must be counted under.
    private static let corpus: [(text: String, outcome: DecodeOutcome)] = [
        ("", .malformed), ("{", .malformed), ("nul", .malformed), (String(trade.dropLast(9)), .malformed),
        (String(BookDecoderTests.update.dropLast(20)), .malformed),
        (String(KlineDecoderTests.message.dropLast()), .malformed),
        (trade + trade, .malformed), (trade.replacing(#""t":1"#, with: #""t":01"#), .malformed),
        (trade.replacing(#""M":true"#, with: #""M":\#(deep)"#), .nestedTooDeep),
        (BookDecoderTests.update.replacing(#"["7","0.5"]"#, with: deep), .nestedTooDeep),
        (KlineDecoderTests.message.replacing(#""x":false"#, with: #""x":\#(deep)"#), .nestedTooDeep),
        ("{}", .unrecognised), (#"{"hello":"world"}"#, .unrecognised),
        (trade.replacing(#""t":1"#, with: #""t":1,"t":2"#), .duplicateKey),
        (quote.replacing(#""u":1"#, with: #""u":1,"\u0075":2"#), .escaped),
        (aggregate.replacing(#","f":100"#, with: ""), .missingField),
        (BookDecoderTests.update.replacing(#""U":157,"#, with: ""), .missingField),
        (trade.replacing(#""p":"1.5""#, with: #""p":1.5"#), .wrongType),
        (BookDecoderTests.update.replacing(#"["7","0.5"]"#, with: #"["7"]"#), .wrongType),
        (quote.replacing("BTCUSDT", with: "XYZ"), .unknownSymbol),
        (BookDecoderTests.partial, .ambiguousStream),
        (#"{"stream":"btcusdt@trade","data":\#(BookDecoderTests.partial)}"#, .unknownStream),
        (KlineDecoderTests.message.replacing(#""1m""#, with: #""7m""#), .unknownInterval),
        (aggregate.replacing("26129", with: "-26129"), .badID),
        (BookDecoderTests.update.replacing("160", with: "1.6"), .badID),
        (trade.replacing(#""T":1"#, with: #""T":1e3"#), .badTime),
        (trade.replacing(#""p":"1.5""#, with: #""p":"NaN""#), .notANumber),
        (quote.replacing("25.35", with: "0x19"), .notANumber),
        (BookDecoderTests.update.replacing("10.0", with: ""), .notANumber),
        (trade.replacing(#""p":"1.5""#, with: #""p":"1e400""#), .exponent),
        (BookDecoderTests.update.replacing("61500.10", with: "6e4"), .exponent),
        (quote.replacing("40.66", with: "-0"), .negative), (trade.replacing(#""q":"1""#, with: #""q":"0""#), .zero),
        (KlineDecoderTests.message.replacing("0.35270000", with: "0.0"), .zero),
        (aggregate.replacing("4.7", with: "0.000000001"), .tooPrecise),
        (trade.replacing(#""p":"1.5""#, with: #""p":"\#(String(repeating: "9", count: 40))""#), .tooLarge),
        (BookDecoderTests.update.replacing("61500.10", with: "92233720369"), .tooLarge),
        (FeedBookTests.update(1, levels: 3 * BookUpdate.mostSlots), .tooManyLevels),
    ]

    @Test func `counts every bad message by its reason and keeps the connection`() async throws {
        let seed = UInt64.random(in: 0 ... .max)
        var generator = SeededGenerator(state: seed)
        var bad = Self.corpus.flatMap { entry in
            Array(
                repeating: entry, count: entry.text.utf8.count > 100_000 ? 2 : Int.random(in: 1...20, using: &generator)
            )
        }
        bad.shuffle(using: &generator)
        var stream: [UInt8] = []
        for (index, entry) in bad.enumerated() {
            stream += FrameBytes.text(entry.text) + FrameBytes.text(FeedUnderTest.trade(UInt64(index + 1)))
        }
        let bytes = stream
        let server = ScriptedServer { _, peer in
            peer.acceptUpgrade()
            peer.send(bytes)
            peer.waitForEnd()
        }
        let feed = try FeedUnderTest(
            address: "ws://127.0.0.1:\(server.port)/ws/btcusdt@trade/btcusdt@depth5/ethusdt@depth5",
            capacitySlots: 16_384)
        feed.start()
        try await feed.waitForTrades(1...UInt64(bad.count))
        feed.stop()
        server.stop()
        #expect(feed.tradeIDs == Array(1...UInt64(bad.count)), "seed \(seed)")
        for outcome in DecodeOutcome.allCases where outcome.isRefusal {
            let sent = bad.count { $0.outcome == outcome }
            #expect(sent > 0, "the corpus lacks \(outcome)")
            let counted = feed.metric(#"tickline_decode_errors_total{reason="\#(outcome.label)"}"#)
            #expect(counted == sent, "\(outcome.label), seed \(seed)")
        }
        #expect(feed.metrics.total("tickline_reconnects_total") == 0)
        #expect(feed.sessions.filter { $0.event != .clockMoved }.map(\.event) == [.opened, .closed])
        print(
            "figure: D1: \(bad.count) bad messages of \(Self.corpus.count) kinds among as many trades: counts by reason exact, "
                + "crashes 0, connections lost 0, trades lost 0; seed \(seed)")
    }
}
