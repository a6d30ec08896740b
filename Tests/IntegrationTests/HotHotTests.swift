import ExchangeSimulator
import Foundation
import Logging
import TestSupport
import Testing

/// Two engines on the same feed that publish to the same stream: each signal is one entry, whoever is quicker, and whoever dies.
@Suite(.serialized, .timeLimit(.minutes(10)), .enabled(if: SharedData.shouldRun)) struct HotHotTests {
    private let folder = try! TemporaryFolder("tickline-hot")
    private static let lastTrade: UInt64 = 3_735_693_015

    @Test(arguments: [nil, 0, 1] as [Int?])
    func `of two engines' signals each is one entry, and killing either leaves no gap`(killed: Int?) async throws {
        defer { folder.remove() }
        let redis = try await RedisServer()
        let ledger = LedgerCollector()
        let exchange = ExchangeSimulator(
            configuration: SimulatorConfiguration(source: .recordings([RecordedRunTests.spot]), pacing: .speed(24)),
            logger: Logger(label: "exchange", factory: { _ in SwiftLogNoOpLogHandler() }),
            ledger: { ledger.record($0) })
        let port = try await exchange.start()
        let engines = try (0...1).map { number in
            try RunningTickline(
                [
                    "--feed", "ws://127.0.0.1:\(port)/ws/btcusdt@trade", "--store", "none", "--publish", "once",
                    "--redis", redis.url,
                ], folder: folder.url, name: "engine\(number)")
        }
        if let killed {
            try await waitUntil("both have published or been refused") {
                for engine in engines where await Self.handled(engine) < 5 { return false }
                return true
            }
            engines[killed].process.stop(SIGKILL)
        }
        let alive = engines.indices.filter { $0 != killed }.map { engines[$0] }
        let expected = try RecordedRunTests.crossings("binance_btcusdt_trade_20240808", exchange: "binance")
        // The one that came up second may have missed the first crossing, which is then the other one's.
        try await waitUntil("all signals", timeout: .seconds(60)) {
            guard ledger.entries.contains(where: { $0.firstID == Self.lastTrade }),
                try redis.entries(of: "trade_signals_stream").count >= expected.count
            else { return false }
            for engine in alive where await Self.handled(engine) < Int(await engine.metric("tickline_signals_total")) {
                return false
            }
            return true
        }
        var (published, refused) = (0, 0)
        for engine in alive {
            published += Int(await engine.metric("tickline_published_total"))
            refused += Int(await engine.metric("tickline_publish_duplicates_total"))
        }
        for engine in alive { #expect(engine.process.stop() == 0) }
        await exchange.stop()
        let entries = try redis.entries(of: "trade_signals_stream")
        let ids = entries.map { $0.fields["id"] ?? "" }
        #expect(ids == expected.keys.sorted(), "lost or doubled")
        // Of what a killed engine was refused there is no word, and a quicker one is refused nothing.
        if killed == nil { #expect(published == expected.count && refused > 0) }
        let pause = Self.latestAfterSending(entries, ledger.entries)
        print(
            "figure: two engines, \(killed.map { "the \($0 == 0 ? "first" : "second") killed" } ?? "none killed"):"
                + " \(ids.count) signals once, \(refused) duplicates refused to those that live;"
                + String(format: " most an entry came later than the quickest %.0f ms", pause))
        // A pause would be as long as another engine takes to come up.
        #expect(pause < 1_000)
    }

    /// Signals that an engine has published, or has not since the other one had.
    private static func handled(_ engine: RunningTickline) async -> Int {
        var sum = 0
        for name in ["published", "publish_duplicates", "published_already"] {
            sum += Int(await engine.metric("tickline_\(name)_total"))
        }
        return sum
    }

    /// How much later than the quickest entry the slowest was written, counted from the first sending of its trade, ms.
    private static func latestAfterSending(_ entries: [StreamEntry], _ ledger: [LedgerEntry]) -> Double {
        var sent: [UInt64: Int64] = [:]
        for entry in ledger {
            guard let id = entry.firstID, sent[id] == nil else { continue }
            sent[id] = entry.sentNanos
        }
        let delays = entries.compactMap { entry -> Double? in
            guard let written = entry.id.split(separator: "-").first.flatMap({ Double($0) }),
                let tick = entry.fields["tickId"].flatMap({ UInt64($0) }), let nanos = sent[tick]
            else { return nil }
            return written - Double(nanos) / 1e6
        }
        return (delays.max() ?? .infinity) - (delays.min() ?? 0)
    }
}
