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
        for _ in feedSeconds { Self.begin(&feed) }
        for _ in engineSeconds { Self.begin(&engine) }
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

    private static func begin(_ writer: inout ChainWriter) {
        while !writer.advance() { usleep(1_000) }
        writer.write(0, bytes: 0)
    }

    /// Copies the files, with what the system noted of them.
    func copy(to folder: String) throws {
        for file in try JournalFolder(path: fixture.path).chains.values.joined() {
            try Command.run(["cp", "-p", file.path, folder])
        }
    }
}

/// What a run spares of the one before it, which was killed: at the budget's end.
@Suite(.timeLimit(.minutes(1))) struct RestartTests {
    private static let budget = 12 * 65_536

    /// Writes to the feed's chain until `isDone`.
    private func fill(_ feed: inout ChainWriter, until isDone: () throws -> Bool) throws {
        let deadline = ContinuousClock.now + .seconds(20)
        var number: UInt64 = 0
        while !(try isDone()) {
            guard ContinuousClock.now < deadline else { throw ConditionTimeout(description: "not within 20 s") }
            feed.write(number, bytes: 20_000)
            number += 1
        }
    }

    private func feedSegments(_ fixture: JournalFixture) throws -> [UInt64] {
        try JournalFolder(path: fixture.path).chains[JournalFixture.chain]?.map(\.segment) ?? []
    }

    @Test func `until its own beginning is on disk a run spares what ended before the newest checkpoint there`() throws
    {
        let killed = try KilledRun()
        let fixture = killed.fixture
        let recycled = { fixture.metrics.total("tickline_journal_recycled_segments_total") }
        let journal = try fixture.begin(plans: KilledRun.plans, budgetBytes: Self.budget, wallClock: nil)
        var feed = journal.writer(of: JournalFixture.chain)
        var engine = journal.writer(of: KilledRun.engine)
        journal.start()
        try fill(&feed) { try feedSegments(fixture).count > 20 }
        #expect(try recycled() == 0 && feedSegments(fixture).first == killed.neededFeedSegment)
        let hasSegment = engine.advance()
        #expect(hasSegment)
        engine.write(1, bytes: 0)
        try fill(&feed) { try feedSegments(fixture).first! > killed.neededFeedSegment }
        _ = consume engine
        _ = consume feed
        journal.stop()
    }

    @Test func `a killed run's newest segment was written to its end, whenever the system noted a write`() throws {
        // The feed's only segment was touched first long before the engine's oldest ended.
        let killed = try KilledRun(feedSeconds: [400])
        let fixture = killed.fixture
        let recycled = { fixture.metrics.total("tickline_journal_recycled_segments_total") }
        let journal = try fixture.begin(plans: KilledRun.plans, budgetBytes: Self.budget, wallClock: nil)
        var feed = journal.writer(of: JournalFixture.chain)
        var engine = journal.writer(of: KilledRun.engine)
        journal.start()
        // The oldest of the engine's may go, since it ended before that checkpoint; of the feed's none may.
        let hasSegment = engine.advance()
        #expect(hasSegment)
        engine.write(1, bytes: 0)
        try fill(&feed) { try recycled() > 0 && feedSegments(fixture).count > 20 }
        #expect(try feedSegments(fixture).first == 1)
        _ = consume engine
        _ = consume feed
        journal.stop()
    }
}
