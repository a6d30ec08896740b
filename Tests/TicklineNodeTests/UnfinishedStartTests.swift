import Foundation
import Journal
import Replay
import Telemetry
import TestSupport
import Testing

@testable import TicklineNode

/// A run that is killed while it puts on record what the one before it had left.
@Suite(.serialized, .timeLimit(.minutes(5))) struct UnfinishedStartTests {
    private static let trades = 12_000
    private let folder = try! TemporaryFolder("tickline-unfinished")

    /// The journal of a run that was killed with so many engine segments of what it took over from one with its reserve full.
    private func killed(with segments: Int, _ redis: RedisServer) async throws -> URL {
        let exchange = try await AlternatingExchange(trades: Self.trades, folder: folder.url)
        let first = try await NodeLife(
            folder.url.appendingPathComponent("data"), redis: redis.url, port: exchange.port,
            sizes: TakingOverTests.small, budgetMiB: 36)
        first.startFeeds()
        try await waitUntil("the reserve is full", timeout: .seconds(60)) {
            first.received == Self.trades && first.metrics.total("tickline_journal_reserve_full_total") == 1
        }
        let killed = try first.killed("killed")
        await first.stop()
        await exchange.stop()
        let second = try await NodeLife(killed, redis: redis.url, sizes: TakingOverTests.small, budgetMiB: 36)
        let unfinished = try second.killed("unfinished")
        await second.stop()
        let engine = JournalChain(.engine)
        let journal = unfinished.appendingPathComponent("journal").path
        let files = try #require(try JournalFolder(path: journal).chains[engine])
        let run = try SegmentReader(path: files[files.count - 1].path).identity.run
        let taken = try files.filter { try SegmentReader(path: $0.path).identity.run == run }
        try #require(taken.count > segments + 1)
        for file in taken.dropFirst(segments) { try FileManager.default.removeItem(atPath: file.path) }
        return unfinished
    }

    @Test(arguments: [1, 3]) func `the next run takes over all of it, once`(segments: Int) async throws {
        defer { folder.remove() }
        let redis = try await RedisServer()
        redis.kill()
        let unfinished = try await killed(with: segments, redis)
        try await redis.restart()
        // Nothing of it is recycled, so that all is verified.
        let life = try await NodeLife(unfinished, redis: redis.url, sizes: TakingOverTests.small, budgetMiB: 128)
        try await waitUntil("all is acknowledged", timeout: .seconds(60)) {
            life.signals.acknowledged == life.signals.count
        }
        #expect(life.signals.count == UInt64(Self.trades - 2) && life.errors.all.isEmpty, "\(life.errors.all)")
        let killed = try life.killed("killed at last")
        await life.stop()
        #expect(try redis.tradesOfSignals() == Array(3...UInt64(Self.trades)))
        var verification = try JournalVerification(path: killed.appendingPathComponent("journal").path)
        try verification.run(progress: { _, _ in }, found: { Issue.record("\($0)") })
        #expect(verification.figures.signals == UInt64(Self.trades - 2), "each is told once")
        print("figure: killed with \(segments) segments of a take-over: \(life.signals.count) signals published once")
    }
}
