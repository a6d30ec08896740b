import Foundation
import Synchronization
import TestSupport
import Testing

/// Fault E6: messages that are too long, or claim to be, against the memory of a running product.
@Suite(.timeLimit(.minutes(2))) struct OversizedMessageTests {
    /// The most memory the process had resident so far, in KiB.
    private func peakKiB(_ process: ServerProcess) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(process.processID)/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
        return try #require(line.split(separator: " ").compactMap { Int($0) }.first)
    }

    @Test func `E6 an oversized message closes with 1009 and takes no memory`() async throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let (calm, wanted) = (3, 12)
        let closed = Mutex<[[UInt8]]>([])
        let mayGoOn = Atomic<Bool>(false)
        let server = ScriptedServer { number, peer in
            peer.acceptUpgrade()
            if number <= calm {
                // The longest message that is allowed, in two fragments: what it takes is there for any.
                let half = [UInt8](repeating: 0x20, count: 1 << 19)
                peer.send(FrameBytes.frame(1, half, isFinal: false) + FrameBytes.frame(0, half))
                peer.send(FrameBytes.frame(8, [0x03, 0xE8]))
                _ = peer.readControl()
                return
            }
            while !mayGoOn.load(ordering: .acquiring) { usleep(1_000) }
            // Just above the limit, far above, and in fragments; with 4 MiB of payload behind.
            let payload = [UInt8](repeating: 0x20, count: 4 << 20)
            switch number % 3 {
            case 0: peer.send(FrameBytes.frame(1, payload, claimedLength: 1 << 20 + 1))
            case 1: peer.send(FrameBytes.frame(1, payload, claimedLength: 1 << 62))
            default:
                peer.send(FrameBytes.frame(1, Array(payload.prefix(600_000)), isFinal: false))
                peer.send(FrameBytes.frame(0, Array(payload.prefix(600_000)), isFinal: false))
            }
            if let frame = peer.readControl(), frame.opcode == 8 { closed.withLock { $0.append(frame.payload) } }
        }
        let run = try RunningTickline(
            ["--feed", "ws://127.0.0.1:\(server.port)/ws/btcusdt@trade", "--store", "none"], folder: folder.url)
        try await waitUntil("calm connections") { await run.metric("tickline_reconnects_total") >= Double(calm) }
        let before = try peakKiB(run.process)
        mayGoOn.store(true, ordering: .releasing)
        try await waitUntil("closed", timeout: .seconds(60)) { closed.withLock { $0.count } >= wanted }
        let after = try peakKiB(run.process)
        let counted = await run.metric("tickline_decode_errors_total", labels: "oversized_message")
        #expect(run.process.stop() == 0)
        server.stop()
        #expect(closed.withLock { $0.allSatisfy { $0 == [0x03, 0xF1] } } && counted >= Double(wanted))
        print(
            "figure: E6 \(wanted) oversized messages after the longest allowed one: peak memory grew by \(max(after - before, 0)) KiB,"
                + " limit 1024 KiB")
        #expect(after - before <= 1_024)
    }
}
