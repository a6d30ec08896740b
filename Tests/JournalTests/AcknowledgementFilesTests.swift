import Foundation
import Telemetry
import TestSupport
import Testing

@testable import Journal

/// How many files of acknowledgements are kept at the budget's end.
@Suite(.timeLimit(.minutes(1))) struct AcknowledgementFilesTests {
    @Test func `of the files that many short runs have left no more than a bound are kept, the newest`() throws {
        let fixture = try JournalFixture()
        let (engine, notes) = (JournalChain(.engine), JournalChain(.acknowledgements))
        let plans = [
            ChainPlan(chain: JournalFixture.chain, segmentBytes: 65_536, tableEntries: 128),
            ChainPlan(chain: engine, segmentBytes: 65_536, tableEntries: 128),
            ChainPlan(chain: notes, segmentBytes: 8_192, tableEntries: 64),
        ]
        let runs = UInt64(JournalKeeper.keptAcknowledgementFiles) + 8
        for run in 1...runs {
            let journal = try fixture.begin(plans: plans, budgetBytes: 20 * 65_536, wallClock: nil)
            journal.start()
            var log = ProgressLog(writer: journal.writer(of: notes))
            log.append(run)
            if run == runs { try recycleAll(journal, fixture) }
            _ = consume log
            journal.stop()
        }
        var found: [UInt64] = []
        try ProgressLog.readBackwards(notes, in: JournalFolder(path: fixture.path)) { first, _, _ in
            found.append(first)
            return true
        }
        // Those of earlier runs, and the last run's own.
        #expect(found == (runs - UInt64(JournalKeeper.keptAcknowledgementFiles)...runs).reversed())
        print("figure: acknowledgements of \(runs) short runs, \(found.count) files of them kept at the budget's end")
    }

    /// Writes until nothing but the feed's own is recycled any more.
    private func recycleAll(_ journal: Journal, _ fixture: JournalFixture) throws {
        var feed = journal.writer(of: JournalFixture.chain)
        var engine = journal.writer(of: JournalChain(.engine))
        let deadline = ContinuousClock.now + .seconds(20)
        var number: UInt64 = 0
        while fixture.metrics.total("tickline_journal_recycled_segments_total") < 100 {
            guard ContinuousClock.now < deadline else { throw ConditionTimeout(description: "nothing is recycled") }
            feed.write(number, bytes: 20_000)
            if engine.freeEntries == 0 || engine.isAskedToAdvance, engine.advance() { engine.write(number, bytes: 0) }
            number += 1
            usleep(1_000)
        }
    }
}
