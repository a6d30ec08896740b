import ExchangeSimulator
import Foundation
import Glibc
import Logging
import TestSupport
import Testing

/// A start that waits for room in its journal for what it takes over.
@Suite(.serialized, .timeLimit(.minutes(5))) struct StopWhileTakingOverTests {
    /// With averages over one and two of them each trade is a signal from the third on: more than an outbox and a ring hold.
    private static let trades = 100_000
    private let folder = try! TemporaryFolder("tickline-stop-taking-over")

    private func exchange() async throws -> (simulator: ExchangeSimulator, port: Int) {
        let lines = (1...Self.trades).map { id in
            #"{"e":"trade","E":\#(1_723_161_255_000 + id),"s":"BTCUSDT","t":\#(id),"p":"\#(100 + id % 2).00","#
                + #""q":"1.0","T":\#(1_723_161_255_000 + id),"m":true,"M":true}"#
        }
        let file = folder.url.appendingPathComponent("trades.ndjson")
        try (lines.joined(separator: "\n") + "\n").write(to: file, atomically: true, encoding: .utf8)
        var configuration = SimulatorConfiguration(source: .recordings([file.path]), pacing: .asFastAsPossible)
        configuration.replaysAgain = false
        let simulator = ExchangeSimulator(
            configuration: configuration, logger: Logger(label: "exchange", factory: { _ in SwiftLogNoOpLogHandler() }))
        return (simulator, try await simulator.start())
    }

    private func run(
        _ name: String, port: Int, redis: String, environment: [String: String] = [:]
    ) throws -> RunningTickline {
        try RunningTickline(
            [
                "--feed", "ws://127.0.0.1:\(port)/ws/btcusdt@trade", "--short", "1", "--long", "2", "--refill", "0",
                "--store", "none", "--redis", redis,
            ], environment: environment, folder: folder.url, name: name, data: "data")
    }

    @Test func `a stop ends the wait at once with the summary, and the next start takes all over`() async throws {
        defer { folder.remove() }
        let redis = try await RedisServer()
        redis.kill()
        let (simulator, port) = try await exchange()
        let first = try run("first", port: port, redis: redis.url)
        try await waitUntil("outbox and ring are full", timeout: .seconds(60)) {
            await first.metric("tickline_ring_occupancy") >= 65_536
        }
        first.process.stop(SIGKILL)
        await simulator.stop()
        let journal = folder.url.appendingPathComponent("data/journal").path
        let segment = try #require(
            try FileManager.default.contentsOfDirectory(atPath: journal).first { $0.hasPrefix("engine-0.") })
        let bytes = try #require(
            try FileManager.default.attributesOfItem(atPath: "\(journal)/\(segment)")[.size] as? Int)
        let library = try PreloadLibrary("Tests/IntegrationTests/Preload/withhold_preload.c", folder: folder.url)
        let second = try run(
            "second", port: 1, redis: redis.url,
            environment: ["LD_PRELOAD": library.path, "WITHHELD_BYTES": "\(bytes)"])
        try await waitUntil("it waits for a segment", timeout: .seconds(60)) {
            await second.metric("tickline_engine_stalls_total") > 100
        }
        let start = ContinuousClock.now
        #expect(second.process.stop() == 0)
        let took = ContinuousClock.now - start
        #expect(took < .seconds(2), "\(second.process.output.suffix(2_000))")
        let summary = try Data(contentsOf: folder.url.appendingPathComponent("second.json"))
        #expect(try JSONSerialization.jsonObject(with: summary) is [String: Any])
        try await redis.restart()
        let third = try run("third", port: 1, redis: redis.url)
        try await waitUntil("all is published", timeout: .seconds(60)) {
            await third.metric("tickline_published_total") >= 81_000
        }
        #expect(third.process.stop() == 0)
        let ticks = try redis.entries(of: "trade_signals_stream").compactMap { $0.fields["tickId"].flatMap { Int($0) } }
        #expect(ticks.count > 81_000 && ticks == Array(3..<ticks.count + 3))
        print(
            "figure: a stop while the start waits for its journal took \(took); \(ticks.count) signals published once later"
        )
    }
}
