import Foundation
import Telemetry
import TestSupport
import Testing

@testable import TicklineNode

/// What a run says and does that begins with its reserve for signals full.
@Suite(.serialized, .timeLimit(.minutes(5))) struct FullReserveTests {
    private static let trades = 12_000
    private static let further = 4_000
    private let folder = try! TemporaryFolder("tickline-full-reserve")

    private func journal(_ life: NodeLife) throws -> HealthCheck.Status {
        try #require(life.health.readings(of: .processor).first { $0.name == "journal" }).status
    }

    @Test func `it is ready while the engine has room, not while the engine alone waits, and again with Redis`()
        async throws
    {
        defer { folder.remove() }
        let redis = try await RedisServer()
        redis.kill()
        let killed = try await NodeLife.killedWithFullReserve(folder.url, trades: Self.trades, redis)
        let exchange = try await AlternatingExchange(first: Self.trades + 1, trades: Self.further, folder: folder.url)
        let life = try await NodeLife(
            killed, redis: redis.url, port: exchange.port, sizes: TakingOverTests.small, budgetMiB: 36)
        let taken = life.signals.count
        // What it has taken over got segments beyond the reserve, the last of which have room.
        try await waitUntil("ready with what it has taken over") { try journal(life).isReady }
        life.startFeeds()
        try await waitUntil("the engine waits, and the feed does not", timeout: .seconds(60)) {
            try life.received == Self.further && journal(life).reason.contains("reserve")
        }
        let decided = life.signals.count - taken
        #expect(try !journal(life).isReady && decided < Self.further)
        try await redis.restart()
        let all = UInt64(Self.trades + Self.further)
        try await waitUntil("all is acknowledged", timeout: .seconds(60)) { life.signals.acknowledged == all - 2 }
        try await waitUntil("ready again") { try journal(life).isReady }
        #expect(life.errors.all.isEmpty, "\(life.errors.all)")
        await life.stop()
        await exchange.stop()
        #expect(try redis.tradesOfSignals() == Array(3...all))
        print("figure: a start with \(taken) signals in a full reserve: ready, \(decided) decided before it waits")
    }
}
