import Foundation
import TestSupport
import Testing

@testable import ExchangeSimulator

/// The trade history while the market goes on: what faults kept from the stream, what passed without a client, and how
/// much of it is kept.
@Suite(.serialized) struct LiveHistoryTests {
    private static let stream = "btcusdt@trade"
    private static let trades = "/api/v3/historicalTrades?symbol=BTCUSDT"

    private func ids(_ client: WebSocketTestClient) -> [UInt64] {
        client.state.texts.compactMap { field("t", of: Substring($0)).flatMap { UInt64($0) } }
    }

    @Test func `what faults kept from the stream or spoiled is in the history as it was`() async throws {
        var plain: [Substring] = []
        try await withFinishedReplay(.synthetic(2_000), streams: Self.stream) { port in
            plain = try await askForAll(port, Self.trades)
        }
        #expect(plain.count == 2_000)
        var configuration = SimulatorConfiguration.synthetic(2_000)
        configuration.faults = [
            FaultRule(.gap(count: 50), on: Self.stream, .everyMessages(300)),
            FaultRule(.malformed(nil, count: 1), .afterMessages(10)),
            FaultRule(.duplicate(count: 3), .everyMessages(70)),
            FaultRule(.reorder(count: 8), .everyMessages(110)),
            FaultRule(.spike(factor: 10, count: 5), .everyMessages(130)),
            FaultRule(.malformed(.wrongID, count: 2), .everyMessages(170)),
        ]
        try await withFinishedReplay(configuration, streams: Self.stream) { port in
            let faulty = try await askForAll(port, Self.trades)
            #expect(faulty == plain)
        }
    }

    @Test func `a reader fills its gap by id while the stream goes on`() async throws {
        var configuration = SimulatorConfiguration.synthetic(10_000_000, pacing: .recorded)
        configuration.faults = [FaultRule(.gap(count: 40), on: Self.stream, .afterMessages(100))]
        try await withSimulator(configuration) { simulator, port in
            let client = try await WebSocketTestClient(port: port, path: "/ws/\(Self.stream)")
            try await waitUntil("messages behind the gap") { client.messageCount > 200 }
            let received = ids(client)
            let before = try #require(zip(received, received.dropFirst()).first { $0 + 1 != $1 })
            #expect(before.1 - before.0 == 41)
            let answer = try await ask(port, "\(Self.trades)&fromId=\(before.0 + 1)&limit=40")
            #expect(answer.ids == Array(before.0 + 1..<before.1))
            // Asked again and again, the stream is none the worse.
            for _ in 0..<50 {
                let newest = try await ask(port, "\(Self.trades)&limit=1000")
                let last = try #require(newest.ids.last)
                #expect(newest.ids == Array(last + 1 - UInt64(newest.ids.count)...last))
            }
            try await waitUntil("more") { client.messageCount > 400 }
            let all = ids(client)
            #expect(zip(all, all.dropFirst()).filter { $0 + 1 != $1 }.count == 1)
            #expect(simulator.statistics.restRequests == 51 && simulator.statistics.restRefused == 0)
        }
    }

    @Test func `trades that passed while nobody was connected are there`() async throws {
        try await withSimulator(.synthetic(10_000_000, pacing: .recorded)) { simulator, port in
            #expect(try await ask(port, Self.trades).body == "[]")
            let client = try await WebSocketTestClient(port: port, path: "/ws/\(Self.stream)")
            try await waitUntil("messages") { client.messageCount > 10 }
            await client.disconnect()
            try await waitUntil("nobody connected") { simulator.statistics.connectionsOpen == 0 }
            let left = simulator.statistics.messagesReplayed
            try await waitUntil("the market to go on") { simulator.statistics.messagesReplayed > left + 200 }
            let last = try #require(ids(client).last)
            let missed = try await ask(port, "\(Self.trades)&fromId=\(last + 1)&limit=200")
            #expect(missed.ids == Array(last + 1...last + 200))
        }
    }

    /// A market of so many trades whose ids begin anew with each run.
    private func run(ofTrades count: Int) -> SimulatorConfiguration {
        let market = SyntheticMarket(
            seed: 7, symbols: SyntheticMarket.wellKnownSymbols(count: 1), quotePercent: 0, eventLimit: count)
        return SimulatorConfiguration(source: .synthetic(market), pacing: .asFastAsPossible)
    }

    @Test func `of each symbol the newest trades are kept`() async throws {
        let kept = TradeHistory.maximumTradesPerSymbol
        try await withSimulator(run(ofTrades: kept + 5_000)) { simulator, port in
            let client = try await WebSocketTestClient(port: port, path: "/ws/\(Self.stream)")
            try await waitUntil("the end", timeout: .seconds(60)) {
                simulator.statistics.isFinished && client.messageCount > 0
            }
            let first = try #require(ids(client).first)
            let oldest = try await ask(port, "\(Self.trades)&fromId=\(first)&limit=2")
            #expect(oldest.ids == [first + 5_000, first + 5_001])
            // Some trades share an aggregate, far fewer than have been forgotten.
            let aggregates = try await askForAll(port, "/api/v3/aggTrades?symbol=BTCUSDT")
            #expect(aggregates.count == kept)
            let newest = try await ask(port, "\(Self.trades)&limit=1")
            #expect(newest.ids == [first + UInt64(kept) + 4_999])
        }
    }

    @Test func `a new run of the market begins with no history`() async throws {
        try await withSimulator(run(ofTrades: 50)) { simulator, port in
            for run in 1...2 {
                let client = try await WebSocketTestClient(port: port, path: "/ws/\(Self.stream)")
                try await waitUntil("the end") {
                    simulator.statistics.replaysFinished == run && client.messageCount == 50
                }
                let answer = try await ask(port, "\(Self.trades)&fromId=0&limit=1000")
                #expect(answer.ids == ids(client))
                await client.disconnect()
                try await waitUntil("nobody connected") { simulator.statistics.connectionsOpen == 0 }
            }
        }
    }

    @Test func `a ring forgets the oldest and never grows beyond its capacity`() {
        var ring = HistoryRing<Int>(capacity: 4)
        #expect(ring.last == nil && ring.firstPosition { $0 > 0 } == 0)
        for value in 0..<11 {
            ring.append(value)
            let kept = Array(max(0, value - 3)...value)
            #expect((0..<ring.count).map { ring[$0] } == kept && ring.last == value)
            #expect(ring.firstPosition { $0 >= kept[kept.count / 2] } == kept.count / 2)
            #expect(ring.firstPosition { $0 > value } == ring.count)
        }
        ring.removeAll()
        ring.append(99)
        #expect(ring.count == 1 && ring[0] == 99)
    }
}
