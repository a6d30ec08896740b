import Foundation
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import Journal

/// What is recycled at the budget's end, and when.
@Suite(.timeLimit(.minutes(1))) struct BudgetTests {
    private static let engine = JournalChain(.engine)
    private static let plans = [
        ChainPlan(chain: JournalFixture.chain, segmentBytes: 65_536, tableEntries: 128),
        ChainPlan(chain: engine, segmentBytes: 65_536, tableEntries: 512),
    ]

    /// Writes to the feed's chain until `isDone`; the engine's advances when asked, as an engine does.
    private func fill(
        _ journal: Journal, _ folder: String, engineAdvances: Bool, until isDone: (Int) -> Bool
    ) throws {
        var feed = journal.writer(of: JournalFixture.chain)
        var engine = journal.writer(of: Self.engine)
        while !engine.advance() { usleep(1_000) }
        engine.write(1, bytes: 0)
        var number: UInt64 = 0
        var bytes = 0
        while number % 100 != 0 || !isDone(bytes) {
            feed.write(number, bytes: 400)
            number += 1
            if engineAdvances, engine.isAskedToAdvance, engine.advance() { engine.write(number, bytes: 0) }
            if number % 100 == 0 {
                usleep(20_000)
                bytes = try JournalFolder(path: folder).chains.values.joined().reduce(0) { $0 + $1.bytes }
            }
        }
    }

    @Test func `at the budget's end another checkpoint is asked for, and the oldest segments go`() throws {
        let fixture = try JournalFixture()
        let budget = 20 * 65_536
        let journal = try fixture.begin(plans: Self.plans, budgetBytes: budget, wallClock: nil)
        journal.start()
        let recycled = { fixture.metrics.total("tickline_journal_recycled_segments_total") }
        var most = 0
        try fill(journal, fixture.path, engineAdvances: true) {
            most = max(most, $0)
            return recycled() > 60
        }
        journal.stop()
        let bytes = try JournalFolder(path: fixture.path).chains.values.joined().reduce(0) { $0 + $1.bytes }
        #expect(bytes <= budget)
        print("figure: budget \(budget) bytes, most at a time \(most), at the end \(bytes), recycled \(recycled())")
    }

    @Test func `without another checkpoint nothing that a recovery needs is recycled`() throws {
        let fixture = try JournalFixture()
        let journal = try fixture.begin(plans: Self.plans, budgetBytes: 20 * 65_536, wallClock: nil)
        journal.start()
        try fill(journal, fixture.path, engineAdvances: false) { $0 > 30 * 65_536 }
        journal.stop()
        #expect(fixture.metrics.total("tickline_journal_recycled_segments_total") == 0)
    }

    @Test func `segments that may hold decisions nobody has acknowledged go last, and are counted`() throws {
        let fixture = try JournalFixture()
        let pending = Atomic<Int>(0)
        let journal = try fixture.begin(plans: Self.plans, budgetBytes: 20 * 65_536, wallClock: nil)
        journal.start(unacknowledged: { pending.load(ordering: .relaxed) })
        usleep(50_000)
        pending.store(1, ordering: .relaxed)
        usleep(50_000)
        let recycled = { fixture.metrics.total("tickline_journal_recycled_segments_total") }
        try fill(journal, fixture.path, engineAdvances: true) { _ in recycled() > 30 }
        journal.stop()
        let files = try JournalFolder(path: fixture.path).chains[Self.engine] ?? []
        #expect(files.first?.segment == 1, "the first decision is still there")
        #expect(!PrometheusText.render(fixture.metrics).contains("what=\"unacknowledged_decisions_segment\"} 1"))
    }
}
