import ExchangeSimulator
import Foundation
import Logging
import Synchronization
import Telemetry

/// What `tickline simulate` serves and how.
public struct SimulateOptions: Sendable {
    /// Recorded files; empty for the synthetic market.
    public var files: [String] = []
    /// Where to listen.
    public var listen = "127.0.0.1:9443"
    /// Times faster than recorded; nil for as fast as the readers take it.
    public var speed: Double? = 1
    /// Symbols of the synthetic market.
    public var symbols = 8
    /// Events a second of the synthetic market, over all symbols.
    public var rate = 1_000.0
    /// Seed of the synthetic market.
    public var seed: UInt64 = 1
    /// Events of each burst of the synthetic market, 0 for none.
    public var burstEvents = 0
    /// Time between bursts.
    public var burstInterval = Duration.seconds(1)
    /// Misbehaviours.
    public var behaviours: [SimulatedFault] = []
    /// A file that records every frame sent, one JSON object a line.
    public var ledger: String?

    /// The defaults.
    public init() {}

    func configuration() throws(SettingsError) -> SimulatorConfiguration {
        var market = SyntheticMarket(
            seed: seed, symbols: SyntheticMarket.wellKnownSymbols(count: symbols), eventsPerSecond: rate)
        if burstEvents > 0 { market.burst = .init(interval: burstInterval, events: burstEvents) }
        let pacing: ReplayPacing = speed.map { $0 == 1 ? .recorded : .speed($0) } ?? .asFastAsPossible
        var configuration = SimulatorConfiguration(
            source: files.isEmpty ? .synthetic(market) : .recordings(files), pacing: pacing)
        let address = try ListenAddress(parsing: listen, source: "--listen")
        configuration.host = address.host
        configuration.port = address.port
        configuration.behaviours = behaviours.map(\.behaviour)
        return configuration
    }
}

/// A misbehaviour of the simulated exchange, as the command line names it.
public struct SimulatedFault: Sendable {
    let behaviour: SimulatorBehaviour

    /// Cuts connections in the way `kind` says (`close`, `reset`, `silence`), each after so many messages or all at an
    /// interval; nil for an unknown kind or where neither or both triggers are given.
    public static func cut(kind: String, afterMessages: Int?, every: Duration?) -> SimulatedFault? {
        let kinds: [String: ConnectionCut] = ["close": .close(code: 1001), "reset": .reset, "silence": .silence]
        guard let cut = kinds[kind] else { return nil }
        switch (afterMessages, every) {
        case (let count?, nil): return SimulatedFault(behaviour: .cut(cut, .afterMessages(count)))
        case (nil, let interval?): return SimulatedFault(behaviour: .cut(cut, .every(interval)))
        default: return nil
        }
    }

    /// Withholds messages of a stream, `stream:after:count`; nil where the text is not of that form.
    public static func skip(_ text: String) -> SimulatedFault? {
        let parts = text.split(separator: ":")
        guard parts.count == 3, let after = Int(parts[1]), let count = Int(parts[2]) else { return nil }
        return SimulatedFault(behaviour: .skip(stream: String(parts[0]), afterMessages: after, count: count))
    }

    /// Sends messages in fragments of at most so many payload bytes.
    public static func fragment(maximumBytes: Int) -> SimulatedFault {
        SimulatedFault(behaviour: .fragment(maximumBytes: maximumBytes))
    }

    /// Hands data to the socket in writes of at most so many bytes.
    public static func shortWrites(maximumBytes: Int) -> SimulatedFault {
        SimulatedFault(behaviour: .shortWrites(maximumBytes: maximumBytes))
    }
}

/// `tickline simulate`: a websocket exchange from recordings or a synthetic market.
public enum SimulateCommand {
    /// Serves until stopped; SIGUSR1 resets every connection. Returns the exit status.
    public static func run(_ options: SimulateOptions, duration: Duration?) async -> Int32 {
        await exitStatus {
            let stop = await StopSignals()
            let configuration = try options.configuration()
            var ledger: LedgerFile?
            var record: (@Sendable (LedgerEntry) -> Void)?
            if let path = options.ledger {
                let file = try LedgerFile(path: path)
                ledger = file
                record = { file.record($0) }
            }
            let simulator = ExchangeSimulator(
                configuration: configuration, logger: makeLogger(level: "info", metrics: MetricsRegistry()),
                ledger: record)
            let port = try await simulator.start()
            let address = ListenAddress(host: configuration.host, port: port)
            printOutput("serving ws://\(address)/ws/<stream> and ws://\(address)/stream?streams=<stream>/<stream>")
            await stop.wait(atMost: duration) { simulator.cut(.reset) }
            let statistics = simulator.statistics
            await simulator.stop()
            try ledger?.close()
            printOutput(
                "connections \(statistics.connectionsAccepted), messages sent \(statistics.messagesSent), trades"
                    + " \(statistics.sentByKind.trades), quotes \(statistics.sentByKind.quotes), cut"
                    + " \(statistics.connectionsCut)")
        }
    }
}
