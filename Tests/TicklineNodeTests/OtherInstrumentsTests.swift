import Foundation
import Journal
import Replay
import Telemetry
import TestSupport
import Testing
import TradingModel

@testable import TicklineNode

/// Runs with other instruments or averages than the one whose signals they take over.
@Suite(.serialized, .timeLimit(.minutes(5))) struct OtherInstrumentsTests {
    /// What is different from the first run, whose instruments are BTCUSDT and ETHUSDT, in that order.
    enum Change: String, CaseIterable, Sendable {
        case removed, added, reordered, averages

        var symbols: [String] {
            switch self {
            case .removed: ["ETHUSDT"]
            case .added: ["SOLUSDT", "BTCUSDT", "ETHUSDT"]
            case .reordered: ["ETHUSDT", "BTCUSDT"]
            case .averages: ["BTCUSDT", "ETHUSDT"]
            }
        }
        var longPeriod: Int { self == .averages ? 3 : 2 }
    }

    private static let symbols = ["BTCUSDT", "ETHUSDT"]
    /// Of each instrument.
    private static let trades = 1_500
    private static let further = 500
    private let folder = try! TemporaryFolder("tickline-other-instruments")

    private func begin(_ data: URL, _ redis: String?, _ change: Change, port: Int = 1) async throws -> NodeLife {
        try await NodeLife(
            data, redis: redis, port: port, symbols: change.symbols, longPeriod: change.longPeriod,
            sizes: TakingOverTests.small, budgetMiB: 72)
    }

    /// The journal of a run that was killed in front of its newest engine segments: what was taken during those is decided by
    /// recovery, and not on record.
    private func killedFirst(_ redis: RedisServer) async throws -> URL {
        let exchange = try await AlternatingExchange(
            trades: Self.symbols.count * Self.trades, of: Self.symbols, folder: folder.url)
        let first = try await NodeLife(
            folder.url.appendingPathComponent("data"), redis: redis.url, port: exchange.port, symbols: Self.symbols,
            sizes: TakingOverTests.small, budgetMiB: 72)
        first.startFeeds()
        try await waitUntil("all is decided", timeout: .seconds(60)) {
            first.signals.count == Self.symbols.count * (Self.trades - 2)
        }
        let killed = try first.killed("killed")
        await first.stop()
        await exchange.stop()
        let journal = killed.appendingPathComponent("journal").path
        while true {
            let newest = try #require(try JournalFolder(path: journal).chains[JournalChain(.engine)]?.last)
            try FileManager.default.removeItem(atPath: newest.path)
            let left = try #require(try Recovery.perform(in: JournalFolder(path: journal)))
            try #require(left.recordedSignals > 100)
            if left.unrecorded.count > 100 { return killed }
        }
    }

    private func ids(_ symbol: String, _ trades: ClosedRange<Int>, longPeriod: Int = 2) -> [String] {
        trades.map { "binance:\(symbol):sma-1-\(longPeriod):\($0)" }
    }

    @Test(arguments: Change.allCases)
    func `all that was decided is published once, and what follows it too`(change: Change) async throws {
        defer { folder.remove() }
        let redis = try await RedisServer(appendOnly: true)
        redis.kill()
        let first = try await killedFirst(redis)
        var expected = Self.symbols.flatMap { ids($0, 3...Self.trades) }
        // Killed before the stream had any of it.
        var life = try await begin(first, redis.url, change)
        let second = try life.killed("killed again")
        #expect(life.signals.count == UInt64(expected.count))
        await life.stop()
        let recorded = try Recovery.signals(from: 1, in: JournalFolder(path: "\(second.path)/journal"))
        #expect(recorded.flatMap { $0.signals.map(\.number) } == Array(1...UInt64(expected.count)))
        try await redis.restart()
        // Takes over, and is killed with further signals of which the stream has none.
        let exchange = try await AlternatingExchange(
            first: Self.trades + 1, trades: change.symbols.count * Self.further, of: change.symbols, folder: folder.url)
        life = try await begin(second, redis.url, change, port: exchange.port)
        try await waitUntil("all is acknowledged", timeout: .seconds(60)) { [life] in
            life.signals.acknowledged == UInt64(expected.count)
        }
        redis.kill()
        life.startFeeds()
        for symbol in change.symbols {
            let isKnown = Self.symbols.contains(symbol) && change != .averages
            let begin = Self.trades + (isKnown ? 1 : change.longPeriod + 1)
            expected += ids(symbol, begin...Self.trades + Self.further, longPeriod: change.longPeriod)
        }
        try await waitUntil("all is decided", timeout: .seconds(60)) { [life] in
            life.signals.count == UInt64(expected.count)
        }
        let third = try life.killed("killed a third time")
        await life.stop()
        await exchange.stop()
        try await redis.restart()
        life = try await begin(third, redis.url, change)
        try await waitUntil("all is acknowledged", timeout: .seconds(60)) { [life] in
            life.signals.count > 0 && life.signals.acknowledged == life.signals.count
        }
        #expect(life.errors.all.isEmpty, "\(life.errors.all)")
        await life.stop()
        let published = try redis.idsOfSignals()
        let missing = Set(expected).subtracting(published).sorted()
        #expect(missing.isEmpty, "\(missing.count) missing, such as \(missing.prefix(3))")
        #expect(published.count == expected.count && published.sorted() == expected.sorted())
        var verification = try JournalVerification(path: "\(third.path)/journal")
        try verification.run(progress: { _, _ in }, found: { Issue.record("\($0)") })
        let folder = try JournalFolder(path: "\(third.path)/journal")
        for text in stride(from: 0, to: expected.count, by: 200).map({ expected[$0] }) {
            let id = try #require(SignalIdentifier(text))
            guard case .found(let signal) = try SignalSearch.perform(id, in: folder) else {
                Issue.record("\(text) is not found")
                continue
            }
            _ = try SignalExplanation.of(id, signal, in: folder)
        }
        print("figure: \(change.rawValue): \(published.count) signals of two runs, each published once")
    }

    @Test func `signals of an instrument that the run does not have go to the console, too`() async throws {
        defer { folder.remove() }
        let redis = try await RedisServer()
        redis.kill()
        let first = try await killedFirst(redis)
        let life = try await begin(first, nil, .removed)
        let second = try life.killed("killed again")
        await life.stop()
        let recorded = try Recovery.signals(from: 1, in: JournalFolder(path: "\(second.path)/journal"))
        let ids = recorded.flatMap { part in part.signals.map { part.catalog.identifier(of: $0.decision) } }
        #expect(ids.sorted() == Self.symbols.flatMap { self.ids($0, 3...Self.trades) }.sorted())
    }
}
