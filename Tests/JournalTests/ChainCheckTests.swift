import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Journal

/// What a check of a chain finds in damaged copies, and what it lets pass.
@Suite struct ChainCheckTests {
    /// Where things lie in the fixture's segments.
    private static let (header, table) = (4_096, 4_096 + 128 * 64)

    /// Two runs of some segments each; the last segment of both is sealed unless `isKilled`.
    private static func write(_ fixture: JournalFixture, isKilled: Bool = false) throws -> [JournalFolder.File] {
        for run in 0..<2 as Range<UInt64> {
            let journal = try fixture.begin(wallClock: 1_000 + Int64(run))
            journal.start()
            // The box is leaked where the process is to look killed: its segment is then never sealed.
            let writer = UnsafeMutablePointer<ChainWriter>.allocate(capacity: 1)
            writer.initialize(to: journal.writer(of: JournalFixture.chain))
            for number in 0..<300 as Range<UInt64> { writer.pointee.write(number, bytes: Int(number % 400)) }
            if !isKilled { writer.deinitialize(count: 1) }
            journal.stop()
        }
        return try JournalFolder(path: fixture.path).chains[JournalFixture.chain] ?? []
    }

    private static func findings(_ fixture: JournalFixture) throws -> (findings: [ChainFinding], check: ChainCheck) {
        var check = ChainCheck(JournalFixture.chain, in: try JournalFolder(path: fixture.path))
        var findings: [ChainFinding] = []
        while try check.step({ findings.append($0) }) {}
        return (findings, check)
    }

    /// Flips one bit of a file, looks, and puts it back; the file is as it was found meanwhile.
    private static func flip(
        _ file: JournalFolder.File, at offset: Int, bit: UInt8 = 1, _ fixture: JournalFixture
    ) throws -> [ChainFinding] {
        let url = URL(fileURLWithPath: file.path)
        let whole = try Data(contentsOf: url)
        var changed = whole
        changed[offset] ^= bit
        try changed.write(to: url)
        defer { try? whole.write(to: url) }
        let found = try findings(fixture).findings
        #expect(try Data(contentsOf: url) == changed, "looking changes nothing")
        return found
    }

    @Test(arguments: [UInt64.random(in: 0...UInt64.max), 5])
    func `every flipped bit of used entries and data is found where it is, and none beside them`(seed: UInt64) throws {
        print("seed \(seed)")
        let fixture = try JournalFixture()
        let files = try Self.write(fixture)
        let (clean, check) = try Self.findings(fixture)
        #expect(clean.isEmpty && check.entries == 600 && check.runs.count == 2 && check.segments == files.count)
        var random = SeededRandom(seed: seed)
        var (found, silent) = (0, 0)
        for file in files {
            let summary = try SegmentReader(path: file.path).summary()
            let dataEnd = Self.table + summary.usedBytes - Self.header - summary.entries * 64
            for region in [Self.header..<Self.header + summary.entries * 64, Self.table..<dataEnd] {
                for _ in 0..<12 {
                    let (offset, bit) = (
                        Int.random(in: region, using: &random), UInt8.random(in: 0..<8, using: &random)
                    )
                    let findings = try Self.flip(file, at: offset, bit: 1 << bit, fixture)
                    guard findings.count == 1, case .damagedEntries(file.path, let entries) = findings[0] else {
                        Issue.record("byte \(offset) of \(file.path): \(findings)")
                        continue
                    }
                    if offset < Self.table { #expect(entries == (offset - Self.header) / 64...entries.lowerBound) }
                    #expect(entries.count == 1)
                    found += 1
                }
            }
            // The header's rest, free entries, free data.
            for region in [200..<Self.header, Self.header + summary.entries * 64..<Self.table, dataEnd..<file.bytes] {
                guard !region.isEmpty else { continue }
                for _ in 0..<6 {
                    let offset = Int.random(in: region, using: &random)
                    let findings = try Self.flip(file, at: offset, fixture)
                    #expect(findings.isEmpty, "byte \(offset) of \(file.path)")
                    silent += 1
                }
            }
            for offset in [0, 7, 12, 16, 24, 40, 70] {
                #expect(
                    try Self.flip(file, at: offset, bit: 2, fixture).contains { $0.isDamage }, "header byte \(offset)")
                found += 1
            }
        }
        print("figure: \(found) flips in what is used, all found; \(silent) beside it, none reported")
    }

    @Test func `of a version that noted nothing, a torn tail is no damage unless something whole follows it`() throws {
        let fixture = try JournalFixture()
        let files = try Self.write(fixture, isKilled: true)
        for file in files { try TornSegment.note(nil, in: file.path) }
        #expect(try Self.findings(fixture).findings.isEmpty, "a kill alone tears nothing")
        let last = try #require(files.last)
        let count = try SegmentReader(path: last.path).summary().entries
        let torn = ChainFinding.tornTail(path: last.path, wholeEntries: count - 1, committedEntries: count)
        #expect(try Self.flip(last, at: Self.header + (count - 1) * 64 + 20, fixture) == [torn] && !torn.isDamage)
        #expect(
            try Self.flip(last, at: Self.header + (count - 2) * 64 + 20, fixture)
                == [.damagedEntries(path: last.path, count - 2...count - 2)])
        // The first run's end: the second went on behind what was whole then.
        let (index, end) = try #require(
            files.enumerated().first { try !SegmentReader(path: $0.element.path).isSealed })
        #expect(index < files.count - 1)
        let entries = try SegmentReader(path: end.path).summary().entries
        #expect(
            try Self.flip(end, at: Self.header + (entries - 1) * 64 + 20, fixture)
                == [.damagedEntries(path: end.path, entries - 1...entries - 1)])
    }

    @Test func `an open segment's tail is torn behind what is known to be on disk, and damaged in front of it`() throws
    {
        let fixture = try JournalFixture()
        let last = try #require(try Self.write(fixture, isKilled: true).last)
        let segment = try SegmentReader(path: last.path)
        let count = segment.committedEntries
        #expect(!segment.isSealed && segment.notedOnDisk == count)
        for bad in [count - 1, count - 2, 5] {
            let place = Self.header + bad * 64 + 20
            try TornSegment.note(bad, in: last.path)
            #expect(
                try Self.flip(last, at: place, fixture)
                    == [.tornTail(path: last.path, wholeEntries: bad, committedEntries: count)])
            try TornSegment.note(bad + 1, in: last.path)
            #expect(try Self.flip(last, at: place, fixture) == [.damagedEntries(path: last.path, bad...bad)])
        }
    }

    @Test(arguments: [0, nil]) func `a torn tail that a new run went on behind stays one`(noted: Int?) throws {
        let fixture = try JournalFixture()
        var files = try Self.write(fixture, isKilled: true)
        let last = try #require(files.last)
        let count = try SegmentReader(path: last.path).summary().entries
        var bytes = try Data(contentsOf: URL(fileURLWithPath: last.path))
        bytes[Self.header + (count - 3) * 64 + 20] ^= 1
        try bytes.write(to: URL(fileURLWithPath: last.path))
        try TornSegment.note(noted, in: last.path)
        let journal = try fixture.begin(wallClock: 5_000)
        journal.start()
        do {
            var writer = journal.writer(of: JournalFixture.chain)
            writer.write(1, bytes: 10)
        }
        journal.stop()
        files = try JournalFolder(path: fixture.path).chains[JournalFixture.chain] ?? []
        #expect(
            try Self.findings(fixture).findings
                == [.tornTail(path: last.path, wholeEntries: count - 3, committedEntries: count)])
    }

    @Test func `a missing segment, one under another's name and one of an older run are found`() throws {
        let fixture = try JournalFixture()
        let files = try Self.write(fixture)
        let first = try SegmentReader(path: files[1].path).identity.firstSequence
        let next = try SegmentReader(path: files[2].path).identity.firstSequence
        let aside = fixture.folder.url.appendingPathComponent("aside").path
        try FileManager.default.moveItem(atPath: files[1].path, toPath: aside)
        #expect(
            try Self.findings(fixture).findings
                == [.missing(chain: JournalFixture.chain, sequences: first...next - 1, nextPath: files[2].path)])
        try FileManager.default.copyItem(atPath: files[0].path, toPath: files[1].path)
        let misnamed = try Self.findings(fixture).findings
        #expect(misnamed.count >= 2 && misnamed.allSatisfy(\.isDamage))
        try FileManager.default.removeItem(atPath: files[1].path)
        try FileManager.default.moveItem(atPath: aside, toPath: files[1].path)
        #expect(try Self.findings(fixture).findings.isEmpty)
        // The oldest may be gone: a budget's end takes it.
        try FileManager.default.removeItem(atPath: files[0].path)
        #expect(try Self.findings(fixture).findings.isEmpty)
    }

    @Test(.timeLimit(.minutes(1)))
    func `a journal that is written and recycled meanwhile is sound, however often it is read`() throws {
        let fixture = try JournalFixture()
        let journal = try fixture.begin(budgetBytes: 8 * 65_536)
        journal.start()
        let state = WriterState()
        let looks = 600
        let thread = Thread {
            do {
                var writer = journal.writer(of: JournalFixture.chain)
                var number: UInt64 = 0
                while !state.isDone.load(ordering: .acquiring) {
                    writer.write(number, bytes: Int(number % 700))
                    number += 1
                }
            }
            state.hasEnded.store(true, ordering: .releasing)
        }
        thread.start()
        var (recycled, entries, reads) = (0, UInt64(0), 0)
        for _ in 0..<looks {
            let folder = try JournalFolder(path: fixture.path)
            var check = ChainCheck(JournalFixture.chain, in: folder)
            while try check.step({ finding in
                if case .recycled = finding { recycled += 1 } else { Issue.record("\(finding)") }
            }) {}
            entries += check.entries
            for file in folder.chains[JournalFixture.chain] ?? [] where try file.reader() != nil { reads += 1 }
        }
        state.isDone.store(true, ordering: .releasing)
        while !state.hasEnded.load(ordering: .acquiring) { usleep(1_000) }
        journal.stop()
        #expect(try Self.findings(fixture).findings.isEmpty)
        print("figure: \(entries) entries read in \(looks) looks, \(recycled) segments recycled under them")
        #expect(entries > 0 && reads > 0)
    }
}

/// Between a test and the thread that writes for it.
private final class WriterState: Sendable {
    let isDone = Atomic<Bool>(false)
    let hasEnded = Atomic<Bool>(false)
}
