import Foundation
import Telemetry
import TestSupport
import Testing

@testable import Journal

/// Notes of a run whose disk refuses a file for them: they end with the process.
@Suite(
    .serialized, .timeLimit(.minutes(1)),
    .enabled(if: Repository.isCI || geteuid() == 0, "needs root, for a disk of its own"))
struct NotesInMemoryTests {
    private static let (engine, notes) = (JournalChain(.engine), JournalChain(.stored))
    private static let plans = [
        ChainPlan(chain: JournalFixture.chain, segmentBytes: 65_536, tableEntries: 128),
        ChainPlan(chain: engine, segmentBytes: 65_536, tableEntries: 128),
        ChainPlan(chain: notes, segmentBytes: 8_192, tableEntries: 64),
    ]

    private func wait(_ condition: () throws -> Bool) throws {
        let deadline = ContinuousClock.now + .seconds(20)
        while !(try condition()) {
            guard ContinuousClock.now < deadline else { throw ConditionTimeout(description: "not within 20 s") }
            usleep(1_000)
        }
    }

    private func notes(_ folder: String) throws -> [UInt64] {
        var found: [UInt64] = []
        try ProgressLog.readBackwards(Self.notes, in: JournalFolder(path: folder)) { first, _, _ in
            found.append(first)
            return true
        }
        return found
    }

    /// Writes until everything that may go has gone.
    private func recycle(_ feed: inout ChainWriter, _ engine: inout ChainWriter, _ fixture: JournalFixture) throws {
        let end = fixture.metrics.total("tickline_journal_recycled_segments_total") + 60
        var number: UInt64 = 0
        try wait {
            feed.write(number, bytes: 20_000)
            if engine.freeEntries == 0 || engine.isAskedToAdvance, engine.advance() { engine.write(1, bytes: 0) }
            number += 1
            return fixture.metrics.total("tickline_journal_recycled_segments_total") >= end
        }
    }

    @Test func `those in memory let no note on disk go, and the next one on disk does`() throws {
        let fixture = try JournalFixture()
        let disk = try TemporaryDisk(mebibytes: 4)
        defer { disk.remove() }
        func begin() throws -> Journal {
            try fixture.begin(plans: Self.plans, budgetBytes: 20 * 65_536, folder: disk.path, wallClock: nil)
        }
        var journal = try begin()
        journal.start()
        var log = ProgressLog(writer: journal.writer(of: Self.notes))
        log.append(7)
        _ = consume log
        journal.stop()
        // Without a past that may go, nothing makes room for a file.
        try disk.fill()
        journal = try begin()
        journal.start()
        log = ProgressLog(writer: journal.writer(of: Self.notes))
        log.append(8)
        #expect(try notes(disk.path) == [7] && fixture.metrics.total("tickline_dropped_total") > 0)
        try disk.empty()
        var feed = journal.writer(of: JournalFixture.chain)
        var engine = journal.writer(of: Self.engine)
        try recycle(&feed, &engine, fixture)
        #expect(try notes(disk.path) == [7])
        // A file is ready by now.
        log.append(9)
        try recycle(&feed, &engine, fixture)
        #expect(try notes(disk.path) == [9])
        let recycled = Int(fixture.metrics.total("tickline_journal_recycled_segments_total"))
        print("figure: \(recycled) segments recycled beside a note in memory, the last one on disk is kept")
        _ = consume log
        _ = consume engine
        _ = consume feed
        journal.stop()
    }
}
