import Foundation
import TestSupport

/// The recorded Spot trades through two runs on one data folder, the second of which goes on in the middle of a window:
/// 37 signals in Redis and in the store, of which the journal is to be the proof.
final class ProvenRun {
    /// A recorded trade; prices in units of 10⁻⁸.
    struct Trade {
        let id: UInt64
        let price: Int64
    }

    static let ticks = 9_757
    static let signals = 37
    private static let file = "binance/btcusdt@trade.20240808.ndjson.gz"

    let folder = try! TemporaryFolder()
    let trades: [Trade]
    /// The true crossings, in order: index, id, time, side, price, averages.
    let crossings: [[Substring]]
    var data: String { folder.url.appendingPathComponent("data").path }

    init() throws {
        trades = try SharedData.lines(gzip: Self.file).map { line in
            Trade(id: UInt64(field("t", of: line)!)!, price: scaled(field("p", of: line)!, decimals: 8))
        }
        crossings = try SharedData.rows(csv: "series/binance_btcusdt_trade_20240808.sma50_200.expected.csv")
            .filter { $0.last == "cross" }
    }

    /// Plays a first part up to shortly before the tenth signal, ends, and plays the whole.
    ///
    /// - Parameter running: looked at while the second run goes on.
    func play(_ arguments: [String], running: () throws -> Void = {}) async throws {
        let cut = Int(crossings[9][0])! - 20
        let part = folder.url.appendingPathComponent("part.ndjson")
        let lines = try SharedData.lines(gzip: Self.file).prefix(cut).joined(separator: "\n")
        try (lines + "\n").write(to: part, atomically: true, encoding: .utf8)
        try await play(part.path, until: cut, arguments, name: "0")
        try await play(SharedData.path(Self.file), until: Self.ticks, arguments, name: "1", running: running)
    }

    /// Plays the whole once more: the same engine has taken all of it.
    func repeatAll(_ arguments: [String]) async throws {
        try await play(SharedData.path(Self.file), until: Self.ticks, arguments, name: "2")
    }

    private func play(
        _ path: String, until count: Int, _ arguments: [String], name: String, running: () throws -> Void = {}
    ) async throws {
        let simulator = try await RunningSimulator(
            [path, "--speed", "max"], folder: folder.url, name: "simulate\(name)")
        let run = try RunningTickline(
            ["--feed", "ws://127.0.0.1:\(simulator.port)/ws/btcusdt@trade"] + arguments, folder: folder.url,
            name: "run\(name)", data: "data")
        try await waitUntil("all ticks seen", timeout: .seconds(60)) {
            let taken = await run.metric("tickline_ticks_total")
            let repeated = await run.metric("tickline_ticks_repeated_total")
            return Int(taken + repeated) == count
        }
        try running()
        guard run.process.stop() == 0 else { throw ConditionTimeout(description: run.process.output) }
        simulator.process.stop()
    }

    /// Runs `tickline` and gives its status, the lines of its output, and its errors.
    func tickline(_ arguments: [String]) throws -> (status: Int32, lines: [String], error: String) {
        let result = try Tickline.run(arguments)
        return (result.status, result.output.split(separator: "\n").map(String.init), result.error)
    }
}

/// A number of units of 10⁻⁸ as a decimal without trailing zeros.
func decimalText(_ value: Int) -> String {
    var fraction = String(value % 100_000_000)
    fraction = String(repeating: "0", count: 8 - fraction.count) + fraction
    while fraction.hasSuffix("0") { fraction.removeLast() }
    return "\(value / 100_000_000)" + (fraction.isEmpty ? "" : ".\(fraction)")
}
