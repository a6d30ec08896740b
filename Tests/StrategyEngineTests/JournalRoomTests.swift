import Journal
import Logging
import RingBuffer
import Synchronization
import Telemetry
import TestSupport
import Testing
import ThreadExecutor
import TradingModel

@testable import StrategyEngine

/// An engine whose journal has no room: signals without acknowledgement fill the reserve for them.
@Suite(.timeLimit(.minutes(1))) struct JournalRoomTests {
    /// How many signals were handed over, and how many of them are acknowledged.
    private final class Signals: Sendable {
        private let state = Mutex((count: UInt64(1), acknowledged: UInt64(0)))
        var value: (count: UInt64, acknowledged: UInt64) { state.withLock { $0 } }
        func acknowledge() { state.withLock { $0.acknowledged = $0.count } }
    }

    private let metrics = MetricsRegistry()
    private let folder = try! TemporaryFolder("tickline-room")
    private let signals = Signals()

    /// The smallest segments that have room for a batch, and no more of them than a journal needs.
    private func journal(_ health: HealthCheck) throws -> Journal {
        let entries = 8_192
        let plan = ChainPlan(
            chain: JournalChain(.engine), segmentBytes: entries * 64 + (1 << 16), tableEntries: entries)
        let journal = try Journal(
            settings: JournalSettings(folder: folder.path, budgetBytes: 6 * plan.segmentBytes, syncIntervalMillis: nil),
            plans: [plan], existing: JournalFolder(path: folder.path), wallClock: { MonotonicClock.wallClock() },
            metrics: metrics, health: health, logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        journal.start { [signals] in signals.value }
        return journal
    }

    @Test func `an engine that stops with ticks on hold sleeps until there is room, and then ends`() async throws {
        defer { folder.remove() }
        let health = HealthRegistry().check("journal", roles: [.processor])
        let journal = try journal(health)
        let parker = Parker()
        let ring = SPSCRing(capacitySlots: 64)
        let requests = SPSCRing(capacitySlots: 16)
        var configuration = EngineConfiguration(idlePolicy: .park(afterPolls: 0))
        configuration.refill = RefillConfiguration()
        let engine = SMACrossoverActor(
            catalog: try catalog(short: 1, long: 2), feeds: [ring], parker: parker, records: nil,
            requests: RingProducer(requests, wakes: Parker()), sink: RecordingSink(record: RecordingSink.Record()),
            journal: EngineJournal(writer: journal.writer(of: JournalChain(.engine)), ringCount: 1, preface: []),
            configuration: configuration, metrics: metrics)
        let running = Task { await engine.run() }
        let feed = RingProducer(ring, wakes: parker)
        for id in [1, 2, 3, 5, 6] as [UInt64] {
            // Held from its receipt on, so that is now.
            var tick = trade(id, 10 + Int64(id % 2))
            tick.receiveMonotonicNanos = MonotonicClock.now().rawValue
            let isWritten = feed.tryWrite(tick)
            #expect(isWritten)
        }
        feed.publish()
        try await waitUntil("two wait for a third") { metrics.total("tickline_held_ticks") == 2 }
        try await waitUntil("no room") {
            let isFull = await engine.fillJournal()
            return isFull && health.status.reason.contains("reserve")
        }
        let (start, before) = (MonotonicClock.now(), metrics.total("tickline_engine_stalls_total"))
        await engine.stop()
        try await waitUntil("it has looked a hundred times") {
            metrics.total("tickline_engine_stalls_total") >= before + 100
        }
        let looks = metrics.total("tickline_engine_stalls_total") - before
        let millis = Double(MonotonicClock.now().nanos(since: start)) / 1e6
        print("figure: stopping without room in the journal, \(looks) looks in \(millis) ms")
        // One between two sleeps of a millisecond, two once the ticks on hold are due.
        #expect(millis > (looks / 2 - 10) * Double(EngineRecorder.fullSinkSleepNanos) / 1e6)
        #expect(metrics.total("tickline_held_ticks") == 2)
        signals.acknowledge()
        await running.value
        engine.shutdown()
        #expect(metrics.total("tickline_ticks_total") == 5 && metrics.total("tickline_held_ticks") == 0)
        #expect(metrics.total("tickline_dropped_total") == 0)
        journal.stop()
    }
}

extension SMACrossoverActor where Sink: ~Copyable {
    /// Fills the segment in use; whether there is no next one.
    fileprivate func fillJournal() -> Bool {
        while !core.needsJournalSegment { core.journal?.timer(MonotonicNanos(rawValue: 1)) }
        return !core.advanceJournal()
    }
}
