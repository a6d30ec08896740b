import ExchangeSimulator
import Foundation
import NIOCore
import NIOWebSocket
import Synchronization
import TestSupport
import Testing

@Suite(.serialized) struct ProtocolTests {
    private let idle = SimulatorConfiguration.synthetic(10, pacing: .speed(1e-9))

    @Test(arguments: [
        (
            "{\"method\":\"SUBSCRIBE\",\"params\":[\"a@trade\",\"b@trade\",\"a@trade\"],\"id\":1}",
            "{\"result\":null,\"id\":1}"
        ),
        ("{\"method\":\"LIST_SUBSCRIPTIONS\",\"id\":-3}", "{\"result\":[\"a@trade\",\"b@trade\"],\"id\":-3}"),
        (
            "{\"method\":\"UNSUBSCRIBE\",\"params\":[\"a@trade\",\"c@trade\"],\"id\":\"x9\"}",
            "{\"result\":null,\"id\":\"x9\"}"
        ),
        (
            "{\"method\":\"LIST_SUBSCRIPTIONS\",\"id\":9223372036854775807}",
            "{\"result\":[\"b@trade\"],\"id\":9223372036854775807}"
        ),
        ("{\"method\":\"GET_PROPERTY\",\"params\":[\"combined\"],\"id\":null}", "{\"result\":false,\"id\":null}"),
        ("{\"method\":\"SET_PROPERTY\",\"params\":[\"combined\",true],\"id\":5}", "{\"result\":null,\"id\":5}"),
        ("{\"method\":\"GET_PROPERTY\",\"params\":[\"combined\"]}", "{\"result\":true,\"id\":null}"),
        ("{\"method\":\"SET_PROPERTY\",\"params\":[\"combined\",1],\"id\":5}", "{\"code\":1,"),
        ("{\"method\":\"SET_PROPERTY\",\"params\":[\"other\",true],\"id\":5}", "{\"code\":0,"),
        ("{\"method\":\"BUY\",\"id\":5}", "{\"code\":2,"), ("{\"id\":5}", "{\"code\":2,"), ("[]", "{\"code\":2,"),
        ("{\"method\":\"SUBSCRIBE\",\"params\":[1],\"id\":5}", "{\"code\":2,"),
        ("{\"method\":\"SUBSCRIBE\",\"id\":5}", "{\"code\":2,"),
        ("{\"method\":\"LIST_SUBSCRIPTIONS\",\"id\":1.5}", "{\"code\":2,"),
        ("{\"method\":\"LIST_SUBSCRIPTIONS\",\"id\":true}", "{\"code\":2,"),
        ("{\"method\":\"LIST_SUBSCRIPTIONS\",\"id\":\"a-b\"}", "{\"code\":2,"),
        ("nonsense", "{\"code\":3,"), ("{\"method\":", "{\"code\":3,"), ("", "{\"code\":3,"),
    ])
    func `requests are answered as the exchange does`(request: String, reply: String) async throws {
        try await withSimulator(idle) { _, port in
            let client = try await WebSocketTestClient(port: port, path: "/ws")
            // Each case starts where the ones before it in the table left off.
            if reply.contains("b@trade") || request.contains("UNSUB") {
                try await client.send("{\"method\":\"SUBSCRIBE\",\"params\":[\"a@trade\",\"b@trade\"],\"id\":0}")
            }
            if reply.contains("[\"b@trade") {
                try await client.send("{\"method\":\"UNSUBSCRIBE\",\"params\":[\"a@trade\"],\"id\":0}")
            }
            if reply.contains("true,\"id\":null") {
                try await client.send("{\"method\":\"SET_PROPERTY\",\"params\":[\"combined\",true],\"id\":0}")
            }
            try await client.send(request)
            try await waitUntil("the reply to \(request)") {
                client.state.texts.last.map { $0.hasPrefix(reply) } ?? false
            }
            let last = try #require(client.state.texts.last)
            #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(last.utf8)) }
            #expect(!client.state.isClosed)
        }
    }

    @Test func `streams come and go by request, and the envelope with its property`() async throws {
        try await withSimulator(.synthetic(1_000_000, symbols: 2, quotePercent: 50, pacing: .recorded)) { _, port in
            let client = try await WebSocketTestClient(port: port, path: "/ws/btcusdt@trade")
            try await waitUntil("raw trades") { client.messageCount > 5 }
            #expect(client.state.texts.allSatisfy { $0.hasPrefix("{\"e\":\"trade\"") })
            try await client.send("{\"method\":\"SET_PROPERTY\",\"params\":[\"combined\",true],\"id\":1}")
            try await client.send("{\"method\":\"SUBSCRIBE\",\"params\":[\"ethusdt@bookTicker\"],\"id\":2}")
            try await waitUntil("wrapped quotes") {
                client.state.texts.contains { $0.hasPrefix("{\"stream\":\"ethusdt@bookTicker\",\"data\":{\"u\":") }
            }
            try await client.send(
                "{\"method\":\"UNSUBSCRIBE\",\"params\":[\"btcusdt@trade\",\"ethusdt@bookTicker\"],\"id\":3}")
            try await waitUntil("the reply") { client.state.texts.contains("{\"result\":null,\"id\":3}") }
            // Requests are answered in order with the data, so nothing may follow the reply.
            try await client.send("{\"method\":\"LIST_SUBSCRIPTIONS\",\"id\":4}")
            try await waitUntil("the list") { client.state.texts.contains("{\"result\":[],\"id\":4}") }
            #expect(client.state.texts.suffix(2) == ["{\"result\":null,\"id\":3}", "{\"result\":[],\"id\":4}"])
        }
    }

    @Test(
        arguments: [
            ("/", 404), ("/wss/btcusdt@trade", 404), ("/stream/btcusdt@trade", 404), ("/api/v3/ping", 404),
            ("/ws/\(String(repeating: "x/", count: 3))%zz", 404),
        ] as [(String, UInt)])
    func `other paths are not found`(path: String, status: UInt) async throws {
        try await withSimulator(idle) { _, port in
            let error = await #expect(throws: WebSocketTestClient.Refused.self) {
                _ = try await WebSocketTestClient(port: port, path: path)
            }
            #expect(error?.status == status)
        }
    }

    @Test(arguments: [
        "/ws", "/ws/", "/stream", "/stream?streams=", "/public/ws/btcusdt@trade", "/market/stream?streams=a@b",
    ])
    func `known paths are accepted with and without streams`(path: String) async throws {
        try await withSimulator(idle) { simulator, port in
            _ = try await WebSocketTestClient(port: port, path: path)
            try await waitUntil("the connection") { simulator.statistics.connectionsAccepted == 1 }
        }
    }

    @Test func `pings carry a payload, and a client that never answers is closed`() async throws {
        var configuration = idle
        configuration.pingInterval = .milliseconds(20)
        configuration.pongTimeout = .seconds(1)
        try await withSimulator(configuration) { simulator, port in
            let good = try await WebSocketTestClient(port: port, path: "/ws")
            let bad = try await WebSocketTestClient(port: port, path: "/ws", answersPings: false)
            try await waitUntil("the close") { bad.state.isClosed }
            #expect(bad.state.closeCode == 1008 && simulator.statistics.connectionsTooSlow == 1)
            let pings = good.state.pings.count
            try await waitUntil("more pings") { good.state.pings.count > pings + 10 }
            #expect(!good.state.isClosed)
            #expect(good.state.pings.allSatisfy { $0.count == 13 && Int($0) != nil })
        }
    }

    @Test func `a pong that comes while the exchange stands still is not overdue`() async throws {
        var configuration = SimulatorConfiguration.synthetic(1_000, pacing: .speed(0.01))
        configuration.pingInterval = .milliseconds(20)
        configuration.pongTimeout = .seconds(2)
        let messages = Atomic(0)
        let ledger: @Sendable (LedgerEntry) -> Void = { _ in
            // On the event loop, some pings after the start and longer than a pong may take.
            if messages.wrappingAdd(1, ordering: .relaxed).newValue == 3 { usleep(2_500_000) }
        }
        try await withSimulator(configuration, ledger: ledger) { simulator, port in
            let client = try await WebSocketTestClient(port: port, path: "/ws/btcusdt@trade", answersPings: false)
            try await waitUntil("the standstill") { messages.load(ordering: .relaxed) == 3 }
            let pings = client.state.pings.count
            try await client.send(.pong, ByteBuffer())
            try await waitUntil("pings after it") { client.state.pings.count > pings + 10 }
            #expect(!client.state.isClosed && simulator.statistics.connectionsTooSlow == 0)
        }
    }

    @Test func `pings are answered with their payload and close frames with their code`() async throws {
        try await withSimulator(idle) { simulator, port in
            let client = try await WebSocketTestClient(port: port, path: "/ws")
            try await client.send(.ping, ByteBuffer(string: "payload"))
            try await waitUntil("the pong") { client.state.pongs == ["payload"] }
            var code = ByteBuffer()
            code.writeInteger(UInt16(4_001))
            try await client.send(.connectionClose, code)
            try await waitUntil("the close") { client.state.isClosed }
            #expect(client.state.closeCode == 4_001)
            try await waitUntil("gone") { simulator.statistics.connectionsOpen == 0 }
        }
    }

    @Test func `unmasked, binary and oversized frames end the connection`() async throws {
        try await withSimulator(idle) { _, port in
            let unmasked = try await WebSocketTestClient(port: port, path: "/ws")
            try await unmasked.send(.text, ByteBuffer(string: "{}"), masked: false)
            let binary = try await WebSocketTestClient(port: port, path: "/ws")
            try await binary.send(.binary, ByteBuffer(string: "{}"))
            let large = try await WebSocketTestClient(port: port, path: "/ws")
            for fin in [false, true] {
                let opcode: WebSocketOpcode = fin ? .continuation : .text
                try await large.send(opcode, ByteBuffer(repeating: 0x20, count: 40 << 10), fin: fin)
            }
            try await waitUntil("all closed") { [unmasked, binary, large].allSatisfy { $0.state.isClosed } }
            #expect(unmasked.state.closeCode == 1002 && binary.state.closeCode == 1003)
            #expect(large.state.closeCode == 1009)
        }
    }

    @Test func `a request may come in fragments`() async throws {
        try await withSimulator(idle) { _, port in
            let client = try await WebSocketTestClient(port: port, path: "/ws")
            try await client.send(.text, ByteBuffer(string: "{\"method\":\"LIST_SUB"), fin: false)
            try await client.send(.ping, ByteBuffer(string: "between"))
            try await client.send(.continuation, ByteBuffer(string: "SCRIPTIONS\",\"id\":1}"))
            try await waitUntil("the reply") { client.state.texts == ["{\"result\":[],\"id\":1}"] }
            #expect(client.state.pongs == ["between"])
        }
    }

    @Test func `connections end at their lifetime, beyond the limit and when the simulator stops`() async throws {
        var configuration = idle
        configuration.maximumConnections = 1
        configuration.connectionLifetime = .milliseconds(300)
        try await withSimulator(configuration) { simulator, port in
            let client = try await WebSocketTestClient(port: port, path: "/ws")
            let refused = await #expect(throws: WebSocketTestClient.Refused.self) {
                _ = try await WebSocketTestClient(port: port, path: "/ws")
            }
            #expect(refused?.status == 503)
            #expect(simulator.statistics.connectionsRefused == 1)
            try await waitUntil("the lifetime") { client.state.isClosed }
            #expect(client.state.closeCode == 1001)
        }
        configuration.connectionLifetime = .seconds(1_000)
        var survivor: WebSocketTestClient?
        try await withSimulator(configuration) { _, port in
            survivor = try await WebSocketTestClient(port: port, path: "/ws")
        }
        let closed = try #require(survivor)
        try await waitUntil("the stop") { closed.state.isClosed }
        #expect(closed.state.closeCode == 1001)
    }
}
