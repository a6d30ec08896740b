import Foundation
import Glibc
import Telemetry
import TestSupport
import Testing

@testable import Journal

/// Fault P3 at the journal itself: a disk that fills up and has room again; each test prints its figure.
@Suite(.serialized, .enabled(if: Repository.isCI || geteuid() == 0, "needs root, for a disk of its own"))
struct DiskFaultTests {
    private static let chain = JournalFixture.chain
    private static let segmentBytes = 65_536

    private static func segments(_ path: String) throws -> [UInt64] {
        try JournalFolder(path: path).chains[chain]?.map(\.segment) ?? []
    }

    private static func findings(_ path: String) throws -> [ChainFinding] {
        var check = ChainCheck(chain, in: try JournalFolder(path: path))
        var findings: [ChainFinding] = []
        while try check.step({ findings.append($0) }) {}
        return findings
    }

    @Test func `on a full disk the oldest segments are recycled, each counted, and nothing newer is lost`() throws {
        let fixture = try JournalFixture()
        let disk = try TemporaryDisk(mebibytes: 1)
        defer { disk.remove() }
        let journal = try fixture.begin(folder: disk.path)
        var writer = journal.writer(of: Self.chain)
        journal.start()
        for number in 0..<1_000 as Range<UInt64> { writer.write(number, bytes: 2_000) }
        _ = consume writer
        journal.stop()
        let segments = try Self.segments(disk.path)
        let recycled = Int(fixture.metrics.total("tickline_journal_recycled_segments_total"))
        #expect(segments == Array(UInt64(recycled + 1)...UInt64(recycled + segments.count)))
        #expect(recycled > 10 && fixture.metrics.total("tickline_dropped_total") == 0)
        #expect(fixture.metrics.total("tickline_journal_errors_total") == 0, "a full disk with a past is no trouble")
        var reader = ChainReader(Self.chain, in: try JournalFolder(path: disk.path))
        var (count, last) = (0, UInt64(0))
        while let entry = try reader.next() { (count, last) = (count + 1, entry.word2) }
        #expect(last == 999 && count >= segments.count * 20)
        print("figure: P3 full disk: \(recycled) oldest segments recycled and counted, \(count) newest entries whole")
    }

    @Test func `where nothing can make room memory stands in, counted, and files return with the room`() throws {
        let fixture = try JournalFixture()
        let disk = try TemporaryDisk(mebibytes: 1)
        defer { disk.remove() }
        let engine = JournalChain(.engine)
        let plans = [
            ChainPlan(chain: Self.chain, segmentBytes: Self.segmentBytes, tableEntries: 128),
            ChainPlan(chain: engine, segmentBytes: Self.segmentBytes, tableEntries: 128),
        ]
        // Without two written segments of the engine's nothing may be recycled: a recovery needs it all.
        let journal = try fixture.begin(plans: plans, folder: disk.path)
        var writer = journal.writer(of: Self.chain)
        let unused = journal.writer(of: engine)
        journal.start()
        try disk.fill()
        writer.write(0, bytes: 50_000)
        writer.write(1, bytes: 10_000)
        try wait { !fixture.health.status.isReady }
        #expect(fixture.metrics.total("tickline_dropped_total") == 0, "no memory as long as files last")
        var number: UInt64 = 2
        while fixture.metrics.total("tickline_dropped_total") < 3 {
            writer.write(number, bytes: 20_000)
            number += 1
        }
        // At some looks there is no segment for what comes next, which is said first.
        try wait {
            writer.write(number, bytes: 20_000)
            number += 1
            return fixture.health.status.reason.contains("feed-0 is in memory")
        }
        try disk.empty()
        try wait {
            writer.write(number, bytes: 20_000)
            number += 1
            // As an engine does that has taken what was in memory.
            unused.answer(checkpointDemand: unused.checkpointDemand)
            return fixture.health.status.isReady
        }
        let dropped = Int(fixture.metrics.total("tickline_dropped_total"))
        _ = consume writer
        _ = consume unused
        journal.stop()
        // The numbers that are missing are those of memory; reading says so and changes nothing.
        let segments = try Self.segments(disk.path)
        #expect(Int(segments.last!) - segments.count == dropped)
        let inMemory = try Self.findings(disk.path)
        #expect(!inMemory.isEmpty && inMemory.allSatisfy { !$0.isDamage }, "\(inMemory)")
        var reader = ChainReader(Self.chain, in: try JournalFolder(path: disk.path))
        let error = #expect(throws: JournalError.self) { while try reader.next() != nil {} }
        guard case .incomplete(Self.chain, _)? = error else { throw error ?? .notASegment(path: "") }
        #expect(try Self.segments(disk.path) == segments)
        // The next run goes on behind it.
        let next = try fixture.begin(plans: plans, folder: disk.path)
        var newest = next.writer(of: Self.chain)
        next.start()
        newest.write(number, bytes: 100)
        _ = consume newest
        next.stop()
        // What somebody removed is told from it.
        let hole = try #require(segments.indices.dropFirst().first { segments[$0] != segments[$0 - 1] + 1 })
        let removed = SegmentFile.name(Self.chain, segments[hole])
        try FileManager.default.removeItem(atPath: "\(disk.path)/\(removed)")
        #expect(try Self.findings(disk.path).contains { $0.isDamage })
        print("figure: P3 full disk without a past: \(dropped) segments in memory, counted; ready again with room")
    }

    @Test func `on a full disk segments with unacknowledged decisions are never recycled`() throws {
        let fixture = try JournalFixture()
        let disk = try TemporaryDisk(mebibytes: 2)
        defer { disk.remove() }
        let engine = JournalChain(.engine)
        let plans = [
            ChainPlan(chain: Self.chain, segmentBytes: Self.segmentBytes, tableEntries: 128),
            ChainPlan(chain: engine, segmentBytes: Self.segmentBytes, tableEntries: 128),
        ]
        let journal = try fixture.begin(plans: plans, folder: disk.path, wallClock: nil)
        var feed = journal.writer(of: Self.chain)
        var decisions = journal.writer(of: engine)
        journal.start { (1, 0) }
        for number in 0..<800 as Range<UInt64> {
            if number == 400 { try disk.fill() }
            feed.write(number, bytes: 2_000)
            if number % 100 == 0 { try wait { decisions.advance() } }
            decisions.write(number, bytes: 0)
        }
        // Counts and files are of one moment once the journal's thread has ended.
        _ = consume feed
        _ = consume decisions
        journal.stop()
        let inMemory = Int(fixture.metrics.total("tickline_dropped_total"))
        let recycled = Int(fixture.metrics.total("tickline_journal_recycled_segments_total"))
        let kept = try JournalFolder(path: disk.path).chains[engine]?.map(\.segment) ?? []
        // In front of what is in memory alone there is every one from the first on.
        #expect(kept.count >= 4 && kept == Array(1...UInt64(kept.count)))
        let feeds = try Self.segments(disk.path)
        #expect(feeds.first == UInt64(recycled + 1) && recycled > 0, "each recycled one is counted")
        print(
            "figure: P3 full disk, decisions unacknowledged: segments with decisions kept \(kept.count), recycled of others",
            "\(recycled), of decisions 0, in memory and counted \(inMemory)")
    }

    @Test func `a file whose maker was killed before it had room is none of the chain`() throws {
        let fixture = try JournalFixture()
        let journal = try fixture.begin()
        var writer = journal.writer(of: Self.chain)
        journal.start()
        writer.write(1, bytes: 10)
        _ = consume writer
        journal.stop()
        let empty = "\(fixture.path)/\(SegmentFile.name(Self.chain, 2))"
        #expect(FileManager.default.createFile(atPath: empty, contents: nil))
        let next = try fixture.begin()
        next.start()
        next.stop()
        #expect(try fixture.read().map(\.word) == [1])
    }

    @Test func `a run that begins in memory spares a segment more, until it has a beginning of its own on disk`() throws
    {
        let killed = try KilledRun()
        let disk = try TemporaryDisk(mebibytes: 1)
        defer { disk.remove() }
        try killed.copy(to: disk.path)
        try disk.fill()
        let (fixture, first) = (killed.fixture, killed.neededFeedSegment)
        let recycled = { fixture.metrics.total("tickline_journal_recycled_segments_total") }
        let journal = try fixture.begin(plans: KilledRun.plans, folder: disk.path, wallClock: nil)
        var engine = journal.writer(of: KilledRun.engine)
        var feed = journal.writer(of: Self.chain)
        journal.start()
        let before = recycled()
        let hasSegment = engine.advance()
        let isInMemory = engine.isInMemory
        #expect(hasSegment && isInMemory)
        engine.write(1, bytes: 0)
        var number: UInt64 = 0
        while fixture.metrics.total("tickline_dropped_total") < 6 {
            feed.write(number, bytes: 20_000)
            number += 1
        }
        #expect(before == 0 && recycled() == 0)
        #expect(try Self.segments(disk.path).first == first)
        try disk.empty()
        // The next beginning is on disk, and what only the one before it needs may go.
        try wait {
            guard engine.isInMemory else { return true }
            if engine.advance() { engine.write(2, bytes: 0) }
            return false
        }
        try disk.fill()
        try wait {
            feed.write(number, bytes: 20_000)
            number += 1
            return recycled() > 1
        }
        #expect(try Self.segments(disk.path).first! > first)
        _ = consume engine
        _ = consume feed
        journal.stop()
    }

    private func wait(_ condition: () -> Bool) throws {
        let deadline = ContinuousClock.now + .seconds(20)
        while !condition() {
            guard ContinuousClock.now < deadline else { throw ConditionTimeout(description: "not within 20 s") }
            usleep(2_000)
        }
    }
}
