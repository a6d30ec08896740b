import Foundation
import Telemetry
import TestSupport
import Testing

@testable import Journal

/// A journal that a killed run has left, by what the system noted of its files: two feed segments, three of the engine's. The
/// engine's newest checkpoint may need the older feed segment, whose slots it had not taken.
struct KilledRun {
    static let engine = JournalChain(.engine)
    static let plans = [
        ChainPlan(chain: JournalFixture.chain, segmentBytes: 65_536, tableEntries: 128),
        ChainPlan(chain: engine, segmentBytes: 65_536, tableEntries: 128),
    ]
    let fixture: JournalFixture
    let neededFeedSegment: UInt64 = 1

    /// - Parameters:
    ///   - feedSeconds: how long ago the system noted the last write to the feed's segments, oldest first.
    ///   - engineSeconds: the same of the engine's.
    init(feedSeconds: [Int] = [250, 10], engineSeconds: [Int] = [300, 200, 100]) throws {
        fixture = try JournalFixture()
        let journal = try fixture.begin(plans: Self.plans, wallClock: nil)
        var feed = journal.writer(of: JournalFixture.chain)
        var engine = journal.writer(of: Self.engine)
        journal.start()
        for _ in feedSeconds { try Self.begin(&feed) }
        for _ in engineSeconds { try Self.begin(&engine) }
        _ = consume feed
        _ = consume engine
        journal.stop()
        let now = Date()
        for (chain, seconds) in [(JournalFixture.chain, feedSeconds), (Self.engine, engineSeconds)] {
            let files = try #require(try JournalFolder(path: fixture.path).chains[chain])
            try #require(files.count == seconds.count)
            for (file, seconds) in zip(files, seconds) {
                try FileManager.default.setAttributes(
                    [.modificationDate: now - Double(seconds)], ofItemAtPath: file.path)
            }
        }
    }

    /// Begins the chain's next segment.
    static func begin(_ writer: inout ChainWriter) throws {
        let deadline = ContinuousClock.now + .seconds(20)
        while !writer.advance() {
            guard ContinuousClock.now < deadline else { throw ConditionTimeout(description: "no segment within 20 s") }
            usleep(1_000)
        }
        writer.write(0, bytes: 0)
    }

    /// Copies the files, with what the system noted of them.
    func copy(to folder: String) throws {
        for file in try JournalFolder(path: fixture.path).chains.values.joined() {
            try Command.run(["cp", "-p", file.path, folder])
        }
    }
}

/// The run after a killed one, at its budget's end from the start.
private struct NextRun: ~Copyable {
    private static let budget = 12 * 65_536
    private let fixture: JournalFixture
    private let journal: Journal
    private var feed: ChainWriter
    private var engine: ChainWriter

    init(after killed: KilledRun) throws {
        fixture = killed.fixture
        journal = try fixture.begin(plans: KilledRun.plans, budgetBytes: Self.budget, wallClock: nil)
        feed = journal.writer(of: JournalFixture.chain)
        engine = journal.writer(of: KilledRun.engine)
        journal.start()
    }

    var recycled: Double { fixture.metrics.total("tickline_journal_recycled_segments_total") }

    var feedSegments: [UInt64] {
        get throws { try JournalFolder(path: fixture.path).chains[JournalFixture.chain]?.map(\.segment) ?? [] }
    }

    /// Writes to the feed's chain until `isDone`.
    mutating func fillFeed(until isDone: (borrowing NextRun) throws -> Bool) throws {
        let deadline = ContinuousClock.now + .seconds(20)
        var number: UInt64 = 0
        while !(try isDone(self)) {
            guard ContinuousClock.now < deadline else { throw ConditionTimeout(description: "not within 20 s") }
            feed.write(number, bytes: 20_000)
            number += 1
        }
    }

    mutating func beginEngine() throws { try KilledRun.begin(&engine) }

    consuming func stop() {
        let journal = journal
        _ = consume self
        journal.stop()
    }
}

/// What a run spares of the one before it, which was killed: at the budget's end.
@Suite(.timeLimit(.minutes(1))) struct RestartTests {
    @Test func `until its own beginning is on disk a run spares what ended before the newest checkpoint there`() throws
    {
        let killed = try KilledRun()
        var run = try NextRun(after: killed)
        try run.fillFeed { try $0.feedSegments.count > 20 }
        #expect(run.recycled == 0)
        #expect(try run.feedSegments.first == killed.neededFeedSegment)
        try run.beginEngine()
        try run.fillFeed { try $0.feedSegments.first! > killed.neededFeedSegment }
        run.stop()
    }

    @Test func `a killed run's newest segment was written to its end, whenever the system noted a write`() throws {
        // The feed's only segment was touched first long before the engine's oldest ended.
        var run = try NextRun(after: try KilledRun(feedSeconds: [400]))
        // The oldest of the engine's may go, since it ended before that checkpoint; of the feed's none may.
        try run.beginEngine()
        try run.fillFeed { try $0.recycled > 0 && $0.feedSegments.count > 20 }
        #expect(try run.feedSegments.first == 1)
        run.stop()
    }

    @Test func `a clock that was set back before the kill frees nothing a recovery needs, and keeps nothing for ever`()
        throws
    {
        // The oldest ended an hour later by the clock of then.
        var run = try NextRun(
            after: try KilledRun(feedSeconds: [-3_600, 200, 150, 10], engineSeconds: [-3_600, -3_500, 100, 50]))
        try run.fillFeed { try $0.feedSegments.count > 20 }
        #expect(run.recycled == 0)
        #expect(try run.feedSegments.first == 1)
        try run.beginEngine()
        try run.fillFeed { try $0.feedSegments.first! > 3 }
        run.stop()
    }

    @Test func `a file's time beyond all nanoseconds is no reason to refuse a start`() throws {
        let killed = try KilledRun()
        let file = try #require(try JournalFolder(path: killed.fixture.path).chains[JournalFixture.chain]?.first)
        try Command.run(["touch", "-d", "2400-01-01", file.path])
        #expect(try JournalFolder(path: killed.fixture.path).chains[JournalFixture.chain]?.count == 2)
        var run = try NextRun(after: killed)
        let first = try run.feedSegments.count
        try run.fillFeed { try $0.feedSegments.count > first + 4 }
        run.stop()
    }
}
