import Foundation
import Journal
import Replay
import TestSupport
import Testing

@testable import TicklineNode

/// Segments that a power loss tore although they are sealed: a start goes on from what is whole, and nothing in the stream is
/// lost or doubled; what was known to be on disk is damage where it is not whole.
@Suite(.serialized, .timeLimit(.minutes(5))) struct TornJournalTests {
    private static let trades = 12_000
    private let folder = try! TemporaryFolder("tickline-torn")

    /// Where a torn segment lies in its chain.
    enum Position: CaseIterable { case last, followed }

    static let chains = [JournalChain(.engine), JournalChain(.feed, 0), JournalChain(.acknowledgements)]

    /// A run's data when it had decided all: of the killed one the last segments are open, of the ended one they are sealed.
    private func run(isPublished: Bool) async throws -> (redis: RedisServer, killed: URL, ended: URL) {
        let redis = try await RedisServer()
        if !isPublished { redis.kill() }
        let exchange = try await AlternatingExchange(trades: Self.trades, folder: folder.url)
        let data = folder.url.appendingPathComponent("data")
        let life = try await begin(data, redis, port: exchange.port)
        life.startFeeds()
        try await waitUntil("all is decided", timeout: .seconds(60)) {
            life.signals.count == Self.trades - 2 && (!isPublished || life.signals.acknowledged == Self.trades - 2)
        }
        let killed = try life.killed("killed")
        await life.stop()
        await exchange.stop()
        return (redis, killed, data)
    }

    private func begin(_ data: URL, _ redis: RedisServer, port: Int = 1) async throws -> NodeLife {
        try await NodeLife(data, redis: redis.url, port: port, sizes: TakingOverTests.small, budgetMiB: 128)
    }

    private func copy(_ data: URL, _ name: String) throws -> URL {
        let copy = folder.url.appendingPathComponent(name)
        try FileManager.default.copyItem(at: data, to: copy)
        return copy
    }

    /// Takes a page in the middle of a chain's newest sealed segment.
    ///
    /// - Returns: the segment, and its first entry that is not whole, up to which all is known to be on disk.
    private func tear(_ chain: JournalChain, of data: URL) throws -> (segment: SegmentReader, firstBad: Int) {
        let files = try #require(try JournalFolder(path: data.appendingPathComponent("journal").path).chains[chain])
        let segments = try files.map { try SegmentReader(path: $0.path) }
        let segment = try #require(segments.last { $0.isSealed })
        let count = segment.committedEntries
        let entry = try #require(segment.entry(at: count / 2))
        let middle = chain.kind == .feed ? entry.dataRange.lowerBound : TornSegment.tableOffset + count / 2 * 64
        try TornSegment.tear(segment.path, at: middle / TornSegment.pageBytes * TornSegment.pageBytes, .garbage)
        let firstBad = segment.countWholeEntries()
        try #require(firstBad > 0 && firstBad < count)
        try TornSegment.note(firstBad, in: segment.path)
        return (segment, firstBad)
    }

    private func findings(_ data: URL) throws -> [JournalVerification.Finding] {
        var verification = try JournalVerification(path: data.appendingPathComponent("journal").path)
        var findings: [JournalVerification.Finding] = []
        try verification.run(progress: { _, _ in }, found: { findings.append($0) })
        return findings
    }

    @Test(arguments: Position.allCases)
    func `of what the stream has nothing is lost or doubled, whichever chain is torn`(position: Position) async throws {
        defer { folder.remove() }
        let (redis, killed, ended) = try await run(isPublished: true)
        let all = Array(3...UInt64(Self.trades))
        for chain in Self.chains {
            let data = try copy(position == .last ? ended : killed, "\(chain)")
            let (segment, firstBad) = try tear(chain, of: data)
            let text = "torn tail, \(firstBad) whole entries of \(segment.committedEntries)"
            for start in 0..<3 {
                let findings = try findings(data)
                #expect(findings.contains { "\($0)".contains(text) }, "\(chain), start \(start): \(findings)")
                #expect(findings.allSatisfy { !$0.isDamage }, "\(chain), start \(start): \(findings)")
                let next = try await begin(data, redis)
                try await waitUntil("compared with the stream") { next.isCompared }
                await next.stop()
                #expect(try redis.tradesOfSignals() == all, "\(chain), start \(start)")
            }
            let verified = try Tickline.run(["journal", "verify", data.path])
            #expect(verified.status == 0 && verified.output.contains(text), "\(verified)")
            print("figure: \(chain), \(position): \(text); \(all.count) signals once each after three starts")
        }
    }

    @Test func `what the engine's torn end had decided is decided again, and the run goes on without a gap`()
        async throws
    {
        defer { folder.remove() }
        let (redis, _, ended) = try await run(isPublished: true)
        _ = try tear(JournalChain(.engine), of: ended)
        let more = 1_000
        let exchange = try await AlternatingExchange(first: Self.trades + 1, trades: more, folder: folder.url)
        let next = try await begin(ended, redis, port: exchange.port)
        next.startFeeds()
        try await waitUntil("all is in the stream", timeout: .seconds(60)) {
            next.signals.acknowledged == UInt64(Self.trades - 2 + more)
        }
        await next.stop()
        await exchange.stop()
        #expect(try redis.tradesOfSignals() == Array(3...UInt64(Self.trades + more)))
        #expect(next.errors.all.isEmpty, "\(next.errors.all)")
    }

    @Test func `behind a feed's torn end the run goes on, and nothing is doubled`() async throws {
        defer { folder.remove() }
        let (redis, _, ended) = try await run(isPublished: true)
        _ = try tear(JournalChain(.feed, 0), of: ended)
        let more = 1_000
        let exchange = try await AlternatingExchange(first: Self.trades + 1, trades: more, folder: folder.url)
        let next = try await begin(ended, redis, port: exchange.port)
        next.startFeeds()
        try await waitUntil("the newest signal is in the stream", timeout: .seconds(60)) {
            try redis.tradesOfSignals().last == UInt64(Self.trades + more)
        }
        await next.stop()
        await exchange.stop()
        let found = try redis.tradesOfSignals()
        #expect(found == Array(Set(found)).sorted() && found.starts(with: Array(3...UInt64(Self.trades))))
        // Behind the gap averages over one and two trades are whole again with the second.
        #expect(found.count >= Self.trades - 2 + more - 3)
        print("figure: \(found.count) of \(Self.trades - 2 + more) signals, none doubled; \(next.errors.all)")
    }

    @Test
    func `a torn end of two segments, of the newest all, leaves the state in front of it, and nothing is doubled`()
        async throws
    {
        defer { folder.remove() }
        let (redis, killed, _) = try await run(isPublished: true)
        let (segment, firstBad) = try tear(JournalChain(.engine), of: killed)
        let journal = killed.appendingPathComponent("journal").path
        let newest = try #require(try JournalFolder(path: journal).chains[JournalChain(.engine)]?.last)
        try TornSegment.tear(newest.path, at: TornSegment.tableOffset, .garbage)
        try TornSegment.note(0, in: newest.path)
        for _ in 0..<2 {
            let next = try await begin(killed, redis)
            try await waitUntil("compared with the stream") { next.isCompared }
            await next.stop()
            #expect(try redis.tradesOfSignals() == Array(3...UInt64(Self.trades)))
            let first = segment.identity.firstSequence + UInt64(firstBad)
            if !next.errors.all.isEmpty {
                #expect(next.errors.all.contains { $0.contains("entries \(first) to") }, "\(next.errors.all)")
            }
        }
        #expect(try findings(killed).allSatisfy { !$0.isDamage })
    }

    @Test func `a first segment of which not even the beginning was known to be on disk is no state, and no refusal`()
        async throws
    {
        defer { folder.remove() }
        let (redis, killed, _) = try await run(isPublished: true)
        let journal = killed.appendingPathComponent("journal").path
        let files = try #require(try JournalFolder(path: journal).chains[JournalChain(.engine)])
        for file in files.dropFirst() { try FileManager.default.removeItem(atPath: file.path) }
        try TornSegment.tear(files[0].path, at: TornSegment.tableOffset, .garbage)
        try TornSegment.note(1, in: files[0].path)
        let error = await #expect(throws: (any Error).self) { _ = try await begin(killed, redis) }
        #expect("\(try #require(error))".contains("\(files[0].path) is damaged"))
        try TornSegment.note(0, in: files[0].path)
        let next = try await begin(killed, redis)
        await next.stop()
        #expect(try redis.tradesOfSignals() == Array(3...UInt64(Self.trades)))
    }

    @Test func `signals that wait for the stream are published once: all where the engine's end is torn`() async throws
    {
        defer { folder.remove() }
        let (redis, killed, ended) = try await run(isPublished: false)
        let (_, firstBad) = try tear(JournalChain(.engine), of: ended)
        let (hole, _) = try tear(JournalChain(.engine), of: killed)
        try await redis.restart()
        let next = try await begin(ended, redis)
        try await waitUntil("published") { next.signals.acknowledged == UInt64(Self.trades - 2) }
        await next.stop()
        #expect(try redis.tradesOfSignals() == Array(3...UInt64(Self.trades)))
        #expect(next.errors.all.isEmpty, "\(next.errors.all)")
        // Where the engine went on behind it, those in the hole are gone with what was not yet known to be on disk: counted.
        try redis.command(["FLUSHALL"])
        let other = try await begin(killed, redis)
        try await waitUntil("published") { other.signals.acknowledged == UInt64(Self.trades - 2) }
        await other.stop()
        let found = try redis.tradesOfSignals()
        let lost = Self.trades - 2 - found.count
        #expect(found == Array(Set(found)).sorted() && lost > 0 && lost < hole.committedEntries)
        #expect(found.first == 3 && found.last == UInt64(Self.trades))
        #expect(other.errors.all.contains { $0.contains("\"signals\": \(lost)") }, "\(other.errors.all)")
        print("figure: torn at entry \(firstBad): all of \(Self.trades - 2) published; in a hole: \(lost) counted")
    }

    @Test(arguments: Position.allCases)
    func `what was known to be on disk is refused where it is not whole, and every file left as it is`(
        position: Position
    ) async throws {
        defer { folder.remove() }
        let (redis, killed, ended) = try await run(isPublished: true)
        for chain in Self.chains {
            let data = try copy(position == .last ? ended : killed, "\(chain)")
            let journal = data.appendingPathComponent("journal").path
            // Of a feed nobody reads what the engine's newest checkpoint has behind it.
            guard position == .last || chain.kind != .feed else { continue }
            let (segment, firstBad) = try tear(chain, of: data)
            try TornSegment.note(firstBad + 1, in: segment.path)
            func contents() throws -> [String: Data] {
                let names = try FileManager.default.contentsOfDirectory(atPath: journal)
                return try Dictionary(
                    uniqueKeysWithValues: names.map {
                        ($0, try Data(contentsOf: URL(fileURLWithPath: "\(journal)/\($0)")))
                    })
            }
            let before = try contents()
            do {
                let life = try await begin(data, redis)
                await life.stop()
                Issue.record("a start with \(segment.path) damaged at entry \(firstBad)")
            } catch {
                #expect("\(error)".contains("\(segment.path) is damaged (entry \(firstBad) of"), "\(error)")
            }
            #expect(try contents() == before)
            let verified = try Tickline.run(["journal", "verify", data.path])
            #expect(verified.status == 1 && verified.output.contains("entries \(firstBad) to"), "\(verified)")
        }
    }
}
