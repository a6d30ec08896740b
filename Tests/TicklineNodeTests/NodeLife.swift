import ExchangeSimulator
import FeedHandler
import Foundation
import Journal
import Logging
import Monitoring
import Synchronization
import Telemetry
import TestSupport
import ThreadExecutor
import TradingModel

@testable import TicklineNode

/// An exchange whose trades of each instrument go up and down in turn: with averages over one and two of them each is a signal
/// from the third on.
struct AlternatingExchange {
    let port: Int
    let count: Int
    private let simulator: ExchangeSimulator

    /// - Parameters:
    ///   - first: the id of each instrument's first trade.
    ///   - count: trades of all of them, which come in turn.
    ///   - paddingBytes: what each message is longer by, in a field that nobody reads.
    init(
        first: Int = 1, trades count: Int, of symbols: [String] = ["BTCUSDT"], paddingBytes: Int = 0, folder: URL
    ) async throws {
        let padding = String(repeating: "-", count: paddingBytes)
        let lines = (0..<count).map { index in
            let id = first + index / symbols.count
            return #"{"e":"trade","E":\#(1_723_161_255_000 + id),"s":"\#(symbols[index % symbols.count])","t":\#(id),"#
                + #""p":"\#(100 + id % 2).00","q":"1.0","T":\#(1_723_161_255_000 + id),"m":true,"M":true,"#
                + #""padding":"\#(padding)"}"#
        }
        let file = folder.appendingPathComponent("trades-\(first).ndjson")
        try (lines.joined(separator: "\n") + "\n").write(to: file, atomically: true, encoding: .utf8)
        var configuration = SimulatorConfiguration(source: .recordings([file.path]), pacing: .asFastAsPossible)
        configuration.replaysAgain = false
        simulator = ExchangeSimulator(
            configuration: configuration, logger: Logger(label: "exchange", factory: { _ in SwiftLogNoOpLogHandler() }))
        port = try await simulator.start()
        self.count = count
    }

    func stop() async { await simulator.stop() }
}

/// Errors that a run has logged.
final class LoggedErrors: Sendable {
    private struct Handler: LogHandler {
        var logLevel = Logger.Level.error
        var metadata: Logger.Metadata = [:]
        let errors: LoggedErrors

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            errors.lines.withLock { $0.append("\(event.message) \(event.metadata ?? [:])") }
        }
    }

    private let lines = Mutex<[String]>([])
    var all: [String] { lines.withLock { $0 } }
    var logger: Logger { Logger(label: "life", factory: { _ in Handler(errors: self) }) }
}

/// One life of the product's process in a data folder, wired as `Node` does, without the store's writer.
///
/// What a kill leaves at a moment is what its files hold then: a copy of them.
final class NodeLife {
    let metrics = MetricsRegistry()
    let errors = LoggedErrors()
    let health = HealthRegistry()
    private let pipeline: Pipeline
    private let folder: DataFolder
    private let running: Task<Void, Never>
    var journalPath: String { folder.journal }

    /// Starts everything but the feeds.
    init(
        _ data: URL, redis: String?, port: Int = 1, symbols: [String] = ["BTCUSDT"], longPeriod: Int = 2,
        sizes: JournalSizes, budgetMiB: Int, store: StoreKind = .none
    ) async throws {
        var settings = Settings()
        let streams = symbols.map { "\($0.lowercased())@trade" }.joined(separator: "/")
        settings.feeds = ["ws://127.0.0.1:\(port)/stream?streams=\(streams)"]
        (settings.shortPeriod, settings.longPeriod, settings.refillIDs) = (1, longPeriod, 0)
        (settings.redis, settings.data, settings.store) = (redis, data.path, store)
        settings.journalBudgetMiB = budgetMiB
        let logger = errors.logger
        folder = try DataFolder(path: data.path)
        let pipeline = try Pipeline(
            plan: try NodePlan(settings: settings), settings: settings, folder: folder, journalSizes: sizes,
            metrics: metrics, health: health, logger: logger)
        self.pipeline = pipeline
        do { try await pipeline.takeOver(logger: logger) } catch {
            pipeline.engine.shutdown()
            throw error
        }
        running = Task { await pipeline.engine.run() }
    }

    func startFeeds() { for feed in pipeline.feeds { feed.start() } }

    /// Signals handed to the publisher, those of earlier runs included, and how many of them the stream has.
    var signals: (count: UInt64, acknowledged: UInt64) { pipeline.signals.takenSignals }

    /// Whether the stream has been compared with what was taken over, and has what it lacked.
    var isCompared: Bool { pipeline.signals.knownSigns != nil }

    /// Trades received: those the engine has taken, and those it has not.
    var received: Int { Int(metrics.total("tickline_ticks_total") + metrics.total("tickline_ring_occupancy")) }

    /// Begun segments of the engine's.
    func engineSegments() throws -> Int {
        try JournalFolder(path: folder.journal).chains[JournalChain(.engine)]?.count ?? 0
    }

    /// A data folder with the journal as it is now.
    func killed(_ name: String) throws -> URL {
        let copy = URL(fileURLWithPath: folder.path).deletingLastPathComponent().appendingPathComponent(name)
        try FileManager.default.createDirectory(at: copy, withIntermediateDirectories: true)
        let journal = copy.appendingPathComponent("journal").path
        for attempt in 1... {
            do {
                // With the times of the last writes, by which the next run knows what ended before what.
                try Command.run(["cp", "-rp", folder.journal, journal])
                break
            } catch {
                // The running journal has renamed or removed a file meanwhile, which no kill would show.
                guard attempt < 100 else { throw error }
                try? FileManager.default.removeItem(atPath: journal)  // What was copied, if anything.
            }
        }
        return copy
    }

    func stop() async {
        for feed in pipeline.feeds where metrics.total("tickline_ticks_total") > 0 { feed.stop() }
        await pipeline.engine.abandon()
        await running.value
        pipeline.engine.shutdown()
        _ = await pipeline.signals.drainAndStop(within: .milliseconds(100))
        pipeline.journal?.stop()
    }
}

extension NodeLife {
    /// The data of a run that was killed when it had received `trades` and, its reserve being full (36 MiB, `TakingOverTests.small`),
    /// decided on less than half of them.
    static func killedWithFullReserve(
        _ folder: URL, trades: Int, paddingBytes: Int = 0, _ redis: RedisServer
    ) async throws -> URL {
        let exchange = try await AlternatingExchange(trades: trades, paddingBytes: paddingBytes, folder: folder)
        let life = try await NodeLife(
            folder.appendingPathComponent("data"), redis: redis.url, port: exchange.port, sizes: TakingOverTests.small,
            budgetMiB: 36)
        life.startFeeds()
        try await waitUntil("all is received and no more is decided", timeout: .seconds(60)) {
            life.received == trades && life.metrics.total("tickline_journal_reserve_full_total") == 1
        }
        let killed = try life.killed("killed")
        await life.stop()
        await exchange.stop()
        return killed
    }
}

extension NodeLife {
    /// The data of a run in `folder`/data that was killed when it had decided all of so many trades and, where `isPublished`, the
    /// stream had acknowledged it. What the run itself leaves there has ended in order.
    static func killedWithAllDecided(
        _ folder: URL, trades: Int, _ redis: RedisServer, isPublished: Bool, budgetMiB: Int = 64
    ) async throws -> URL {
        let exchange = try await AlternatingExchange(trades: trades, folder: folder)
        let life = try await NodeLife(
            folder.appendingPathComponent("data"), redis: redis.url, port: exchange.port, sizes: TakingOverTests.small,
            budgetMiB: budgetMiB)
        life.startFeeds()
        try await waitUntil("all is decided", timeout: .seconds(60)) {
            life.signals.count == trades - 2 && (!isPublished || life.signals.acknowledged == trades - 2)
        }
        let killed = try life.killed("killed")
        await life.stop()
        await exchange.stop()
        return killed
    }
}

extension RedisServer {
    /// The trades on which the stream's signals were decided, in the stream's order, by an independent client.
    func tradesOfSignals() throws -> [UInt64] { try values(of: "tickId").compactMap { UInt64($0) } }

    /// The signals' ids, in the stream's order.
    func idsOfSignals() throws -> [String] { try values(of: "id") }

    private func values(of field: String) throws -> [String] {
        let lines = try command(["XRANGE", "trade_signals_stream", "-", "+"])
            .split(separator: "\n", omittingEmptySubsequences: false)
        return lines.indices.dropLast().filter { lines[$0] == field }.map { String(lines[$0 + 1]) }
    }

    /// Removes all signals but those on `trades`, as a consumer does that has handled them.
    func removeSignals(except trades: [UInt64]) throws {
        let script = """
            for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '-', '+')) do
              local keeps = false
              for index = 1, #entry[2], 2 do
                for _, trade in ipairs(ARGV) do
                  keeps = keeps or entry[2][index] == 'tickId' and entry[2][index + 1] == trade
                end
              end
              if not keeps then redis.call('XDEL', KEYS[1], entry[1]) end
            end
            """
        try command(["EVAL", script, "1", "trade_signals_stream"] + trades.map(String.init))
    }

    /// What an independent client is answered.
    @discardableResult
    func command(_ words: [String]) throws -> String {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["redis-cli", "-p", "\(port)"] + words
        process.standardOutput = pipe
        try process.run()
        defer { process.waitUntilExit() }
        return String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    }
}
