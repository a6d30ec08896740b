import Journal
import Logging
import RingBuffer
import Telemetry
import TestSupport
import Testing
import ThreadExecutor
import TradingModel

@testable import StrategyEngine

/// An engine that is to take over a run's state and waits for a segment of its journal.
@Suite(.timeLimit(.minutes(1))) struct TakingOverStopTests {
    @Test func `a cancelled take-over ends its wait for the journal`() async throws {
        let folder = try TemporaryFolder("tickline-taking-over")
        defer { folder.remove() }
        let metrics = MetricsRegistry()
        let plan = ChainPlan(chain: JournalChain(.engine), segmentBytes: 1 << 20, tableEntries: 8_192)
        // Without its thread it gives nobody a segment.
        let journal = try Journal(
            settings: JournalSettings(folder: folder.path, syncIntervalMillis: nil), plans: [plan],
            existing: JournalFolder(path: folder.path), wallClock: { MonotonicClock.wallClock() }, metrics: metrics,
            health: HealthRegistry().check("journal", roles: []),
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        let catalog = try catalog(short: 1, long: 2)
        let core = DecisionCore(catalog: catalog, records: nil, recordCapacitySlots: 0, metrics: MetricsRegistry())
        let checkpoint = core.checkpoint(signalCount: 0)
        let engine = SMACrossoverActor(
            catalog: catalog, feeds: [SPSCRing(capacitySlots: 64)], parker: Parker(), records: nil,
            sink: RecordingSink(record: RecordingSink.Record()),
            journal: EngineJournal(writer: journal.writer(of: JournalChain(.engine)), ringCount: 1, preface: []),
            configuration: EngineConfiguration(idlePolicy: .park(afterPolls: 0)), metrics: metrics)
        let taking = Task {
            try await engine.restore(checkpoint, instruments: [0], strategies: [0], unrecorded: [], publishes: true)
        }
        try await waitUntil("it waits") { metrics.total("tickline_engine_stalls_total") > 10 }
        taking.cancel()
        await #expect(throws: CancellationError.self) { try await taking.value }
        engine.shutdown()
    }
}
