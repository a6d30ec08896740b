import FeedHandler
import Foundation
import Telemetry
import TestSupport
import Testing
import TradingModel

/// Books and klines on the ring, from a real socket.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct FeedBookTests {
    /// An update with that many bids whose prices say which update it is.
    static func update(_ id: UInt64, levels: Int) -> String {
        let bids = (0..<levels).map { #"["\#(id).\#($0 + 1)","\#($0)"]"# }.joined(separator: ",")
        return #"{"e":"depthUpdate","E":2,"s":"BTCUSDT","U":\#(id),"u":\#(id),"b":[\#(bids)],"a":[["\#(id)","1"]]}"#
    }

    static func kline(_ number: UInt64) -> String {
        KlineDecoderTests.message.replacing(#""n":30"#, with: #""n":\#(number)"#)
    }

    /// What lies on a ring, message by message; nil where a book or kline is not whole.
    static func messages(_ records: [Tick]) -> [String]? {
        var (messages, rest): ([String], ArraySlice<Tick>) = ([], records[...])
        while let record = rest.first {
            var count = 1
            switch RecordKind(rawValue: record.kind) {
            case .session: break
            case .trade: messages.append("trade \(record.id)")
            case .depth:
                count += BookUpdate.levelSlots(of: record)
                guard let book = BookUpdate(decoded: Array(rest.prefix(count))),
                    book.bids.allSatisfy({ UInt64($0.price / 100_000_000) == record.id })
                else { return nil }
                messages.append("depth \(record.id) of \(book.bids.count)")
            case .kline:
                count = 2
                guard rest.count >= 2, let kline = Kline(prices: record, volumes: rest[rest.startIndex + 1]) else {
                    return nil
                }
                messages.append("kline \(kline.tradeCount)")
            default: return nil
            }
            rest = rest.dropFirst(count)
        }
        return messages
    }

    @Test(arguments: [32, 4_096])
    func `puts books and klines on the ring whole and in order, however little room there is`(capacity: Int)
        async throws
    {
        let sent = (1...600 as ClosedRange<UInt64>).map { id in
            switch id % 4 {
            case 0: (text: FeedUnderTest.trade(id), name: "trade \(id)")
            case 1: (text: Self.kline(id), name: "kline \(id)")
            default: (text: Self.update(id, levels: Int(id % 60)), name: "depth \(id) of \(id % 60)")
            }
        }
        let server = ScriptedServer { _, peer in
            peer.acceptUpgrade()
            peer.send(sent.flatMap { FrameBytes.text($0.text) })
            peer.waitForEnd()
        }
        let feed = try FeedUnderTest(
            address: "ws://127.0.0.1:\(server.port)/ws/btcusdt@trade/btcusdt@depth/btcusdt@kline_1m",
            capacitySlots: capacity)
        feed.start()
        var isWhole = true
        try await waitUntil("all \(sent.count) messages") {
            // The ring was empty at the end of a drain: what was published until then is whole.
            feed.drain()
            guard let messages = Self.messages(feed.records) else {
                isWhole = false
                return true
            }
            return messages.count == sent.count
        }
        feed.stop()
        server.stop()
        #expect(isWhole)
        #expect(Self.messages(feed.records) == sent.map(\.name))
        #expect(feed.metrics.total("tickline_decode_errors_total") == 0)
        #expect(feed.metrics.total("tickline_messages_ignored_total") == 0)
        #expect(feed.metrics.snapshot("tickline_stage_seconds", labels: [("stage", "decode")]).count == 600)
        let stalls = feed.metric(#"tickline_ring_stalls_total{feed="binance-3"}"#)
        #expect(capacity > 32 || stalls > 0)
        print("figure: 600 trades, books and klines over a ring of \(capacity) slots: lost 0, \(stalls) stalls")
    }

    @Test func `a stop while a book waits for room leaves no half of it`() async throws {
        let server = ScriptedServer { _, peer in
            peer.acceptUpgrade()
            // 1 slot of the session, 1 + 5 + 1 of each book: two are in, the third lacks one slot.
            let messages = (1...3).map { Self.update($0, levels: 15) } + [FeedUnderTest.trade(4)]
            peer.send(messages.flatMap { FrameBytes.text($0) })
            peer.waitForEnd()
        }
        let feed = try FeedUnderTest(
            address: "ws://127.0.0.1:\(server.port)/ws/btcusdt@trade/btcusdt@depth", capacitySlots: 16)
        feed.start()
        try await waitUntil("a stall") { feed.metric(#"tickline_ring_stalls_total{feed="binance-3"}"#) >= 1 }
        feed.stop()
        server.stop()
        feed.drain()
        #expect(Self.messages(feed.records)?.prefix(2) == ["depth 1 of 15", "depth 2 of 15"])
        #expect(Self.messages(feed.records)?.count == 2)
    }

    @Test func `refuses and counts a book that the ring can never hold, and goes on`() async throws {
        let server = ScriptedServer { _, peer in
            peer.acceptUpgrade()
            let messages = [Self.update(1, levels: 42), Self.update(2, levels: 43), FeedUnderTest.trade(3)]
            peer.send(messages.flatMap { FrameBytes.text($0) })
            peer.waitForEnd()
        }
        let feed = try FeedUnderTest(
            address: "ws://127.0.0.1:\(server.port)/ws/btcusdt@trade/btcusdt@depth", capacitySlots: 16)
        feed.start()
        try await waitUntil("the trade") {
            feed.drain()
            return Self.messages(feed.records)?.last == "trade 3"
        }
        feed.stop()
        server.stop()
        #expect(Self.messages(feed.records) == ["depth 1 of 42", "trade 3"])
        #expect(feed.metric(#"tickline_decode_errors_total{reason="too_many_levels"}"#) == 1)
    }

    @Test func `reads USD-M partial books and klines from a combined feed by its streams' names`() async throws {
        let update = Self.update(7, levels: 3).replacing(#""u":7"#, with: #""u":7,"pu":5"#)
        let server = ScriptedServer { _, peer in
            peer.acceptUpgrade()
            for (stream, text) in [
                ("btcusdt@depth@0ms", update), ("btcusdt@depth5@100ms", update),
                ("btcusdt@kline_1d@+08:00", Self.kline(9)),
            ] { peer.send(FrameBytes.text(#"{"stream":"\#(stream)","data":\#(text)}"#)) }
            peer.waitForEnd()
        }
        let feed = try FeedUnderTest(
            address: "binance-usdm=ws://127.0.0.1:\(server.port)/stream?streams=btcusdt@depth@0ms/btcusdt@depth5@100ms"
                + "/btcusdt@kline_1d@+08:00/btcusdt@trade")
        feed.start()
        try await waitUntil("three messages") {
            feed.drain()
            return feed.records.last?.kind == RecordKind.klineVolume.rawValue
        }
        feed.stop()
        server.stop()
        let headers = feed.records.filter { [.depth, .partialDepth].contains(RecordKind(rawValue: $0.kind)) }
        #expect(headers.map(\.kind) == [RecordKind.depth.rawValue, RecordKind.partialDepth.rawValue])
        #expect(headers.allSatisfy { $0.id == 7 && $0.price == 7 && $0.quantity == 5 })
    }
}
