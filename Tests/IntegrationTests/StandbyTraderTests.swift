import Foundation
import TestSupport
import Testing
import TradingModel

/// Two traders of one stream: one holds the lease and trades, the other stands by and takes over.
@Suite(.serialized, .timeLimit(.minutes(10)), .enabled(if: MongoServer.shouldRun))
struct StandbyTraderTests {
    private let folder = try! TemporaryFolder("tickline-standby")
    @Test func `the standby takes over within three seconds of a kill, and no order is lost or doubled`() async throws {
        defer { folder.remove() }
        let kills = 4
        let desk = try await Desk(turns: kills, folder: folder.url)
        defer { desk.mongo.remove() }
        var (holder, seconds) = (try await desk.start("trader0"), [Double]())
        for number in 1...kills {
            let standby = try await desk.start("trader\(number)")
            try await standsBy(standby)
            try await desk.beginTurn()
            let before = Self.wallClock()
            holder.process.stop(SIGKILL)
            let dead = Self.wallClock()
            #expect(try desk.outcomes() < desk.published, "the kill came behind all signals")
            var first: Int64?
            try await waitUntil("an order of the standby: \(standby.process.output.suffix(400))") {
                first = try desk.firstAcceptance(after: dead)
                return first != nil
            }
            seconds.append(Double(first! - before) / 1e9)
            holder = standby
        }
        let end = try await desk.finish([holder])
        seconds.sort()
        print(
            "figure: from the SIGKILL of the lease's holder to the standby's first order at the venue: "
                + seconds.map { String(format: "%.3f", $0) }.joined(separator: ", ") + " s")
        #expect(
            goal("takeover by the standby trader after a SIGKILL, longest of \(kills)", seconds.last!, atMost: 3, "s"))
        #expect(goal("orders lost, takeover by the standby trader", end.lost, atMost: 0))
        #expect(goal("orders doubled, takeover by the standby trader", end.doubled, atMost: 0))
    }

    @Test func `a trader that wakes up after its lease has lapsed does nothing twice and stands by`() async throws {
        defer { folder.remove() }
        // At other moments of an order's life each time.
        let stalls = 6
        let desk = try await Desk(turns: stalls, folder: folder.url)
        defer { desk.mongo.remove() }
        var (holder, standby) = (try await desk.start("trader0"), try await desk.start("trader1"))
        try await standsBy(standby)
        for _ in 1...stalls {
            try await desk.beginTurn()
            holder.process.signal(SIGSTOP)
            let stalled = Self.wallClock()
            #expect(try desk.outcomes() < desk.published, "the stall came behind all signals")
            try await waitUntil("the standby trades: \(standby.process.output.suffix(400))") {
                try desk.firstAcceptance(after: stalled + 1_000_000_000) != nil
            }
            let losses = Self.losses(holder)
            holder.process.signal(SIGCONT)
            try await waitUntil("it says that it lost the lease: \(holder.process.output.suffix(400))") {
                Self.losses(holder) > losses
            }
            try await standsBy(holder)
            #expect(holder.metric("tickline_trader_active") == 0 && standby.metric("tickline_trader_active") == 1)
            swap(&holder, &standby)
        }
        let end = try await desk.finish([holder, standby])
        print("figure: \(stalls) traders stalled past their lease: lost \(end.lost), doubled \(end.doubled)")
        #expect(goal("orders lost, traders stalled past their lease", end.lost, atMost: 0))
        #expect(goal("orders doubled, traders stalled past their lease", end.doubled, atMost: 0))
    }

    private func standsBy(_ trader: RunningTrader) async throws {
        try await waitUntil("a standby: \(trader.process.output.suffix(400))") {
            let answer = trader.request("GET", "/readyz")
            return answer.status == 200 && answer.body.contains("standing by")
        }
    }

    /// How often it has said that it does not hold the lease any more.
    private static func losses(_ trader: RunningTrader) -> Int {
        trader.process.output.split(separator: "\n").count { $0.contains("trading is interrupted") }
    }

    private static func wallClock() -> Int64 { Int64(Date().timeIntervalSince1970 * 1e9) }
}

/// Redis with signals, MongoDB, and traders on them.
private final class Desk {
    let redis: RedisServer
    let mongo: MongoServer
    let signals: SampleSignals
    private(set) var published = 0
    private let folder: URL
    /// More than are handled before a trader is killed.
    private static let signalsPerTurn = 300

    init(turns: Int, folder: URL) async throws {
        var random = SeededRandom(seed: 7)
        signals = SampleSignals(sides: (0..<turns * Self.signalsPerTurn).map { _ in Bool.random(using: &random) })
        redis = try await RedisServer()
        mongo = try MongoServer()
        self.folder = folder
        try await mongo.start()
    }

    /// Starts a trader with a name and data of its own and waits until it listens.
    func start(_ name: String) async throws -> RunningTrader {
        let trader = try RunningTrader(
            [
                "--redis", redis.url, "--mongo", mongo.uri, "--paper-fill", "signal", "--signal-expiry", "0",
                "--trade-size", "quantity:0.01", "--sell-target", "short",
            ], folder: folder, name: name, data: "data-\(name)")
        try await waitUntil("\(name) listens: \(trader.process.output.suffix(400))") { trader.port != nil }
        return trader
    }

    func outcomes() throws -> Int { try mongo.count("signal_outcomes") }

    /// Publishes signals and waits until some of them are handled.
    func beginTurn() async throws {
        let handled = try outcomes()
        try signals.publish(published..<published + Self.signalsPerTurn, to: redis)
        published += Self.signalsPerTurn
        try await waitUntil("signals are handled") { try outcomes() >= handled + 20 }
    }

    /// When the paper venue first accepted an order behind a moment; both are nanoseconds since 1970.
    func firstAcceptance(after moment: Int64) throws -> Int64? {
        let filter = #"{"kind": "accept", "timeNanos": {"$gt": {"$numberLong": "\#(moment)"}}}"#
        let record = try mongo.find("paper_log", filter, sort: #"{"sequence": 1}"#, most: 1).first
        return (record?["timeNanos"] as? [String: String])?["$numberLong"].flatMap { Int64($0) }
    }

    /// Lets the traders come to the stream's end, ends them and compares.
    func finish(_ traders: [RunningTrader]) async throws -> (lost: Int, doubled: Int) {
        let all = signals.sides.count
        try await waitUntil("all entries are acknowledged", timeout: .seconds(180)) {
            try redis.entries(of: "processed_signals").count == all
        }
        for trader in traders { #expect(trader.process.stop() == 0) }
        #expect(try outcomes() == all)
        #expect(try redis.entries(of: "dead_signals").isEmpty)
        return try signals.compareWithOrders(of: mongo)
    }
}
