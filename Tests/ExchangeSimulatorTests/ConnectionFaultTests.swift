import ExchangeSimulator
import Foundation
import NIOCore
import NIOWebSocket
import TestSupport
import Testing

/// Faults of connections, handshakes and requests, and how they are asked for while the simulator runs.
@Suite(.serialized) struct ConnectionFaultTests {
    private let idle = SimulatorConfiguration.synthetic(10, pacing: .speed(1e-9))
    private static let path = "/ws/btcusdt@trade"

    /// The head of the answer to an upgrade request, as it is on the wire; empty where none comes within `timeout`.
    private func handshake(_ port: Int, timeout: Duration = .seconds(5)) throws -> String {
        let (process, output) = (Process(), Pipe())
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments =
            [
                "curl", "-s", "-i", "-m", "\(timeout.components.seconds)", "--http1.1", "-H", "Connection: Upgrade",
                "-H", "Upgrade: websocket", "-H", "Sec-WebSocket-Version: 13", "-H",
                "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "-o", "/dev/null", "-D", "-",
                "http://127.0.0.1:\(port)\(Self.path)",
            ]
        process.standardOutput = output
        try process.runUnmasked()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return text
    }

    @Test func `bad handshakes are bad in the way asked for, and the next one is good`() async throws {
        try await withSimulator(idle) { simulator, port in
            try await simulator.inject(.handshake(.redirect, count: 1))
            try await simulator.inject(.handshake(.tooManyRequests(retryAfterSeconds: 7), count: 2))
            try await simulator.inject(.handshake(.stalled, count: 1))
            let moved = try handshake(port)
            #expect(moved.hasPrefix("HTTP/1.1 301") && moved.contains("Location: ws://"))
            for _ in 0..<2 {
                let limited = try handshake(port)
                #expect(limited.hasPrefix("HTTP/1.1 429") && limited.contains("Retry-After: 7\r\n"))
            }
            #expect(try handshake(port, timeout: .seconds(1)).isEmpty)
            try await simulator.inject(.handshake(.wrongAccept, count: 1))
            try await simulator.inject(.handshake(.hugeHeaders, count: 1))
            let wrong = try handshake(port, timeout: .seconds(1))
            #expect(wrong.hasPrefix("HTTP/1.1 101") && wrong.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))
            #expect(try handshake(port, timeout: .seconds(1)).utf8.count > 64 << 10)
            let good = try handshake(port, timeout: .seconds(1))
            #expect(good.hasPrefix("HTTP/1.1 101") && !good.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))
            #expect(simulator.statistics.handshakesSpoiled == 6)
        }
    }

    @Test func `a burst of pings is sent at once and its pongs are timed`() async throws {
        try await withSimulator(idle) { simulator, port in
            let client = try await WebSocketTestClient(port: port, path: "/ws")
            try await simulator.inject(.pings(count: 500))
            try await waitUntil("all pongs") { simulator.statistics.pingsAnswered == 500 }
            #expect(Set(client.state.pings).count == 500 && simulator.statistics.slowestPongNanos > 0)
        }
    }

    @Test func `pings are not answered while that is asked for`() async throws {
        try await withSimulator(.synthetic(1_000_000, pacing: .recorded)) { simulator, port in
            let client = try await WebSocketTestClient(port: port, path: Self.path)
            try await simulator.inject(.noPongs)
            try await client.send(.ping, ByteBuffer(string: "one"))
            let count = client.messageCount
            try await waitUntil("data goes on") { client.messageCount > count + 100 }
            try await simulator.inject(.calm)
            try await client.send(.ping, ByteBuffer(string: "two"))
            try await waitUntil("a pong") { !client.state.pongs.isEmpty }
            #expect(client.state.pongs == ["two"])
        }
    }

    @Test func `the server's end is announced in the connection's own form`() async throws {
        try await withSimulator(idle) { simulator, port in
            let raw = try await WebSocketTestClient(port: port, path: "/ws")
            let combined = try await WebSocketTestClient(port: port, path: "/stream?timeUnit=MICROSECOND")
            try await waitUntil("both") { simulator.statistics.connectionsOpen == 2 }
            try await simulator.inject(.serverShutdown)
            try await waitUntil("the word") { raw.messageCount == 1 && combined.messageCount == 1 }
            #expect(raw.state.texts[0].hasPrefix("{\"e\":\"serverShutdown\",\"E\":1"))
            let word = "{\"stream\":\"!serverShutdown\",\"data\":{\"e\":\"serverShutdown\",\"E\":1"
            #expect(combined.state.texts[0].hasPrefix(word) && combined.state.texts[0].count == word.count + 17)
            #expect(!raw.state.isClosed && !combined.state.isClosed)
        }
    }

    @Test func `subscriptions are refused with an error or accepted and never served`() async throws {
        var configuration = SimulatorConfiguration.synthetic(1_000_000, symbols: 3, pacing: .recorded)
        configuration.faults = [
            FaultRule(.subscriptions(.refused), on: "ethusdt@trade"),
            FaultRule(.subscriptions(.absent), on: "bnbusdt@trade"),
        ]
        try await withSimulator(configuration) { _, port in
            let client = try await WebSocketTestClient(port: port, path: "/stream?streams=btcusdt@trade")
            for (id, stream) in ["ethusdt@trade", "bnbusdt@trade"].enumerated() {
                try await client.send("{\"method\":\"SUBSCRIBE\",\"params\":[\"\(stream)\"],\"id\":\(id)}")
            }
            try await waitUntil("both replies") { client.state.texts.contains("{\"result\":null,\"id\":1}") }
            try await waitUntil("a hundred messages") { client.messageCount > 100 }
            let texts = client.state.texts
            #expect(texts.contains { $0.hasPrefix("{\"code\":2,\"msg\":\"Invalid request") })
            #expect(!texts.contains { $0.contains("\"stream\":\"ethusdt") || $0.contains("\"stream\":\"bnbusdt") })
        }
    }

    @Test func `times come in microseconds where the address asks for them`() async throws {
        func times(_ configuration: SimulatorConfiguration, _ query: String) async throws -> [(Int, Int)] {
            var texts: [String] = []
            try await withSimulator(configuration) { _, port in
                let client = try await WebSocketTestClient(port: port, path: "\(Self.path)\(query)")
                try await waitUntil("trades") { client.messageCount >= 200 }
                texts = Array(client.state.texts.prefix(200))
            }
            return try texts.map { text in
                let object = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
                return (object?["E"] as? Int ?? 0, object?["T"] as? Int ?? 0)
            }
        }
        let (millis, micros) = (
            try await times(.synthetic(500), ""), try await times(.synthetic(500), "?timeUnit=MICROSECOND")
        )
        #expect(zip(millis, micros).allSatisfy { $1.0 / 1_000 == $0.0 && $1.1 / 1_000 == $0.1 })
        #expect(micros.contains { $0.0 % 1_000 != 0 } && micros.allSatisfy { $0.0 - $0.1 == 300 })
        guard SharedData.shouldRun else { return }
        let recorded = try await times(.recorded(tradeFile), "")
        let scaled = try await times(.recorded(tradeFile), "?timeUnit=microsecond")
        #expect(zip(recorded, scaled).allSatisfy { $1.0 == $0.0 * 1_000 && $1.1 == $0.1 * 1_000 })
    }

    private func post(_ body: String, port: Int) throws -> (status: String, text: String) {
        let (process, output) = (Process(), Pipe())
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "curl", "-s", "-m", "5", "-w", "\n%{http_code}", "--data-binary", body, "http://127.0.0.1:\(port)/faults",
        ]
        process.standardOutput = output
        try process.runUnmasked()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (String(text.suffix(3)), text)
    }

    @Test func `faults are posted to the running simulator in the words of the command line`() async throws {
        try await withSimulator(.synthetic(1_000_000, pacing: .recorded)) { simulator, port in
            let client = try await WebSocketTestClient(port: port, path: Self.path)
            #expect(try post("gap,count=3,stream=btcusdt@trade\nduplicate", port: port).status == "200")
            try await waitUntil("both") {
                simulator.statistics.messagesWithheld == 3 && simulator.statistics.messagesRepeated == 1
            }
            let refused = try post("cut:reset\nmelt", port: port)
            #expect(refused.status == "400" && refused.text.contains("'melt': no such kind"))
            #expect(!client.state.isClosed, "the line before it was not acted on")
            #expect(try post("gap,stream=none@trade", port: port).text.contains("no stream none@trade"))
            #expect(try post(String(repeating: "gap\n", count: 20_000), port: port).status == "413")
            #expect(try post("cut:close,code=1012", port: port).status == "200")
            try await waitUntil("the cut") { client.state.isClosed }
            #expect(client.state.closeCode == 1012)
        }
    }

    @Test func `a rule by the clock comes again and again, at times drawn from its range`() async throws {
        var configuration = SimulatorConfiguration.synthetic(1_000_000, pacing: .recorded)
        configuration.faults = [try FaultRule(parsing: "gap,every=20ms..60ms")]
        try await withSimulator(configuration) { simulator, port in
            _ = try await WebSocketTestClient(port: port, path: Self.path)
            try await waitUntil("many gaps") { simulator.statistics.messagesWithheld >= 10 }
            try await simulator.inject(.calm)
            let (withheld, sent) = (simulator.statistics.messagesWithheld, simulator.statistics.messagesSent)
            try await waitUntil("no more") { simulator.statistics.messagesSent > sent + 200 }
            #expect(simulator.statistics.messagesWithheld == withheld)
        }
    }

    @Test(arguments: [
        ("cut:reset,every=10s", FaultRule(.cut(.reset), .every(.seconds(10) ... .seconds(10)))),
        ("cut:close", FaultRule(.cut(.close(code: 1001)))),
        ("cut:silence,after=7", FaultRule(.cut(.silence), .afterMessages(7))),
        (
            "gap,count=3,stream=btcusdt@trade,after=500",
            FaultRule(.gap(count: 3), on: "btcusdt@trade", .afterMessages(500))
        ),
        ("duplicate,every=100", FaultRule(.duplicate(count: 1), .everyMessages(100))),
        ("reorder", FaultRule(.reorder(count: 2))),
        ("spike,factor=3,count=2", FaultRule(.spike(factor: 3, count: 2))),
        ("malformed", FaultRule(.malformed(nil, count: 1))),
        ("malformed:invalid-utf8,count=2", FaultRule(.malformed(.invalidUTF8, count: 2))),
        ("fragment,bytes=50", FaultRule(.fragment(maximumBytes: 50))),
        ("short-writes", FaultRule(.shortWrites(maximumBytes: 1))),
        ("no-pongs", FaultRule(.noPongs)), ("pings", FaultRule(.pings(count: 100))),
        ("server-shutdown,every=1m..2m", FaultRule(.serverShutdown, .every(.seconds(60) ... .seconds(120)))),
        ("subscriptions:absent,stream=a@trade", FaultRule(.subscriptions(.absent), on: "a@trade")),
        (
            "handshake:429,retry-after=5,count=2",
            FaultRule(.handshake(.tooManyRequests(retryAfterSeconds: 5), count: 2))
        ),
        ("handshake:wrong-accept", FaultRule(.handshake(.wrongAccept, count: 1))), ("calm", FaultRule(.calm)),
    ]) func `a rule is read as it is written`(text: String, rule: FaultRule) throws {
        #expect(try FaultRule(parsing: text) == rule)
    }

    @Test(arguments: [
        ("", "no such kind"), ("melt", "no such kind"), ("cut", "close, reset"), ("cut:melt", "close, reset"),
        ("cut:reset,code=1000", "only close"), ("cut:close,code=99", "1000 to 4999"),
        ("cut:reset,every=5", "after=COUNT"),
        ("gap:3", "no variant '3'"), ("gap,count", "key=value"), ("gap,count=x", "whole number"),
        ("gap,count=0", "at least 1"), ("gap,count=1,count=2", "twice"), ("gap,factor=2", "no factor"),
        ("gap,after=1,every=2", "exclude"), ("gap,every=soon", "a time such as"),
        ("gap,every=5s..2s", "a time such as"),
        ("gap,after=0", "above 0"), ("reorder,count=1", "2 to"), ("duplicate,count=10001", "1 to 10000"),
        ("spike,factor=1", "2 to"), ("malformed:odd", "truncated"), ("fragment,bytes=0", "at least 1"),
        ("no-pongs,stream=a@trade", "concerns connections"), ("subscriptions", "refused or absent"),
        ("handshake:418", "stalled"), ("handshake:301,retry-after=5", "only 429"), ("gap,every=0.1ms", "at least 1ms"),
    ]) func `a rule that makes no sense is refused with the reason`(text: String, reason: String) {
        let error = #expect(throws: SimulatorError.self) { _ = try FaultRule(parsing: text) }
        #expect(error?.description.contains(reason) == true, "\(error?.description ?? "")")
    }
}
