import Foundation
import Telemetry
import TestSupport
import Testing

/// The bytes of a connection, handshake included, in other parts than the exchange sent them.
@Suite(.serialized) struct SplitStreamTests {
    /// Short and long frames, fragments with a ping between them, and a length of three bytes.
    private static let frames: [UInt8] =
        FeedUnderTest.frames(1...2) + FrameBytes.frame(1, Array(FeedUnderTest.trade(3).utf8.prefix(20)), isFinal: false)
        + FrameBytes.frame(9, [1, 2, 3]) + FrameBytes.frame(0, Array(FeedUnderTest.trade(3).utf8.dropFirst(20)))
        + FrameBytes.text(FeedUnderTest.trade(4) + String(repeating: " ", count: 100)) + FeedUnderTest.frames(5...5)

    /// The trades that arrive through a proxy with a fault.
    private func tradeIDs(through fault: FaultProxy.Fault) async throws -> (ids: [UInt64], bytes: Int) {
        let server = ScriptedServer { _, peer in
            peer.acceptUpgrade()
            peer.send(Self.frames)
            peer.waitForEnd()
        }
        let proxy = FaultProxy(target: server.port, fault: fault)
        let feed = try FeedUnderTest(port: proxy.port)
        feed.start()
        try await feed.waitForTrades(1...5)
        feed.stop()
        proxy.stop()
        server.stop()
        #expect(feed.metrics.total("tickline_decode_errors_total") == 0)
        // On a busy machine the feed may have given up the silent server before this test went on, and begun anew.
        return (Array(feed.tradeIDs.prefix(5)), proxy.firstConnectionBytes.reply)
    }

    @Test func `E5 a stream that comes byte by byte, and split at any byte, gives the same trades`() async throws {
        var fault = FaultProxy.Fault()
        fault.reply.pieceBytes = 1
        fault.reply.bytesPerSecond = 4_000
        let whole = try await tradeIDs(through: fault)
        #expect(whole.ids == [1, 2, 3, 4, 5])
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        var differences = 0
        for _ in 0..<40 {
            fault = FaultProxy.Fault()
            fault.reply.splitAfterBytes = Int.random(in: 1..<whole.bytes, using: &random)
            if try await tradeIDs(through: fault).ids != whole.ids { differences += 1 }
        }
        #expect(differences == 0, "seed \(seed)")
        print(
            "figure: E5 \(whole.bytes) bytes read one by one, and split at 40 of them (seed \(seed)): differences",
            "\(differences)")
    }
}
