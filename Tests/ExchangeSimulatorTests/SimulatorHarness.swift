import ExchangeSimulator
import Foundation
import Logging
import Synchronization
import TestSupport

/// Runs `body` with a started simulator and stops it afterwards, whatever happens.
func withSimulator(
    _ configuration: SimulatorConfiguration, ledger: (@Sendable (LedgerEntry) -> Void)? = nil,
    _ body: (_ simulator: ExchangeSimulator, _ port: Int) async throws -> Void
) async throws {
    var logger = Logger(label: "simulator")
    logger.logLevel = .critical
    let simulator = ExchangeSimulator(configuration: configuration, logger: logger, ledger: ledger)
    do {
        let port = try await simulator.start()
        try await body(simulator, port)
    } catch {
        await simulator.stop()
        throw error
    }
    await simulator.stop()
}

/// Collects ledger entries from the event loop.
final class LedgerCollector: Sendable {
    private let collected = Mutex<[LedgerEntry]>([])
    var entries: [LedgerEntry] { collected.withLock { $0 } }
    func record(_ entry: LedgerEntry) { collected.withLock { $0.append(entry) } }
}

/// The lines of a recorded file, decompressed by the gzip program: an oracle independent of the simulator's reader.
func recordedLines(_ name: String) throws -> [String] {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["gzip", "-dc", SharedData.path(name)]
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let data = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init)
}

/// The payload of a message in the canonical envelope.
func unwrapped(_ line: String) -> String { String(line[line.range(of: "\"data\":")!.upperBound...].dropLast()) }

/// The stream's name of a message in the canonical envelope.
func streamName(_ line: String) -> String {
    String(line.dropFirst("{\"stream\":\"".count).prefix { $0 != "\"" })
}

let tradeFile = "binance/btcusdt@trade.20240808.ndjson.gz"
let quoteFile = "binance/btcusdt@bookTicker.20240808.ndjson.gz"
let depthFile = "binance/btcusdt@depth@100ms.20240808.ndjson.gz"
let combinedFile = "binance/btcusdt.combined.20240808.ndjson.gz"

extension SimulatorConfiguration {
    /// Recordings of the shared folder as fast as possible.
    static func recorded(_ names: String..., pacing: ReplayPacing = .asFastAsPossible) -> SimulatorConfiguration {
        SimulatorConfiguration(source: .recordings(names.map { SharedData.path($0) }), pacing: pacing)
    }

    /// A synthetic market with a fixed start, as fast as possible.
    static func synthetic(
        _ events: Int, symbols: Int = 1, quotePercent: Int = 0, pacing: ReplayPacing = .asFastAsPossible
    ) -> SimulatorConfiguration {
        let market = SyntheticMarket(
            seed: 7, symbols: SyntheticMarket.wellKnownSymbols(count: symbols), quotePercent: quotePercent,
            eventLimit: events, startTimeNanos: 1_723_161_255_000_000_000)
        return SimulatorConfiguration(source: .synthetic(market), pacing: pacing)
    }
}
