import Foundation
import Logging
import Synchronization
import Telemetry
import TestSupport
import ThreadExecutor
import TradingModel

@testable import Journal

/// A journal in a temporary folder with small segments.
final class JournalFixture {
    static let chain = JournalChain(.feed, 0)
    let folder: TemporaryFolder
    let metrics = MetricsRegistry()
    let health = HealthRegistry().check("journal", roles: [.collector])
    var path: String { folder.url.appendingPathComponent("journal").path }

    private final class SetBack: Sendable { let nanos = Atomic<Int64>(0) }
    private let setBackNanos = SetBack()

    /// Sets the wall clock of the fixture's runs back.
    func setBack(hours: Int64) { setBackNanos.nanos.store(hours * 3_600_000_000_000, ordering: .relaxed) }

    init() throws { folder = try TemporaryFolder("tickline-journal") }

    deinit { folder.remove() }

    /// A new run in the same folder. Segments of 64 KiB with 128 entries; nil: the machine's clock, set back by `setBack`.
    func begin(
        plans: [ChainPlan] = [ChainPlan(chain: chain, segmentBytes: 65_536, tableEntries: 128)],
        budgetBytes: Int = 16 << 20, folder other: String? = nil, wallClock: Int64? = 1_000,
        logger: Logger = Logger(label: "journal", factory: { _ in SwiftLogNoOpLogHandler() })
    ) throws -> Journal {
        var settings = JournalSettings(folder: other ?? path, budgetBytes: budgetBytes, syncIntervalMillis: 20)
        settings.checkpointIntervalMillis = 100
        return try Journal(
            settings: settings, plans: plans, existing: JournalFolder(path: other ?? path),
            wallClock: { [setBackNanos] in
                let now = wallClock ?? MonotonicClock.wallClock().rawValue
                return UnixNanos(rawValue: now - setBackNanos.nanos.load(ordering: .relaxed))
            }, metrics: metrics, health: health, logger: logger)
    }

    /// Everything the chain holds, as (word 2, bytes).
    func read(_ chain: JournalChain = chain) throws -> [(word: UInt64, bytes: [UInt8])] {
        var reader = ChainReader(chain, in: try JournalFolder(path: path))
        var found: [(UInt64, [UInt8])] = []
        while let entry = try reader.next() {
            let places = JournalEntry.placesData(kind: entry.kind)
            found.append((entry.word2, places ? Array(reader.segment?.bytes(of: entry) ?? .init(_empty: ())) : []))
        }
        return found
    }
}

extension UnsafeRawBufferPointer {
    fileprivate init(_empty: Void) { self.init(start: nil, count: 0) }
}

extension ChainWriter {
    /// Appends entry `number` with `count` bytes made from it, going on in the next segment where one is full.
    mutating func write(_ number: UInt64, bytes count: Int) {
        while freeEntries == 0 || dataTail.count < count {
            if !advance() { usleep(1_000) }
        }
        var entry = JournalEntry(kind: count > 0 ? 200 : 2, source: 7)
        entry.word2 = number
        guard count > 0 else { return append(entry) }
        for (index, byte) in Self.pattern(number, count).enumerated() { dataTail[index] = byte }
        append(entry, placing: count)
    }

    static func pattern(_ number: UInt64, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: number &* 31 &+ UInt64($0) &* 7) }
    }
}
