import Foundation
import Glibc
import Logging
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import Journal

/// Sealed segments of which pages never got to the disk before the power failed: what is known to have been there decides
/// whether that is a torn tail or damage.
@Suite struct TornSegmentTests {
    /// Entries of 100 bytes each: 128 in each segment but the last, whose header, table and data begin at these pages.
    private static let (count, table, data) = (320, 4_096, 3 * 4_096)

    /// A page, and the first entry that is not whole without it.
    struct Place: Sendable, CustomTestStringConvertible {
        var segment: Int
        var offset: Int
        var page: TornSegment.Page
        var firstBad: Int {
            let start = offset + (page == .half ? 2_048 : 0)
            return start < data ? (start - table) / 64 : (start - data) / 100
        }
        var testDescription: String { "segment \(segment), \(page) at \(offset)" }

        /// Of the table and the data, in a segment with others behind it (1) and the chain's last (2).
        static let all = TornSegment.Page.allCases.flatMap { page in
            [(1, table), (1, table + 4_096), (1, data), (1, data + 8_192), (2, table), (2, data), (2, data + 4_096)]
                .map { Place(segment: $0.0, offset: $0.1, page: page) }
        }
    }

    private static func write(_ fixture: JournalFixture, first: Int = 0, count: Int = Self.count) throws {
        let journal = try fixture.begin()
        journal.start()
        do {
            var writer = journal.writer(of: JournalFixture.chain)
            for number in first..<first + count { writer.write(UInt64(number), bytes: 100) }
        }
        journal.stop()
    }

    private static func files(_ fixture: JournalFixture) throws -> [JournalFolder.File] {
        try #require(try JournalFolder(path: fixture.path).chains[JournalFixture.chain])
    }

    private static func numbers(_ fixture: JournalFixture, passesMissing: Bool = true) throws -> [Int] {
        var reader = ChainReader(
            JournalFixture.chain, in: try JournalFolder(path: fixture.path), passesMissing: passesMissing)
        var numbers: [Int] = []
        while let entry = try reader.next() { numbers.append(Int(entry.word2)) }
        return numbers
    }

    private static func findings(_ fixture: JournalFixture) throws -> [ChainFinding] {
        var check = ChainCheck(JournalFixture.chain, in: try JournalFolder(path: fixture.path))
        var findings: [ChainFinding] = []
        while try check.step({ findings.append($0) }) {}
        return findings
    }

    private static func contents(_ fixture: JournalFixture) throws -> [Data] {
        try files(fixture).map { try Data(contentsOf: URL(fileURLWithPath: $0.path)) }
    }

    @Test func `a run that ended in order knows all of it to be on disk`() throws {
        let fixture = try JournalFixture()
        try Self.write(fixture)
        let segments = try Self.files(fixture).map { try SegmentReader(path: $0.path) }
        #expect(segments.map(\.committedEntries) == [128, 128, 64])
        #expect(segments.map(\.notedOnDisk) == [128, 128, 64])
    }

    @Test(arguments: Place.all, [1.0, 0.5, 0])
    func `what a power loss took of a sealed segment, behind what was known to be there, is a torn tail`(
        place: Place, share: Double
    ) throws {
        let fixture = try JournalFixture()
        try Self.write(fixture)
        let file = try Self.files(fixture)[place.segment]
        let segment = try SegmentReader(path: file.path)
        let (bad, all) = (place.firstBad, segment.committedEntries)
        try #require(bad < all && segment.isSealed)
        try TornSegment.tear(file.path, at: place.offset, place.page)
        try TornSegment.note(Int(Double(bad) * share), in: file.path)
        #expect(segment.countWholeEntries() == bad && segment.countReadableEntries() == bad)
        #expect(segment.summary().state == .torn(committedEntries: all) && segment.summary().entries == bad)
        // What is gone is a hole for readers, and the end is the end.
        let first = place.segment * 128
        #expect(try Self.numbers(fixture) == Array(0..<first + bad) + Array(first + all..<Self.count))
        let torn = [ChainFinding.tornTail(path: file.path, wholeEntries: bad, committedEntries: all)]
        #expect(try Self.findings(fixture) == torn && !torn[0].isDamage)
        let isLast = place.segment == 2
        if isLast {
            #expect(try Self.numbers(fixture, passesMissing: false).count == first + bad)
        } else {
            #expect(throws: JournalError.self) { try Self.numbers(fixture, passesMissing: false) }
        }
        // A new run goes on behind what is whole.
        let log = WarningLog()
        let again = try fixture.begin(logger: log.logger)
        let next = again.writer(of: JournalFixture.chain).nextSequence
        #expect(next == UInt64(isLast ? first + bad : Self.count) + 1)
        #expect(log.lines.count == 1 && log.lines[0].contains(file.path) && log.lines[0].contains("\(bad)"))
        try Self.write(fixture, first: 1_000, count: 10)
        #expect(try Self.numbers(fixture).suffix(10) == Array(1_000..<1_010))
        #expect(try Self.findings(fixture) == torn)
        // What a later run found whole is not torn by then.
        if isLast, bad > 0 {
            try TornSegment.note(0, in: file.path)
            try TornSegment.tear(file.path, at: Self.table, .zeros)
            #expect(try Self.findings(fixture).first?.isDamage == true)
        }
    }

    @Test(arguments: Place.all, [true, false])
    func `what was known to be on disk is damage where it is not whole, and left untouched`(
        place: Place, isBarely: Bool
    ) throws {
        let fixture = try JournalFixture()
        try Self.write(fixture)
        let file = try Self.files(fixture)[place.segment]
        let all = try SegmentReader(path: file.path).committedEntries
        try TornSegment.tear(file.path, at: place.offset, place.page)
        if isBarely { try TornSegment.note(place.firstBad + 1, in: file.path) }
        let before = try Self.contents(fixture)
        let damaged = JournalError.damaged(path: file.path, reason: "entry \(place.firstBad) of \(all) is not whole")
        for passesMissing in [true, false] {
            #expect(throws: damaged) { try Self.numbers(fixture, passesMissing: passesMissing) }
        }
        if place.segment == 2 { #expect(throws: damaged) { try fixture.begin() } }
        let findings = try Self.findings(fixture)
        #expect(!findings.isEmpty && findings.allSatisfy { $0.isDamage })
        #expect(try Self.contents(fixture) == before)
    }

    @Test(arguments: Place.all) func `segments of a version that noted nothing are read, and judged, as they were`(
        place: Place
    ) throws {
        let fixture = try JournalFixture()
        try Self.write(fixture)
        for file in try Self.files(fixture) { try TornSegment.note(nil, in: file.path) }
        let file = try Self.files(fixture)[place.segment]
        #expect(try SegmentReader(path: file.path).notedOnDisk == nil)
        #expect(try Self.numbers(fixture, passesMissing: false) == Array(0..<Self.count))
        #expect(try Self.findings(fixture).isEmpty)
        let all = try SegmentReader(path: file.path).committedEntries
        let whole = try Data(contentsOf: URL(fileURLWithPath: file.path))
        try TornSegment.tear(file.path, at: place.offset, place.page)
        // All of a sealed segment counts as having been there.
        let damaged = JournalError.damaged(path: file.path, reason: "entry \(place.firstBad) of \(all) is not whole")
        #expect(throws: damaged) { try Self.numbers(fixture) }
        try whole.write(to: URL(fileURLWithPath: file.path))
        // A run of this version goes on behind them.
        try Self.write(fixture, first: Self.count, count: 10)
        #expect(try Self.numbers(fixture, passesMissing: false) == Array(0..<Self.count + 10))
    }

    @Test func `a header that came to the disk before the last entries, or before the seal, is no damage`() throws {
        let fixture = try JournalFixture()
        try Self.write(fixture)
        let files = try Self.files(fixture)
        // The middle one says that 90 of its 128 entries are there and that it is not sealed; all are there, or 100.
        let (middle, path) = (1, files[1].path)
        func setCommitted(_ entries: UInt64, in path: String) throws {
            let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
            try file.seek(toOffset: 136)
            try file.write(contentsOf: withUnsafeBytes(of: entries) { Data($0) })
            try file.close()
        }
        try setCommitted(90, in: path)
        try TornSegment.note(60, in: path)
        #expect(try Self.numbers(fixture, passesMissing: false) == Array(0..<Self.count))
        #expect(try Self.findings(fixture).isEmpty)
        try TornSegment.tear(path, at: Self.data + 8_192, .zeros)
        let bad = Place(segment: middle, offset: Self.data + 8_192, page: .zeros).firstBad
        try #require(bad < 90)
        #expect(try Self.numbers(fixture) == Array(0..<128 + bad) + Array(256..<Self.count))
        #expect(try Self.findings(fixture) == [.tornTail(path: path, wholeEntries: bad, committedEntries: 128)])
        // The last one, with more entries than it counts: the next run goes on behind all of them.
        try setCommitted(20, in: files[2].path)
        try TornSegment.note(20, in: files[2].path)
        try Self.write(fixture, first: 1_000, count: 10)
        #expect(try Self.numbers(fixture).suffix(11) == [Self.count - 1] + Array(1_000..<1_010))
        #expect(try Self.findings(fixture) == [.tornTail(path: path, wholeEntries: bad, committedEntries: 128)])
    }

    @Test(.timeLimit(.minutes(1)))
    func `while a run writes, what is on disk is noted, and nothing more once a synchronisation has failed`() throws {
        let fixture = try JournalFixture()
        let journal = try fixture.begin()
        var writer = journal.writer(of: JournalFixture.chain)
        journal.start()
        for number in 0..<10 as Range<UInt64> { writer.write(number, bytes: 100) }
        let path = try #require(try Self.files(fixture).first).path
        let segment = try SegmentReader(path: path)
        try wait { segment.notedOnDisk == 10 }
        // In the place of the file a pipe, which can't be synchronised.
        let descriptor = try #require(try Self.descriptor(of: path))
        var ends: [Int32] = [0, 0]
        #expect(pipe(&ends) == 0)
        let kept = dup(descriptor)
        dup2(ends[1], descriptor)
        for number in 10..<20 as Range<UInt64> { writer.write(number, bytes: 100) }
        try wait { fixture.metrics.total("tickline_journal_errors_total") > 0 }
        dup2(kept, descriptor)
        let syncs = fixture.metrics.total("tickline_journal_syncs_total")
        writer.write(20, bytes: 100)
        try wait { fixture.metrics.total("tickline_journal_syncs_total") > syncs }
        #expect(segment.notedOnDisk == 10 && segment.committedEntries == 21)
        // The next segment is another file.
        while !writer.advance() { usleep(1_000) }
        writer.write(21, bytes: 100)
        let next = try SegmentReader(path: try #require(try Self.files(fixture).last).path)
        try wait { next.notedOnDisk == 1 }
        _ = consume writer
        journal.stop()
        #expect(segment.notedOnDisk == 10 && segment.isSealed)
        for end in ends + [kept] { close(end) }
    }

    private func wait(_ condition: () throws -> Bool) throws {
        let deadline = ContinuousClock.now + .seconds(30)
        while try !condition() {
            try #require(ContinuousClock.now < deadline)
            usleep(1_000)
        }
    }

    /// The descriptor with which the journal's thread holds a file.
    private static func descriptor(of path: String) throws -> Int32? {
        let name = try #require(path.split(separator: "/").last)
        for entry in try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd") {
            // One that was closed meanwhile has no destination.
            guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(entry)"),
                target.hasSuffix("/\(name)"), target.contains(path.split(separator: "/").dropLast(2).last ?? "")
            else { continue }
            return Int32(entry)
        }
        return nil
    }
}

/// Warnings that a start has logged.
private final class WarningLog: Sendable {
    private struct Handler: LogHandler {
        var logLevel = Logger.Level.warning
        var metadata: Logger.Metadata = [:]
        let log: WarningLog

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            log.kept.withLock { $0.append("\(event.message) \(event.metadata ?? [:])") }
        }
    }

    private let kept = Mutex<[String]>([])
    var lines: [String] { kept.withLock { $0 } }
    var logger: Logger { Logger(label: "journal", factory: { _ in Handler(log: self) }) }
}
