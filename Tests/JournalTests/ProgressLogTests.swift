import Foundation
import TestSupport
import Testing

@testable import Journal

/// Notes that come faster than segments are made.
@Suite(.timeLimit(.minutes(1))) struct ProgressLogTests {
    private static let chain = JournalChain(.acknowledgements)
    private static let plans = [ChainPlan(chain: chain, segmentBytes: 8_192, tableEntries: 64, readyAhead: 2)]
    private static let notes: UInt64 = 2_000

    private func write(_ fixture: JournalFixture, mostWaitMillis: Int) throws -> (found: [UInt64], skipped: UInt64) {
        let journal = try fixture.begin(plans: Self.plans)
        journal.start()
        var log = ProgressLog(writer: journal.writer(of: Self.chain), mostWaitMillis: mostWaitMillis)
        for number in 1...Self.notes { log.append(number) }
        let skipped = log.skippedCount
        _ = consume log
        journal.stop()
        var found: [UInt64] = []
        try ProgressLog.readBackwards(Self.chain, in: JournalFolder(path: fixture.path)) { first, _, _ in
            found.append(first)
            return true
        }
        return (found.reversed(), skipped)
    }

    @Test func `notes that may wait for a segment are all there, others are left out and counted`() throws {
        let waited = try write(JournalFixture(), mostWaitMillis: 20_000)
        #expect(waited.found == Array(1...Self.notes) && waited.skipped == 0)
        let hurried = try write(JournalFixture(), mostWaitMillis: 0)
        #expect(hurried.skipped > 0 && hurried.found.count + Int(hurried.skipped) == Int(Self.notes))
        print(
            "figure: of \(Self.notes) notes at once left out: \(waited.skipped) that may wait, \(hurried.skipped) that may not"
        )
    }

    @Test func `without a segment in time one note waits, not each`() throws {
        let fixture = try JournalFixture()
        // It is not started, so there is none.
        let journal = try fixture.begin(plans: Self.plans)
        var log = ProgressLog(writer: journal.writer(of: Self.chain), mostWaitMillis: 20)
        let start = ContinuousClock.now
        for number in 1...Self.notes { log.append(number) }
        #expect(log.skippedCount == Self.notes)
        #expect(ContinuousClock.now - start < .milliseconds(20) * Int(Self.notes) / 2)
        journal.start()
        log.append(1)
        #expect(log.skippedCount == Self.notes)
        _ = consume log
        journal.stop()
    }
}
