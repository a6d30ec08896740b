import Foundation
import Journal
import Logging
import Telemetry
import ThreadExecutor
import TradingModel

/// A journal in a temporary folder, as a run has it.
struct ProbeJournal {
    private let folder: String
    private let journal: Journal
    private let chain: JournalChain

    /// Segments of 4 MiB, so that the probe passes through many.
    init(_ chain: JournalChain, tableEntries: Int, metrics: MetricsRegistry) throws {
        let plan = ChainPlan(chain: chain, segmentBytes: 4 << 20, tableEntries: tableEntries, readyAhead: 4)
        try self.init([plan], budgetBytes: 128 << 20, metrics: metrics)
    }

    /// Several chains; `finish` tells the first one's bytes.
    init(_ plans: [ChainPlan], budgetBytes: Int, syncIntervalMillis: Int = 1_000, metrics: MetricsRegistry) throws {
        chain = plans[0].chain
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("probe-\(UUID().uuidString)").path
        journal = try Journal(
            settings: JournalSettings(
                folder: folder, budgetBytes: budgetBytes, syncIntervalMillis: syncIntervalMillis),
            plans: plans, existing: JournalFolder(path: folder), wallClock: { MonotonicClock.wallClock() },
            metrics: metrics, health: HealthRegistry().check("journal", roles: []),
            logger: Logger(label: "journal", factory: { _ in SwiftLogNoOpLogHandler() }))
        journal.start()
    }

    func writer() -> ChainWriter { journal.writer(of: chain) }

    func writer(of chain: JournalChain) -> ChainWriter { journal.writer(of: chain) }

    /// Bytes of its files, recycled ones included, to show that it was used; removes them.
    func finish() -> Int {
        journal.stop()
        let files = (try? JournalFolder(path: folder).chains[chain]) ?? []
        try? FileManager.default.removeItem(atPath: folder)  // what is left of it nobody looks for
        return Int(files.last?.segment ?? 0) * (4 << 20)
    }
}
