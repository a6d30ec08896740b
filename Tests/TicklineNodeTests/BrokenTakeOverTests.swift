import Foundation
import Journal
import Replay
import StrategyEngine
import Telemetry
import TestSupport
import Testing
import TradingModel

@testable import TicklineNode

/// A run that ends while it puts on record what it takes over from the one before: the next run takes over the rest.
@Suite(.serialized, .timeLimit(.minutes(5))) struct BrokenTakeOverTests {
    private static let trades = 12_000
    private static let signals = UInt64(trades - 2)
    private let folder = try! TemporaryFolder("tickline-broken-take-over")

    private func begin(_ data: URL, _ redis: RedisServer) async throws -> NodeLife {
        try await NodeLife(data, redis: redis.url, sizes: TakingOverTests.small, budgetMiB: 256)
    }

    /// A copy of `data` in which the newest run has put `count` signals on record, and nothing behind them.
    private func cut(_ data: URL, behindSignals count: Int, _ name: String) throws -> URL {
        let copy = folder.url.appendingPathComponent(name)
        try FileManager.default.copyItem(at: data, to: copy)
        let journal = try JournalFolder(path: copy.appendingPathComponent("journal").path)
        let files = try #require(journal.chains[JournalChain(.engine)])
        let run = try SegmentReader(path: try #require(files.last).path).identity.run
        var left = count
        var isCut = false
        for file in files {
            let segment = try SegmentReader(path: file.path)
            guard segment.identity.run == run else { continue }
            if isCut { try FileManager.default.removeItem(atPath: file.path) }
            guard !isCut else { continue }
            var entries = 1
            while left > 0, let entry = segment.entry(at: entries) {
                if entry.kind == EngineEntryKind.sums { left -= 1 }
                entries += 1
            }
            // The last segment that is left may have the checkpoint alone.
            isCut = left == 0
            if isCut { try end(file, behindEntries: entries, of: segment.identity.tableEntries) }
        }
        return copy
    }

    /// As a kill leaves it whose writer has got so far.
    private func end(_ file: JournalFolder.File, behindEntries entries: Int, of table: Int) throws {
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: file.path))
        // The header's last word: the number of entries.
        try handle.seek(toOffset: 136)
        try handle.write(contentsOf: withUnsafeBytes(of: UInt64(entries)) { Data($0) })
        try handle.seek(toOffset: UInt64(4_096 + entries * 64))
        try handle.write(contentsOf: Data(count: (table - entries) * 64))
        try handle.close()
    }

    @Test func `what a run had not put on record of what it took over is the next one's, whatever it had`() async throws
    {
        defer { folder.remove() }
        let redis = try await RedisServer()
        redis.kill()
        let second = try await begin(
            try await NodeLife.killedWithFullReserve(folder.url, trades: Self.trades, redis), redis)
        let whole = try second.killed("killed again")
        let recorded = second.signals.count
        await second.stop()
        #expect(recorded == Self.signals)
        let counts = [0, 1, 700, 1_415, 1_416, 4_000]
        // A segment has room for some 1,400 of them.
        for count in counts {
            let data = try cut(whole, behindSignals: count, "cut \(count)")
            try await redis.restart()
            let third = try await begin(data, redis)
            try await waitUntil("all is acknowledged", timeout: .seconds(60)) {
                third.signals.acknowledged == Self.signals
            }
            #expect(third.signals.count == Self.signals && third.errors.all.isEmpty, "\(third.errors.all)")
            let killed = try third.killed("third \(count)")
            await third.stop()
            #expect(try redis.tradesOfSignals() == Array(3...UInt64(Self.trades)))
            let journal = killed.appendingPathComponent("journal").path
            let numbers = try Recovery.signals(from: 1, in: JournalFolder(path: journal)).flatMap {
                $0.signals.map(\.number)
            }
            #expect(numbers == Array(1...Self.signals))
            var verification = try JournalVerification(path: journal)
            var findings: [String] = []
            try verification.run(progress: { _, _ in }, found: { findings.append("\($0)") })
            #expect(findings.isEmpty && verification.figures.signals == Self.signals, "\(findings)")
            redis.kill()
            for folder in [data, killed] { try FileManager.default.removeItem(at: folder) }
        }
        print(
            "figure: killed when \(counts) of the signals that it took over were on record: each time all",
            "\(Self.signals) published and on record once")
    }

    @Test func `at the budget's end what the next recovery needs is not recycled while a run takes over`() async throws
    {
        defer { folder.remove() }
        let (trades, budgetMiB) = (24_000, 36)
        let redis = try await RedisServer()
        redis.kill()
        // Messages long enough that what is taken over exceeds the budget.
        let data = try await NodeLife.killedWithFullReserve(folder.url, trades: trades, paddingBytes: 500, redis)
        let path = data.appendingPathComponent("journal").path
        func segments() throws -> Int { try JournalFolder(path: path).chains[JournalChain(.engine)]?.count ?? 0 }
        let before = try segments()
        let second = Task { [url = redis.url] in
            _ = try await NodeLife(data, redis: url, sizes: TakingOverTests.small, budgetMiB: budgetMiB)
        }
        try await waitUntil("it has put some of it on record") { try segments() >= before + 10 }
        second.cancel()
        await #expect(throws: CancellationError.self) { try await second.value }
        let onRecord = try Recovery.signals(from: 1, in: JournalFolder(path: path)).reduce(0) { $0 + $1.signals.count }
        try await redis.restart()
        let third = try await NodeLife(data, redis: redis.url, sizes: TakingOverTests.small, budgetMiB: budgetMiB)
        let all = UInt64(trades - 2)
        try await waitUntil("all is acknowledged", timeout: .seconds(60)) { third.signals.acknowledged == all }
        #expect(third.signals.count == all && third.errors.all.isEmpty, "\(third.errors.all)")
        await third.stop()
        #expect(try redis.tradesOfSignals() == Array(3...UInt64(trades)))
        print("figure: ended at the budget's end with \(onRecord) of \(all) signals on record: all published once")
    }

    /// A run's data that a power loss left: all its signals are acknowledged, and the end of both the feed's chain and the engine's
    /// was never on disk, so that a recovery decides some of them again, by the returned numbers, and not the last ones.
    private func lostPower(_ redis: RedisServer) async throws -> (data: URL, again: ClosedRange<UInt64>) {
        let data = try await NodeLife.killedWithAllDecided(
            folder.url, trades: Self.trades, redis, isPublished: true, budgetMiB: 256)
        let path = data.appendingPathComponent("journal").path
        let newest = try #require(try JournalFolder(path: path).chains[JournalChain(.feed)]?.last)
        try FileManager.default.removeItem(atPath: newest.path)
        while true {
            let journal = try JournalFolder(path: path)
            if let state = try Recovery.perform(in: journal), state.missing.isEmpty, state.unrecorded.count > 1_500 {
                let last = state.recordedSignals + UInt64(state.unrecorded.count)
                try #require(last < Self.signals)
                return (data, state.recordedSignals + 1...last)
            }
            let newest = try #require(journal.chains[JournalChain(.engine)]?.last)
            try FileManager.default.removeItem(atPath: newest.path)
        }
    }

    @Test func `numbers left out for acknowledged signals that were never on disk stay so, kill after kill`()
        async throws
    {
        defer { folder.remove() }
        let redis = try await RedisServer(appendOnly: true)
        var (data, again) = try await lostPower(redis)
        redis.kill()
        // Two runs, each killed when it has put some of what it takes over on record.
        for (number, count) in [700, 300].enumerated() {
            let life = try await begin(data, redis)
            let whole = try life.killed("whole \(number)")
            #expect(life.signals.count == UInt64(again.count))
            await life.stop()
            data = try cut(whole, behindSignals: count, "cut \(number)")
        }
        try await redis.restart()
        let last = try await begin(data, redis)
        try await waitUntil("compared with the stream", timeout: .seconds(60)) { last.isCompared }
        #expect(last.signals.count == UInt64(again.count) && last.errors.all.isEmpty, "\(last.errors.all)")
        let journal = try last.killed("last").appendingPathComponent("journal").path
        await last.stop()
        #expect(try redis.tradesOfSignals() == Array(3...UInt64(Self.trades)))
        let signals = try Recovery.signals(from: 1, in: JournalFolder(path: journal)).flatMap(\.signals)
        let taken = Self.signals + 1...Self.signals + UInt64(again.count)
        #expect(signals.map(\.number) == Array(1..<again.lowerBound) + Array(taken))
        // Signal n is decided on trade n + 2.
        #expect(signals.map(\.decision.tickID) == Array(3...again.upperBound + 2))
        print(
            "figure: \(again.count) signals decided again are on record once, over two kills while they were taken over"
        )
    }
}
