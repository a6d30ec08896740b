import Foundation
import TestSupport
import Testing

@testable import ExchangeSimulator

/// Faults of messages, each seen by a client and checked against the ledger.
@Suite(.serialized) struct MessageFaultTests {
    private static let stream = "btcusdt@trade"

    /// A trade as a client that trusts nothing reads it; nil for what is no sound trade.
    private struct Trade: Equatable {
        var id: UInt64
        var price: String

        init?(_ message: [UInt8]) {
            guard let object = try? JSONSerialization.jsonObject(with: Data(message)) as? [String: Any],
                let id = object["t"] as? NSNumber, let price = object["p"] as? String, Double(price)?.isFinite == true,
                String(cString: id.objCType) != "c"
            else { return nil }
            self.id = id.uint64Value
            self.price = price
        }
    }

    /// What a client got and the ledger says of 1,000 trades with `rules`.
    private func run(
        _ rules: FaultRule..., atLeast count: Int = 1_000
    ) async throws -> (received: Received, ledger: [LedgerEntry], statistics: SimulatorStatistics) {
        var configuration = SimulatorConfiguration.synthetic(1_000)
        configuration.faults = rules
        let ledger = LedgerCollector()
        var result: (Received, SimulatorStatistics)?
        try await withSimulator(configuration, ledger: { ledger.record($0) }) { simulator, port in
            let client = try await WebSocketTestClient(port: port, path: "/ws/\(Self.stream)")
            try await waitUntil("the end") {
                simulator.statistics.isFinished && client.messageCount >= count || client.state.isClosed
            }
            result = (client.state, simulator.statistics)
        }
        let (received, statistics) = try #require(result)
        return (received, ledger.entries, statistics)
    }

    /// Ids the ledger calls readable, in its order.
    private func readable(_ ledger: [LedgerEntry]) -> [UInt64] {
        ledger.filter(\.treatment.isReadable).compactMap(\.firstID)
    }

    @Test func `a gap is marked in the ledger and missing on the wire`() async throws {
        let (received, ledger, statistics) = try await run(
            FaultRule(.gap(count: 5), on: Self.stream, .everyMessages(100)), atLeast: 955)
        let ids = received.messages.compactMap { Trade($0)?.id }
        #expect(ids == readable(ledger) && ids.count == 955)
        #expect(ledger.filter { $0.treatment == .withheld }.count == 45 && statistics.messagesWithheld == 45)
        #expect(ledger.compactMap(\.firstID).count == 1_000)
    }

    @Test(arguments: [1, 3]) func `duplicates come once more, after all of their count`(count: Int) async throws {
        let (received, ledger, statistics) = try await run(
            FaultRule(.duplicate(count: count), .afterMessages(10)), atLeast: 1_000 + count)
        let ids = received.messages.compactMap { Trade($0)?.id }
        let first = try #require(ids.first)
        let expected =
            Array(0..<UInt64(10 + count)) + Array(10..<UInt64(10 + count)) + Array(UInt64(10 + count)..<1_000)
        #expect(ids == expected.map { first + $0 } && ids == readable(ledger))
        #expect(ledger.filter { $0.treatment == .duplicate }.count == count && statistics.messagesRepeated == count)
    }

    @Test(arguments: [2, 8]) func `a window comes in another order, each message once`(count: Int) async throws {
        let (received, ledger, statistics) = try await run(FaultRule(.reorder(count: count), .everyMessages(50)))
        let ids = received.messages.compactMap { Trade($0)?.id }
        #expect(ids == readable(ledger) && ids.sorted() == Array(ids.min()!...ids.max()!) && ids.count == 1_000)
        let moved = ids.enumerated().filter { $1 != ids[0] + UInt64($0) }.count
        #expect(moved == statistics.messagesReordered && moved >= 19 * 2)
        #expect(moved == ledger.filter { $0.treatment == .reordered }.count)
    }

    @Test func `a window that the end cuts short goes out all the same`() async throws {
        let (received, _, _) = try await run(FaultRule(.reorder(count: 100), .afterMessages(990)))
        #expect(Set(received.messages.compactMap { Trade($0)?.id }).count == 1_000)
    }

    @Test func `a spike multiplies the price and nothing else`() async throws {
        let plain = try await run()
        let spiked = try await run(FaultRule(.spike(factor: 10, count: 3), .afterMessages(100)))
        let before = plain.received.messages.compactMap { Trade($0) }
        let after = spiked.received.messages.compactMap { Trade($0) }
        let changed = zip(before, after).enumerated().filter { $1.0 != $1.1 }
        #expect(before.count == 1_000 && after.count == 1_000 && changed.map(\.offset) == [100, 101, 102])
        for (_, (before, after)) in changed {
            #expect(before.id == after.id && abs(Double(after.price)! - Double(before.price)! * 10) < 1e-6)
            #expect(after.price.split(separator: ".").last?.count == 8)
        }
        #expect(spiked.ledger.filter { $0.treatment == .spiked }.count == 3)
    }

    @Test(arguments: [Malformation.truncated, .wrongTypes, .garbage, .nested, .nan, .wrongID])
    func `a malformed message is unusable and the connection goes on`(kind: Malformation) async throws {
        let (received, ledger, statistics) = try await run(FaultRule(.malformed(kind, count: 2), .afterMessages(100)))
        #expect(received.messages.count == 1_000 && !received.isClosed && statistics.messagesMalformed == 2)
        let readable = readable(ledger)
        let sound = received.messages.compactMap { Trade($0)?.id }.filter { readable.contains($0) }
        #expect(sound == readable && readable.count == 998)
        #expect(ledger.filter { $0.treatment == .malformed(kind) }.count == 2)
        if kind == .nested {
            // A reader without a limit of its own gets the trade.
            #expect(received.messages[100].count > 20_000 && received.texts[100].contains("[[[[[["))
        } else {
            #expect(received.messages[100...101].allSatisfy { Trade($0).map { !readable.contains($0.id) } ?? true })
        }
    }

    @Test func `messages of the wrong kind and size reach the wire as such`() async throws {
        let binary = try await run(FaultRule(.malformed(.binary, count: 1), .afterMessages(5)), atLeast: 999)
        #expect(binary.received.messages.count == 999)
        let invalid = try await run(FaultRule(.malformed(.invalidUTF8, count: 1), .afterMessages(5)))
        #expect(String(validating: invalid.received.messages[5], as: UTF8.self) == nil)
        // The client takes frames of up to 1 MiB and ends the connection on larger ones.
        for kind in [Malformation.oversized, .lyingLength] {
            let large = try await run(FaultRule(.malformed(kind, count: 1), .afterMessages(5)))
            #expect(large.received.messages.count == 5 && large.received.error != nil, "\(kind)")
        }
    }

    @Test func `without a kind each is drawn from the seed, and a seed repeats itself`() throws {
        func kinds(_ seed: UInt64) throws -> [MessageTreatment] {
            let generator = SyntheticGenerator(SyntheticMarket(seed: 1), wallNanos: 1_723_161_255_000_000_000)
            var plan = FaultPlan(streams: generator.streams, seed: seed)
            #expect(try plan.take(.malformed(nil, count: 50), on: "btcusdt@trade"))
            var treatments: [MessageTreatment] = []
            while let head = generator.head, treatments.count < 50 {
                if !plan.isSound(head.stream) {
                    treatments += plan.deliveries(of: StoredMessage(generator, head)).map(\.treatment)
                }
                generator.advance()
            }
            return treatments
        }
        let first = try kinds(1)
        #expect(Set(first).count > 5)
        #expect(try kinds(1) == first)
        #expect(try kinds(2) != first)
    }

    @Test func `faults wait for a message that somebody gets, and calm ends them`() async throws {
        let ledger = LedgerCollector()
        try await withSimulator(
            .synthetic(1_000_000, symbols: 2, pacing: .recorded), ledger: { ledger.record($0) }
        ) { simulator, port in
            try await simulator.inject(.gap(count: 2), on: Self.stream)
            let other = try await WebSocketTestClient(port: port, path: "/ws/ethusdt@trade")
            try await waitUntil("the other's messages") { other.messageCount > 20 }
            #expect(simulator.statistics.messagesWithheld == 0)
            let client = try await WebSocketTestClient(port: port, path: "/ws/\(Self.stream)")
            try await waitUntil("messages") { client.messageCount > 20 }
            #expect(simulator.statistics.messagesWithheld == 2)
            try await simulator.inject(.gap(count: 1_000_000), on: "ethusdt@trade")
            try await waitUntil("silence") { simulator.statistics.messagesWithheld > 10 }
            let heard = other.messageCount
            try await simulator.inject(.reorder(count: 10_000), on: Self.stream)
            try await simulator.inject(.calm)
            try await waitUntil("all go on") { other.messageCount > heard + 10 }
            // What came between reorder and calm was held back and is released shuffled; none of it is missing.
            let ids = client.state.messages.compactMap { Trade($0)?.id }.sorted()
            #expect(zip(ids, ids.dropFirst()).allSatisfy { $1 == $0 + 1 })
            await #expect(throws: SimulatorError.unknownStream("none@trade")) {
                try await simulator.inject(.gap(count: 1), on: "none@trade")
            }
        }
    }
}
