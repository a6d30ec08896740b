import Foundation
import TestSupport
import Testing

/// SIGKILL of the trader at random moments, restart, again: every signal comes to the orders it should come to, once.
///
/// As many kills as of engines: 20; more by `KILLS`.
@Suite(
    .serialized, .timeLimit(.minutes(10 + randomKills / 10)), .enabled(if: MongoServer.shouldRun))
struct TraderKillTests {
    private let folder = try! TemporaryFolder("tickline-kills")
    /// Kills over one database: a start folds all orders that were ever made.
    private static let killsPerRound = 20
    /// More signals than are handled between so many kills.
    private static let signalsPerRound = 2_500

    private func start(_ redis: RedisServer, _ mongo: MongoServer, round: Int, name: String) throws -> RunningTrader {
        try RunningTrader(
            [
                "--redis", redis.url, "--mongo", mongo.uri, "--mongo-database", "round\(round)", "--paper-fill",
                "signal",
                "--signal-expiry", "0", "--trade-size", "quantity:0.01", "--sell-target", "short",
            ], folder: folder.url, name: name)
    }

    @Test func `random kills of the trader lose no order and double none`() async throws {
        defer { folder.remove() }
        let seed = ProcessInfo.processInfo.environment["SEED"].flatMap { UInt64($0) } ?? .random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        print("seed \(seed)")
        let mongo = try MongoServer()
        try await mongo.start()
        defer { mongo.remove() }
        var (killed, lost, doubled, inHand, round) = (0, 0, 0, 0, 0)
        while killed < randomKills {
            let redis = try await RedisServer()
            let sides = (0..<Self.signalsPerRound).map { _ in Bool.random(using: &random) }
            let signals = SampleSignals(sides: sides)
            try signals.publish(0..<sides.count, to: redis)
            for _ in 0..<min(Self.killsPerRound, randomKills - killed) {
                let trader = try start(redis, mongo, round: round, name: "trader\(killed)")
                try await Task.sleep(for: .milliseconds(Int.random(in: 60...1_300, using: &random)))
                trader.process.stop(SIGKILL)
                killed += 1
                if try orders(in: round, mongo, #"{"state": {"$in": ["new", "submitting"]}}"#) > 0 { inHand += 1 }
            }
            let handledByKilled = try documents("signal_outcomes", in: round, mongo)
            let end = try await finish(redis, mongo, signals, round: round)
            #expect(handledByKilled > 0 && handledByKilled < sides.count, "kills came before or behind all signals")
            lost += end.lost
            doubled += end.doubled
            round += 1
        }
        print("figure: \(killed) random SIGKILLs of the trader, \(inHand) of them with an order in hand")
        #expect(goal("orders lost, \(killed) random SIGKILLs of the trader", lost, atMost: 0))
        #expect(goal("orders doubled, \(killed) random SIGKILLs of the trader", doubled, atMost: 0))
    }

    @Test(.enabled(if: SystemCallFault.shouldRun, "needs strace"))
    func `killed at every system call of a signal's handling, the trader loses no order and doubles none`()
        async throws
    {
        defer { folder.remove() }
        let mongo = try MongoServer()
        try await mongo.start()
        defer { mongo.remove() }
        let redis = try await RedisServer()
        var random = SeededRandom(seed: 1)
        let signals = SampleSignals(sides: (0..<Self.signalsPerRound).map { _ in Bool.random(using: &random) })
        try signals.publish(0..<signals.sides.count, to: redis)
        // Counted from a moment that is another one each time; two signals' handling takes as many calls as the longest.
        let numbers = OverloadTests.isLong ? Array(1...240) : Array(stride(from: 1, through: 120, by: 5))
        var killed = 0
        for number in numbers {
            let trader = try start(redis, mongo, round: 0, name: "trader\(number)")
            var thread: Int32?
            try await waitUntil("the trader trades: \(trader.process.output.suffix(400))") {
                thread = trader.process.thread(named: "trader")
                return trader.process.output.contains("trading as the lease's holder") && thread != nil
            }
            let fault = SystemCallFault.kill(atCall: number, of: "all")
            let tracer = try await fault.attach(to: thread!, folder: folder.url, name: "strace\(number)")
            do {
                try await waitUntil("killed", timeout: .seconds(3)) { !trader.process.isRunning }
                killed += 1
            } catch is ConditionTimeout { trader.process.stop(SIGKILL) }
            tracer.stop()
        }
        #expect(try documents("signal_outcomes", in: 0, mongo) < signals.sides.count, "kills came behind all signals")
        let end = try await finish(redis, mongo, signals, round: 0)
        print(
            "figure: SIGKILL at \(killed) system calls of the trader's thread, lost \(end.lost), doubled \(end.doubled)"
        )
        #expect(killed * 4 >= numbers.count * 3, "most of the chosen calls are made")
        #expect(goal("orders lost, SIGKILL at \(killed) system calls of the trader", end.lost, atMost: 0))
        #expect(goal("orders doubled, SIGKILL at \(killed) system calls of the trader", end.doubled, atMost: 0))
    }

    /// Lets a last trader come to the stream's end and compares; how many orders are not there, and how many were executed twice.
    private func finish(
        _ redis: RedisServer, _ mongo: MongoServer, _ signals: SampleSignals, round: Int
    ) async throws -> (lost: Int, doubled: Int) {
        let trader = try start(redis, mongo, round: round, name: "last\(round)")
        let all = signals.sides.count
        try await waitUntil("all entries are acknowledged", timeout: .seconds(180)) {
            try redis.entries(of: "processed_signals").count == all
        }
        #expect(trader.process.stop() == 0)
        #expect(try documents("signal_outcomes", in: round, mongo) == all)
        #expect(try redis.entries(of: "dead_signals").isEmpty)
        return try signals.compareWithOrders(in: "round\(round)", of: mongo)
    }

    private func documents(_ collection: String, in round: Int, _ mongo: MongoServer) throws -> Int {
        try mongo.count(collection, database: "round\(round)")
    }

    private func orders(in round: Int, _ mongo: MongoServer, _ filter: String) throws -> Int {
        let reply = try mongo.run(#"{"count": "orders", "query": \#(filter)}"#, database: "round\(round)")
        return Int((reply["n"] as? [String: String])?["$numberInt"] ?? "") ?? 0
    }
}
