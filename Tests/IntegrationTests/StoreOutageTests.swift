import ExchangeSimulator
import Foundation
import Glibc
import TestSupport
import Testing

/// Fault M1: a store that is away for longer than the record ring holds. Each test prints its figure.
@Suite(.serialized, .timeLimit(.minutes(6))) struct StoreOutageTests {
    let folder = try! TemporaryFolder()
    /// More than the ring of 262,144 slots holds.
    private static let ticks = 400_000
    private static let firstID = 1_000_000_000
    private static let averages = ["--short", "5", "--long", "20"]

    private func start(
        _ server: BurstServer, _ arguments: [String] = [], name: String = "run", data: String = "data"
    ) throws -> RunningTickline {
        let feed = "ws://127.0.0.1:\(server.port)/ws/btcusdt@trade"
        return try RunningTickline(
            ["--feed", feed] + Self.averages + arguments, folder: folder.url, name: name, data: data)
    }

    private func waitForTicks(_ run: RunningTickline, _ count: Int = ticks) async throws {
        try await waitUntil("all ticks: \(run.process.output.suffix(500))", timeout: .seconds(180)) {
            guard run.process.isRunning else {
                throw ConditionTimeout(description: "\(run.process.output.suffix(500))")
            }
            return await run.metric("tickline_ticks_total") == Double(count)
        }
    }

    /// Waits until everything is stored and returns the seconds it took.
    /// Where ticks go on coming, some always wait for company: then `mostLagSeconds` says how old they may be.
    private func waitUntilStored(_ run: RunningTickline, mostLagSeconds: Double = 0) async throws -> Double {
        let start = ContinuousClock.now
        try await waitUntil("all stored: \(run.process.output.suffix(500))", timeout: .seconds(240)) {
            guard await run.metric("tickline_store_backlog_entries") == 0 else { return false }
            return await run.metric("tickline_store_lag_seconds") <= mostLagSeconds
        }
        return (ContinuousClock.now - start) / .seconds(1)
    }

    private func counts(_ name: String = "run") throws -> [String: Int] {
        let data = try Data(contentsOf: folder.url.appendingPathComponent("\(name).json"))
        return (try JSONSerialization.jsonObject(with: data) as? [String: Any])?["counts"] as? [String: Int] ?? [:]
    }

    private var database: String { folder.url.appendingPathComponent("data/tickline.sqlite").path }

    private func number(_ query: String) throws -> Int { try SQLiteReader.number(query, of: database) }

    /// Another program that holds the embedded store's lock for writing until it is killed.
    private func lock(_ path: String? = nil) async throws -> ServerProcess {
        let script = """
            import sqlite3, sys, time
            c = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
            c.execute("BEGIN IMMEDIATE")
            print("locked", flush=True)
            time.sleep(600)
            """
        let path = path ?? database
        let holder = try ServerProcess(
            "/usr/bin/env", ["python3", "-c", script, path], folder: folder.url, name: "lock")
        try await waitUntil("the store is locked: \(holder.output)") { holder.output.contains("locked") }
        return holder
    }

    @Test(.enabled(if: MongoServer.shouldRun), arguments: [SIGKILL, SIGSTOP])
    func `a mongod that is away for longer than the ring holds gets every record once, from the journal`(
        signal: Int32
    ) async throws {
        defer { folder.remove() }
        let mongo = try MongoServer()
        defer { mongo.remove() }
        try await mongo.start()
        let server = BurstServer(count: Self.ticks)
        let run = try start(server, ["--mongo", mongo.uri])
        try await waitUntil("something is stored", timeout: .seconds(60)) {
            await run.metric("tickline_store_documents_total") > 0
        }
        if signal == SIGKILL { mongo.kill() } else { mongo.signal(signal) }
        try await waitForTicks(run)
        let stored = await run.metric("tickline_store_documents_total")
        if signal == SIGKILL { try await mongo.start() } else { mongo.signal(SIGCONT) }
        let seconds = try await waitUntilStored(run)
        let detours = await run.metric("tickline_store_detours_total")
        #expect(run.process.stop() == 0)
        let end = try counts()
        let signals = try mongo.run(#"{"count": "trade_signals", "query": {"isSignal": true}}"#)["n"]
        let range = try ["1", "-1"].map {
            try mongo.find("ticks", sort: #"{"tickId": \#($0)}"#, most: 1).first?["tickId"]
        }
        #expect(try mongo.count("ticks") == Self.ticks && end["dropped"] == 0 && detours > 0)
        #expect("\(range)".contains("\(Self.firstID)") && "\(range)".contains("\(Self.firstID + Self.ticks - 1)"))
        #expect("\(signals ?? 0)".contains("\(end["signals"] ?? -1)") && end["signals"] ?? 0 > 0)
        print(
            "figure: M1 mongod away (\(signal == SIGKILL ? "SIGKILL" : "SIGSTOP")): ticks \(Self.ticks), stored before",
            "its return \(Int(stored)), caught up \(seconds) s after it, lost 0, doubled 0, dropped \(end["dropped"] ?? -1)"
        )
    }

    @Test func `a locked SQLite file gets every record once, also over a SIGKILL while it is locked`() async throws {
        defer { folder.remove() }
        let run = try start(BurstServer(count: 1_000))
        try await waitForTicks(run, 1_000)
        _ = try await waitUntilStored(run)
        #expect(run.process.stop() == 0)
        let holder = try await lock()
        let server = BurstServer(count: Self.ticks)
        let killed = try start(server, name: "killed")
        try await waitForTicks(killed, Self.ticks - 1_000)
        killed.process.stop(SIGKILL)
        #expect(try number("SELECT count(*) FROM ticks") == 1_000)
        holder.stop(SIGKILL)
        let again = try start(BurstServer(count: 1_000), name: "again")
        try await waitUntil("reads from the journal") { await again.metric("tickline_store_detours_total") > 0 }
        let seconds = try await waitUntilStored(again)
        #expect(again.process.stop() == 0)
        let end = try counts("again")
        #expect(try number("SELECT count(*) FROM ticks") == Self.ticks && end["dropped"] == 0)
        #expect(try number("SELECT max(tickId) FROM ticks") == Self.firstID + Self.ticks - 1)
        print(
            "figure: M1 SQLite locked, process killed: ticks \(Self.ticks), stored \(seconds) s after the restart, lost 0,",
            "doubled 0, dropped \(end["dropped"] ?? -1)")
    }

    @Test(.enabled(if: SharedData.shouldRun))
    func `book updates that a killed run had not stored come from the journal, each whole`() async throws {
        defer { folder.remove() }
        let books = 6_551.0
        let file = SharedData.path("binance_usdm/btcusdt.combined.20240808.ndjson.gz")
        func start(_ port: Int, _ name: String) throws -> RunningTickline {
            let streams = "btcusdt@trade/btcusdt@bookTicker/btcusdt@depth@0ms"
            return try RunningTickline(
                ["--feed", "binance-usdm=ws://127.0.0.1:\(port)/stream?streams=\(streams)", "--refill", "0"],
                folder: folder.url, name: name, data: "data")
        }
        let first = try start(1, "first")
        try await waitUntil("there is a file") { FileManager.default.fileExists(atPath: database) }
        #expect(first.process.stop() == 0)
        let holder = try await lock()
        let simulator = try await RunningSimulator([file, "--speed", "max"], folder: folder.url, name: "simulate")
        let killed = try start(simulator.port, "killed")
        try await waitUntil("all is taken", timeout: .seconds(60)) {
            await killed.metric("tickline_ticks_total", labels: "kind=\"depth\"") == books
        }
        killed.process.stop(SIGKILL)
        simulator.process.stop()
        #expect(try number("SELECT count(*) FROM depth") == 0)
        holder.stop(SIGKILL)
        let again = try start(1, "again")
        try await waitUntil("reads from the journal") { await again.metric("tickline_store_detours_total") > 0 }
        _ = try await waitUntilStored(again)
        #expect(again.process.stop() == 0)
        let stored = try number("SELECT count(*) FROM depth")
        #expect(Double(stored) == books)
        print("figure: M1 SQLite locked, process killed: \(stored) book updates of \(Int(books)) from the journal")
    }

    @Test func `what the budget recycles before the store is back is counted to the slot, the rest is stored`()
        async throws
    {
        defer { folder.remove() }
        let ticks = 1_000_000
        let run = try start(BurstServer(count: ticks), ["--journal-budget", "128"])
        try await waitUntil("something is stored: \(run.process.output.suffix(500))", timeout: .seconds(60)) {
            await run.metric("tickline_store_documents_total") > 0
        }
        let holder = try await lock()
        try await waitForTicks(run, ticks)
        holder.stop(SIGKILL)
        let seconds = try await waitUntilStored(run)
        let lost = Int(await run.metric("tickline_dropped_total", labels: "unstored_slot"))
        let recycled = Int(await run.metric("tickline_journal_recycled_segments_total"))
        #expect(run.process.stop() == 0)
        let stored = try number("SELECT count(*) FROM ticks")
        // Each slot is a trade: the connection's opening was stored before.
        #expect(stored + lost == ticks && lost > 0 && stored > 0)
        #expect(try number("SELECT max(tickId) FROM ticks") == Self.firstID + ticks - 1)
        print(
            "figure: M1 beyond the budget: ticks \(ticks), segments recycled \(recycled), slots lost and counted \(lost),",
            "silently \(ticks - stored - lost), caught up in \(seconds) s")
    }

    @Test func `decisions are as fast with the store away and while it catches up`() async throws {
        defer { folder.remove() }
        // Two processes on one exchange at the same time: what else happens on the machine happens to both.
        let market = try await MarketRun(
            .trades(rate: 4_000, pacing: .recorded), folder: folder.url, exchange: "simulator")
        let feed = ["--feed", "simulator=ws://127.0.0.1:\(market.port)/ws/btcusdt@trade"] + Self.averages
        func start(_ name: String) throws -> RunningTickline {
            try RunningTickline(feed, folder: folder.url, name: name, data: "away")
        }
        let first = try start("first")
        try await waitUntil("something is stored") { await first.metric("tickline_store_documents_total") > 0 }
        #expect(first.process.stop() == 0)
        let holder = try await lock(folder.url.appendingPathComponent("away/tickline.sqlite").path)
        let away = try start("second")
        let beside = try RunningTickline(feed, folder: folder.url, name: "beside")
        try await waitUntil("a backlog", timeout: .seconds(60)) { await away.metric("tickline_ticks_total") > 60_000 }
        holder.stop(SIGKILL)
        let seconds = try await waitUntilStored(away, mostLagSeconds: 0.5)
        #expect(away.process.stop() == 0 && beside.process.stop() == 0)
        _ = try await market.stop()
        let (there, here) = (try decisions("second"), try decisions("beside"))
        #expect(try counts("second")["dropped"] == 0)
        print(
            "figure: M1 decision p50 and p99 with the store away and catching up:",
            "\(there.p50 / 1e3), \(there.p99 / 1e3) µs, beside it with the store there \(here.p50 / 1e3),",
            "\(here.p99 / 1e3) µs: ratio \(there.p50 / here.p50), \(there.p99 / here.p99); caught up in \(seconds) s")
    }

    /// Percentiles of the time to a decision in a run's summary, nanoseconds.
    private func decisions(_ name: String) throws -> (p50: Double, p99: Double) {
        let data = try Data(contentsOf: folder.url.appendingPathComponent("\(name).json"))
        let stages = (try JSONSerialization.jsonObject(with: data) as? [String: Any])?["stages"] as? [String: Any]
        let stage = try #require(stages?["tick_to_decision"] as? [String: Any])
        return (try #require(stage["p50"] as? Double), try #require(stage["p99"] as? Double))
    }
}
