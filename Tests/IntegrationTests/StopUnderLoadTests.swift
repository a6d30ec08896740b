import ExchangeSimulator
import Foundation
import Glibc
import TestSupport
import Testing

/// The product with both servers, told to stop at many moments under load; each test prints its figure.
@Suite(.serialized, .enabled(if: MongoServer.shouldRun, "run scripts/fetch-mongod for a mongod"))
struct StopUnderLoadTests {
    let folder = try! TemporaryFolder()
    /// Runs at once: they are each other's load.
    private static let parallel = 4

    @Test func `a stop signal at 20 moments under load ends with 0 in time and loses nothing`() async throws {
        defer { folder.remove() }
        let redis = try await RedisServer(appendOnly: true)
        let mongo = try MongoServer()
        defer { mongo.remove() }
        try await mongo.start()
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        let moments = (0..<20).map { Double($0) * 0.05 + Double.random(in: 0..<0.05, using: &random) }
        var ends: [End] = []
        for first in stride(from: 0, to: moments.count, by: Self.parallel) {
            ends += try await withThrowingTaskGroup(of: End.self) { group in
                for number in first..<min(first + Self.parallel, moments.count) {
                    group.addTask { try await stop(number, after: moments[number], redis, mongo) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
        }
        let seconds = ends.map(\.seconds).sorted()
        #expect(ends.allSatisfy { $0.status == 0 && $0.lost == 0 && $0.doubled == 0 }, "\(ends)")
        #expect(seconds.max()! < 5)
        #expect(ends.map(\.signals).min()! > 0)
        print(
            "figure: P1 20 stops, seed \(seed): exit after s least \(seconds[0]), median \(seconds[10]), most \(seconds[19]);",
            "signals \(ends.map(\.signals).reduce(0, +)), documents \(ends.map(\.documents).reduce(0, +)), lost",
            "\(ends.map(\.lost).reduce(0, +)), doubled \(ends.map(\.doubled).reduce(0, +))")
    }

    /// What became of one run.
    private struct End: Sendable {
        let status: Int32
        let seconds: Double
        let signals: Int
        let documents: Int
        let lost: Int
        let doubled: Int
    }

    private func stop(
        _ number: Int, after moment: Double, _ redis: RedisServer, _ mongo: MongoServer
    ) async throws -> End {
        let database = "run\(number)"
        let market = try await MarketRun(
            .trades(rate: 2_000, pacing: .recorded),
            [
                "--redis", redis.url, "--signal-stream", database, "--mongo", mongo.uri, "--mongo-database", database,
            ], folder: folder.url.appendingPathComponent(database))
        try await market.waitForTicks(200)
        try await Task.sleep(for: .seconds(moment))  // The moment is what varies.
        let start = ContinuousClock.now
        let (status, counts) = try await market.stop()
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let ids = try redis.entries(of: database).map { $0.fields["id"] ?? "" }
        let documents = try mongo.count("ticks", database: database)
        let lost = abs((counts["signals"] ?? -1) - Set(ids).count) + abs((counts["ticks"] ?? -1) - documents)
        return End(
            status: status, seconds: seconds, signals: ids.count, documents: documents, lost: lost,
            doubled: ids.count - Set(ids).count)
    }
}
