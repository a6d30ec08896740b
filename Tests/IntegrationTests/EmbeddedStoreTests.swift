import Foundation
import TestSupport
import Testing

/// The store that needs no server, as a user meets it.
@Suite(.serialized) struct EmbeddedStoreTests {
    private let folder = try! TemporaryFolder()

    /// One number of the database in the run's data folder, read by another program.
    private func number(_ query: String) throws -> Int {
        try SQLiteReader.number(query, of: folder.url.appendingPathComponent("data/tickline.sqlite").path)
    }

    @Test(.enabled(if: SharedData.shouldRun))
    func `a run without any flag keeps all ticks and decisions, and a second run adds nothing`() async throws {
        defer { folder.remove() }
        let file = SharedData.path("binance/btcusdt@trade.20240808.ndjson.gz")
        var decisions: [Int] = []
        for round in 1...2 {
            let simulator = try await RunningSimulator(
                [file, "--speed", "max"], folder: folder.url, name: "simulate\(round)")
            let run = try RunningTickline(
                ["--feed", "ws://127.0.0.1:\(simulator.port)/ws/btcusdt@trade"], folder: folder.url,
                name: "run\(round)",
                data: "data")
            // The second run knows from its journal what the first one took.
            let metric = round == 1 ? "tickline_ticks_total" : "tickline_ticks_repeated_total"
            try await waitUntil("all ticks seen") { await run.metric(metric) == 9_757 }
            #expect(run.process.stop() == 0)
            simulator.process.stop()
            #expect(try number("SELECT count(*) FROM ticks") == 9_757)
            #expect(try number("SELECT count(*) FROM trade_signals WHERE reason = 'cross'") == 37)
            decisions.append(try number("SELECT count(*) FROM trade_signals"))
        }
        #expect(decisions[0] == decisions[1])
    }

    @Test func `a second process on the same folder is refused, the first one runs on`() async throws {
        defer { folder.remove() }
        let simulator = try await RunningSimulator(["--symbols", "1"], folder: folder.url)
        let feed = ["--feed", "simulator=ws://127.0.0.1:\(simulator.port)/ws/btcusdt@trade"]
        let run = try RunningTickline(feed, folder: folder.url)
        try await waitUntil("ticks stored") { await run.metric("tickline_store_documents_total", labels: "ticks") > 0 }
        let second = try RunningTickline(feed, folder: folder.url, name: "second", data: "data")
        try await waitUntil("the second ends") { !second.process.isRunning }
        #expect(second.process.stop() == 78 && second.process.output.contains("another tickline is running on it"))
        #expect(await run.get("/readyz").status == 200)
        #expect(run.process.stop() == 0)
        simulator.process.stop()
    }

    @Test func `a file that is not ours is refused before anything is started, and left as it is`() throws {
        defer { folder.remove() }
        let data = folder.url.appendingPathComponent("data")
        try FileManager.default.createDirectory(at: data, withIntermediateDirectories: true)
        let file = data.appendingPathComponent("tickline.sqlite")
        try Data("notes of someone else\n".utf8).write(to: file)
        let (status, _, error) = try Tickline.run(["run", "--data", data.path])
        #expect(status == 78 && error.contains("is not a Tickline database"))
        #expect(try String(contentsOf: file, encoding: .utf8) == "notes of someone else\n")
    }
}
