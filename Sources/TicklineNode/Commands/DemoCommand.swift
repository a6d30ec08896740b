import ExchangeSimulator
import Foundation
import Logging
import Telemetry

/// `tickline demo`: a synthetic market and the engine in one process, without network or servers.
public enum DemoCommand {
    /// Runs until stopped or for `duration`, then prints what was done. Returns the exit status.
    ///
    /// Listeners use their default ports where those are free, other free ones otherwise; a port asked for by flag or
    /// variable is used as it is.
    public static func run(flags: [String: [String]], simulate: SimulateOptions, duration: Duration?) async -> Int32 {
        await exitStatus {
            let stop = await StopSignals()
            var options = simulate
            options.listen = "127.0.0.1:0"
            var resolver = SettingsResolver(flags: flags, environment: ProcessInfo.processInfo.environment)
            var settings = try resolver.resolve()
            try settings.checkFiles(resolver)
            let metrics = MetricsRegistry()
            let configuration = try options.configuration()
            // On a terminal the table and the summary are what matters.
            let level = resolver.origin("log-level") == .byDefault ? "warning" : settings.logLevel
            let logger = makeLogger(level: level, metrics: metrics)
            let simulator = ExchangeSimulator(configuration: configuration, logger: logger)
            let port = try await simulator.start()
            settings.feeds = ["simulator=\(feed(port: port, symbols: options.symbols))"]
            if resolver.origin("collector-http") == .byDefault { settings.collectorHTTP.useFreePortIfTaken() }
            if resolver.origin("processor-http") == .byDefault { settings.processorHTTP.useFreePortIfTaken() }
            if resolver.origin("trader-http") == .byDefault { settings.traderHTTP.useFreePortIfTaken() }

            let node = try Node(
                settings: settings, origin: { resolver.origin($0) }, logger: logger, metrics: metrics)
            for warning in resolver.warnings { logger.warning("\(warning)") }
            let summary = try await node.run(until: stop, duration: duration) { addresses in
                let collector = addresses.first.map { "http://\($0)" } ?? ""
                printStatus(
                    "synthetic market: \(options.symbols) symbols, \(Int(options.rate)) events/s; stop with Ctrl-C\n"
                        + "health \(collector)/readyz   metrics \(collector)/metrics")
            }
            await simulator.stop()
            try report(summary, settings: settings)
        }
    }

    private static func feed(port: Int, symbols: Int) -> String {
        let streams = SyntheticMarket.wellKnownSymbols(count: symbols)
            .flatMap { ["\($0.name.lowercased())@trade", "\($0.name.lowercased())@bookTicker"] }
        return "ws://127.0.0.1:\(port)/stream?streams=\(streams.joined(separator: "/"))"
    }
}
