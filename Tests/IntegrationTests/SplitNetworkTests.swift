import ExchangeSimulator
import Foundation
import Logging
import TestSupport
import Testing

/// Two instances of which one is cut off: what it had in hand comes to one effect, whoever brings it about, once packets pass again.
@Suite(
    .serialized, .timeLimit(.minutes(10)), .enabled(if: Namespaces.shouldRun, "needs root, for networks of their own"),
    .enabled(if: SharedData.shouldRun && MongoServer.shouldRun))
struct SplitNetworkTests {
    private let folder = try! TemporaryFolder("tickline-split")

    /// What one instance can't reach any more.
    enum Cut: String, CaseIterable { case redis, everything }

    @Test(arguments: Cut.allCases)
    func `of a trader that is cut off the other one takes over, and no order is lost or doubled`(
        cut: Cut
    ) async throws {
        defer { folder.remove() }
        let turns = 4
        let networks = try (0...1).map { try NetworkNamespace(index: $0) }
        defer { for network in networks { #expect(throws: Never.self) { try network.remove() } } }
        let desk = try await TraderDesk(turns: turns, folder: folder.url, networks: networks)
        defer { desk.mongo.remove() }
        var traders: [RunningTrader] = []
        for (index, network) in networks.enumerated() {
            traders.append(try await desk.start("trader\(index)", in: network))
        }
        try await waitUntil("one trades") { try holder(of: desk.mongo, among: 2) != nil }
        var seconds: [Double] = []
        for _ in 1...turns {
            let holder = try #require(try holder(of: desk.mongo, among: 2))
            let token = try token(of: desk.mongo)
            try await desk.beginTurn()
            switch cut {
            case .redis: try networks[holder].drop(port: desk.redis.port)
            case .everything: try networks[holder].drop()
            }
            let before = Date()
            #expect(try desk.outcomes() < desk.published, "the cut came behind all signals")
            try await waitUntil("the other one trades: \(traders[1 - holder].process.output.suffix(400))") {
                try desk.newestToken() > token
            }
            seconds.append(Date().timeIntervalSince(before))
            try networks[holder].pass()
        }
        let end = try await desk.finish(traders)
        print(
            "figure: a trader cut off \(cut.rawValue): the other one's first order after "
                + seconds.sorted().map { String(format: "%.1f", $0) }.joined(separator: ", ") + " s")
        #expect(goal("orders lost, traders cut off \(cut.rawValue)", end.lost, atMost: 0))
        #expect(goal("orders doubled, traders cut off \(cut.rawValue)", end.doubled, atMost: 0))
    }

    @Test func `of two instances that are cut off Redis in turn each signal is one entry and one effect`() async throws
    {
        defer { folder.remove() }
        let networks = try (0...1).map { try NetworkNamespace(index: $0) }
        defer { for network in networks { #expect(throws: Never.self) { try network.remove() } } }
        let hosts = networks.map(\.hostAddress)
        let redis = try await RedisServer(hosts: hosts)
        let mongo = try MongoServer(hosts: hosts)
        try await mongo.start()
        defer { mongo.remove() }
        var configuration = SimulatorConfiguration(source: .recordings([RecordedRunTests.spot]), pacing: .speed(12))
        configuration.host = "0.0.0.0"
        let exchange = ExchangeSimulator(
            configuration: configuration,
            logger: Logger(label: "exchange", factory: { _ in SwiftLogNoOpLogHandler() }))
        let port = try await exchange.start()
        var processes: [ServerProcess] = []
        for (index, network) in networks.enumerated() {
            let address = "redis://\(network.hostAddress):\(redis.port)"
            processes.append(
                try RunningTickline(
                    [
                        "--feed", "ws://\(network.hostAddress):\(port)/ws/btcusdt@trade", "--store", "none",
                        "--publish", "once", "--redis", address,
                    ], folder: folder.url, name: "engine\(index)", launcher: network.launcher
                ).process)
            processes.append(
                try RunningTrader(
                    ["--redis", address, "--mongo", mongo.directURI(host: network.hostAddress)]
                        + TradingReference.arguments(sellTarget: "short"), folder: folder.url,
                    name: "trader\(index)", data: "data-trader\(index)", launcher: network.launcher
                ).process)
        }
        func entries() throws -> Int { try redis.entries(of: "trade_signals_stream").count }
        func outcomes() throws -> Int { try mongo.count("signal_outcomes") }
        try await waitUntil("signals are traded", timeout: .seconds(60)) { try outcomes() >= 3 }
        // First the one that trades, then whoever trades by then.
        for _ in 0...1 {
            let cut = try #require(try holder(of: mongo, among: 2))
            try networks[cut].drop(port: redis.port)
            let (published, handled) = (try entries(), try outcomes())
            try await waitUntil("the other one's signals are traded", timeout: .seconds(60)) {
                try entries() >= published + 3 && outcomes() >= handled + 3
            }
            try networks[cut].pass()
        }
        let expected = try RecordedRunTests.crossings("binance_btcusdt_trade_20240808", exchange: "binance")
        try await waitUntil("all signals are traded", timeout: .seconds(90)) {
            try outcomes() >= expected.count && entries() >= expected.count
        }
        for process in processes { #expect(process.stop() == 0) }
        await exchange.stop()
        #expect(try redis.entries(of: "trade_signals_stream").map { $0.fields["id"] ?? "" } == expected.keys.sorted())
        try TradingReference(sellTarget: "short").check(["--mongo", mongo.uri])
        print("figure: two instances cut off Redis in turn: \(expected.count) signals, one entry and one effect each")
    }

    /// The token of the lease, which grows by one with each trader that takes over.
    private func token(of mongo: MongoServer) throws -> Int {
        let number = try mongo.find("leases").first?["token"] as? [String: String]
        return number?["$numberLong"].flatMap { Int($0) } ?? 0
    }

    /// The index of the trader that holds the lease, which its data folder's name for it tells.
    private func holder(of mongo: MongoServer, among count: Int) throws -> Int? {
        let name = try mongo.find("leases").first?["holder"] as? String
        return try (0..<count).first { index in
            let file = folder.url.appendingPathComponent("data-trader\(index)/trader/consumer")
            return try String(contentsOf: file, encoding: .utf8) == name
        }
    }
}
