import Foundation
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import Journal

/// What the journal keeps for the next run, whatever the budget: over restarts, and while the wall clock is set back.
@Suite(.timeLimit(.minutes(1))) struct ReserveTests {
    private static let engine = JournalChain(.engine)
    private static let plans = [
        ChainPlan(chain: JournalFixture.chain, segmentBytes: 65_536, tableEntries: 128),
        ChainPlan(chain: engine, segmentBytes: 65_536, tableEntries: 128),
    ]
    private static let budget = 20 * 65_536

    /// Signals handed over and acknowledged.
    private final class Signals: Sendable {
        private let state = Mutex((count: UInt64(0), acknowledged: UInt64(0)))
        /// How often the journal's thread has asked: once at each look.
        let looks = Atomic<Int>(0)
        var value: (count: UInt64, acknowledged: UInt64) {
            looks.wrappingAdd(1, ordering: .relaxed)
            return state.withLock { $0 }
        }
        func set(_ count: UInt64, _ acknowledged: UInt64) { state.withLock { $0 = (count, acknowledged) } }
    }

    private func wait(_ condition: () throws -> Bool) throws {
        let deadline = ContinuousClock.now + .seconds(20)
        while !(try condition()) {
            guard ContinuousClock.now < deadline else { throw ConditionTimeout(description: "not within 20 s") }
            usleep(1_000)
        }
    }

    private func engineSegments(_ fixture: JournalFixture) throws -> [UInt64] {
        try JournalFolder(path: fixture.path).chains[Self.engine]?.map(\.segment) ?? []
    }

    /// Writes segments full of signals without acknowledgement until the reserve has room for no other.
    private func fillReserve(_ engine: inout ChainWriter, _ fixture: JournalFixture) throws {
        var number: UInt64 = 0
        try wait {
            while engine.freeEntries > 0 {
                engine.write(number, bytes: 0)
                number += 1
            }
            return !engine.advance() && fixture.health.status.reason.contains("reserve")
        }
    }

    /// Waits for a whole look of the journal's thread: it has taken back what was written, and seen what is acknowledged.
    private func waitForLook(_ signals: Signals) throws {
        let before = signals.looks.load(ordering: .relaxed)
        try wait { signals.looks.load(ordering: .relaxed) >= before + 2 }
    }

    /// Writes one segment of the engine's after the other.
    private func advance(_ engine: inout ChainWriter, _ count: Int, _ signals: Signals) throws {
        for _ in 0..<count {
            try wait { engine.advance() }
            engine.write(1, bytes: 0)
            try waitForLook(signals)
        }
    }

    @Test func `a run that begins with a full reserve gets a segment, more on demand, and else none`() throws {
        let fixture = try JournalFixture()
        let signals = Signals()
        signals.set(1, 0)
        for run in 1...2 {
            let journal = try fixture.begin(plans: Self.plans, budgetBytes: Self.budget, wallClock: nil)
            var engine = journal.writer(of: Self.engine)
            journal.start { signals.value }
            if run == 1 {
                try fillReserve(&engine, fixture)
                _ = consume engine
                journal.stop()
                continue
            }
            let before = try #require(try engineSegments(fixture).last)
            let hasFirst = engine.advance()
            #expect(hasFirst, "what the run has taken over needs a place before the journal's thread has looked")
            try wait { fixture.health.status.reason.contains("reserve") }
            engine.demandSegments()
            try wait { engine.advance() }
            engine.write(1, bytes: 0)
            try wait { engine.advance() }
            engine.write(2, bytes: 0)
            engine.endDemand()
            // One may have been made by then.
            try wait { !engine.advance() && fixture.health.status.reason.contains("reserve") }
            #expect(try engineSegments(fixture).first == 1, "nothing of the run before was recycled")
            #expect(try engineSegments(fixture).last! >= before + 3)
            signals.set(1, 1)
            try wait { engine.advance() }
            #expect(fixture.metrics.total("tickline_dropped_total") == 0)
            _ = consume engine
            journal.stop()
        }
    }

    @Test func `a run that must not begin yet makes room for acknowledgements alone, and takes none from others`()
        throws
    {
        let fixture = try JournalFixture()
        let signals = Signals()
        signals.set(1, 0)
        let notes = ChainPlan(chain: JournalChain(.acknowledgements), segmentBytes: 65_536, tableEntries: 128)
        func files() throws -> Set<String> { Set(try FileManager.default.contentsOfDirectory(atPath: fixture.path)) }
        // The second run's budget is the least there is: the first has left more than that, and more than its starts may take.
        for segments in [60, 18] {
            let journal = try fixture.begin(
                plans: Self.plans + [notes], budgetBytes: segments * 65_536, wallClock: nil)
            var engine = journal.writer(of: Self.engine)
            var feed = journal.writer(of: JournalFixture.chain)
            let before = segments == 18 ? try files() : []
            let mayBegin = journal.start { signals.value }
            #expect(mayBegin == (segments == 60))
            if mayBegin {
                for number in 0..<48 as Range<UInt64> { feed.write(number, bytes: 20_000) }
                try fillReserve(&engine, fixture)
            } else {
                try waitForLook(signals)
                let made = try files().subtracting(before)
                #expect(made.allSatisfy { $0.hasPrefix("\(notes.chain)") } && !made.isEmpty, "\(made)")
                #expect(try files().isSuperset(of: before))
                #expect(fixture.health.status.reason.contains("nothing is received before Redis has them"))
                signals.set(1, 1)
                try wait { journal.begin() }
                let hasBegun = engine.advance()
                #expect(hasBegun)
                try wait { fixture.metrics.total("tickline_journal_recycled_segments_total") > 0 }
            }
            _ = consume engine
            _ = consume feed
            journal.stop()
        }
    }

    @Test func `a clock that is set back makes no acknowledged signal look new, and no new one acknowledged`() throws {
        let fixture = try JournalFixture()
        let signals = Signals()
        let journal = try fixture.begin(plans: Self.plans, budgetBytes: Self.budget, wallClock: nil)
        var engine = journal.writer(of: Self.engine)
        journal.start { signals.value }
        let recycled = { fixture.metrics.total("tickline_journal_recycled_segments_total") }
        try advance(&engine, 8, signals)
        fixture.setBack(hours: 1)
        // All that is there is acknowledged, whenever it was written.
        try advance(&engine, 20, signals)
        #expect(fixture.metrics.total("tickline_journal_reserve_full_total") == 0 && recycled() > 0)
        let first = try #require(try engineSegments(fixture).last)
        signals.set(1, 0)
        try fillReserve(&engine, fixture)
        let kept = try engineSegments(fixture)
        let last = try #require(kept.last)
        // Eight have room; the last may be on its way to the writer.
        #expect(kept.filter { $0 >= first } == Array(first...last) && last >= first + 6 && last <= first + 7)
        _ = consume engine
        journal.stop()
    }

    @Test func `while the clock is set back nothing that a recovery needs is recycled`() throws {
        let (fixture, signals) = (try JournalFixture(), Signals())
        let journal = try fixture.begin(plans: Self.plans, budgetBytes: Self.budget, wallClock: nil)
        var engine = journal.writer(of: Self.engine)
        var feed = journal.writer(of: JournalFixture.chain)
        journal.start { signals.value }
        for number in 0..<4 as Range<UInt64> {
            try wait { engine.advance() }
            engine.write(number, bytes: 0)
        }
        feed.write(0, bytes: 400)
        try wait { try engineSegments(fixture).count >= 4 }
        try waitForLook(signals)
        fixture.setBack(hours: 1)
        var number: UInt64 = 1
        try wait {
            feed.write(number, bytes: 20_000)
            number += 1
            return try JournalFolder(path: fixture.path).chains[JournalFixture.chain]?.count ?? 0 >= 40
        }
        #expect(fixture.metrics.total("tickline_journal_recycled_segments_total") <= 2)
        #expect(try JournalFolder(path: fixture.path).chains[JournalFixture.chain]?.first?.segment == 1)
        _ = consume engine
        _ = consume feed
        journal.stop()
    }

    private func plans(with notes: JournalChain) -> [ChainPlan] {
        Self.plans + [ChainPlan(chain: notes, segmentBytes: 4_096 + 4_032 * 64, tableEntries: 4_032)]
    }

    /// Writes until so many segments more were recycled, which is all that may go.
    private func recycle(_ count: Double, _ journal: Journal, _ fixture: JournalFixture) throws {
        var feed = journal.writer(of: JournalFixture.chain)
        var engine = journal.writer(of: Self.engine)
        let end = fixture.metrics.total("tickline_journal_recycled_segments_total") + count
        var number: UInt64 = 0
        try wait {
            feed.write(number, bytes: 20_000)
            if engine.freeEntries == 0 || engine.isAskedToAdvance, engine.advance() { engine.write(number, bytes: 0) }
            number += 1
            return fixture.metrics.total("tickline_journal_recycled_segments_total") >= end
        }
    }

    private func notes(_ chain: JournalChain, _ fixture: JournalFixture) throws -> [UInt64] {
        var found: [UInt64] = []
        try ProgressLog.readBackwards(chain, in: JournalFolder(path: fixture.path)) { first, _, _ in
            found.append(first)
            return true
        }
        return found
    }

    @Test func `acknowledgements of many short runs are kept, whose files are large and nearly empty`() throws {
        let fixture = try JournalFixture()
        let chain = JournalChain(.acknowledgements)
        // More than would take the room of an outbox's acknowledgements.
        for run in 1...8 as ClosedRange<UInt64> {
            let journal = try fixture.begin(plans: plans(with: chain), budgetBytes: 4 << 20, wallClock: nil)
            journal.start()
            var log = ProgressLog(writer: journal.writer(of: chain))
            log.append(run)
            try recycle(60, journal, fixture)
            _ = consume log
            journal.stop()
            #expect(try notes(chain, fixture) == (1...run).reversed())
        }
    }

    @Test func `the newest note is kept where a newer file has none`() throws {
        let fixture = try JournalFixture()
        let chain = JournalChain(.stored)
        for run in 1...3 as ClosedRange<UInt64> {
            let journal = try fixture.begin(plans: plans(with: chain), budgetBytes: 4 << 20, wallClock: nil)
            journal.start()
            var writer = journal.writer(of: chain)
            // Killed before it could write one, as the second run was, it leaves a file that is begun.
            try wait { writer.advance() }
            var log = ProgressLog(writer: writer)
            if run == 1 { log.append(7) }
            try recycle(60, journal, fixture)
            _ = consume log
            journal.stop()
            #expect(try notes(chain, fixture) == [7])
        }
    }
}
