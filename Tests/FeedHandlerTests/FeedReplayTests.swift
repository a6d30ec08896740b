import FeedHandler
import Foundation
import Journal
import Logging
import Telemetry
import TestSupport
import Testing
import TradingModel

/// What the feed read and published, against what its journal gives back.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct FeedReplayTests {
    /// Connections of random messages, sent in pieces of random size: trades, books, klines, noise, fragments and pings
    /// between them; one ends by a breach of the protocol, one by a close frame, the last by our stop.
    private static func conversation(_ connection: Int, seed: UInt64) -> [UInt8] {
        var random = SeededRandom(seed: seed &+ UInt64(connection))
        var bytes: [UInt8] = []
        for index in 0..<3_000 {
            let id = UInt64(connection * 100_000 + index + 1)
            let text: String
            switch Int.random(in: 0..<20, using: &random) {
            case 0:
                let levels = (0..<Int.random(in: 0...40, using: &random)).map { #"["\#(100 + $0).5","1.5"]"# }
                text =
                    #"{"e":"depthUpdate","E":5,"s":"BTCUSDT","U":\#(id),"u":\#(id),"b":[\#(levels.joined(separator: ","))],"a":[]}"#
            case 1:
                text =
                    #"{"e":"kline","E":1723161255208,"s":"BTCUSDT","k":{"t":1723161240000,"T":1723161299999,"#
                    + #""s":"BTCUSDT","i":"1m","f":1,"L":2,"o":"1.5","c":"1.6","h":"1.7","l":"1.4","v":"3.25","n":2,"x":true}}"#
            case 2: text = "{\"e\":\"trade\",\"broken\":"
            case 3: text = #"{"result":null,"id":77}"#
            default: text = FeedUnderTest.trade(id)
            }
            if Int.random(in: 0..<12, using: &random) == 0 {
                let half = text.utf8.count / 2
                bytes += FrameBytes.frame(1, Array(text.utf8.prefix(half)), isFinal: false)
                bytes += FrameBytes.frame(9, Array("ping".utf8))
                bytes += FrameBytes.frame(0, Array(text.utf8.dropFirst(half)))
            } else {
                bytes += FrameBytes.text(text)
            }
        }
        switch connection {
        case 1: bytes += FrameBytes.frame(1, [0xC3, 0x28]) + FeedUnderTest.frames(900_000...900_010)
        case 2: bytes += FrameBytes.frame(8, [0x03, 0xE8]) + FeedUnderTest.frames(900_000...900_010)
        default: break
        }
        return bytes
    }

    @Test(arguments: [UInt64.random(in: 0...UInt64.max), 1])
    func `the journal gives back every slot the feed published, from any entry on`(seed: UInt64) async throws {
        print("seed \(seed)")
        let server = ScriptedServer { connection, peer in
            _ = peer.acceptUpgrade()
            var random = SeededRandom(seed: seed ^ 0xABCD)
            var rest = Self.conversation(connection, seed: seed)[...]
            while !rest.isEmpty {
                let count = min(rest.count, Int.random(in: 1...8_000, using: &random))
                peer.send(Array(rest.prefix(count)))
                rest = rest.dropFirst(count)
            }
            peer.waitForEnd()
        }
        let files = try TemporaryFolder("tickline-feed-journal")
        defer { files.remove() }
        let settings = JournalSettings(folder: files.path, budgetBytes: 64 << 20, syncIntervalMillis: nil)
        // The journal writes to it until it is stopped.
        let metrics = MetricsRegistry()
        defer { withExtendedLifetime(metrics) {} }
        let journal = try Journal(
            settings: settings,
            plans: [ChainPlan(chain: JournalChain(.feed, 3), segmentBytes: 200_000, tableEntries: 700)],
            existing: JournalFolder(path: files.path), wallClock: { UnixNanos(rawValue: 1) },
            metrics: metrics,
            health: HealthRegistry().check("journal", roles: []),
            logger: Logger(label: "journal", factory: { _ in SwiftLogNoOpLogHandler() }))
        journal.start()
        let address = "ws://127.0.0.1:\(server.port)/stream?streams=btcusdt@trade/btcusdt@depth/btcusdt@kline_1m"
        let feed = try FeedUnderTest(
            address: address, capacitySlots: 1 << 16, journal: journal.writer(of: JournalChain(.feed, 3))
        ) { $0.mostMessageBytes = 20_000 }
        feed.start()
        try await waitUntil("three connections read, \(feed.health.status.reason)") {
            feed.drain()
            return feed.sessions.count { $0.event == .opened } == 3
                && feed.metric(#"tickline_messages_total{feed="binance-3"}"#) >= 9_000
        }
        feed.stop()
        server.stop()
        feed.drain()
        journal.stop()

        let plan = try FeedPlan(parsing: address)
        let catalog = MarketCatalog(instruments: FeedPlan.specifications(of: [plan]), strategies: [])
        func makeReplay() -> FeedReplay {
            FeedReplay(
                catalog: catalog, exchange: plan.exchange, streams: plan.streams, feed: 3, mostMessageBytes: 20_000,
                mostSlots: 4_096)
        }
        let folder = try JournalFolder(path: files.path)
        var reader = ChainReader(JournalChain(.feed, 3), in: folder)
        var replay = makeReplay()
        var starts: [(entry: JournalEntry, segment: SegmentReader)] = []
        while let entry = try reader.next() {
            let segment = try #require(reader.segment)
            if FeedReplay.start(at: entry) != nil { starts.append((entry, segment)) }
            replay.take(entry, in: segment)
        }
        let (diverged, slots) = (replay.hasDiverged, replay.slots)
        #expect(!diverged)
        #expect(slots == feed.records)
        let segments = folder.chains.values.first?.count ?? 0
        print("\(slots.count) slots, \(segments) segments, \(starts.count) places to begin at")
        #expect(slots.count > 7_000 && segments >= 5 && starts.count > 20)

        // From every fiftieth place where decoding may begin.
        for (entry, segment) in stride(from: 0, to: starts.count, by: max(1, starts.count / 50)).map({ starts[$0] }) {
            var replay = makeReplay()
            replay.begin(at: entry, in: segment)
            var reader = ChainReader(JournalChain(.feed, 3), in: folder, from: segment.identity.segment)
            while let next = try reader.next() {
                if next.sequence >= entry.sequence { replay.take(next, in: try #require(reader.segment)) }
            }
            let (diverged, slots) = (replay.hasDiverged, replay.slots)
            #expect(!diverged)
            let expected = try Array(feed.records.dropFirst(Int(#require(FeedReplay.start(at: entry)))))
            #expect(slots == expected, "from entry \(entry.sequence)")
        }
    }
}
