import ExchangeSimulator
import Foundation
import Logging
import Synchronization
import TestSupport

/// A simulated exchange in this process, with its ledger and at hand for faults, and the product's executable on it.
final class MarketRun {
    let folder: URL
    let simulator: ExchangeSimulator
    let run: RunningTickline
    let port: Int
    private let collected: LedgerCollector

    /// Starts both; `run` gets BTCUSDT trades, the averages 5 and 20 and further `arguments`, which win.
    init(
        _ configuration: SimulatorConfiguration, _ arguments: [String] = [], folder: URL, name: String = "run",
        exchange: String = "simulator"
    ) async throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        var logger = Logger(label: "exchange")
        logger.logLevel = .critical
        let collected = LedgerCollector()
        simulator = ExchangeSimulator(configuration: configuration, logger: logger, ledger: { collected.record($0) })
        port = try await simulator.start()
        self.folder = folder
        self.collected = collected
        run = try RunningTickline(
            [
                "--feed", "\(exchange)=ws://127.0.0.1:\(port)/ws/btcusdt@trade", "--short", "5", "--long", "20",
            ] + arguments, folder: folder, name: name)
    }

    /// Ends both; the exit status and what the run's summary counted.
    func stop() async throws -> (status: Int32, counts: [String: Int]) {
        let status = run.process.stop()
        await simulator.stop()
        let summary = try Data(contentsOf: folder.appendingPathComponent("run.json"))
        let object = try JSONSerialization.jsonObject(with: summary) as? [String: Any]
        return (status, object?["counts"] as? [String: Int] ?? [:])
    }

    /// What the exchange put on the wire, or withheld, so far.
    var ledger: [LedgerEntry] { collected.entries }

    /// Waits until the engine has seen so many ticks, repeats and ids it did not believe included.
    func waitForTicks(_ count: Int, timeout: Duration = .seconds(60)) async throws {
        try await waitUntil("\(count) ticks", timeout: timeout) {
            let names = ["tickline_ticks_total", "tickline_ticks_repeated_total", "tickline_ticks_implausible_total"]
            var seen = 0.0
            for name in names { seen += await run.metric(name) }
            return Int(seen) >= count
        }
    }

    /// Rows of the run's SQLite file by another program, each with its columns in order.
    func rows(_ query: String) throws -> [[Any]] {
        let script = """
            import json, sqlite3, sys
            c = sqlite3.connect("file:" + sys.argv[1] + "?mode=ro", uri=True)
            print(json.dumps(c.execute(sys.argv[2]).fetchall()))
            """
        let (process, output) = (Process(), Pipe())
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "python3", "-c", script, folder.appendingPathComponent("data/tickline.sqlite").path, query,
        ]
        process.standardOutput = output
        try process.runUnmasked()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return try JSONSerialization.jsonObject(with: data) as? [[Any]] ?? []
    }

    /// The stored trades in the order of their ids; prices in units of 10⁻⁸.
    func trades() throws -> [(id: UInt64, price: Int)] {
        try rows("SELECT tickId, price FROM ticks WHERE kind = 'trade' ORDER BY tickId").map { row in
            let parts = (row[1] as? String ?? "").split(separator: ".")
            let fraction = parts.count > 1 ? String(parts[1]) : ""
            let digits = String(parts[0]) + fraction + String(repeating: "0", count: 8 - fraction.count)
            return ((row[0] as? NSNumber)?.uint64Value ?? 0, Int(digits) ?? 0)
        }
    }

    /// The stored signals' ids in the order of their trades.
    func signalIDs() throws -> [String] {
        try rows("SELECT _id FROM trade_signals WHERE isSignal = 1 ORDER BY tickId").map { $0[0] as? String ?? "" }
    }
}

/// Collects ledger entries from the event loop.
final class LedgerCollector: Sendable {
    private let collected = Mutex<[LedgerEntry]>([])
    var entries: [LedgerEntry] { collected.withLock { $0 } }
    func record(_ entry: LedgerEntry) { collected.withLock { $0.append(entry) } }
}

/// The rules of decisions as plain arithmetic over all trades: the oracle of signals.
enum ReferenceSignals {
    /// The ids of the signals that trades in the order of their ids make; a jump of the id empties the window.
    static func ids(_ trades: [(id: UInt64, price: Int)], short: Int = 5, long: Int = 20) -> [String] {
        var ids: [String] = []
        var window: [Int] = []
        var (last, before) = (0, 0)
        var previous: UInt64?
        for (id, price) in trades {
            if let previous, id != previous + 1 {
                window = []
                if last != 0 { before = last }
                last = 0
            }
            previous = id
            window = (window + [price]).suffix(long)
            guard window.count == long else { continue }
            let sign = (window.suffix(short).reduce(0, +) * long - window.reduce(0, +) * short).signum()
            guard sign != 0 else { continue }
            let name = "simulator:BTCUSDT:sma-\(short)-\(long):\(id)"
            if last == 0, before != 0, before != sign { ids.append(name + ":gap") }
            if last != 0, last != sign { ids.append(name) }
            (last, before) = (sign, 0)
        }
        return ids
    }
}

extension SimulatorConfiguration {
    /// BTCUSDT trades alone.
    static func trades(
        _ count: Int? = nil, rate: Double = 1_000, pacing: ReplayPacing = .asFastAsPossible, faults: [FaultRule] = []
    ) -> SimulatorConfiguration {
        let market = SyntheticMarket(
            seed: 11, symbols: SyntheticMarket.wellKnownSymbols(count: 1), eventsPerSecond: rate, quotePercent: 0,
            eventLimit: count)
        var configuration = SimulatorConfiguration(source: .synthetic(market), pacing: pacing)
        configuration.faults = faults
        return configuration
    }
}
