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

    @Test(arguments: [ChainKind.acknowledgements, .stored])
    func `the newest note of an earlier run is kept until there is a newer one`(kind: ChainKind) throws {
        let fixture = try JournalFixture()
        let notes = JournalChain(kind)
        let plans = Self.plans + [ChainPlan(chain: notes, segmentBytes: 8_192, tableEntries: 64)]
        func newest() throws -> UInt64? {
            var found: UInt64?
            try ProgressLog.readBackwards(notes, in: JournalFolder(path: fixture.path)) { first, _, _ in
                found = first
                return false
            }
            return found
        }
        for run in 1...3 {
            let journal = try fixture.begin(plans: plans, budgetBytes: 20 * 65_536, wallClock: nil)
            journal.start()
            var log = ProgressLog(writer: journal.writer(of: notes))
            if run != 2 {
                while try newest() != UInt64(run) {
                    log.append(UInt64(run))
                    usleep(1_000)
                }
            }
            // Everything of the run before that may go has gone.
            let recycled = { fixture.metrics.total("tickline_journal_recycled_segments_total") }
            let before = recycled()
            try fill(journal, fixture.path, engineAdvances: true) { _ in recycled() > before + 60 }
            journal.stop()
            #expect(try newest() == (run == 3 ? 3 : 1), "run \(run)")
        }
    }

    @Test func `without another checkpoint nothing that a recovery needs is recycled`() throws {
        let fixture = try JournalFixture()
        let journal = try fixture.begin(plans: Self.plans, budgetBytes: 20 * 65_536, wallClock: nil)
        journal.start()
        try fill(journal, fixture.path, engineAdvances: false) { $0 > 30 * 65_536 }
        journal.stop()
        #expect(fixture.metrics.total("tickline_journal_recycled_segments_total") == 0)
    }

    /// Signals handed over and acknowledged.
    private final class Signals: Sendable {
        private let state = Mutex((count: UInt64(0), acknowledged: UInt64(0)))
        var value: (count: UInt64, acknowledged: UInt64) { state.withLock { $0 } }
        func set(_ count: UInt64, _ acknowledged: UInt64) { state.withLock { $0 = (count, acknowledged) } }
    }

    private func engineSegments(_ fixture: JournalFixture) throws -> [UInt64] {
        try JournalFolder(path: fixture.path).chains[Self.engine]?.map(\.segment) ?? []
    }

    @Test
    func `unacknowledged decisions fill their reserve, then engine and feeds wait, and go on with acknowledgements`()
        throws
    {
        let fixture = try JournalFixture()
        let signals = Signals()
        let budget = 20 * 65_536
        let journal = try fixture.begin(plans: Self.plans, budgetBytes: budget, wallClock: nil)
        journal.start { signals.value }
        usleep(50_000)
        signals.set(1, 0)
        usleep(50_000)
        var feed = journal.writer(of: JournalFixture.chain)
        var engine = journal.writer(of: Self.engine)
        while !engine.advance() { usleep(1_000) }
        var (number, segments, most) = (UInt64(0), 1, 0)
        let full = { fixture.metrics.total("tickline_journal_reserve_full_total") }
        let deadline = ContinuousClock.now + .seconds(30)
        func isWaiting(_ writer: inout ChainWriter) -> Bool {
            for _ in 0..<100 {
                if writer.freeEntries > 1 && writer.dataTail.count > 500 || writer.advance() { return false }
                usleep(1_000)
            }
            return true
        }
        func bytes() throws -> Int {
            try JournalFolder(path: fixture.path).chains.values.joined().reduce(0) { $0 + $1.bytes }
        }
        // Until the feed gets no segment any more.
        while !isWaiting(&feed), ContinuousClock.now < deadline {
            feed.write(number, bytes: 400)
            // Without a segment the engine decides nothing.
            if engine.freeEntries > 1 { engine.write(number, bytes: 0) }
            number += 1
            if engine.freeEntries == 1 || number % 200 == 0, engine.advance() { segments += 1 }
            most = max(most, try bytes())
        }
        #expect(full() == 1 && !fixture.health.status.isReady && fixture.health.status.reason.contains("reserve"))
        #expect(try engineSegments(fixture) == Array(1...UInt64(segments)), "all decisions are still there")
        let reserved = try #require(
            PrometheusText.render(fixture.metrics).number(of: "tickline_journal_reserved_bytes"))
        let used = try #require(
            PrometheusText.render(fixture.metrics).number(of: "tickline_journal_reserved_used_bytes"))
        #expect(reserved == 8 * 65_536 && used <= reserved && used > reserved - 2 * 65_536 && most <= budget)
        let recycled = Int(fixture.metrics.total("tickline_journal_recycled_segments_total"))
        signals.set(1, 1)
        while !engine.advance(), ContinuousClock.now < deadline { usleep(1_000) }
        engine.write(number, bytes: 0)
        let isStillWaiting = isWaiting(&feed)
        #expect(!isStillWaiting)
        while !fixture.health.status.isReady, ContinuousClock.now < deadline { usleep(1_000) }
        #expect(fixture.health.status.isReady && fixture.metrics.total("tickline_dropped_total") == 0)
        _ = consume feed
        _ = consume engine
        journal.stop()
        print(
            "figure: P3 reserve \(reserved) of \(budget) bytes: \(segments) segments with decisions kept, recycled of others",
            "\(recycled), of decisions 0; most at a time \(most) bytes; goes on with the acknowledgement")
    }

    @Test func `with signals always under way what is acknowledged is told apart, and the budget holds`() throws {
        let fixture = try JournalFixture()
        let journal = try fixture.begin(plans: Self.plans, budgetBytes: 20 * 65_536, wallClock: nil)
        let asked = Atomic<UInt64>(1)
        journal.start {
            // At each look three more, the last two of them not acknowledged.
            let count = asked.wrappingAdd(3, ordering: .relaxed).newValue
            return (count, count - 2)
        }
        try fill(journal, fixture.path, engineAdvances: true) { _ in
            fixture.metrics.total("tickline_journal_recycled_segments_total") > 60
        }
        journal.stop()
        #expect(fixture.metrics.total("tickline_journal_reserve_full_total") == 0)
    }
}

extension String {
    /// A metric's only value.
    fileprivate func number(of name: String) -> Int? {
        split(separator: "\n").first { $0.hasPrefix(name + " ") }?.split(separator: " ").last.flatMap { Double($0) }
            .map { Int($0) }
    }
}
