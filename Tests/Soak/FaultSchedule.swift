import ExchangeSimulator
import Foundation
import Glibc
import TestSupport

/// Draws one fault after the other, each with a pause before it, and injects it. The seed decides kinds, places and pauses.
struct FaultSchedule {
    /// What can be injected, and how often relative to the others.
    enum Kind: String, CaseIterable {
        // Of the exchange: messages
        case gap, duplicate, reorder, malformed, spike
        // Of the exchange: connections
        case close, reset, silence, serverShutdown, pings, fragments, shortWrites
        case noPongs, badHandshake, subscriptionRefused, subscriptionAbsent
        // Of the engine's surroundings
        case engineStopped, redisStopped, redisKilled, databaseLocked

        var weight: Int {
            switch self {
            case .gap, .duplicate, .reorder, .malformed: 3
            case .close, .reset: 2
            default: 1
            }
        }
    }

    /// Pauses between faults, and in the first round.
    private static let pauseMillis = 500...3_000
    private static let firstPauseMillis = 200...600
    /// How long a fault with an end lasts: a stopped process, a held lock, an exchange that takes nobody.
    private static let lastingMillis = 200...2_000
    /// Messages a fault concerns at most.
    private static let mostMessages = 50

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

    /// Pauses, then injects the next fault; returns when it is over.
    mutating func injectNext() async throws {
        let pause = isFirstRoundOver ? Self.pauseMillis : Self.firstPauseMillis
        try await Task.sleep(for: .milliseconds(Int.random(in: pause, using: &random)))
        let kind = firstRound.popLast() ?? deck.randomElement(using: &random)!
        // The synthetic market carries nearly all of the load, so it gets half of the faults.
        let exchange = Bool.random(using: &random) ? exchanges[0] : exchanges.randomElement(using: &random)!
        let stream = exchange.streams.randomElement(using: &random)!
        let count = Int.random(in: 2...Self.mostMessages, using: &random)
        let millis = Int.random(in: Self.lastingMillis, using: &random)
        counts[kind.rawValue, default: 0] += 1
        say("fault \(kind.rawValue): \(exchange.name) \(stream), \(count) messages, \(millis) ms")
        let simulator = exchange.simulator
        switch kind {
        case .gap: try await simulator.inject(.gap(count: count), on: stream)
        case .duplicate: try await simulator.inject(.duplicate(count: count), on: stream)
        case .reorder: try await simulator.inject(.reorder(count: count), on: stream)
        // One at a time: two rogue ids in a row would confirm each other.
        case .malformed:
            try await simulator.inject(
                .malformed(Malformation.allCases.randomElement(using: &random), count: 1), on: stream)
        case .spike: try await simulator.inject(.spike(factor: 10, count: count), on: stream)
        case .close: try await simulator.inject(.cut(.close(code: 1001)))
        case .reset: try await simulator.inject(.cut(.reset))
        case .silence: try await simulator.inject(.cut(.silence))
        case .serverShutdown: try await simulator.inject(.serverShutdown)
        case .pings: try await simulator.inject(.pings(count: count))
        case .fragments: try await last(.fragment(maximumBytes: count), millis, simulator)
        case .shortWrites: try await last(.shortWrites(maximumBytes: count * 10), millis, simulator)
        case .noPongs: try await last(.noPongs, millis, simulator, after: .reset)
        case .badHandshake:
            let faults: [HandshakeFault] = [
                .stalled, .wrongAccept, .hugeHeaders, .redirect, .tooManyRequests(retryAfterSeconds: 1),
            ]
            let fault = faults.randomElement(using: &random)!
            try await last(.handshake(fault, count: count), millis, simulator, after: .reset)
        case .subscriptionRefused: try await last(.subscriptions(.refused), millis, simulator, after: .reset)
        case .subscriptionAbsent: try await last(.subscriptions(.absent), millis, simulator, after: .reset)
        case .engineStopped: try await stopped(millis, signal: engine.process.signal)
        case .redisStopped: try await stopped(millis, signal: redis.signal)
        case .redisKilled: try await redis.restart()
        case .databaseLocked: try lockDatabase(forMillis: millis)
        }
    }

    /// A fault that lasts for a while; with a cut, connections made meanwhile meet it, and are made anew afterwards.
    private func last(
        _ fault: ExchangeFault, _ millis: Int, _ simulator: ExchangeSimulator, after cut: ConnectionCut? = nil
    ) async throws {
        try await simulator.inject(fault)
        if let cut { try await simulator.inject(.cut(cut)) }
        try await Task.sleep(for: .milliseconds(millis))
        try await simulator.inject(.calm)
        if let cut { try await simulator.inject(.cut(cut)) }
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
