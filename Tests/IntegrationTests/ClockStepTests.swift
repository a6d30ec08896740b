import ExchangeSimulator
import Foundation
import Glibc
import Logging
import TestSupport
import Testing

/// Fault D6: the wall clock steps by an hour while the product runs.
@Suite(.timeLimit(.minutes(2))) struct ClockStepTests {
    @Test func `D6 steps of an hour disturb neither latencies nor connections nor signals`() async throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let library = try PreloadLibrary("Tests/IntegrationTests/Preload/clock_preload.c", folder: folder.url)
        let clock = folder.url.appendingPathComponent("clock")
        try Data(count: 8).write(to: clock)
        let offset = try FileHandle(forWritingTo: clock)
        let market = SyntheticMarket(
            seed: 1, symbols: SyntheticMarket.wellKnownSymbols(count: 1), eventsPerSecond: 1_000, quotePercent: 0)
        let exchange = ExchangeSimulator(
            configuration: SimulatorConfiguration(source: .synthetic(market)),
            logger: Logger(label: "exchange", factory: { _ in SwiftLogNoOpLogHandler() }))
        let port = try await exchange.start()
        let run = try RunningTickline(
            [
                "--feed", "simulator=ws://127.0.0.1:\(port)/ws/btcusdt@trade", "--short", "5", "--long", "20",
                "--store", "none",
            ], folder: folder.url,
            launcher: ["/usr/bin/env", "LD_PRELOAD=\(library.path)", "CLOCK_OFFSET_FILE=\(clock.path)"])
        let steps = 1_000
        var log = try RunLog(run.process)
        // The process's clock is seen in its signals: an hour ahead, an hour behind, right again.
        func set(hours: Int64) throws {
            try offset.seek(toOffset: 0)
            try offset.write(contentsOf: withUnsafeBytes(of: hours * 3_600_000_000_000) { Data($0) })
        }
        for hours in [0, 1, -1, 0] as [Int64] {
            try set(hours: hours)
            let seen = log.signals.count
            try await waitUntil("signals of a clock \(hours) h ahead") {
                try log.update()
                return log.signals[seen...].count { abs($0.received.timeIntervalSinceNow - Double(hours) * 3_600) < 60 }
                    >= 20
            }
        }
        // Steps so dense that some fall between a tick's read and its decision.
        for step in 0..<steps {
            try set(hours: step % 2 == 0 ? 1 : -1)
            usleep(1_000)
        }
        #expect(run.process.stop() == 0)
        await exchange.stop()
        let summary = try Data(contentsOf: folder.url.appendingPathComponent("run.json"))
        let object = try #require(try JSONSerialization.jsonObject(with: summary) as? [String: Any])
        let counts = try #require(object["counts"] as? [String: Int])
        let (reconnects, gaps) = (counts["reconnects"] ?? -1, counts["gaps"] ?? -1)
        #expect(reconnects == 0 && gaps == 0 && counts["dropped"] == 0)
        var (samples, longest) = (0, 0.0)
        for stage in try #require(object["stages"] as? [String: [String: Any]]).values {
            samples += try #require(stage["count"] as? Int)
            longest = max(longest, try #require(stage["max"] as? Double))
        }
        print(
            "figure: D6 \(steps + 3) clock steps of one or two hours, both ways: \(samples) latency samples, longest "
                + String(format: "%.1f ms", longest / 1e6) + ", reconnects \(reconnects), gaps \(gaps)")
        // A negative sample would be one of 2⁶⁴ nanoseconds.
        #expect(longest < 60e9)
    }
}
