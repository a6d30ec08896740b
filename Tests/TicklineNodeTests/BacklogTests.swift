import Foundation
import Journal
import RecordComparison
import Replay
import Telemetry
import TestSupport
import Testing

@testable import TicklineNode

/// What waits for the stream when a run begins: more than it takes over, and beside what went to the console.
@Suite(.serialized, .timeLimit(.minutes(5))) struct BacklogTests {
    private let folder = try! TemporaryFolder("tickline-backlog")

    private func ids(_ trades: ClosedRange<Int>) -> [String] { trades.map { "binance:BTCUSDT:sma-1-2:\($0)" } }

    /// Numbers in the publisher's notes, oldest first.
    private func notes(_ data: URL) throws -> [UInt64] {
        var found: [UInt64] = []
        try ProgressLog.readBackwards(
            JournalChain(.acknowledgements), in: JournalFolder(path: data.appendingPathComponent("journal").path)
        ) { number, _, _ in
            found.append(number)
            return true
        }
        return found.reversed()
    }

    @Test func `more than a run takes over is published first, in its order and once, or the start says how many wait`()
        async throws
    {
        defer { folder.remove() }
        let trades = 8_000
        var sizes = TakingOverTests.small
        sizes.takenOverSignals = 3_000
        let redis = try await RedisServer()
        redis.kill()
        let exchange = try await AlternatingExchange(trades: trades, folder: folder.url)
        var life = try await NodeLife(
            folder.url.appendingPathComponent("data"), redis: redis.url, port: exchange.port, sizes: sizes,
            budgetMiB: 128)
        life.startFeeds()
        try await waitUntil("all is decided", timeout: .seconds(60)) { [life] in life.signals.count == trades - 2 }
        let first = try life.killed("killed")
        await life.stop()
        await exchange.stop()

        let error = await #expect(throws: OverfullJournal.self) {
            _ = try await NodeLife(first, redis: redis.url, sizes: sizes, budgetMiB: 128)
        }
        #expect(error?.waiting == UInt64(trades - 2) && "\(error!)".contains("7998 signals"))
        try await checkThatAllIsKept(first, redis, sizes)

        try await redis.restart()
        life = try await NodeLife(first, redis: redis.url, sizes: sizes, budgetMiB: 128)
        try await waitUntil("all is acknowledged", timeout: .seconds(60)) { [life] in
            life.signals == (UInt64(trades - 2), UInt64(trades - 2))
        }
        #expect(life.errors.all.isEmpty, "\(life.errors.all)")
        let second = try life.killed("killed again")
        await life.stop()
        #expect(try redis.tradesOfSignals() == Array(3...UInt64(trades)))
        #expect(try notes(second) == Array(0...UInt64(trades - 2)))

        // A run later nothing is sent again.
        life = try await NodeLife(second, redis: redis.url, sizes: sizes, budgetMiB: 128)
        try await waitUntil("compared with the stream") { [life] in
            life.signals.count == life.signals.acknowledged
        }
        await life.stop()
        #expect(try redis.tradesOfSignals().count == trades - 2)
        print("figure: \(trades - 2) signals without acknowledgement, 3,000 taken over at a time, each published once")
    }

    /// The journal is told of all of them from the beginning, none of them acknowledged: it keeps them.
    private func checkThatAllIsKept(_ data: URL, _ redis: RedisServer, _ sizes: JournalSizes) async throws {
        var settings = Settings()
        settings.feeds = ["ws://127.0.0.1:1/stream?streams=btcusdt@trade"]
        (settings.shortPeriod, settings.longPeriod, settings.redis, settings.data) = (1, 2, redis.url, data.path)
        (settings.store, settings.journalBudgetMiB) = (.none, 128)
        let pipeline = try Pipeline(
            plan: try NodePlan(settings: settings), settings: settings, folder: try DataFolder(path: data.path),
            journalSizes: sizes, metrics: MetricsRegistry(), health: HealthRegistry(), logger: LoggedErrors().logger)
        #expect(pipeline.signals.takenSignals == (7_998, 0))
        pipeline.engine.shutdown()
    }

    @Test func `what Redis loses while pages are published, and behind the last, comes back from the journal`()
        async throws
    {
        defer { folder.remove() }
        let trades = 8_000
        var sizes = TakingOverTests.small
        sizes.takenOverSignals = 1_000
        let redis = try await RedisServer()
        redis.kill()
        let exchange = try await AlternatingExchange(trades: trades, folder: folder.url)
        var life = try await NodeLife(
            folder.url.appendingPathComponent("data"), redis: redis.url, port: exchange.port, sizes: sizes,
            budgetMiB: 128)
        life.startFeeds()
        try await waitUntil("all is decided", timeout: .seconds(60)) { [life] in life.signals.count == trades - 2 }
        let killed = try life.killed("killed")
        await life.stop()
        await exchange.stop()

        try await redis.restart()
        var slow = FaultProxy.Fault()
        slow.request.bytesPerSecond = 1_000_000
        let proxy = FaultProxy(target: redis.port, fault: slow)
        defer { proxy.stop() }
        @Sendable func length() throws -> Int {
            let reply = try redis.command(["XLEN", "trade_signals_stream"])
            return Int(reply.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0
        }
        let loss = Task {
            try await waitUntil("some pages are published", timeout: .seconds(60)) { try length() > 3_500 }
            let undone = try length()
            try await redis.restart()
            return undone
        }
        life = try await NodeLife(killed, redis: "redis://127.0.0.1:\(proxy.port)", sizes: sizes, budgetMiB: 128)
        let undone = try await loss.value
        try await waitUntil("all is acknowledged", timeout: .seconds(60)) { [life] in
            life.signals == (UInt64(trades - 2), UInt64(trades - 2))
        }
        #expect(undone < trades - 2 && life.errors.all.isEmpty, "\(undone) \(life.errors.all)")
        #expect(try redis.tradesOfSignals() == Array(3...UInt64(trades)))

        // The run is on, and its publisher keeps the last page alone.
        try await redis.restart()
        try await waitUntil("all is there again", timeout: .seconds(60)) { try length() >= trades - 2 }
        #expect(try redis.tradesOfSignals() == Array(3...UInt64(trades)))
        let again = life.metrics.total("tickline_published_again_total")
        #expect(again >= Double(trades - 2 + 3_000))
        await life.stop()
        print(
            "figure: Redis lost \(undone) and then \(trades - 2) signals of pages of 1,000; \(Int(again)) were put back"
        )
    }

    @Test func `what went to the console is not published later, and what waited before it is`() async throws {
        defer { folder.remove() }
        let sizes = TakingOverTests.small
        let redis = try await RedisServer(appendOnly: true)
        var data = folder.url.appendingPathComponent("data")
        var expected: [String] = []
        /// A run from a trade on, which is killed once it has decided on them all.
        func run(_ trades: ClosedRange<Int>, console: Bool = false, redisDies: Bool = false) async throws {
            let exchange = try await AlternatingExchange(
                first: trades.lowerBound, trades: trades.count, folder: folder.url)
            let life = try await NodeLife(
                data, redis: console ? nil : redis.url, port: exchange.port, sizes: sizes, budgetMiB: 64)
            if !console {
                try await waitUntil("what waits is published") { life.signals.count == life.signals.acknowledged }
                if redisDies { redis.kill() }
            }
            let decided = { life.metrics.total("tickline_signals_total") }
            life.startFeeds()
            let count = trades.count - (trades.lowerBound == 1 ? 2 : 0)
            try await waitUntil("all is decided", timeout: .seconds(60)) { decided() == Double(count) }
            if !console, !redisDies {
                try await waitUntil("all is published") { life.signals.count == life.signals.acknowledged }
            }
            data = try life.killed("killed behind \(trades.upperBound)")
            #expect(life.errors.all.isEmpty, "\(life.errors.all)")
            await life.stop()
            await exchange.stop()
            if !console { expected += ids(max(3, trades.lowerBound)...trades.upperBound) }
        }
        try await run(1...200, console: true)
        try await run(201...400)
        #expect(try redis.idsOfSignals() == ids(201...400))
        try await run(401...600, redisDies: true)
        try await redis.restart()
        try await run(601...800, console: true)
        #expect(try redis.idsOfSignals() == ids(201...400))
        try await run(801...1_000)
        #expect(try redis.idsOfSignals() == expected)
        try await run(1_001...1_200, console: true)
        // All is acknowledged in front of what went to the console: that is noted, and nobody looks for it any more.
        try await run(1_201...1_400)
        #expect(try notes(data).contains(1_198))
        #expect(try redis.idsOfSignals() == expected)

        let journal = try JournalFolder(path: data.appendingPathComponent("journal").path)
        let verification = RecordVerification(
            journal, through: .max, store: nil, stream: StreamComparison(comparesReceiveTimes: true))
        try verification.play()
        #expect(verification.stream.absent.map(\.id) == expected, "what the stream must have by the journal")
        print("figure: of 1,398 signals \(expected.count) were for the stream, which has them alone")
    }
}
