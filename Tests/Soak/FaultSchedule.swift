import ExchangeSimulator
import Foundation
import Glibc
import TestSupport

/// Draws one fault after the other, each with a pause before it, and injects it. The seed decides kinds, places and pauses.
struct FaultSchedule {
    /// What can be injected, and how often relative to the others.
    enum Kind: String, CaseIterable {
        case close, reset, silence
        case skip
        case engineStopped, redisStopped, redisKilled, databaseLocked

        var weight: Int {
            switch self {
            case .skip: 4
            case .close, .reset: 2
            case .silence, .engineStopped, .redisStopped, .redisKilled, .databaseLocked: 1
            }
        }
    }

    /// Pauses between faults, and in the first round.
    private static let pauseMillis = 500...3_000
    private static let firstPauseMillis = 200...1_000
    /// The longest stop of a process, and the longest time another program holds the database.
    private static let stopMillis = 200...2_000

    /// Faults injected, by kind.
    private(set) var counts: [String: Int] = [:]
    /// Whether every kind has been injected at least once.
    var isFirstRoundOver: Bool { firstRound.isEmpty }

    private var random: SeededRandom
    private let exchanges: [SoakRun.Exchange]
    private let engine: RunningTickline
    private let redis: RedisServer
    private let database: String
    /// Kinds that must come first, each once and quickly: behind them every buffer has had its worst. The last one makes
    /// the publisher read the stream's tail, which is as long as it gets by then.
    private var firstRound: [Kind]
    private let deck: [Kind]

    /// A schedule that injects into these parts.
    init(
        seed: UInt64, exchanges: [SoakRun.Exchange], engine: RunningTickline, redis: RedisServer, database: String
    ) {
        random = SeededRandom(seed: seed)
        self.exchanges = exchanges
        self.engine = engine
        self.redis = redis
        self.database = database
        firstRound = [.redisKilled] + Kind.allCases.filter { $0 != .redisKilled }.shuffled(using: &random)
        deck = Kind.allCases.flatMap { Array(repeating: $0, count: $0.weight) }
    }

    /// Pauses, then injects the next fault; returns when it is over as far as it has an end of its own.
    mutating func injectNext() async throws {
        let pause = isFirstRoundOver ? Self.pauseMillis : Self.firstPauseMillis
        try await Task.sleep(for: .milliseconds(Int.random(in: pause, using: &random)))
        let kind = firstRound.popLast() ?? deck.randomElement(using: &random)!
        let exchange = exchanges.randomElement(using: &random)!
        let duration = Int.random(in: Self.stopMillis, using: &random)
        let stream = exchange.streams.randomElement(using: &random)!
        let count = Int.random(in: 1...50, using: &random)
        counts[kind.rawValue, default: 0] += 1
        switch kind {
        case .close: exchange.simulator.cut(.close(code: 1001))
        case .reset: exchange.simulator.cut(.reset)
        case .silence: exchange.simulator.cut(.silence)
        case .skip: try await exchange.simulator.skip(count, of: stream)
        case .engineStopped: try await stopped(duration, signal: engine.process.signal)
        case .redisStopped: try await stopped(duration, signal: redis.signal)
        case .redisKilled: try await redis.restart()
        case .databaseLocked: try lockDatabase(forMillis: duration)
        }
        say("fault \(kind.rawValue) \(exchange.name) \(stream) count \(count) millis \(duration)")
    }

    private func stopped(_ millis: Int, signal: (Int32) -> Void) async throws {
        signal(SIGSTOP)
        try await Task.sleep(for: .milliseconds(millis))
        signal(SIGCONT)
    }

    /// Another program writes to the engine's database and is slow about it.
    private func lockDatabase(forMillis millis: Int) throws {
        let script = """
            import sqlite3, sys, time
            c = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=10)
            c.execute("BEGIN IMMEDIATE")
            time.sleep(int(sys.argv[2]) / 1000)
            c.execute("ROLLBACK")
            """
        let other = Process()
        other.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        other.arguments = ["python3", "-c", script, database, "\(millis)"]
        try other.runUnmasked()
        other.waitUntilExit()
    }
}
