import Foundation
import TestSupport
import Testing

/// What a run published against what its journal gives again, as a user meets it.
@Suite(.serialized) struct ReplayTests {
    private let folder = try! TemporaryFolder()

    /// The signals among a run's output lines.
    private static func signals(_ output: String) -> [Substring] {
        output.split(separator: "\n").filter { $0.hasPrefix("{\"signal\"") }
    }

    @Test(.enabled(if: SharedData.shouldRun))
    func `two recorded feeds in one run, journaled and replayed, give the same bytes`() async throws {
        defer { folder.remove() }
        let files = ["binance/btcusdt.combined.20240808.ndjson.gz", "binance_usdm/btcusdt.combined.20240808.ndjson.gz"]
        let streams = [
            "btcusdt@trade/btcusdt@bookTicker/btcusdt@depth@100ms",
            "btcusdt@trade/btcusdt@bookTicker/btcusdt@depth@0ms",
        ]
        var feeds: [String] = []
        var simulators: [RunningSimulator] = []
        for (index, name) in ["binance", "binance-usdm"].enumerated() {
            let simulator = try await RunningSimulator(
                [SharedData.path(files[index]), "--speed", "max"], folder: folder.url, name: "simulate\(index)")
            feeds += ["--feed", "\(name)=ws://127.0.0.1:\(simulator.port)/stream?streams=\(streams[index])"]
            simulators.append(simulator)
        }
        let run = try RunningTickline(
            feeds + ["--short", "5", "--long", "20", "--store", "none", "--journal-budget", "256"], folder: folder.url)
        try await waitUntil("all ticks taken") { await run.metric("tickline_ticks_total") >= 135_201 }
        #expect(run.process.stop() == 0)
        for simulator in simulators { simulator.process.stop() }
        let live = Self.signals(run.process.output)
        #expect(live.count == 221 + 605)
        let data = folder.url.appendingPathComponent("data").path
        for _ in 0..<3 {
            let (status, output, error) = try Tickline.run(["replay", data])
            #expect(status == 0, "\(error)")
            #expect(Self.signals(output) == live)
        }
        let (status, output, error) = try Tickline.run(["replay", data + "/journal", "--speed", "1000"])
        #expect(status == 0 && Self.signals(output) == live, "\(error)")
        print("figure: \(live.count) signals of two feeds, replayed 4 times, differences 0")
    }

    @Test func `what is no journal is refused in one line`() throws {
        defer { folder.remove() }
        let (status, output, error) = try Tickline.run(["replay", folder.path])
        #expect(status == 78 && output.isEmpty)
        #expect(error.contains("no journal is there; give the --data folder of a run"))
    }
}
