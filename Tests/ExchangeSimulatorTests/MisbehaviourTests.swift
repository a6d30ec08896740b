import ExchangeSimulator
import NIOCore
import NIOWebSocket
import TestSupport
import Testing

@Suite(.serialized) struct MisbehaviourTests {
    private static let path = "/ws/btcusdt@trade"

    /// Trade ids of raw messages.
    private func ids(_ client: WebSocketTestClient) -> [Int] {
        client.state.texts.compactMap { $0.split(separator: "\"t\":").last.map { Int($0.prefix { $0 != "," }) ?? -1 } }
    }

    @Test func `a close cut sends exactly the messages before it and the code`() async throws {
        var configuration = SimulatorConfiguration.synthetic(10_000)
        configuration.faults = [FaultRule(.cut(.close(code: 1012)), .afterMessages(137))]
        try await withSimulator(configuration) { simulator, port in
            var all: [Int] = []
            for _ in 1...3 {
                let client = try await WebSocketTestClient(port: port, path: Self.path)
                try await waitUntil("the cut") { client.state.isClosed }
                #expect(client.messageCount == 137 && client.state.closeCode == 1012)
                all += ids(client)
                try await waitUntil("gone") { simulator.statistics.connectionsOpen == 0 }
            }
            #expect(all == Array(all[0]..<all[0] + 3 * 137), "as fast as possible nothing passes between connections")
            #expect(simulator.statistics.connectionsCut == 3)
        }
    }

    @Test func `a reset cut is seen as a reset`() async throws {
        var configuration = SimulatorConfiguration.synthetic(10_000, pacing: .speed(0.001))
        configuration.pingInterval = .milliseconds(50)
        try await withSimulator(configuration) { simulator, port in
            let client = try await WebSocketTestClient(port: port, path: Self.path)
            try await waitUntil("a message") { client.messageCount > 0 }
            try await simulator.inject(.cut(.reset))
            try await waitUntil("the cut") { client.state.isClosed }
            #expect(client.state.error?.contains("reset") == true && client.state.closeCode == nil)
            let again = try await WebSocketTestClient(port: port, path: Self.path)
            try await waitUntil("a ping") { !again.state.pings.isEmpty }
            #expect(!again.state.isClosed)
        }
    }

    @Test func `a silenced connection stays open and hears nothing while others go on`() async throws {
        var configuration = SimulatorConfiguration.synthetic(1_000_000, pacing: .recorded)
        configuration.pingInterval = .milliseconds(20)
        try await withSimulator(configuration) { simulator, port in
            let silenced = try await WebSocketTestClient(port: port, path: Self.path)
            try await waitUntil("messages") { silenced.messageCount > 10 }
            try await simulator.inject(.cut(.silence))
            try await waitUntil("the cut") { simulator.statistics.connectionsCut == 1 }
            let other = try await WebSocketTestClient(port: port, path: Self.path)
            try await waitUntil("the other's messages") { other.messageCount > 10 && other.state.pings.count > 2 }
            let before = silenced.state
            try await silenced.send(.ping, ByteBuffer(string: "there?"))
            let count = other.messageCount
            try await waitUntil("more for the other") {
                other.messageCount > count + 100 && other.state.pings.count > 6
            }
            let after = silenced.state
            #expect(after.messages.count == before.messages.count && after.pings.count == before.pings.count)
            #expect(after.pongs.isEmpty && !after.isClosed)
            let first = try #require(ids(other).first)
            let last = try #require(ids(silenced).last)
            #expect(first > last, "a timed replay does not wait")
        }
    }

    @Test func `cuts repeat at an interval and a client that comes back has missed what passed`() async throws {
        var configuration = SimulatorConfiguration.synthetic(1_000_000, pacing: .recorded)
        let often = FaultTrigger.every(.milliseconds(150)...(.milliseconds(150)))
        configuration.faults = [FaultRule(.cut(.close(code: 1001)), often)]
        try await withSimulator(configuration) { simulator, port in
            let first = try await WebSocketTestClient(port: port, path: Self.path)
            try await waitUntil("the cut") { first.state.isClosed }
            let replayed = simulator.statistics.messagesReplayed
            try await waitUntil("time to pass") { simulator.statistics.messagesReplayed > replayed + 100 }
            let second = try await WebSocketTestClient(port: port, path: Self.path)
            try await waitUntil("the next cut") { second.state.isClosed }
            let missed = (ids(second).first ?? 0) - (ids(first).last ?? 0) - 1
            print("missed between two connections: \(missed)")
            #expect(missed >= 100 && simulator.statistics.replaysStarted == 1)
        }
    }

    @Test func `a gap is exactly as long as it was asked for`() async throws {
        var configuration = SimulatorConfiguration.synthetic(1_000)
        configuration.faults = [FaultRule(.gap(count: 7), on: "btcusdt@trade", .afterMessages(100))]
        try await withSimulator(configuration) { simulator, port in
            let client = try await WebSocketTestClient(port: port, path: Self.path)
            try await waitUntil("the end") { client.messageCount >= 993 && simulator.statistics.isFinished }
            let got = ids(client)
            #expect(got.count == 993 && got[100] - got[99] == 8 && got[992] - got[0] == 999)
            #expect(simulator.statistics.messagesWithheld == 7)
            await client.disconnect()
            try await waitUntil("gone") { simulator.statistics.connectionsOpen == 0 }
            try await simulator.inject(.gap(count: 3), on: "btcusdt@trade")
            await #expect(throws: SimulatorError.unknownStream("ethusdt@trade")) {
                try await simulator.inject(.gap(count: 1), on: "ethusdt@trade")
            }
            let again = try await WebSocketTestClient(port: port, path: Self.path)
            try await waitUntil("the end") { again.messageCount >= 990 && simulator.statistics.replaysFinished == 2 }
            #expect(again.messageCount == 990 && ids(again).first == got[3])
        }
    }

    @Test func `fragments and short writes change no byte of a message`() async throws {
        var configuration = SimulatorConfiguration.synthetic(300)
        let plain = try await messages(configuration)
        configuration.faults = [FaultRule(.fragment(maximumBytes: 50)), FaultRule(.shortWrites(maximumBytes: 1))]
        let bent = try await messages(configuration)
        #expect(bent.messages == plain.messages && plain.messages.count == 300)
        #expect(bent.frames >= 900 && plain.frames == 300)
    }

    private func messages(_ configuration: SimulatorConfiguration) async throws -> Received {
        var result = Received()
        try await withSimulator(configuration) { _, port in
            let client = try await WebSocketTestClient(port: port, path: Self.path)
            try await waitUntil("all messages") { client.messageCount >= 300 }
            result = client.state
        }
        return result
    }

    @Test func `a client that does not read is reset in a timed mode and holds an untimed one up`() async throws {
        var timed = SimulatorConfiguration.synthetic(2_000_000, pacing: .speed(1e6))
        timed.maximumOutboundBytes = 1 << 20
        try await withSimulator(timed) { simulator, port in
            let client = try await WebSocketTestClient(port: port, path: "/ws")
            try await client.setReading(false)
            try await client.send("{\"method\":\"SUBSCRIBE\",\"params\":[\"btcusdt@trade\"],\"id\":1}")
            try await waitUntil("the reset") { simulator.statistics.connectionsTooSlow == 1 }
            try await waitUntil("gone") { simulator.statistics.connectionsOpen == 0 }
        }
        try await withSimulator(.synthetic(150_000)) { simulator, port in
            let client = try await WebSocketTestClient(port: port, path: "/ws")
            try await client.setReading(false)
            try await client.send("{\"method\":\"SUBSCRIBE\",\"params\":[\"btcusdt@trade\"],\"id\":1}")
            try await waitUntil("a start") { simulator.statistics.messagesSent > 1_000 }
            var last = -1
            try await waitUntil("a standstill") {
                defer { last = simulator.statistics.messagesSent }
                try await Task.sleep(for: .milliseconds(100))
                return last == simulator.statistics.messagesSent
            }
            #expect(last < 150_000 && !simulator.statistics.isFinished)
            try await client.setReading(true)
            try await waitUntil("the end", timeout: .seconds(60)) { client.messageCount >= 150_001 }
            let got = Array(ids(client).dropFirst())
            #expect(got == Array(got[0]..<got[0] + 150_000), "nothing is dropped")
        }
    }
}
