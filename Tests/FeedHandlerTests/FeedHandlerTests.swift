import FeedHandler
import Foundation
import Synchronization
import Telemetry
import TestSupport
import Testing
import TradingModel

/// The whole feed against a real socket whose other end misbehaves by script.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct FeedHandlerTests {
    @Test func `puts a session record and all ticks of a connection on the ring, in order`() async throws {
        let target = Mutex("")
        let server = ScriptedServer { _, peer in
            let asked = peer.acceptUpgrade()
            target.withLock { $0 = asked }
            peer.send(FeedUnderTest.frames(1...1_000))
            peer.waitForEnd()
        }
        let feed = try FeedUnderTest(port: server.port)
        feed.start()
        try await feed.waitForTrades(1...1_000)
        #expect(feed.health.status.isReady && feed.health.status.reason.hasPrefix("connected since 20"))
        feed.stop()
        server.stop()
        #expect(target.withLock { $0 } == "/ws/btcusdt@trade?timeUnit=MICROSECOND")
        #expect(feed.tradeIDs == Array(1...1_000))
        let sessions = feed.sessions.filter { $0.event != .clockMoved }
        #expect(
            sessions.map(\.event) == [.opened, .closed] && sessions.allSatisfy { $0.connection == 1 && $0.feed == 3 })
        #expect(feed.records.first?.kind == RecordKind.session.rawValue)
        let opened = try #require(sessions.first)
        let now = Int64(Date().timeIntervalSince1970 * 1e9)
        #expect(abs(opened.wallOffsetNanos + Int64(opened.monotonic.rawValue) - now) < 60_000_000_000)
        let stamps = feed.records.map(\.receiveMonotonicNanos)
        #expect(zip(stamps, stamps.dropFirst()).allSatisfy { $0 <= $1 })
        let tick = try #require(feed.records.first { $0.id == 7 && $0.kind == RecordKind.trade.rawValue })
        #expect(tick.price == 750_000_000 && tick.exchangeTimeNanos == 1_000_000 && tick.feed == 3)
        #expect(feed.metric(#"tickline_messages_total{feed="binance-3"}"#) == 1_000)
        #expect(
            feed.metric(#"tickline_received_bytes_total{feed="binance-3"}"#) >= FeedUnderTest.frames(1...1_000).count)
        #expect(feed.metrics.snapshot("tickline_stage_seconds", labels: [("stage", "decode")]).count == 1_000)
    }

    @Test func `offers every metric with its labels and help before anything happened`() throws {
        let feed = try FeedUnderTest(port: 1)
        let text = PrometheusText.render(feed.metrics)
        for line in [
            #"tickline_received_bytes_total{feed="binance-3"} 0"#, #"tickline_messages_total{feed="binance-3"} 0"#,
            #"tickline_ring_stalls_total{feed="binance-3"} 0"#, #"tickline_reconnects_total{reason="silent"} 0"#,
            #"tickline_streams_silent{feed="binance-3"} 0"#, #"tickline_streams_failed{feed="binance-3"} 0"#,
            #"tickline_connection_attempts_total{feed="binance-3"} 0"#,
            #"tickline_connection_attempts_held_total{feed="binance-3"} 0"#,
            #"tickline_subscription_failures_total{reason="refused"} 0"#,
            #"tickline_decode_errors_total{reason="too_precise"} 0"#,
            #"tickline_decode_errors_total{reason="masked_frame"} 0"#,
            #"tickline_messages_ignored_total{type="other"} 0"#, #"tickline_dropped_total{what="pong"} 0"#,
            #"tickline_stage_seconds_count{stage="decode"} 0"#,
        ] {
            #expect(text.contains("\n\(line)\n"), "\(line) is missing")
            let name = line.prefix { $0 != "{" }.replacing("_count", with: "")
            #expect(text.contains("# HELP \(name) ") && text.contains("# TYPE \(name) "))
        }
    }

    @Test func `assembles fragments with pings between them, sent byte by byte`() async throws {
        let pongs = Mutex<[[UInt8]]>([])
        let server = ScriptedServer { _, peer in
            guard let request = peer.readRequest() else { return }
            let message = Array(FeedUnderTest.trade(1).utf8)
            var bytes = Array(ScriptedServer.Peer.acceptance(request).utf8)
            bytes += FrameBytes.frame(1, Array(message[..<10]), isFinal: false)
            bytes += FrameBytes.frame(9, Array("one".utf8))
            bytes += FrameBytes.frame(0, Array(message[10..<11]), isFinal: false)
            bytes += FrameBytes.frame(9, [])
            bytes += FrameBytes.frame(10, Array("unasked".utf8))
            bytes += FrameBytes.frame(0, Array(message[11...]))
            bytes += FeedUnderTest.frames(2...3)
            bytes += FrameBytes.frame(9, [UInt8](repeating: 0xAB, count: 125))
            peer.sendBytewise(bytes)
            for _ in 0..<3 {
                guard let frame = peer.readControl(), frame.opcode == 10 else { return }
                pongs.withLock { $0.append(frame.payload) }
            }
            peer.waitForEnd()
        }
        let feed = try FeedUnderTest(port: server.port)
        feed.start()
        try await feed.waitForTrades(1...3)
        try await waitUntil("three pongs") { pongs.withLock { $0.count } == 3 }
        feed.stop()
        server.stop()
        #expect(feed.tradeIDs == [1, 2, 3])
        #expect(pongs.withLock { $0 } == [Array("one".utf8), [], [UInt8](repeating: 0xAB, count: 125)])
        #expect(feed.metrics.total("tickline_decode_errors_total") == 0)
        print(
            "figure: E5 fragments with control frames between, sent byte by byte: 3 messages and 3 pongs, 0 differences"
        )
    }

    @Test func `survives every cut inside a frame and reconnects`() async throws {
        let frame = FrameBytes.text(FeedUnderTest.trade(2))
        let cuts = [1, 2, 5, frame.count / 2, frame.count - 1]
        let server = ScriptedServer { number, peer in
            peer.acceptUpgrade()
            peer.send(FeedUnderTest.frames(UInt64(number)...UInt64(number)))
            if number <= cuts.count {
                peer.send(Array(frame[..<cuts[number - 1]]))
                if number % 2 == 0 { peer.reset() }
            } else {
                peer.waitForEnd()
            }
        }
        let feed = try FeedUnderTest(port: server.port)
        feed.start()
        try await waitUntil("the last connection") { feed.tradeIDs.contains(UInt64(cuts.count + 1)) }
        feed.stop()
        server.stop()
        // A reset may take the trade before it along; what arrived arrived once and in order.
        let ids = feed.tradeIDs
        #expect(zip(ids, ids.dropFirst()).allSatisfy { $0 < $1 })
        #expect(feed.metric(#"tickline_reconnects_total{reason="lost"}"#) == cuts.count)
        let sessions = feed.sessions.filter { $0.event != .clockMoved }
        #expect(sessions.map(\.event) == (0...cuts.count).flatMap { _ in [SessionEvent.opened, .closed] })
        #expect(sessions.last?.connection == UInt64(cuts.count + 1))
    }

    @Test func `answers a close with its code and says why it is not ready`() async throws {
        let echo = Mutex<[UInt8]?>(nil)
        let mayReturn = Atomic<Bool>(false)
        let server = ScriptedServer { number, peer in
            if number > 1 { while !mayReturn.load(ordering: .acquiring) { usleep(1_000) } }
            peer.acceptUpgrade()
            if number == 1 {
                peer.send(FrameBytes.frame(8, [0x03, 0xF0] + Array("too many".utf8)))
                let frame = peer.readControl()
                echo.withLock { $0 = frame?.payload }
            } else {
                peer.waitForEnd()
            }
        }
        let feed = try FeedUnderTest(port: server.port)
        feed.start()
        try await waitUntil("the close's reason") { feed.health.status.reason.contains("code 1008, too many") }
        #expect(!feed.health.status.isReady)
        mayReturn.store(true, ordering: .releasing)
        try await waitUntil("ready again") { feed.health.status.isReady }
        feed.stop()
        server.stop()
        #expect(echo.withLock { $0 } == [0x03, 0xF0])
        #expect(feed.metric(#"tickline_reconnects_total{reason="closed"}"#) == 1)
    }

    @Test func `a full ring stops reading and loses nothing`() async throws {
        let server = ScriptedServer { _, peer in
            peer.acceptUpgrade()
            peer.send(FeedUnderTest.frames(1...20_000))
            peer.waitForEnd()
        }
        let feed = try FeedUnderTest(
            address: "ws://127.0.0.1:\(server.port)/ws/btcusdt@trade", capacitySlots: 512)
        feed.start()
        try await waitUntil("a stall") { feed.metric(#"tickline_ring_stalls_total{feed="binance-3"}"#) >= 1 }
        let readAtStall = feed.metric(#"tickline_received_bytes_total{feed="binance-3"}"#)
        #expect(readAtStall <= 65_536 + 1_024)
        try await feed.waitForTrades(1...20_000)
        feed.stop()
        server.stop()
        #expect(feed.tradeIDs == Array(1...20_000))
        print(
            "stalls: \(feed.metric(#"tickline_ring_stalls_total{feed="binance-3"}"#)) over 20,000 ticks and 512 slots")
    }

    @Test func `stops at once while the ring is full`() async throws {
        let server = ScriptedServer { _, peer in
            peer.acceptUpgrade()
            peer.send(FeedUnderTest.frames(1...100))
            peer.waitForEnd()
        }
        let feed = try FeedUnderTest(
            address: "ws://127.0.0.1:\(server.port)/ws/btcusdt@trade", capacitySlots: 16)
        feed.start()
        try await waitUntil("a stall") { feed.metric(#"tickline_ring_stalls_total{feed="binance-3"}"#) >= 1 }
        feed.stop()
        server.stop()
        #expect(feed.tradeIDs == Array(1...15))
    }

    @Test func `counts what is no tick and reconnects when the exchange shuts down`() async throws {
        let server = ScriptedServer { number, peer in
            peer.acceptUpgrade()
            guard number == 1 else { return peer.waitForEnd() }
            for message in [
                #"{"result":null,"id":1}"#, #"{"code":2,"msg":"Invalid"}"#, #"{"e":"24hrTicker"}"#, "{", "{}",
                FeedUnderTest.trade(1).replacing("1.5", with: "1e5"), FeedUnderTest.trade(2),
                FeedUnderTest.trade(3).replacing("BTC", with: "ETH"), #"{"e":"serverShutdown","E":1}"#,
                FeedUnderTest.trade(4),
            ] { peer.send(FrameBytes.text(message)) }
            peer.waitForEnd()
        }
        let feed = try FeedUnderTest(port: server.port)
        feed.start()
        try await waitUntil("the shutdown") {
            feed.metric(#"tickline_reconnects_total{reason="server_shutdown"}"#) == 1
        }
        try await waitUntil("ready again") { feed.health.status.isReady }
        feed.stop()
        server.stop()
        #expect(Set(feed.tradeIDs).subtracting([2, 4]).isEmpty && feed.tradeIDs.first == 2)
        for type in ["reply", "error_reply", "other", "server_shutdown"] {
            #expect(feed.metric(#"tickline_messages_ignored_total{type="\#(type)"}"#) == 1, "\(type)")
        }
        for reason in ["malformed", "unrecognised", "exponent", "unknown_symbol"] {
            #expect(feed.metric(#"tickline_decode_errors_total{reason="\#(reason)"}"#) == 1, "\(reason)")
        }
    }

    @Test func `names a refused port and keeps trying`() async throws {
        let feed = try FeedUnderTest(port: freePort())
        feed.start()
        try await waitUntil("two attempts") { feed.metric(#"tickline_reconnects_total{reason="refused"}"#) >= 2 }
        #expect(feed.health.status.reason.contains("refuses the connection; check"))
        feed.stop()
        #expect(feed.health.status.reason == "stopped" && feed.records.isEmpty)
    }

    @Test func `reads without sleeping when asked to`() async throws {
        let server = ScriptedServer { _, peer in
            peer.acceptUpgrade()
            peer.send(FeedUnderTest.frames(1...100))
            peer.waitForEnd()
        }
        let feed = try FeedUnderTest(port: server.port) { $0.busySpin = true }
        feed.start()
        try await feed.waitForTrades(1...100)
        feed.stop()
        server.stop()
        #expect(feed.tradeIDs == Array(1...100))
    }

    @Test func `takes ticks over TLS with a private CA, and none where the CA is unknown`() async throws {
        let authority = try TestAuthority()
        defer { authority.remove() }
        let server = try TLSServer(authority, certificate: "good")
        defer { server.stop() }
        try await server.waitUntilReady()
        let address = "wss://localhost:\(server.port)/ws/btcusdt@trade"
        let stranger = try FeedUnderTest(address: address)
        stranger.start()
        try await waitUntil("the refusal") { stranger.metric(#"tickline_reconnects_total{reason="certificate"}"#) >= 1 }
        #expect(stranger.health.status.reason.contains("is refused"))
        stranger.stop()
        #expect(stranger.records.isEmpty && !server.received.contains("GET"))

        let feed = try FeedUnderTest(address: address) { $0.caFile = authority.caFile }
        feed.start()
        try await waitUntil("the request") { server.received.contains("\r\n\r\n") }
        #expect(
            server.received.hasPrefix(
                "GET /ws/btcusdt@trade?timeUnit=MICROSECOND HTTP/1.1\r\nHost: localhost:\(server.port)\r\n"))
        server.send(Data(ScriptedServer.Peer.acceptance(server.received).utf8) + Data(FeedUnderTest.frames(1...5_000)))
        try await feed.waitForTrades(1...5_000)
        feed.stop()
        #expect(feed.tradeIDs == Array(1...5_000))
    }
}
