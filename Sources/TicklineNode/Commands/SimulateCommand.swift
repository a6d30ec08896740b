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
    /// Seed of the synthetic market and of what is random about faults.
    public var seed: UInt64 = 1
    /// Events of each burst of the synthetic market, 0 for none.
    public var burstEvents = 0
    /// Time between bursts.
    public var burstInterval = Duration.seconds(1)
    /// Misbehaviours, as `addFault` reads them.
    private var faults: [FaultRule] = []
    /// Weight that requests for the trade history may have per minute; nil for the exchange's limits.
    public var requestWeight: Int?
    /// Seconds after which each connection is closed; nil for 24 hours.
    public var maxConnectionSeconds: Int?
    /// A file that records every message sent or withheld and every answer, one JSON object a line.
    public var ledger: String?

    /// The defaults.
    public init() {}

    /// What a fault's text may say.
    public static let faultGrammar = FaultRule.grammar

    /// Adds a misbehaviour, `KIND[:VARIANT][,KEY=VALUE…]`; returns what is wrong with the text, nil for nothing.
    public mutating func addFault(_ text: String) -> String? {
        do {
            faults.append(try FaultRule(parsing: text))
            return nil
        } catch {
            return error.description
        }
    }

    func configuration() throws(SettingsError) -> SimulatorConfiguration {
        var market = SyntheticMarket(
            seed: seed, symbols: SyntheticMarket.wellKnownSymbols(count: symbols), eventsPerSecond: rate)
        if burstEvents > 0 { market.burst = .init(interval: burstInterval, events: burstEvents) }
        let pacing: ReplayPacing = speed.map { $0 == 1 ? .recorded : .speed($0) } ?? .asFastAsPossible
        var configuration = SimulatorConfiguration(
            source: files.isEmpty ? .synthetic(market) : .recordings(files), pacing: pacing)
        guard let address = ListenAddress(parsing: listen) else {
            throw .invalid(source: "--listen", value: listen, expected: ListenAddress.expected)
        }
        configuration.host = address.host
        configuration.port = address.port
        configuration.faults = faults
        configuration.faultSeed = seed
        configuration.requestWeightPerMinute = requestWeight
        if let seconds = maxConnectionSeconds { configuration.connectionLifetime = .seconds(seconds) }
        return configuration
    }
}

/// `tickline simulate`: a websocket exchange from recordings or a synthetic market.
public enum SimulateCommand {
    /// Serves until stopped. Returns the exit status.
    public static func run(_ options: SimulateOptions, duration: Duration?) async -> Int32 {
        await exitStatus {
            let stop = await StopSignals()
            let configuration = try options.configuration()
            var ledger: LedgerFile?
            var record: (@Sendable (LedgerEntry) -> Void)?
            var recordAnswer: (@Sendable (RESTLedgerEntry) -> Void)?
            if let path = options.ledger {
                let file = try LedgerFile(path: path)
                ledger = file
                record = { file.record($0) }
                recordAnswer = { file.record($0) }
            }
            let simulator = ExchangeSimulator(
                configuration: configuration, logger: makeLogger(level: "info", metrics: MetricsRegistry()),
                ledger: record, restLedger: recordAnswer)
            let port = try await simulator.start()
            let address = ListenAddress(host: configuration.host, port: port)
            try printOutput("serving ws://\(address)/ws/<stream> and ws://\(address)/stream?streams=<stream>/<stream>")
            await stop.wait(atMost: duration)
            let statistics = simulator.statistics
            await simulator.stop()
            try ledger?.close()
            try printOutput(
                "connections \(statistics.connectionsAccepted), messages sent \(statistics.messagesSent), trades"
                    + " \(statistics.sentByKind.trades), quotes \(statistics.sentByKind.quotes), cut"
                    + " \(statistics.connectionsCut)")
        }
    }
}
