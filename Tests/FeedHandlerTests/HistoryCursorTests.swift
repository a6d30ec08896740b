import FeedHandler
import Foundation
import Journal
import Logging
import Telemetry
import TestSupport
import Testing
import TradingModel

@testable import Replay

/// What a replay finds again of the exchange's answers, in chains that a real fetcher wrote and a real journal recycled.
@Suite(.serialized, .timeLimit(.minutes(2))) struct HistoryCursorTests {
    /// Refills of one trade each, in segments of four entries: an answer, its slot and its end are three.
    private static func fetcher(_ server: HistoryServer, refills: Int, budgetBytes: Int) async throws -> RefillUnderTest
    {
        let refill = try RefillUnderTest(port: server.port, segmentEntries: 4, budgetBytes: budgetBytes)
        refill.start()
        for number in 1...UInt64(refills) {
            let request = RefillSample.request(10 * number...10 * number, ordinal: number)
            #expect(try await refill.refill(request) == .complete)
        }
        refill.stop()
        return refill
    }

    private static func slots(_ refill: RefillUnderTest, behind first: Int, count: Int = .max) throws -> [Tick] {
        let cursor = HistoryCursor(
            run: refill.run, first: UInt64(first), in: try refill.journalFolder(), engineSegment: "engine-0.7")
        try cursor.fill(count)
        return cursor.slots
    }

    @Test func `slots are found by their numbers, whatever was recycled in front of them`() async throws {
        let server = HistoryServer { _, target in HistoryServer.trades(target, upTo: 10_000) }
        defer { server.stop() }
        // Room for a few segments of 4 MiB.
        let refill = try await Self.fetcher(server, refills: 40, budgetBytes: 24 << 20)
        let folder = try refill.journalFolder()
        let segments = try #require(folder.chains[JournalChain(.history)])
        #expect(segments[0].segment > 10)
        let entries = try refill.journaled()
        let numbers = entries.compactMap { HistoryReplay.firstNumber(of: $0.entry) }
        let oldest = Int(try #require(numbers.first))
        #expect(oldest > 20 && numbers == Array(UInt64(oldest)...80))
        for first in oldest - 1..<80 {
            #expect(try Self.slots(refill, behind: first) == Array(refill.slots[first...]))
            #expect(try Self.slots(refill, behind: first, count: 1).first == refill.slots[first])
        }
        // All was taken: nothing more is needed, and nothing missing.
        #expect(try Self.slots(refill, behind: 80).isEmpty)
        for first in [0, 1, oldest - 2] {
            let error = #expect(throws: ReplayError.self) { try Self.slots(refill, behind: first, count: 1) }
            #expect(error == .missingFeed(chain: JournalChain(.history), path: "engine-0.7"))
            let words = "took ticks that the chain history-0 no longer holds"
            #expect("\(try #require(error))".contains(words))
        }
        print("figure: slots \(oldest) to 80 of 80 are left, each found by its number")
    }

    @Test func `a chain without numbers is counted from its run's first entry, or refused`() async throws {
        let server = HistoryServer { _, target in HistoryServer.trades(target, upTo: 10_000) }
        defer { server.stop() }
        let refill = try await Self.fetcher(server, refills: 6, budgetBytes: 1 << 30)
        let entries = try refill.journaled()
        let files = try TemporaryFolder("tickline-unnumbered")
        defer { files.remove() }
        // Two runs of an earlier version.
        let runs = try [entries, entries].map { try Self.writeUnnumbered($0, in: files.path) }
        func slots(_ run: UInt64, behind first: Int) throws -> [Tick] {
            let folder = try JournalFolder(path: files.path)
            let cursor = HistoryCursor(run: run, first: UInt64(first), in: folder, engineSegment: "engine-0.7")
            try cursor.fill(.max)
            return cursor.slots
        }
        for run in runs {
            for first in 0...12 { #expect(try slots(run, behind: first) == Array(refill.slots[first...])) }
        }
        // The first run's are recycled: where the second one's begin is then not known.
        for file in try #require(JournalFolder(path: files.path).chains[JournalChain(.history)]) {
            guard try SegmentReader(path: file.path).identity.run == runs[0] else { continue }
            try FileManager.default.removeItem(atPath: file.path)
        }
        for first in [0, 5] {
            #expect(throws: ReplayError.missingFeed(chain: JournalChain(.history), path: "engine-0.7")) {
                try slots(runs[1], behind: first)
            }
        }
    }

    @Test func `a hole in the history keeps nothing from being found that is not in it`() async throws {
        let server = HistoryServer { _, target in HistoryServer.trades(target, upTo: 10_000) }
        defer { server.stop() }
        let refill = try await Self.fetcher(server, refills: 6, budgetBytes: 1 << 30)
        let entries = try refill.journaled()
        let hole = try #require(try refill.journalFolder().chains[JournalChain(.history)])[1]
        let gone = entries.filter { $0.segment.path == hole.path }
            .compactMap { HistoryReplay.firstNumber(of: $0.entry).map(Int.init) }
        let (first, last) = (try #require(gone.first), try #require(gone.last))
        let files = try TemporaryFolder("tickline-unnumbered")
        defer { files.remove() }
        let runs = try [entries, entries].map { try Self.writeUnnumbered($0, in: files.path) }
        let missing = ReplayError.missingFeed(chain: JournalChain(.history), path: "engine-0.7")
        try FileManager.default.removeItem(atPath: hole.path)
        for number in 0..<refill.slots.count {
            if number >= last {
                #expect(try Self.slots(refill, behind: number) == Array(refill.slots[number...]))
            } else {
                #expect(throws: missing) { try Self.slots(refill, behind: number) }
            }
        }
        #expect(try Self.slots(refill, behind: 0, count: first - 1) == Array(refill.slots[..<(first - 1)]))
        // Without numbers nothing is known behind it, and all of the next run.
        let unnumbered = try #require(try JournalFolder(path: files.path).chains[JournalChain(.history)])
        try FileManager.default.removeItem(atPath: unnumbered[1].path)
        func slots(_ run: UInt64) throws -> [Tick] {
            let folder = try JournalFolder(path: files.path)
            let cursor = HistoryCursor(run: run, first: 0, in: folder, engineSegment: "engine-0.7")
            try cursor.fill(.max)
            return cursor.slots
        }
        #expect(throws: missing) { try slots(runs[0]) }
        #expect(try slots(runs[1]) == refill.slots)
    }

    /// Writes the entries again, as a version did that numbered no slots; returns the run.
    private static func writeUnnumbered(
        _ entries: [(entry: JournalEntry, segment: SegmentReader)], in folder: String
    ) throws -> UInt64 {
        let chain = JournalChain(.history)
        let metrics = MetricsRegistry()
        let journal = try Journal(
            settings: JournalSettings(folder: folder, syncIntervalMillis: nil),
            plans: [ChainPlan(chain: chain, segmentBytes: 1 << 20, tableEntries: 4)],
            existing: JournalFolder(path: folder), wallClock: { UnixNanos(rawValue: 1) }, metrics: metrics,
            health: HealthRegistry().check("journal", roles: []),
            logger: Logger(label: "journal", factory: { _ in SwiftLogNoOpLogHandler() }))
        journal.start()
        defer { journal.stop() }
        var writer = journal.writer(of: chain)
        for (entry, segment) in entries {
            var entry = entry
            if entry.kind == HistoryEntryKind.slots { entry.word4 = 0 }
            if writer.freeEntries == 0 { while !writer.advance() { sched_yield() } }
            let bytes = segment.bytes(of: entry)
            writer.dataTail.copyMemory(from: bytes)
            writer.append(entry, placing: bytes.count)
        }
        return journal.run
    }
}
