import Foundation
import Journal
import Replay
import Telemetry
import TestSupport
import Testing

@testable import TicklineNode

/// What a run takes over from one that was killed with more signals without acknowledgement than a bound allows for.
@Suite(.serialized, .timeLimit(.minutes(5))) struct TakingOverTests {
    private let folder = try! TemporaryFolder("tickline-taking-over")
    /// Engine segments of some 900 signals, six of which are the reserve.
    static let small: JournalSizes = {
        var sizes = JournalSizes()
        sizes.feedSegmentBytes = 1 << 20...1 << 20
        (sizes.engineEntries, sizes.historyEntries) = (10_000, 64)
        return sizes
    }()

    private func recorded(_ journal: String) throws -> [UInt64] {
        try Recovery.signals(from: 1, in: JournalFolder(path: journal)).flatMap { $0.signals.map(\.number) }
    }

    /// The journal's files by name; those that nobody has begun are in no chain.
    private static func contents(_ data: URL) throws -> [String: Data] {
        let files = try JournalFolder(path: data.appendingPathComponent("journal").path).chains.values.joined()
        return Dictionary(
            uniqueKeysWithValues: try files.map { ($0.path, try Data(contentsOf: URL(fileURLWithPath: $0.path))) })
    }

    /// Decides until `isFull`, is killed, and goes on with Redis there.
    private func run(
        trades: Int, sizes: JournalSizes, budgetMiB: Int, until isFull: @escaping @Sendable (NodeLife) -> Bool
    ) async throws -> (before: UInt64, inStream: [UInt64], numbers: [UInt64]) {
        defer { folder.remove() }
        let redis = try await RedisServer()
        redis.kill()
        let exchange = try await AlternatingExchange(trades: trades, folder: folder.url)
        let first = try await NodeLife(
            folder.url.appendingPathComponent("data"), redis: redis.url, port: exchange.port, sizes: sizes,
            budgetMiB: budgetMiB)
        first.startFeeds()
        try await waitUntil("all is received and no more is decided", timeout: .seconds(60)) {
            first.received == trades && isFull(first)
        }
        let killed = try first.killed("killed")
        let before = first.signals.count
        await first.stop()
        await exchange.stop()
        try await redis.restart()
        let second = try await NodeLife(killed, redis: redis.url, sizes: sizes, budgetMiB: budgetMiB)
        try await waitUntil("all is acknowledged", timeout: .seconds(60)) {
            second.signals.acknowledged == UInt64(trades - 2)
        }
        #expect(second.signals.count == UInt64(trades - 2) && second.errors.all.isEmpty, "\(second.errors.all)")
        await second.stop()
        return (before, try redis.tradesOfSignals(), try recorded(second.journalPath))
    }

    @Test func `a full reserve: the next run has room for what it takes over, numbers go on, all is published once`()
        async throws
    {
        let trades = 12_000
        let result = try await run(trades: trades, sizes: Self.small, budgetMiB: 36) {
            $0.metrics.total("tickline_journal_reserve_full_total") == 1
        }
        #expect(result.before < UInt64(trades) / 2)
        #expect(result.inStream == Array(3...UInt64(trades)))
        #expect(result.numbers == Array(1...UInt64(trades - 2)))
        print(
            "figure: killed with a full reserve, \(result.before) signals in it, \(result.inStream.count) published once"
        )
    }

    @Test func `starts in a row with a full reserve take no more room than a bound, and all is published once`()
        async throws
    {
        defer { folder.remove() }
        let (trades, budgetMiB) = (12_000, 36)
        let redis = try await RedisServer()
        redis.kill()
        let exchange = try await AlternatingExchange(trades: trades, folder: folder.url)
        let data = folder.url.appendingPathComponent("data")
        var life = try await NodeLife(
            data, redis: redis.url, port: exchange.port, sizes: Self.small, budgetMiB: budgetMiB)
        life.startFeeds()
        try await waitUntil("the reserve is full", timeout: .seconds(60)) {
            [life] in life.received == trades && life.metrics.total("tickline_journal_reserve_full_total") == 1
        }
        var (starts, refused, segments) = (1, 0, [try life.engineSegments()])
        var killed = try life.killed("killed \(starts)")
        await life.stop()
        await exchange.stop()
        func begin(_ url: String) async throws -> NodeLife {
            try await NodeLife(killed, redis: url, sizes: Self.small, budgetMiB: budgetMiB, store: .sqlite)
        }
        while refused < 3, starts < 30 {
            starts += 1
            let before = try Self.contents(killed)
            do {
                life = try await begin(redis.url)
                let next = try life.killed("killed \(starts)")
                segments.append(try life.engineSegments())
                await life.stop()
                try FileManager.default.removeItem(at: killed)
                killed = next
            } catch let error as OverfullJournal {
                refused += 1
                #expect(error.waiting == UInt64(trades - 2) && "\(error)".contains("--journal-budget"))
                let after = try Self.contents(killed)
                #expect(after.keys.sorted() == before.keys.sorted(), "a refused start takes and gives up nothing")
                #expect(after == before, "a refused start changes nothing")
            }
        }
        // A stop that comes meanwhile does not wait for the stream.
        let began = ContinuousClock.now
        let stopped = Task { [killed, url = redis.url] in
            _ = try await NodeLife(killed, redis: url, sizes: Self.small, budgetMiB: budgetMiB, store: .sqlite)
        }
        stopped.cancel()
        await #expect(throws: OverfullJournal.self) { try await stopped.value }
        let limit = Duration.nanoseconds(StartWait.limitNanos)
        #expect(ContinuousClock.now - began < limit)
        #expect(refused == 3 && starts <= 12 && segments.last! <= segments[0] + 12)
        let journal = killed.appendingPathComponent("journal").path
        #expect(try recorded(journal) == Array(1...UInt64(trades - 2)), "all that was decided is on record")
        try await redis.restart()
        // All of it takes longer than a start waits for one acknowledgement.
        var slow = FaultProxy.Fault()
        slow.request.bytesPerSecond = 600_000
        let proxy = FaultProxy(target: redis.port, fault: slow)
        let started = ContinuousClock.now
        life = try await begin("redis://127.0.0.1:\(proxy.port)")
        let waited = ContinuousClock.now - started
        #expect(waited > limit)
        let signals = life.signals
        #expect(signals.count == UInt64(trades - 2) && signals.acknowledged == signals.count)
        #expect(life.errors.all.isEmpty, "\(life.errors.all)")
        await life.stop()
        #expect(try redis.tradesOfSignals() == Array(3...UInt64(trades)))
        print(
            "figure: the engine's segments over \(starts) starts with a full reserve: \(segments), then refused;"
                + " the last waited \(waited) for a slow stream")
    }

    @Test func `a full outbox: what it held, and what recovery decides behind it, is published once`() async throws {
        let trades = 40_000
        let result = try await run(trades: trades, sizes: JournalSizes(), budgetMiB: 2_048) {
            $0.metrics.total("tickline_engine_stalls_total") > 0
        }
        #expect(result.before > 16_000 && result.before <= 16_384)
        #expect(result.inStream == Array(3...UInt64(trades)))
        #expect(result.numbers == Array(1...UInt64(trades - 2)))
        print("figure: killed with a full outbox of \(result.before), \(result.inStream.count) signals published once")
    }
}
