import Foundation
import TestSupport
import Testing
import TradingModel

/// Redis with signals, MongoDB, and traders on them.
final class TraderDesk {
    let redis: RedisServer
    let mongo: MongoServer
    let signals: SampleSignals
    private(set) var published = 0
    private let folder: URL
    /// More than are handled before a trader is killed.
    private static let signalsPerTurn = 600

    /// With `networks` the servers listen at their ends of the cables too.
    init(turns: Int, folder: URL, networks: [NetworkNamespace] = []) async throws {
        var random = SeededRandom(seed: 7)
        signals = SampleSignals(sides: (0..<turns * Self.signalsPerTurn).map { _ in Bool.random(using: &random) })
        redis = try await RedisServer(hosts: networks.map(\.hostAddress))
        mongo = try MongoServer(hosts: networks.map(\.hostAddress))
        self.folder = folder
        try await mongo.start()
    }

    /// Starts a trader with a name and data of its own, in a network of its own where one is given, and waits until it listens.
    func start(_ name: String, in network: NetworkNamespace? = nil) async throws -> RunningTrader {
        let trader = try RunningTrader(
            [
                "--redis", network.map { "redis://\($0.hostAddress):\(redis.port)" } ?? redis.url,
                // By the address alone: the replica set's member has no name that both sides know.
                "--mongo", network.map { mongo.directURI(host: $0.hostAddress) } ?? mongo.uri,
                "--paper-fill", "signal", "--signal-expiry", "0", "--trade-size", "quantity:0.01", "--sell-target",
                "short",
            ], folder: folder, name: name, data: "data-\(name)", launcher: network?.launcher ?? [])
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

    /// The highest token under which the paper venue has accepted an order: it grows by one with each trader that takes over.
    func newestToken() throws -> Int {
        let record = try mongo.find("paper_log", #"{"kind": "accept"}"#, sort: #"{"sequence": -1}"#, most: 1).first
        return (record?["token"] as? [String: String])?["$numberLong"].flatMap { Int($0) } ?? 0
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
            // A trader that stalls while it acknowledges names what it has in hand a second time.
            try outcomes() == all && redis.entries(of: "processed_signals").count >= all
        }
        for trader in traders { #expect(trader.process.stop() == 0) }
        #expect(try outcomes() == all)
        #expect(try redis.entries(of: "dead_signals").isEmpty)
        return try signals.compareWithOrders(of: mongo)
    }
}
