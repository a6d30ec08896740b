import Foundation
import Telemetry
import TestSupport
import Testing

@testable import Journal

@Suite struct SegmentTests {
    @Test func `what was appended is read back in order over many segments and runs`() throws {
        let fixture = try JournalFixture()
        var written: [UInt64: Int] = [:]
        var random = SeededRandom(seed: 7)
        for run in 0..<3 as Range<UInt64> {
            let journal = try fixture.begin()
            journal.start()
            do {
                var writer = journal.writer(of: JournalFixture.chain)
                for number in run * 1_000..<(run + 1) * 1_000 {
                    let count = Int.random(in: 0...900, using: &random)
                    writer.write(number, bytes: count)
                    written[number] = count
                }
            }
            journal.stop()
        }
        let found = try fixture.read()
        #expect(found.map(\.word) == Array(0..<3_000))
        for (number, bytes) in found { #expect(bytes == ChainWriter.pattern(number, written[number] ?? -1)) }
        let folder = try JournalFolder(path: fixture.path)
        #expect((folder.chains[JournalFixture.chain]?.count ?? 0) > 20)
        let runs = try folder.chains[JournalFixture.chain]?.map { try SegmentReader(path: $0.path).identity.run } ?? []
        #expect(Set(runs).count == 3 && runs == runs.sorted())
    }

    @Test func `a run whose wall clock was set back is still the newer one`() throws {
        let fixture = try JournalFixture()
        for clock in [9_000, 5_000] as [Int64] {
            let journal = try fixture.begin(wallClock: clock)
            journal.start()
            do {
                var writer = journal.writer(of: JournalFixture.chain)
                writer.write(1, bytes: 10)
            }
            journal.stop()
        }
        let files = try JournalFolder(path: fixture.path).chains[JournalFixture.chain] ?? []
        #expect(try files.map { try SegmentReader(path: $0.path).identity.run } == [9_000, 9_001])
    }

    @Test(arguments: [1, 3, 60, 64, 163, 164])
    func `a torn tail is cut at the first entry that is not whole`(tornByte: Int) throws {
        let fixture = try JournalFixture()
        let journal = try fixture.begin()
        journal.start()
        let writer = UnsafeMutablePointer<ChainWriter>.allocate(capacity: 1)
        writer.initialize(to: journal.writer(of: JournalFixture.chain))
        for number in 0..<50 as Range<UInt64> { writer.pointee.write(number, bytes: 100) }
        // As a power loss leaves it: a copy of the unsealed segment, of which 49 entries are known to be on disk, with a byte wrong in the last entry (0 to 63), in its data (64
        // to 163) or behind it.
        let file = try #require(JournalFolder(path: fixture.path).chains[JournalFixture.chain]?.first)
        var bytes = try Data(contentsOf: URL(fileURLWithPath: file.path))
        let entry = 4_096 + 49 * 64
        let place = tornByte < 64 ? entry + tornByte : 4_096 + 128 * 64 + 49 * 100 + tornByte - 64
        bytes[place] ^= 0x40
        let other = fixture.folder.url.appendingPathComponent("other")
        try FileManager.default.createDirectory(at: other, withIntermediateDirectories: true)
        let copy = other.appendingPathComponent((file.path as NSString).lastPathComponent)
        try bytes.write(to: copy)
        try TornSegment.note(49, in: copy.path)
        var reader = ChainReader(JournalFixture.chain, in: try JournalFolder(path: other.path))
        var count = 0
        while try reader.next() != nil { count += 1 }
        #expect(count == (tornByte < 164 ? 49 : 50))
        // A new run goes on behind what is whole.
        let again = try fixture.begin(folder: other.path)
        #expect(again.writer(of: JournalFixture.chain).nextSequence == UInt64(count) + 1)
        writer.deinitialize(count: 1)
        writer.deallocate()
        journal.stop()
    }

    @Test func `damage in the middle, a newer version and foreign files are refused and left untouched`() throws {
        let fixture = try JournalFixture()
        let journal = try fixture.begin()
        journal.start()
        do {
            var writer = journal.writer(of: JournalFixture.chain)
            for number in 0..<50 as Range<UInt64> { writer.write(number, bytes: 100) }
        }
        journal.stop()
        let file = try #require(JournalFolder(path: fixture.path).chains[JournalFixture.chain]?.first)
        let whole = try Data(contentsOf: URL(fileURLWithPath: file.path))
        func refusal(_ change: (inout Data) -> Void) throws -> JournalError? {
            var bytes = whole
            change(&bytes)
            try bytes.write(to: URL(fileURLWithPath: file.path))
            defer { #expect((try? Data(contentsOf: URL(fileURLWithPath: file.path))) == bytes) }
            do throws(JournalError) {
                var reader = ChainReader(JournalFixture.chain, in: try JournalFolder(path: fixture.path))
                while try reader.next() != nil {}
                return nil
            } catch { return error }
        }
        #expect(try refusal { _ in } == nil)
        #expect(
            try refusal { $0[4_096 + 20 * 64 + 9] ^= 1 }
                == .damaged(path: file.path, reason: "entry 20 of 50 is not whole"))
        #expect(try refusal { $0[8] = 2 } == .newer(path: file.path))
        #expect(try refusal { $0[0] = 1 } == .notASegment(path: file.path))
        #expect(try refusal { $0[20] ^= 1 } == .damaged(path: file.path, reason: "its header is not whole"))
        #expect(try refusal { $0 = $0.prefix(100) } == .notASegment(path: file.path))
        #expect(try refusal { $0 = $0.prefix(30_000) } == .damaged(path: file.path, reason: "its header is not whole"))
    }

    @Test func `what is carried along is copied before the segment that is left can be unmapped`() throws {
        let fixture = try JournalFixture()
        let journal = try fixture.begin()
        var writer = journal.writer(of: JournalFixture.chain)
        journal.start()
        writer.write(1, bytes: 100)
        let left = SegmentFile.name(JournalFixture.chain, 1)
        func isMapped() throws -> Bool {
            try String(contentsOfFile: "/proc/self/maps", encoding: .utf8).contains("\(fixture.path)/\(left)")
        }
        // The list of mappings may miss a line while other threads map and unmap; it never has one too many. Here the page
        // itself is asked.
        let address = UInt(bitPattern: writer.dataTail.baseAddress) & ~4_095
        var wasMapped = false
        while !writer.advance(carrying: { _ in
            usleep(100_000)  // Ten looks of the thread that unmaps.
            wasMapped = msync(UnsafeMutableRawPointer(bitPattern: address), 4_096, MS_ASYNC) == 0
        }) { usleep(1_000) }
        #expect(wasMapped)
        let deadline = ContinuousClock.now + .seconds(20)
        while try isMapped(), ContinuousClock.now < deadline { usleep(1_000) }
        #expect(try !isMapped(), "given back afterwards")
        _ = consume writer
        journal.stop()
    }

    @Test func `recycled files never show entries of their former life`() throws {
        let fixture = try JournalFixture()
        let plan = ChainPlan(chain: JournalFixture.chain, segmentBytes: 65_536, tableEntries: 128)
        let journal = try fixture.begin(plans: [plan], budgetBytes: 8 * 65_536)
        journal.start()
        do {
            var writer = journal.writer(of: JournalFixture.chain)
            for number in 0..<5_000 as Range<UInt64> { writer.write(number, bytes: 200) }
        }
        journal.stop()
        let found = try fixture.read().map(\.word)
        #expect(found.last == 4_999 && found == Array((found.first ?? 0)...4_999))
        let files = try JournalFolder(path: fixture.path).chains[JournalFixture.chain] ?? []
        #expect(files.reduce(0) { $0 + $1.bytes } <= 8 * 65_536 && files.count >= 6)
        #expect(fixture.metrics.total("tickline_journal_recycled_segments_total") > 10)
    }

    @Test func `a budget that can't hold the chains is refused with what they need`() throws {
        let fixture = try JournalFixture()
        #expect(throws: JournalError.budgetTooSmall(neededBytes: 6 * 65_536)) {
            _ = try fixture.begin(budgetBytes: 5 * 65_536)
        }
    }

    @Test func `both checksums agree, and every flipped bit and cut byte is found`() {
        var random = SeededRandom(seed: 11)
        let bytes = (0..<200).map { _ in UInt8.random(in: 0...255, using: &random) }
        for count in 0...200 {
            let (fast, portable) = bytes.withUnsafeBytes {
                (Checksum.fast(5, $0.prefix(count)), Checksum.portable(5, $0.prefix(count)))
            }
            #expect(fast == portable)
        }
        for count in [8, 60, 61, 200] {
            let whole = bytes.withUnsafeBytes { Checksum.fast(5, $0.prefix(count)) }
            for bit in 0..<count * 8 {
                var changed = bytes
                changed[bit / 8] ^= 1 << UInt8(bit % 8)
                #expect(changed.withUnsafeBytes { Checksum.fast(5, $0.prefix(count)) } != whole)
            }
            #expect(bytes.withUnsafeBytes { Checksum.fast(5, $0.prefix(count - 1)) } != whole)
        }
    }
}
