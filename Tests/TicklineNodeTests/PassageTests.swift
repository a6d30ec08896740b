import Foundation
import Journal
import Replay
import Telemetry
import TestSupport
import Testing

@testable import TicklineNode

/// A journal that no longer holds everything the engine took: what a replay passes over, and that the rest is what was
/// published.
@Suite(.serialized, .timeLimit(.minutes(5))) struct PassageTests {
    private let folder = try! TemporaryFolder("tickline-passage")

    /// A run of its own in `data`, killed when all its signals are in the stream: a copy of its data folder.
    private func killedRun(
        in data: URL, trades: ClosedRange<Int>, _ redis: RedisServer, as name: String
    ) async throws -> URL {
        let exchange = try await AlternatingExchange(
            first: trades.lowerBound, trades: trades.count, folder: folder.url)
        let life = try await NodeLife(
            data, redis: redis.url, port: exchange.port, sizes: TakingOverTests.small, budgetMiB: 256)
        life.startFeeds()
        try await waitUntil("all is in the stream", timeout: .seconds(60)) {
            let signals = life.signals
            return Int(life.metrics.total("tickline_ticks_total")) == trades.count
                && signals.count == signals.acknowledged
                && signals.count + (trades.lowerBound == 1 ? 2 : 10) >= trades.upperBound
        }
        let killed = try life.killed(name)
        await life.stop()
        await exchange.stop()
        return killed
    }

    private func files(_ chain: JournalChain, of data: URL) throws -> [JournalFolder.File] {
        try JournalFolder(path: data.appendingPathComponent("journal").path).chains[chain] ?? []
    }

    private func play(
        _ data: URL, passesMissing: Bool = true
    ) throws -> (signals: [PlayedSignal], passages: [Passage]) {
        var player = JournalPlayer(
            folder: try JournalFolder(path: data.appendingPathComponent("journal").path), passesMissing: passesMissing)
        var signals: [PlayedSignal] = []
        while try player.step({ signals.append($0) }) {}
        return (signals, player.passages)
    }

    /// Takes the entries of an unsealed segment from `first` on away, as a power loss does.
    private func tear(_ file: JournalFolder.File, from first: Int) throws {
        let segment = try SegmentReader(path: file.path)
        try TornSegment.note(first, in: file.path)
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: file.path))
        try handle.seek(toOffset: UInt64(4_096 + first * 64))
        try handle.write(contentsOf: Data(count: (segment.committedEntries - first) * 64))
        try handle.close()
    }

    @Test func `a replay begins where everything is there, says what is in front of it, and gives the rest`()
        async throws
    {
        defer { folder.remove() }
        let redis = try await RedisServer()
        let trades = 20_000
        let data = try await killedRun(
            in: folder.url.appendingPathComponent("data"), trades: 1...trades, redis, as: "killed")
        let whole = try play(data)
        #expect(whole.signals.map(\.number) == Array(1...UInt64(trades - 2)) && whole.passages.isEmpty)
        let before = try Tickline.run(["replay", data.path])
        #expect(before.status == 0 && !before.error.contains("passed over"), "\(before.error)")
        for file in try files(JournalChain(.feed), of: data).dropLast() {
            try FileManager.default.removeItem(atPath: file.path)
        }
        #expect(throws: ReplayError.self) { try play(data, passesMissing: false) }
        let rest = try play(data)
        let passage = try #require(rest.passages.first)
        #expect(rest.passages.count == 1 && passage.isInFront && passage.segments.lowerBound == 1)
        #expect(passage.segmentCount == passage.segments.count && passage.signalCount > 1_000)
        #expect(!rest.signals.isEmpty && rest.signals == Array(whole.signals.dropFirst(Int(passage.signalCount))))
        let (status, output, error) = try Tickline.run(["replay", data.path])
        #expect(status == 0 && output.split(separator: "\n").count == rest.signals.count)
        #expect(before.output.hasSuffix(output) && error.contains("\(passage)"), "\(error)")
        print("figure: of \(trades - 2) signals \(rest.signals.count) are replayed; \(passage)")
        let refused = try Tickline.run(["replay", data.path, "--short", "5"])
        #expect(refused.status == 64 && refused.error.contains("settings of its runs; leave --short out"))
        // Nothing at all can be played.
        for file in try files(JournalChain(.feed), of: data) { try FileManager.default.removeItem(atPath: file.path) }
        let nothing = try Tickline.run(["replay", data.path])
        #expect(nothing.status == 1 && nothing.output.isEmpty)
    }

    @Test(arguments: [1, 3]) func `a feed's chain that a power loss tore is passed over up to the next run`(
        share: Int
    ) async throws {
        defer { folder.remove() }
        let redis = try await RedisServer()
        let first = try await killedRun(
            in: folder.url.appendingPathComponent("data"), trades: 1...6_000, redis, as: "killed")
        let torn = try #require(try files(JournalChain(.feed), of: first).last)
        try tear(torn, from: try SegmentReader(path: torn.path).committedEntries * share / 4)
        // Without a next run the end is passed over.
        let end = try play(first)
        #expect(end.passages.count == 1 && end.passages[0].isInFront == false)
        #expect(UInt64(end.signals.count) + end.passages[0].signalCount == 5_998)
        let second = try await killedRun(in: first, trades: 6_001...9_000, redis, as: "killed again")
        let recorded = try Recovery.signals(
            from: 1, in: JournalFolder(path: second.appendingPathComponent("journal").path)
        ).flatMap(\.signals)
        // Behind the hole averages warm up anew.
        #expect(recorded.map(\.number) == Array(1...UInt64(recorded.count)) && recorded.count > 8_990)
        let played = try play(second)
        let passage = try #require(played.passages.first)
        #expect(played.passages.count == 1 && !passage.isInFront && passage.signalCount > 100)
        #expect(played.signals.starts(with: end.signals) && passage.signalCount == end.passages[0].signalCount)
        var expected = recorded
        expected.removeSubrange(end.signals.count..<end.signals.count + Int(passage.signalCount))
        #expect(played.signals == expected)
        let (status, output, error) = try Tickline.run(["replay", second.path])
        #expect(status == 0 && output.split(separator: "\n").count == played.signals.count)
        #expect(error.contains("\(passage)"), "\(error)")
        let verified = try Tickline.run(["verify", "--data", second.path, "--store", "none", "--redis", redis.url])
        #expect(verified.status == 0 && verified.error.contains("\(passage)"), "\(verified)")
        let outside = recorded.count - played.signals.count
        #expect(
            verified.error.contains(
                "stream: \(played.signals.count) equal, 0 differences, 0 pending, 0 trimmed, \(outside) outside"),
            "\(verified)")
        print("figure: \(played.signals.count) of \(recorded.count) signals are replayed; \(passage)")
    }
}
