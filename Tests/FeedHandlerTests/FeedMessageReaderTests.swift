import FeedHandler
import Foundation
import Journal
import Logging
import Telemetry
import TestSupport
import Testing
import TradingModel

/// What the exchange sent against the messages that the feed's journal gives back.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct FeedMessageReaderTests {
    /// Texts of a connection: trades, broken JSON, an array, a text over two lines, replies, books of many reads.
    private static func texts(_ connection: Int, _ random: inout SeededRandom) -> [String] {
        (0..<2_000).map { index in
            let id = UInt64(connection * 10_000 + index + 1)
            return switch Int.random(in: 0..<12, using: &random) {
            case 0: "{\"e\":\"trade\",\"broken\":"
            case 1: "[1,2,\"\\u00e4\",\"ä\"]"
            case 2: "{\"result\":null,\r\n \"id\":\(id)}"
            case 3:
                "{\"e\":\"other\",\"x\":\"\(String(repeating: "ä", count: Int.random(in: 0...900, using: &random)))\"}"
            default: FeedUnderTest.trade(id)
            }
        }
    }

    private static func frames(_ text: String, _ random: inout SeededRandom) -> [UInt8] {
        guard Int.random(in: 0..<6, using: &random) == 0, text.utf8.count > 4 else { return FrameBytes.text(text) }
        let (bytes, cut) = (Array(text.utf8), Int.random(in: 1..<text.utf8.count, using: &random))
        return FrameBytes.frame(1, Array(bytes[..<cut]), isFinal: false) + FrameBytes.frame(9, Array("ping".utf8))
            + FrameBytes.frame(0, Array(bytes[cut...]))
    }

    @Test(arguments: [UInt64.random(in: 0...UInt64.max), 3])
    func `every text message comes back whole, with its time, feed and connection`(seed: UInt64) async throws {
        print("seed \(seed)")
        var random = SeededRandom(seed: seed)
        let sent = [Self.texts(1, &random), Self.texts(2, &random)]
        let server = ScriptedServer { connection, peer in
            _ = peer.acceptUpgrade()
            guard connection <= sent.count else { return peer.waitForEnd() }
            var random = SeededRandom(seed: seed &+ UInt64(connection))
            var rest = sent[connection - 1].flatMap { Self.frames($0, &random) }[...]
            // The first connection is ended by the exchange, with messages behind its close frame.
            if connection == 1 { rest += FrameBytes.frame(8, [0x03, 0xE8]) + FrameBytes.text("{\"late\":1}") }
            while !rest.isEmpty {
                let count = min(rest.count, Int.random(in: 1...9_000, using: &random))
                peer.send(Array(rest.prefix(count)))
                rest = rest.dropFirst(count)
            }
            peer.waitForEnd()
        }
        let files = try TemporaryFolder("tickline-feed-messages")
        defer { files.remove() }
        let chain = JournalChain(.feed, 3)
        // The journal writes to it until it is stopped.
        let metrics = MetricsRegistry()
        defer { withExtendedLifetime(metrics) {} }
        let journal = try Journal(
            settings: JournalSettings(folder: files.path, budgetBytes: 64 << 20, syncIntervalMillis: nil),
            plans: [ChainPlan(chain: chain, segmentBytes: 200_000, tableEntries: 700)],
            existing: JournalFolder(path: files.path), wallClock: { UnixNanos(rawValue: 1) },
            metrics: metrics, health: HealthRegistry().check("journal", roles: []),
            logger: Logger(label: "journal", factory: { _ in SwiftLogNoOpLogHandler() }))
        journal.start()
        let before = Int64(Date().timeIntervalSince1970 * 1e9)
        let feed = try FeedUnderTest(
            address: "ws://127.0.0.1:\(server.port)/ws/btcusdt@trade", capacitySlots: 1 << 16,
            journal: journal.writer(of: chain))
        feed.start()
        try await waitUntil("both connections read, \(feed.health.status.reason)") {
            feed.drain()
            return feed.metric(#"tickline_messages_total{feed="binance-3"}"#) >= 4_000
        }
        feed.stop()
        server.stop()
        journal.stop()

        let folder = try JournalFolder(path: files.path)
        let reader = FeedMessageReader(chain, in: folder)
        var found: [FeedMessage] = []
        while let message = try reader.next() { found.append(message) }
        for connection in 1...2 {
            let messages = found.filter { $0.connection == UInt64(connection) }
            #expect(messages.map { String(decoding: $0.bytes, as: UTF8.self) } == sent[connection - 1])
        }
        #expect(found.count == 4_000 && found.allSatisfy { $0.feed == 3 })
        let times = found.map(\.receiveTime.rawValue)
        #expect((times.first ?? 0) > before - 1_000_000_000 && times == times.sorted())
        for message in found {
            let parsed = try? JSONSerialization.jsonObject(with: Data(message.bytes))
            #expect(message.isJSONObject == (parsed is [String: Any]))
        }
        // Where the oldest segments are gone the rest is read from the next place where a message begins.
        let segments = folder.chains[chain] ?? []
        #expect(segments.count >= 4)
        for file in segments.prefix(2) { try FileManager.default.removeItem(atPath: file.path) }
        let rest = FeedMessageReader(chain, in: try JournalFolder(path: files.path))
        var tail: [FeedMessage] = []
        while let message = try rest.next() { tail.append(message) }
        #expect(tail.first?.connection == 1, "not only after the next handshake")
        #expect(tail.count < found.count && tail == Array(found.suffix(tail.count)))
        print("figure: \(found.count) messages of \(segments.count) segments, \(tail.count) without the first two")
    }
}
