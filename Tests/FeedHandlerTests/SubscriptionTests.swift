import FeedHandler
import Foundation
import Synchronization
import Telemetry
import TestSupport
import Testing

/// Subscriptions over a real socket: requests, refusals, absences, and streams that stay silent (E12).
@Suite(.serialized, .timeLimit(.minutes(2)))
struct SubscriptionTests {
    /// A feed of trades of `symbols` on `server`.
    private func feed(_ server: ScriptedServer, _ symbols: [String], silence: [Substring] = []) throws -> FeedUnderTest
    {
        let names = symbols.map { "\($0.lowercased())@trade" }.joined(separator: "/")
        return try FeedUnderTest(address: "ws://127.0.0.1:\(server.port)/ws/\(names)") {
            for text in silence { _ = $0.silence.set(text) }
        }
    }

    private static func reply(_ json: String) -> [UInt8] { FrameBytes.text(json) }

    /// Enough symbols for `count` streams beyond the address, and how many the address names.
    private static func symbols(beyondAddress count: Int) throws -> (symbols: [String], inAddress: Int) {
        let many = (0..<1_024).map { "S\($0)" }
        let names = many.map { "\($0.lowercased())@trade" }.joined(separator: "/")
        let inAddress = try FeedPlan(parsing: "ws://127.0.0.1:65000/ws/\(names)").streamsInAddress
        return (Array(many.prefix(inAddress + count)), inAddress)
    }

    @Test func `subscribes 1,024 streams on one connection, at most five messages in any second`() async throws {
        let (symbols, inAddress) = try Self.symbols(beyondAddress: 1_024)
        let seen = Mutex<(requests: [ScriptedServer.StreamRequest], times: [ContinuousClock.Instant])>(([], []))
        let server = ScriptedServer { _, peer in
            let target = peer.acceptUpgrade()
            let named = target.split(separator: "?")[0].split(separator: "/").dropFirst().map(String.init)
            while let request = peer.readStreamRequest() {
                let all = seen.withLock {
                    $0.requests.append(request)
                    $0.times.append(.now)
                    return named + $0.requests.flatMap { $0.params ?? [] }
                }
                let list = all.map { "\"\($0)\"" }.joined(separator: ",")
                let result = request.method == "SUBSCRIBE" ? "null" : "[\(list)]"
                peer.send(Self.reply(#"{"result":\#(result),"id":\#(request.id)}"#))
                // A ping with each answer: its pong counts as well.
                peer.send(FrameBytes.frame(9, [1]))
            }
        }
        let feed = try feed(server, symbols, silence: ["off"])
        feed.start()
        try await waitUntil("the list") { seen.withLock { $0.requests.last?.method == "LIST_SUBSCRIPTIONS" } }
        try await waitUntil("ready") { feed.health.status.isReady }
        feed.stop()
        server.stop()
        let (requests, times) = seen.withLock { $0 }
        let subscribed = requests.dropLast().flatMap { $0.params ?? [] }
        #expect(subscribed == symbols[inAddress...].map { "\($0.lowercased())@trade" })
        #expect(requests.dropLast().allSatisfy { $0.method == "SUBSCRIBE" && ($0.params?.count ?? 0) <= 200 })
        #expect(requests.map(\.id) == Array(1...requests.count))
        // Three requests and their pongs are six messages: so a fourth request must wait for the first's second to end. Sights
        // of requests may be closer than their sending by what the machine delays.
        for index in times.indices where index >= 3 { #expect(times[index] - times[index - 3] > .milliseconds(900)) }
        #expect(feed.metric(#"tickline_subscription_failures_total{reason="absent"}"#) == 0)
        print("figure: 1,024 streams, \(inAddress) in the address, subscribed within \(times.last! - times[0])")
    }

    @Test func `E12 a stream without data is an alarm within 5 s that names it, until its first message`() async throws
    {
        let mayDeliver = Atomic<Bool>(false)
        let server = ScriptedServer { _, peer in
            peer.acceptUpgrade()
            guard let list = peer.readStreamRequest() else { return }
            peer.send(Self.reply(#"{"result":["btcusdt@trade","ethusdt@trade"],"id":\#(list.id)}"#))
            peer.send(FeedUnderTest.frames(1...1))
            while !mayDeliver.load(ordering: .acquiring) {
                // A sign of life: the connection's own watchdog would end it half a second behind the alarm.
                peer.send(FrameBytes.frame(10, []))
                usleep(10_000)
            }
            peer.send(FrameBytes.text(FeedUnderTest.trade(7).replacing("BTCUSDT", with: "ETHUSDT")))
            peer.waitForEnd()
        }
        let feed = try feed(server, ["BTCUSDT", "ETHUSDT"])
        feed.start()
        try await feed.waitForTrades(1...1)
        let start = ContinuousClock.now
        #expect(feed.health.status.isReady)
        try await waitUntil("the alarm") { !feed.health.status.isReady }
        let alarmed = ContinuousClock.now - start
        print("figure: E12 silently absent stream, alarm after \(alarmed)")
        #expect(alarmed < .seconds(5))
        #expect(feed.health.status.reason.hasPrefix("no data from ETHUSDT@trade; check"))
        #expect(feed.gauge(#"tickline_streams_silent{feed="binance-3"}"#) == 1)
        mayDeliver.store(true, ordering: .releasing)
        try await waitUntil("the end of the alarm") { feed.health.status.isReady }
        #expect(feed.gauge(#"tickline_streams_silent{feed="binance-3"}"#) == 0)
        #expect(feed.health.status.reason.hasPrefix("connected since"))
        feed.stop()
        server.stop()
    }

    @Test func `a stream missing in the exchange's list is an alarm at once`() async throws {
        let server = ScriptedServer { _, peer in
            peer.acceptUpgrade()
            guard let list = peer.readStreamRequest() else { return }
            peer.send(Self.reply(#"{"result":["btcusdt@trade"],"id":\#(list.id)}"#))
            peer.waitForEnd()
        }
        let feed = try feed(server, ["BTCUSDT", "ETHUSDT"])
        feed.start()
        try await waitUntil("the alarm") {
            feed.health.status.reason.contains("not subscribed: ETHUSDT@trade (missing")
        }
        #expect(!feed.health.status.isReady)
        #expect(feed.metric(#"tickline_subscription_failures_total{reason="absent"}"#) == 1)
        #expect(feed.gauge(#"tickline_streams_failed{feed="binance-3"}"#) == 1)
        feed.stop()
        server.stop()
    }

    @Test(arguments: [true, false])
    func `E12 a refused or unanswered request is an alarm within 5 s, and the other streams go on`(
        isRefused: Bool
    ) async throws {
        let (symbols, inAddress) = try Self.symbols(beyondAddress: 12)
        let connections = Atomic<Int>(0)
        let mayDeliver = Atomic<Bool>(false)
        let server = ScriptedServer { number, peer in
            connections.store(number, ordering: .releasing)
            peer.acceptUpgrade()
            guard let request = peer.readStreamRequest() else { return }
            if isRefused {
                peer.send(
                    Self.reply(#"{"error":{"code":2,"msg":"Invalid request: no such thing"},"id":\#(request.id)}"#))
            }
            while !mayDeliver.load(ordering: .acquiring) {
                // A sign of life: the connection's own watchdog would end it half a second behind the alarm.
                peer.send(FrameBytes.frame(10, []))
                usleep(10_000)
            }
            for symbol in symbols[inAddress...] {
                peer.send(FrameBytes.text(FeedUnderTest.trade(7).replacing("BTCUSDT", with: symbol)))
            }
            peer.waitForEnd()
        }
        let feed = try feed(server, symbols, silence: ["off"])
        let start = ContinuousClock.now
        feed.start()
        let words = isRefused ? "Invalid request: no such thing (code 2)" : "no answer within 4000 ms"
        try await waitUntil("the alarm") { feed.health.status.reason.contains(words) }
        let alarmed = ContinuousClock.now - start
        print("figure: E12 \(isRefused ? "refused" : "unanswered") subscription, alarm after \(alarmed)")
        #expect(alarmed < .seconds(5) && !feed.health.status.isReady)
        let names = symbols[inAddress...].map { "\($0)@trade" }
        let shown = names.prefix(10).joined(separator: ", ")
        #expect(feed.health.status.reason.hasPrefix("not subscribed: \(shown) and 2 more ("))
        let reason = isRefused ? "refused" : "unanswered"
        #expect(feed.metric(#"tickline_subscription_failures_total{reason="\#(reason)"}"#) == 12)
        #expect(feed.gauge(#"tickline_streams_failed{feed="binance-3"}"#) == 12)
        mayDeliver.store(true, ordering: .releasing)
        try await waitUntil("the streams came all the same") { feed.health.status.isReady }
        #expect(feed.gauge(#"tickline_streams_failed{feed="binance-3"}"#) == 0)
        feed.stop()
        server.stop()
        #expect(connections.load(ordering: .acquiring) == 1)
    }

    @Test func `connects again where the exchange refuses every stream`() async throws {
        let server = ScriptedServer { number, peer in
            peer.acceptUpgrade()
            guard let list = peer.readStreamRequest() else { return }
            peer.send(Self.reply(#"{"result":[\#(number == 1 ? "" : "\"btcusdt@trade\"")],"id":\#(list.id)}"#))
            if number == 2 { peer.send(FeedUnderTest.frames(1...1)) }
            peer.waitForEnd()
        }
        let feed = try feed(server, ["BTCUSDT"])
        feed.start()
        try await feed.waitForTrades(1...1)
        #expect(feed.metric(#"tickline_reconnects_total{reason="subscription"}"#) == 1)
        #expect(feed.health.status.isReady)
        feed.stop()
        server.stop()
    }

    @Test func `later silence is an alarm where it was asked for`() async throws {
        let server = ScriptedServer { _, peer in
            peer.acceptUpgrade()
            peer.send(FeedUnderTest.frames(1...1))
            peer.waitForEnd()
        }
        let feed = try feed(server, ["BTCUSDT"], silence: ["off", "BTCUSDT@trade=1"])
        feed.start()
        try await feed.waitForTrades(1...1)
        try await waitUntil("the alarm") { feed.health.status.reason.hasPrefix("no data from BTCUSDT@trade") }
        feed.stop()
        server.stop()
    }

    @Test func `a limit that all feeds share holds attempts back, and counts it`() async throws {
        let server = ScriptedServer { _, peer in
            guard peer.readRequest() != nil else { return }
            peer.send("HTTP/1.1 429 Slow\r\nRetry-After: 3600\r\n\r\n")
            peer.waitForEnd()
        }
        let limiter = ConnectionLimiter()
        let first = try FeedUnderTest(address: "ws://127.0.0.1:\(server.port)/ws/btcusdt@trade", limiter: limiter)
        first.start()
        try await waitUntil("the slow-down") { first.metric(#"tickline_reconnects_total{reason="rate_limited"}"#) == 1 }
        let second = try FeedUnderTest(address: "ws://127.0.0.1:\(server.port)/ws/btcusdt@trade", limiter: limiter)
        second.start()
        try await waitUntil("the second feed is held back") {
            second.metric(#"tickline_connection_attempts_held_total{feed="binance-3"}"#) == 1
        }
        first.stop()
        second.stop()
        server.stop()
        #expect(first.metric(#"tickline_connection_attempts_total{feed="binance-3"}"#) == 1)
        #expect(second.metric(#"tickline_connection_attempts_total{feed="binance-3"}"#) == 0)
    }
}
