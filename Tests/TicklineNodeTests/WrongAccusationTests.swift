import Foundation
import Journal
import Replay
import Telemetry
import TestSupport
import Testing

@testable import TicklineNode

/// What `verify` must not call a difference, and `journal verify` no damage.
@Suite(.serialized, .timeLimit(.minutes(2))) struct WrongAccusationTests {
    private let folder = try! TemporaryFolder("tickline-accusation")

    /// A run on so many trades from an id on, in the data folder `data`, killed when all are decided: its data.
    private func killed(
        _ data: URL, _ trades: ClosedRange<Int>, redis: RedisServer?, _ name: String
    ) async throws -> URL {
        let exchange = try await AlternatingExchange(
            first: trades.lowerBound, trades: trades.count, folder: folder.url)
        let life = try await NodeLife(
            data, redis: redis?.url, port: exchange.port, sizes: TakingOverTests.small, budgetMiB: 64)
        life.startFeeds()
        let count = trades.count - (trades.lowerBound == 1 ? 2 : 0)
        try await waitUntil("all is decided, and published where that is asked for", timeout: .seconds(60)) {
            Int(life.metrics.total("tickline_signals_total")) == count
                && life.signals.count == life.signals.acknowledged
        }
        let killed = try life.killed(name)
        await life.stop()
        await exchange.stop()
        return killed
    }

    @Test func `what another one published of a console run's signals is outside of its journal, and no difference`()
        async throws
    {
        defer { folder.remove() }
        let redis = try await RedisServer()
        _ = try await killed(folder.url.appendingPathComponent("other"), 1...200, redis: redis, "published")
        var data = folder.url.appendingPathComponent("data")
        data = try await killed(data, 1...200, redis: nil, "console")
        func verify() throws -> (status: Int32, output: String) {
            let result = try Tickline.run(
                ["verify", "--data", data.path, "--store", "none", "--redis", redis.url, "--format", "table"])
            return (result.status, result.output)
        }
        var result = try verify()
        #expect(result.status == 0, "\(result)")
        #expect(result.output.contains("stream: 0 equal, 0 differences, 0 pending, 0 trimmed, 198 outside"))
        // It publishes from here on, pauses, and publishes again.
        data = try await killed(data, 201...300, redis: redis, "publishing")
        data = try await killed(data, 301...400, redis: nil, "console again")
        data = try await killed(data, 401...500, redis: redis, "publishing again")
        for (tick, isNamed) in [(250, true), (350, false), (450, true)] {
            try redis.command(["XADD", "trade_signals_stream", "*", "id", "binance:BTCUSDT:sma-1-2:\(tick):gap"])
            result = try verify()
            let line = "unknown to the journal, in the stream: binance:BTCUSDT:sma-1-2:\(tick):gap"
            #expect(result.output.contains(line) == isNamed, "\(result)")
        }
        #expect(
            result.output.contains("stream: 200 equal, 2 differences, 0 pending, 0 trimmed, 199 outside"), "\(result)")
    }

    @Test func `a first run's engine has begun its chain before a feed has, so that a kill leaves a sound journal`()
        async throws
    {
        defer { folder.remove() }
        let exchange = try await AlternatingExchange(trades: 10, folder: folder.url)
        let life = try await NodeLife(
            folder.url.appendingPathComponent("data"), redis: nil, port: exchange.port, sizes: TakingOverTests.small,
            budgetMiB: 64)
        try await waitUntil("the engine has begun") { try life.engineSegments() == 1 }
        life.startFeeds()
        try await waitUntil("the feed's session is on record") {
            try JournalFolder(path: life.journalPath).chains[JournalChain(.feed)] != nil
        }
        let killed = try life.killed("killed")
        await life.stop()
        await exchange.stop()
        let result = try Tickline.run(["journal", "verify", killed.path])
        #expect(result.status == 0, "\(result)")
    }
}
