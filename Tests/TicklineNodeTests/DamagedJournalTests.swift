import Foundation
import Journal
import TestSupport
import Testing

@testable import TicklineNode

/// What a start says of a journal that was damaged while nothing ran; none of it may cost a signal without a word.
@Suite(.serialized, .timeLimit(.minutes(5))) struct DamagedJournalTests {
    private static let trades = 3_000
    private let folder = try! TemporaryFolder("tickline-damaged")

    /// The data of a run that was killed when it had decided all, and the data of one that ended in order.
    private func journals(isPublished: Bool) async throws -> (redis: RedisServer, killed: URL, ended: URL) {
        let redis = try await RedisServer()
        if !isPublished { redis.kill() }
        let killed = try await NodeLife.killedWithAllDecided(
            folder.url, trades: Self.trades, redis, isPublished: isPublished)
        return (redis, killed, folder.url.appendingPathComponent("data"))
    }

    private func files(_ data: URL, of chain: JournalChain) throws -> [JournalFolder.File] {
        try #require(try JournalFolder(path: data.appendingPathComponent("journal").path).chains[chain])
    }

    /// Damages one byte; a start says which file is damaged and leaves all of them as they are.
    private func expectRefusal(
        _ data: URL, _ redis: RedisServer, _ chain: JournalChain, oldest: Bool = true, byte: Int
    ) async throws {
        let files = try files(data, of: chain)
        let path = try #require(oldest ? files.first : files.last).path
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        bytes[byte] ^= 0x40
        try bytes.write(to: URL(fileURLWithPath: path))
        try await expectRefusal(data, redis, "\(path) is damaged")
    }

    /// A start says these words and leaves all files as they are.
    private func expectRefusal(_ data: URL, _ redis: RedisServer, _ words: String) async throws {
        let journal = data.appendingPathComponent("journal").path
        func contents() throws -> [String: Data] {
            let names = try FileManager.default.contentsOfDirectory(atPath: journal)
            return try Dictionary(
                uniqueKeysWithValues: names.map { ($0, try Data(contentsOf: URL(fileURLWithPath: "\(journal)/\($0)"))) }
            )
        }
        let before = try contents()
        do {
            let life = try await NodeLife(data, redis: redis.url, sizes: TakingOverTests.small, budgetMiB: 64)
            await life.stop()
            Issue.record("a start where \(words)")
        } catch {
            #expect("\(error)".contains(words), "\(error)")
        }
        #expect(try contents() == before)
    }

    @Test func `a state that can't be read is not taken for none`() async throws {
        defer { folder.remove() }
        let (redis, killed, _) = try await journals(isPublished: false)
        // All that was decided stands behind the first segment's first entry.
        for file in try JournalFolder(path: killed.appendingPathComponent("journal").path).chains[
            JournalChain(.engine)]!
            .dropFirst()
        {
            try FileManager.default.removeItem(atPath: file.path)
        }
        try await expectRefusal(killed, redis, JournalChain(.engine), byte: 4_100)
    }

    @Test func `a journal whose engine has lost all its segments is refused`() async throws {
        defer { folder.remove() }
        let (redis, killed, ended) = try await journals(isPublished: true)
        for file in try files(killed, of: JournalChain(.engine)) {
            try FileManager.default.removeItem(atPath: file.path)
        }
        try await expectRefusal(
            killed, redis, "none of its segments is there, and its signals up to \(Self.trades - 2) are acknowledged")
        let newest = try #require(try files(ended, of: JournalChain(.engine)).last).path
        try Data().write(to: URL(fileURLWithPath: newest))
        try await expectRefusal(ended, redis, "\(newest) is damaged (it is empty)")
    }

    @Test func `a journal whose first run was killed before its first tick was taken is no damaged one`() async throws {
        defer { folder.remove() }
        let redis = try await RedisServer()
        redis.kill()
        let killed = try await NodeLife.killedWithAllDecided(folder.url, trades: 20, redis, isPublished: false)
        for file in try files(killed, of: JournalChain(.engine)) {
            try FileManager.default.removeItem(atPath: file.path)
        }
        #expect(try !files(killed, of: JournalChain(.feed, 0)).isEmpty)
        let life = try await NodeLife(killed, redis: redis.url, sizes: TakingOverTests.small, budgetMiB: 64)
        await life.stop()
        #expect(life.errors.all.isEmpty, "\(life.errors.all)")
    }

    @Test func `signals that wait for their acknowledgement in a damaged segment are not passed over`() async throws {
        defer { folder.remove() }
        let (redis, killed, _) = try await journals(isPublished: false)
        try await expectRefusal(killed, redis, JournalChain(.engine), byte: 4_096 + 500 * 64 + 9)
    }

    @Test(arguments: [JournalChain(.acknowledgements), JournalChain(.engine), JournalChain(.feed, 0)])
    func `damage in the middle of what an orderly end has left is refused`(chain: JournalChain) async throws {
        defer { folder.remove() }
        let (redis, _, ended) = try await journals(isPublished: true)
        try await expectRefusal(ended, redis, chain, oldest: false, byte: 4_096 + 64 + 9)
    }
}
