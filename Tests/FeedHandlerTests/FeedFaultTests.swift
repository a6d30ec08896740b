import FeedHandler
import Foundation
import Synchronization
import Telemetry
import TestSupport
import Testing

/// Faults of the websocket: breaches of the protocol, pings, handshakes and certificates, over real sockets.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct FeedFaultTests {
    @Test(
        arguments: [
            (FrameBytes.frame(2, [1]), 1003, "binary_message"),
            (FrameBytes.frame(1, [1], mask: [1, 2, 3, 4]), 1002, "masked_frame"),
            (FrameBytes.frame(1, [], reserved: 4), 1002, "reserved_bits"),
            (FrameBytes.frame(0, [1]), 1002, "unexpected_continuation"),
            (FrameBytes.frame(1, [], claimedLength: 1 << 40), 1009, "oversized_message"),
            (FrameBytes.frame(1, [], claimedLength: .max), 1002, "length_not_minimal"),
            (FrameBytes.frame(8, [1]), 1002, "malformed_close"),
            (FrameBytes.frame(9, [], isFinal: false), 1002, "fragmented_control_frame"),
            (FrameBytes.frame(1, [0x22, 0xC3, 0x28]), 1007, "invalid_utf8"),
            (FrameBytes.frame(8, [0x03, 0xE8, 0xFF]), 1007, "invalid_utf8"),
        ] as [([UInt8], UInt16, String)])
    func `E7 answers a breach with its close code and connects again`(bytes: [UInt8], code: UInt16, label: String)
        async throws
    {
        let closed = Mutex<[UInt8]?>(nil)
        let server = ScriptedServer { number, peer in
            peer.acceptUpgrade()
            if number == 1 {
                peer.send(FeedUnderTest.frames(1...1) + bytes + FeedUnderTest.frames(900...900))
                let frame = peer.readControl()
                closed.withLock { $0 = frame?.opcode == 8 ? frame?.payload : nil }
            } else {
                peer.send(FeedUnderTest.frames(2...2))
            }
            peer.waitForEnd()
        }
        let feed = try FeedUnderTest(port: server.port)
        feed.start()
        try await feed.waitForTrades(1...2)
        feed.stop()
        server.stop()
        // A slow machine may give the second connection up and make a third, which gets trade 2 again.
        #expect(Set(feed.tradeIDs) == [1, 2])
        #expect(closed.withLock { $0 } == [UInt8(code >> 8), UInt8(code & 0xFF)])
        #expect(feed.metric(#"tickline_decode_errors_total{reason="\#(label)"}"#) == 1)
        #expect(feed.metric(#"tickline_reconnects_total{reason="violation"}"#) == 1)
        print("figure: E7 \(label): closed with \(code), connected again, nothing behind it taken")
    }

    @Test func `E8 every binary message is counted and ends its connection`() async throws {
        let wanted = 10
        let server = ScriptedServer { number, peer in
            peer.acceptUpgrade()
            if number <= wanted {
                peer.send(FrameBytes.frame(2, [1, 2, 3]))
            } else {
                peer.send(FeedUnderTest.frames(1...1))
            }
            peer.waitForEnd()
        }
        let feed = try FeedUnderTest(port: server.port)
        feed.start()
        try await feed.waitForTrades(1...1)
        feed.stop()
        server.stop()
        let counted = feed.metric(#"tickline_decode_errors_total{reason="binary_message"}"#)
        print("figure: E8 binary messages sent \(wanted), counted \(counted)")
        #expect(counted == wanted)
        #expect(feed.metric(#"tickline_reconnects_total{reason="violation"}"#) == wanted)
    }

    @Test func `E4 pings a silent exchange, gives it up and comes back`() async throws {
        let pinged = Atomic<Bool>(false)
        let server = ScriptedServer { number, peer in
            peer.acceptUpgrade()
            if number == 1 { pinged.store(peer.readControl()?.opcode == 9, ordering: .releasing) }
            if number == 2 { peer.send(FeedUnderTest.frames(1...1)) }
            peer.waitForEnd()
        }
        let feed = try FeedUnderTest(port: server.port)
        let start = ContinuousClock.now
        feed.start()
        try await waitUntil("the silence noticed") { feed.metric(#"tickline_reconnects_total{reason="silent"}"#) == 1 }
        let noticed = ContinuousClock.now - start
        print("figure: E4 no pong to our ping: noticed after \(noticed)")
        #expect(noticed <= .seconds(5))
        try await feed.waitForTrades(1...1)
        feed.stop()
        server.stop()
        let wasPinged = pinged.load(ordering: .acquiring)
        #expect(wasPinged)
    }

    @Test func `E4 answers pings within 100 ms while 20,000 ticks a second flow`() async throws {
        let pings = 200
        let answers = Mutex<[Int: ContinuousClock.Instant]>([:])
        let questions = Mutex<[Int: ContinuousClock.Instant]>([:])
        let server = ScriptedServer { _, peer in
            peer.acceptUpgrade()
            let reader = Thread {
                while let frame = peer.readControl() {
                    guard frame.opcode == 10, let number = Int(String(decoding: frame.payload, as: UTF8.self)) else {
                        return
                    }
                    answers.withLock { $0[number] = .now }
                }
            }
            reader.start()
            // 40 ticks every 2 ms; a ping in front of every tenth such burst.
            let start = ContinuousClock.now
            for burst in 0..<pings * 10 {
                var bytes: [UInt8] = []
                if burst % 10 == 0 {
                    bytes = FrameBytes.frame(9, Array("\(burst / 10)".utf8))
                    questions.withLock { $0[burst / 10] = .now }
                }
                let first = UInt64(burst * 40 + 1)
                peer.send(bytes + FeedUnderTest.frames(first...first + 39))
                while ContinuousClock.now < start + .milliseconds(2 * (burst + 1)) { usleep(200) }
            }
            while answers.withLock({ $0.count }) < pings, ContinuousClock.now < start + .seconds(60) { usleep(1_000) }
        }
        let feed = try FeedUnderTest(
            address: "ws://127.0.0.1:\(server.port)/ws/btcusdt@trade", capacitySlots: 65_536)
        feed.start()
        try await waitUntil("all pongs", timeout: .seconds(60)) {
            feed.drain()
            return answers.withLock { $0.count } == pings
        }
        feed.stop()
        server.stop()
        let asked = questions.withLock { $0 }
        let times = answers.withLock { answers in (0..<pings).map { answers[$0]! - asked[$0]! } }
        // The worst of each second, and of those the median: one stall of a busy machine is not the feed's.
        let worst = stride(from: 0, to: pings, by: 40).map { times[$0..<$0 + 40].max()! }.sorted()
        let sorted = times.sorted()
        print(
            "figure: E4 \(pings) pings among 20,000 ticks/s: pong p50 \(sorted[pings / 2]), p99"
                + " \(sorted[pings * 99 / 100 - 1]), worst of a second: median \(worst[worst.count / 2])")
        #expect(worst[worst.count / 2] <= .milliseconds(100))
        #expect(feed.metric(#"tickline_dropped_total{what="pong"}"#) == 0)
    }

    @Test func `E4 a pong goes out before the rest of a burst is taken, even while the ring is full`() async throws {
        let pong = Mutex<Duration?>(nil)
        let server = ScriptedServer { _, peer in
            peer.acceptUpgrade()
            let start = ContinuousClock.now
            peer.send(FrameBytes.frame(9, [7]) + FeedUnderTest.frames(1...100))
            guard let frame = peer.readControl(), frame.opcode == 10, frame.payload == [7] else { return }
            pong.withLock { $0 = .now - start }
            peer.waitForEnd()
        }
        let feed = try FeedUnderTest(address: "ws://127.0.0.1:\(server.port)/ws/btcusdt@trade", capacitySlots: 16)
        feed.start()
        // Nobody takes the ticks, so nothing behind the sixteenth slot is decoded.
        try await waitUntil("the pong") { pong.withLock { $0 != nil } }
        #expect(feed.metric(#"tickline_messages_total{feed="binance-3"}"#) <= 17)
        let time = try #require(pong.withLock { $0 })
        print("figure: E4 a ping in front of a burst that fills the ring: pong after \(time)")
        try await feed.waitForTrades(1...100)
        feed.stop()
        server.stop()
    }

    private static let accepted = "HTTP/1.1 101 X\r\nSec-WebSocket-Accept: {key}\r\nConnection: Upgrade\r\n"
    private static let upgrade = "Upgrade: websocket\r\n"

    @Test(arguments: [
        ("HTTP/1.1 301 Moved\r\nLocation: ws://x/\r\n\r\n", "status 301", "handshake"),
        ("HTTP/1.1 404 Not Found\r\n\r\n", "status 404", "handshake"),
        (accepted.replacing("{key}", with: "AAAA") + upgrade + "\r\n", "accept key", "handshake"),
        (accepted + "\r\n", "did not upgrade", "handshake"),
        (accepted.replacing("Connection: Upgrade\r\n", with: "") + upgrade + "\r\n", "did not upgrade", "handshake"),
        (
            accepted + upgrade + "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", "extension that was not asked",
            "handshake"
        ),
        (accepted + upgrade + "Sec-WebSocket-Protocol: chat\r\n\r\n", "extension that was not asked", "handshake"),
        (
            accepted + upgrade + "A: " + String(repeating: "a", count: 40_000) + "\r\n\r\n", "exceeds 16384 bytes",
            "handshake"
        ),
        ("HTTP/1.1 429 Slow\r\nRetry-After: 60\r\n\r\n", "slow down for 60 s", "rate_limited"),
        ("HTTP/1.1 418 Teapot\r\nRetry-After: Fri, 31 Dec 2099 23:59:59 GMT\r\n\r\n", "slow down for", "rate_limited"),
    ])
    func `E9 takes no frame after a bad handshake`(answer: String, words: String, reason: String) async throws {
        let server = ScriptedServer { _, peer in
            guard let request = peer.readRequest() else { return }
            let line = ScriptedServer.Peer.acceptance(request).split(separator: "\r\n").first {
                $0.hasPrefix("Sec-WebSocket-Accept: ")
            }
            let key = line?.split(separator: " ").last ?? ""
            peer.send(Array(answer.replacing("{key}", with: key).utf8) + FeedUnderTest.frames(1...5))
            peer.waitForEnd()
        }
        let feed = try FeedUnderTest(port: server.port)
        feed.start()
        try await waitUntil("the refusal") { feed.health.status.reason.contains(words) }
        if reason != "rate_limited" {
            try await waitUntil("another attempt") {
                feed.metric(#"tickline_reconnects_total{reason="\#(reason)"}"#) >= 2
            }
        }
        feed.stop()
        server.stop()
        #expect(feed.records.isEmpty && feed.tradeIDs.isEmpty)
        if reason == "rate_limited" { #expect(feed.metric(#"tickline_reconnects_total{reason="rate_limited"}"#) == 1) }
        print("figure: E9 \(answer.prefix { $0 != "\r\n" }), \(words): frames accepted \(feed.records.count)")
    }

    @Test(arguments: [true, false])
    func `E9 waits as long as the exchange asks`(isDate: Bool) async throws {
        let times = Mutex<[Date]>([])
        let server = ScriptedServer { number, peer in
            guard let request = peer.readRequest() else { return }
            times.withLock { $0.append(Date()) }
            if number == 1 {
                // Dates are of whole seconds: the next but two is two to three seconds away.
                let date = Self.httpDate(Date(timeIntervalSinceNow: 3))
                peer.send("HTTP/1.1 429 Slow\r\nRetry-After: \(isDate ? date : "2")\r\n\r\n")
            } else {
                peer.send(ScriptedServer.Peer.acceptance(request))
                peer.send(FeedUnderTest.frames(1...1))
            }
            peer.waitForEnd()
        }
        let feed = try FeedUnderTest(port: server.port)
        feed.start()
        try await feed.waitForTrades(1...1)
        feed.stop()
        server.stop()
        let (first, second) = times.withLock { ($0[0], $0[1]) }
        let waited = second.timeIntervalSince(first)
        print(
            "figure: E9 Retry-After as \(isDate ? "a date" : "2 seconds"): waited " + String(format: "%.3f s", waited))
        #expect(waited >= 2 && waited < 10)
    }

    private static func httpDate(_ date: Date) -> String {
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.timeZone = TimeZone(identifier: "GMT")
        format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        return format.string(from: date)
    }

    @Test func `E10 no connection is made to a server with a bad certificate`() async throws {
        let authority = try TestAuthority()
        defer { authority.remove() }
        for certificate in ["stranger", "wronghost", "expired"] {
            let server = try TLSServer(authority, certificate: certificate)
            defer { server.stop() }
            try await server.waitUntilReady()
            let feed = try FeedUnderTest(address: "wss://localhost:\(server.port)/ws/btcusdt@trade") {
                $0.caFile = authority.caFile
            }
            feed.start()
            try await waitUntil("two refusals") {
                feed.metric(#"tickline_reconnects_total{reason="certificate"}"#) >= 2
            }
            #expect(feed.health.status.reason.contains("is refused (") && !feed.health.status.isReady)
            feed.stop()
            // Not even a request was sent.
            #expect(feed.sessions.isEmpty && server.received.isEmpty)
            print(
                "figure: E10 \(certificate): connections 0 of \(feed.metrics.total("tickline_reconnects_total")) attempts"
            )
        }
    }
}
