import Foundation
import Journal
import Logging
import Replay
import RingBuffer
import StrategyEngine
import Telemetry
import TestSupport
import Testing
import TradingModel

@testable import TicklineNode

/// A segment of the engine's that is missing between others, as memory leaves it that stood in while the disk refused: what
/// each reader of the chain says and does.
@Suite(.serialized, .timeLimit(.minutes(5))) struct HoleTests {
    private static let trades = 6_000
    private let folder = try! TemporaryFolder("tickline-hole")

    private func segments(_ journal: String) throws -> [JournalFolder.File] {
        try JournalFolder(path: journal).chains[JournalChain(.engine)] ?? []
    }

    /// What the journal's one run means by its numbers.
    private func names(_ path: String) throws -> RunDescription {
        try #require(try Recovery.perform(in: JournalFolder(path: path))).description
    }

    /// The journal of a run that was killed when it had decided all.
    private func journal(_ redis: RedisServer, isPublished: Bool) async throws -> URL {
        try await NodeLife.killedWithAllDecided(folder.url, trades: Self.trades, redis, isPublished: isPublished)
    }

    /// The same without the third engine segment; the signals of that one.
    private func journalWithHole(
        _ redis: RedisServer, isPublished: Bool
    ) async throws -> (data: URL, lost: ClosedRange<UInt64>) {
        let killed = try await journal(redis, isPublished: isPublished)
        let files = try segments(killed.appendingPathComponent("journal").path)
        try #require(files.count > 4)
        let checkpoints = try files[2...3].map { file in
            let segment = try SegmentReader(path: file.path)
            return try #require(segment.entry(at: 0).flatMap { EngineCheckpoint($0, in: segment) })
        }
        try FileManager.default.removeItem(atPath: files[2].path)
        return (killed, checkpoints[0].signalCount + 1...checkpoints[1].signalCount)
    }

    private func begin(_ data: URL, _ redis: RedisServer) async throws -> NodeLife {
        try await NodeLife(data, redis: redis.url, sizes: TakingOverTests.small, budgetMiB: 64)
    }

    @Test func `a hole among acknowledged signals refuses no start, and nothing is published twice`() async throws {
        defer { folder.remove() }
        let redis = try await RedisServer()
        let (data, _) = try await journalWithHole(redis, isPublished: true)
        let next = try await begin(data, redis)
        try await waitUntil("compared with the stream") { next.isCompared }
        await next.stop()
        #expect(try redis.tradesOfSignals() == Array(3...UInt64(Self.trades)))
        #expect(next.errors.all.isEmpty, "\(next.errors.all)")
    }

    /// Which entry, apart from the newest, consumers have left.
    enum Left: CaseIterable { case none, inFrontOfTheHole, amongTheHole, behindTheHole }

    @Test(arguments: Left.allCases)
    func `what consumers have removed around a hole does not come back, start after start`(left: Left) async throws {
        defer { folder.remove() }
        let redis = try await RedisServer()
        let (data, lost) = try await journalWithHole(redis, isPublished: true)
        let number: UInt64? =
            switch left {
            case .none: nil
            case .inFrontOfTheHole: lost.lowerBound - 1
            case .amongTheHole: lost.lowerBound + 10
            case .behindTheHole: lost.upperBound + 1
            }
        // The first signal is on the third trade.
        let trades = [number.map { $0 + 2 }, UInt64(Self.trades)].compactMap { $0 }
        try redis.removeSignals(except: trades)
        for _ in 0..<3 {
            let next = try await begin(data, redis)
            try await waitUntil("compared with the stream") { next.isCompared }
            await next.stop()
            #expect(try redis.tradesOfSignals() == trades)
        }
    }

    @Test func `of signals without acknowledgement those on both sides of the hole are published, the others counted`()
        async throws
    {
        defer { folder.remove() }
        let redis = try await RedisServer()
        redis.kill()
        let (data, lost) = try await journalWithHole(redis, isPublished: false)
        try await redis.restart()
        let next = try await begin(data, redis)
        try await waitUntil("published") { next.signals.acknowledged == UInt64(Self.trades - 2) }
        await next.stop()
        // The first signal is at the third trade.
        let expected = (3...UInt64(Self.trades)).filter { !lost.contains($0 - 2) }
        #expect(try redis.tradesOfSignals() == expected)
        #expect(next.errors.all.contains { $0.contains("\(lost.count)") }, "\(next.errors.all)")
    }

    @Test func `a kill between a new segment and its checkpoint, behind a hole, refuses no start`() async throws {
        defer { folder.remove() }
        let redis = try await RedisServer()
        let (data, _) = try await journalWithHole(redis, isPublished: true)
        // The one in front of the newest is a hole, and nothing of the newest was written but its header.
        let files = try segments(data.appendingPathComponent("journal").path)
        try FileManager.default.removeItem(atPath: files[files.count - 2].path)
        let newest = try FileHandle(forWritingTo: URL(fileURLWithPath: files[files.count - 1].path))
        try newest.seek(toOffset: 4_096)
        try newest.write(contentsOf: Data(count: files[files.count - 1].bytes - 4_096))
        try newest.close()
        try TornSegment.note(0, in: files[files.count - 1].path)
        let next = try await begin(data, redis)
        await next.stop()
        #expect(next.errors.all.contains { $0.contains("is not in the journal") }, "\(next.errors.all)")
        #expect(try redis.tradesOfSignals() == Array(3...UInt64(Self.trades)))
    }

    @Test func `verify names what is missing and plays the rest, explain knows the signals on both sides`() async throws
    {
        defer { folder.remove() }
        let redis = try await RedisServer()
        let (data, lost) = try await journalWithHole(redis, isPublished: true)
        let path = data.appendingPathComponent("journal").path
        var verification = try JournalVerification(path: path)
        var findings: [String] = []
        try verification.run(progress: { _, _ in }, found: { findings.append("\($0)") })
        #expect(findings.count == 2 && findings[0].contains("are missing") && findings[1].contains("was not played"))
        #expect(verification.figures.signals == UInt64(Self.trades - 2 - lost.count))
        let folder = try JournalFolder(path: path)
        // Signal n is decided on trade n + 2.
        for number in [lost.lowerBound - 1, lost.lowerBound, lost.upperBound + 1, lost.upperBound + 2] {
            let id = try #require(SignalIdentifier("binance:BTCUSDT:sma-1-2:\(number + 2)"))
            guard case .found(let signal) = try SignalSearch.perform(id, in: folder) else {
                #expect(lost.contains(number), "signal \(number)")
                continue
            }
            #expect(!lost.contains(number) && signal.number == number && signal.acknowledged != nil)
            // What stood before the first one behind the hole is not known.
            #expect((signal.previous == nil) == (number == lost.upperBound + 1))
            let explanation = try SignalExplanation.of(id, signal, in: folder)
            #expect(explanation.tick.id == number + 2 && explanation.window.count == 2)
        }
        print("figure: a hole of \(lost.count) signals: \(findings)")
    }

    @Test func `the store passes over the hole and counts it`() async throws {
        defer { folder.remove() }
        let redis = try await RedisServer()
        let (data, lost) = try await journalWithHole(redis, isPublished: true)
        let path = data.appendingPathComponent("journal").path
        let newest = try SegmentReader(path: try #require(try segments(path).last).path)
        let last = newest.identity.firstSequence + UInt64(newest.countWholeEntries()) - 1
        let (metrics, errors) = (MetricsRegistry(), LoggedErrors())
        let backlog = JournalCatchUp(
            path: path, run: newest.identity.run + 1, names: try names(path),
            detour: RecordDetour(behind: 0, reached: last), metrics: metrics, logger: errors.logger)
        let consumer = RingConsumer(backlog.ring)
        var ids: [UInt64] = []
        backlog.begin()
        while backlog.isBehind || backlog.ring.occupancy > 0 {
            _ = backlog.read(most: 4_096)
            consumer.refresh()
            let slots = consumer.peek(most: .max, as: Tick.self)
            ids += slots.filter { $0.kind == RecordKind.trade.rawValue }.map(\.id)
            consumer.release(count: slots.count)
        }
        let missing = Set(1...UInt64(Self.trades)).subtracting(ids)
        #expect(ids == ids.sorted() && Set(ids).count == ids.count)
        // All trades that were taken during that segment: those of its signals and no other.
        #expect(missing == Set(lost.lowerBound + 2...lost.upperBound + 2))
        #expect(metrics.total("tickline_dropped_total") == Double(missing.count))
        #expect(errors.all.contains { $0.contains("never had on disk") })
    }

    /// The disk is full when the next run begins: its first entries, by which it takes over what the engine had not taken, are in
    /// memory alone.
    @Test func `what a killed run had received is stored, also where the next one begins in memory`() async throws {
        defer { folder.remove() }
        let redis = try await RedisServer()
        let path = try await journal(redis, isPublished: true).appendingPathComponent("journal").path
        // What the engine took during its newest segment is left in the feed's as if it had not been taken.
        let newest = try #require(try segments(path).last)
        try #require(try SegmentReader(path: newest.path).countWholeEntries() > 1)
        try FileManager.default.removeItem(atPath: newest.path)
        let left = try SegmentReader(path: try #require(try segments(path).last).path)
        let last = left.identity.firstSequence + UInt64(left.countWholeEntries()) - 1
        let (metrics, errors) = (MetricsRegistry(), LoggedErrors())
        let backlog = JournalCatchUp(
            path: path, run: left.identity.run + 1, names: try names(path),
            detour: RecordDetour(behind: 1, reached: last + 3), metrics: metrics, logger: errors.logger)
        let consumer = RingConsumer(backlog.ring)
        var ids: [UInt64] = []
        backlog.begin()
        // The engine does not come back: the store writer goes on asking.
        for _ in 0..<100 {
            #expect(backlog.read(most: 4_096))
            consumer.refresh()
            let slots = consumer.peek(most: .max, as: Tick.self)
            ids += slots.filter { $0.kind == RecordKind.trade.rawValue }.map(\.id)
            consumer.release(count: slots.count)
        }
        #expect(ids == Array(1...UInt64(Self.trades)))
        #expect(errors.all.count { $0.contains("no longer in the journal") } == 1, "\(errors.all)")
    }

    @Test func `a run that stores for the first time notes what was recorded before, and leaves that alone`()
        async throws
    {
        defer { folder.remove() }
        let redis = try await RedisServer()
        let (data, _) = try await journalWithHole(redis, isPublished: true)
        let newest = try SegmentReader(
            path: try #require(try segments(data.appendingPathComponent("journal").path).last).path)
        let last = newest.identity.firstSequence + UInt64(newest.countWholeEntries()) - 1
        let storing = try await NodeLife(
            data, redis: redis.url, sizes: TakingOverTests.small, budgetMiB: 64, store: .sqlite)
        let killed = try storing.killed("killed again")
        await storing.stop()
        var notes: [UInt64] = []
        try ProgressLog.readBackwards(
            JournalChain(.stored), in: JournalFolder(path: killed.appendingPathComponent("journal").path)
        ) { sequence, _, _ in
            notes.append(sequence)
            return true
        }
        #expect(notes == [last])
    }
}
