import Telemetry
import TestSupport
import Testing
import TradingModel

@testable import RedisStreams

/// A publisher that takes over from a run that was killed: signals on their way, acknowledged ones, and what the stream has of
/// them.
@Suite(.serialized, .timeLimit(.minutes(3))) struct RecoveryTests {
    /// The fixture's, with a shorter wait for what the killed process had sent: here it has always stopped in order.
    private static func configuration(_ url: String, mode: PublishMode = .append) throws -> SignalPublisherConfiguration
    {
        var configuration = try Fixture.configuration(url, mode: mode)
        configuration.unkillableWaitMillis = 1
        return configuration
    }

    /// Publishes signals of the fixture on a server and stops.
    @discardableResult
    private func publish(
        _ range: Range<Int>, _ configuration: SignalPublisherConfiguration, _ acknowledgements: Acknowledgements,
        recovered: RecoveredSignals = RecoveredSignals(), firstOrdinal: UInt64 = 1
    ) async throws -> Rig {
        let rig = try Rig(
            configuration, firstOrdinal: firstOrdinal, recovered: recovered, acknowledgements: acknowledgements)
        var sink = rig.publisher.makeSink()
        rig.publisher.start()
        for index in range { _ = sink.publish(Fixture.signal(index)) }
        sink.flush()
        // With nothing pending a publisher may stop before it is connected, and has not looked at the stream then.
        try await waitUntil("compared with the stream") { rig.health.status.isReady }
        try await rig.drained()
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(5)) == 0)
        return rig
    }

    @Test(arguments: [PublishMode.append, .once])
    func `each acknowledgement is told once, in order and with its entry, before nothing is pending`(
        mode: PublishMode
    ) async throws {
        let server = try await RedisServer()
        let probe = try Probe(server.url)
        let configuration = try Self.configuration(server.url, mode: mode)
        // Known from the tail: the second publisher is a new one that begins to count at 101.
        for firstOrdinal: UInt64 in [1, 101] {
            let acknowledgements = Acknowledgements()
            let rig = try await publish(0..<20, configuration, acknowledgements, firstOrdinal: firstOrdinal)
            #expect(acknowledgements.ordinals == Array(firstOrdinal..<firstOrdinal + 20))
            let entries = try probe.entries().map(\.entryID)
            #expect((firstOrdinal..<firstOrdinal + 20).map { acknowledgements.entry($0) } == entries)
            #expect(rig.metrics.total("tickline_published_already_total") == (firstOrdinal == 1 ? 0 : 20))
        }
    }

    @Test func `a signal that another writer has published is told with that writer's entry`() async throws {
        let server = try await RedisServer()
        let configuration = try Self.configuration(server.url, mode: .once)
        let told = [Acknowledgements(), Acknowledgements()]
        // Both read the empty tail first, so that the script finds the signal; the second one's content is another.
        let rigs = try told.map { try Rig(configuration, acknowledgements: $0) }
        for rig in rigs {
            rig.publisher.start()
            try await waitUntil("ready") { rig.health.status.isReady }
        }
        for (index, rig) in rigs.enumerated() {
            var sink = rig.publisher.makeSink()
            for number in 0..<3 { _ = sink.publish(Fixture.signal(number, price: 6_182_600_000_000 + Int64(index))) }
            try await rig.drained()
            #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
        }
        #expect(told[0].told == told[1].told && told[0].ordinals == [1, 2, 3])
        #expect(rigs[1].metrics.total("tickline_publish_conflicts_total") == 3)
    }

    /// Written and not acknowledged, never written, and new ones behind them.
    @Test(arguments: [PublishMode.append, .once])
    func `signals on their way when the process was killed are in the stream once and in order`(
        mode: PublishMode
    ) async throws {
        let server = try await RedisServer()
        let configuration = try Self.configuration(server.url, mode: mode)
        let acknowledgements = Acknowledgements()
        try await publish(0..<10, configuration, acknowledgements)
        let all = acknowledgements.told
        acknowledgements.forgetLast(4)
        let rig = try await publish(
            13..<16, configuration, acknowledgements, recovered: .fixture(13, acknowledgements))
        let probe = try Probe(server.url)
        #expect(try probe.identifiers() == (0..<16).map(Fixture.identifier))
        #expect(acknowledgements.ordinals == Array(1...16))
        #expect(acknowledgements.told.prefix(10) == all.prefix(10))
        #expect(try probe.agrees(with: acknowledgements))
        #expect(rig.metrics.total("tickline_published_total") == 4 + 3 + 3)
        #expect(rig.metrics.total("tickline_published_again_total") == 0)
        // Nothing of an earlier process' clock is measured.
        #expect(rig.metrics.snapshot("tickline_tick_to_signal_seconds").count <= 3)
    }

    @Test(arguments: [PublishMode.append, .once])
    func `a stream that was lost meanwhile gets back what was acknowledged, before what is new`(
        mode: PublishMode
    ) async throws {
        let server = try await RedisServer()
        let configuration = try Self.configuration(server.url, mode: mode)
        let acknowledgements = Acknowledgements()
        try await publish(0..<10, configuration, acknowledgements)
        try await server.restart()
        let rig = try await publish(
            12..<15, configuration, acknowledgements, recovered: .fixture(12, acknowledgements))
        let probe = try Probe(server.url)
        #expect(try probe.identifiers() == (0..<15).map(Fixture.identifier))
        #expect(acknowledgements.ordinals == Array(1...10) + Array(1...15))
        #expect(try probe.agrees(with: acknowledgements))
        #expect(rig.metrics.total("tickline_published_again_total") == 10)
    }

    /// How consumers remove entries.
    enum Removal: String, CaseIterable, Sendable {
        case trimmed, trimmedToNothing, oldestDeleted, newestDeleted, someDeleted, allDeleted, allDeletedAndOthersWrite
    }

    @Test(arguments: Removal.allCases, [PublishMode.append, .once])
    func `what consumers removed does not come back, after a restart and after a lost connection`(
        removal: Removal, mode: PublishMode
    ) async throws {
        let server = try await RedisServer()
        let probe = try Probe(server.url)
        let configuration = try Self.configuration(server.url, mode: mode)
        let acknowledgements = Acknowledgements()
        try await publish(0..<10, configuration, acknowledgements)
        let entries = try probe.entries().map(\.entryID)
        switch removal {
        case .trimmed: try probe("XTRIM", "signals", "MAXLEN", "3")
        case .trimmedToNothing: try probe("XTRIM", "signals", "MAXLEN", "0")
        case .oldestDeleted: try probe.call(["XDEL", "signals"] + entries.prefix(4))
        case .newestDeleted: try probe.call(["XDEL", "signals"] + entries.suffix(4))
        case .someDeleted: try probe.call(["XDEL", "signals"] + [entries[2], entries[7]])
        case .allDeleted, .allDeletedAndOthersWrite: try probe.call(["XDEL", "signals"] + entries)
        }
        if removal == .allDeletedAndOthersWrite { try probe("XADD", "signals", "*", "signal", "BUY") }
        let left = try probe.identifiers()
        let rig = try Rig(
            configuration, recovered: .fixture(11, acknowledgements), acknowledgements: acknowledgements)
        rig.publisher.start()
        try await rig.drained()
        #expect(try probe.identifiers() == left + [Fixture.identifier(10)])
        try probe("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        try await waitUntil("reconnected") { rig.metrics.total("tickline_redis_connections_total") == 2 }
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(5)) == 0)
        #expect(try probe.identifiers() == left + [Fixture.identifier(10)])
        #expect(acknowledgements.ordinals == Array(1...11))
    }

    /// A server that came up with older data, on which another client wrote before the publisher was back: the entries are
    /// below the newest one there is, but they never were on it.
    @Test(arguments: [PublishMode.append, .once])
    func `what a failover undid comes back though others have written since`(mode: PublishMode) async throws {
        let server = try await RedisServer()
        let probe = try Probe(server.url)
        let configuration = try Self.configuration(server.url, mode: mode)
        let acknowledgements = Acknowledgements()
        try await publish(0..<5, configuration, acknowledgements)
        let older = try probe.call(["XRANGE", "signals", "-", "+"]).elements ?? []
        try await publish(5..<10, configuration, acknowledgements, firstOrdinal: 6)
        // As the replica would have it that had not received the last five.
        try probe("DEL", "signals")
        for element in older {
            let parts = element.elements ?? []
            try probe.call(
                ["XADD", "signals", parts[0].text ?? ""] + (parts[1].elements ?? []).map { $0.text ?? "" })
        }
        if mode == .once {
            try probe.call(["HDEL", "{signals}:ids"] + (5..<10).map(Fixture.identifier))
        }
        try probe("XADD", "signals", "*", "signal", "BUY")
        try await publish(10..<11, configuration, acknowledgements, recovered: .fixture(10, acknowledgements))
        let expected = (0..<5).map(Fixture.identifier) + ["?"] + (5..<11).map(Fixture.identifier)
        #expect(try probe.identifiers() == expected)
        #expect(acknowledgements.ordinals == Array(1...10) + Array(6...11))
        #expect(try probe.agrees(with: acknowledgements))
    }

    /// The first signals put back have newer entries than those that are still lost.
    @Test(arguments: [PublishMode.append, .once], [true, false])
    func `putting back goes on where the process was killed in the middle of it`(
        mode: PublishMode, wasTold: Bool
    ) async throws {
        let server = try await RedisServer()
        let configuration = try Self.configuration(server.url, mode: mode)
        let acknowledgements = Acknowledgements()
        try await publish(0..<10, configuration, acknowledgements)
        try await server.restart()
        // Puts back three and is killed; `wasTold`: whether it could still note their acknowledgements.
        try await publish(0..<3, configuration, acknowledgements)
        if !wasTold { acknowledgements.forgetLast(3) }
        try await publish(10..<11, configuration, acknowledgements, recovered: .fixture(10, acknowledgements))
        let probe = try Probe(server.url)
        #expect(try probe.identifiers() == (0..<11).map(Fixture.identifier))
        #expect(acknowledgements.ordinals == Array(1...10) + Array(1...11))
        #expect(try probe.agrees(with: acknowledgements))
    }

    @Test func `what was acknowledged comes back however long the server was away`() async throws {
        let server = try await RedisServer()
        var configuration = try Self.configuration(server.url)
        configuration.retentionMillis = 100
        let acknowledgements = Acknowledgements()
        let rig = try Rig(configuration, acknowledgements: acknowledgements)
        var sink = rig.publisher.makeSink()
        rig.publisher.start()
        try await waitUntil("ready") { rig.health.status.isReady }
        for index in 0..<3 { _ = sink.publish(Fixture.signal(index)) }
        try await rig.drained()
        server.kill()
        let killedAt = ContinuousClock.now
        let attempts = rig.errors("CONNECT")
        try await waitUntil("ten times the retention") {
            ContinuousClock.now - killedAt > .seconds(1) && rig.errors("CONNECT") > attempts
        }
        try await server.restart()
        try await waitUntil("back") { rig.metrics.total("tickline_published_again_total") == 3 }
        #expect(try Probe(server.url).identifiers() == (0..<3).map(Fixture.identifier))
        #expect(acknowledgements.ordinals == [1, 2, 3, 1, 2, 3])
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(5)) == 0)
    }

    /// The process is gone, what it had handed to the network is not: it arrives when the next process has connected.
    @Test(arguments: [PublishMode.append, .once])
    func `commands of a killed process that arrive late leave each signal once`(mode: PublishMode) async throws {
        let server = try await RedisServer()
        let proxy = FaultProxy(target: server.port)
        defer { proxy.stop() }
        let configuration = try Fixture.configuration("127.0.0.1:\(proxy.port)", mode: mode)
        let acknowledgements = Acknowledgements()
        let killed = try Rig(configuration, acknowledgements: acknowledgements)
        var sink = killed.publisher.makeSink()
        killed.publisher.start()
        try await waitUntil("ready") { killed.health.status.isReady }
        proxy.stall(connection: 1)
        for index in 0..<3 { _ = sink.publish(Fixture.signal(index)) }
        #expect(await killed.publisher.drainAndStop(timeout: .zero) == 3)
        let next = try Rig(
            configuration, recovered: .fixture(3, acknowledgements), acknowledgements: acknowledgements)
        next.publisher.start()
        try await waitUntil("the next process is connected") { proxy.openConnections == 2 }
        proxy.resume()
        try await next.drained()
        try await waitUntil("the first connection has ended") { proxy.openConnections == 1 }
        #expect(await next.publisher.drainAndStop(timeout: .seconds(5)) == 0)
        let probe = try Probe(server.url)
        #expect(try probe.identifiers() == (0..<3).map(Fixture.identifier))
        #expect(acknowledgements.ordinals == [1, 2, 3])
        #expect(try probe.agrees(with: acknowledgements))
    }

    /// Ten entries of the tail are read at a start, but what is not acknowledged may stand further back.
    @Test(arguments: [true, false])
    func `the stream is read back to the last acknowledgement, not only over its tail`(hasNewest: Bool) async throws {
        let server = try await RedisServer()
        var configuration = try Self.configuration(server.url)
        configuration.tailEntries = 10
        let acknowledgements = Acknowledgements()
        try await publish(0..<100, configuration, acknowledgements)
        let first = try #require(acknowledgements.told.first)
        acknowledgements.forgetLast(100)
        var recovered = RecoveredSignals.fixture(100, acknowledgements)
        recovered.newestEntryMillis = hasNewest ? first.entryMillis : nil
        try await publish(100..<101, configuration, acknowledgements, recovered: recovered)
        #expect(try Probe(server.url).identifiers() == (0..<101).map(Fixture.identifier))
        #expect(acknowledgements.ordinals == Array(1...101))
    }

    @Test func `signals of another catalogue are written with their own names and scales`() async throws {
        let server = try await RedisServer()
        let strategy = try SMACrossoverParameters(shortPeriod: 12, longPeriod: 400_000)
        let longName = String(repeating: "LONG", count: 200)
        let earlier = MarketCatalog(
            instruments: [
                InstrumentSpecification(
                    instrument: Instrument(exchange: .binanceUSDM, symbol: longName), priceDecimals: 2)
            ], strategies: [strategy])
        var recovered = RecoveredSignals()
        recovered.parts = [
            RecoveredSignals.Part(catalog: earlier, signals: [Fixture.signal(0)]),
            RecoveredSignals.Part(catalog: Fixture.catalog, signals: [Fixture.signal(1)]),
        ]
        let acknowledgements = Acknowledgements()
        try await publish(
            2..<3, try Self.configuration(server.url), acknowledgements, recovered: recovered, firstOrdinal: 7)
        let probe = try Probe(server.url)
        let expected = ["binance-usdm:\(longName):sma-12-400000:1000"] + (1..<3).map(Fixture.identifier)
        #expect(try probe.identifiers() == expected)
        #expect(try probe.entries().map { $0.fields["price"] } == ["61826000000", "61826", "61826"])
        #expect(acknowledgements.ordinals == [7, 8, 9])
    }

    /// Runs of random length that are killed with random acknowledgements unwritten, against a server that keeps all,
    /// restarts empty, or whose consumers delete from it.
    @Test(arguments: [PublishMode.append, .once])
    func `any sequence of runs leaves each signal once and in order`(mode: PublishMode) async throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        let server = try await RedisServer()
        var probe = try Probe(server.url)
        let configuration = try Self.configuration(server.url, mode: mode)
        let acknowledgements = Acknowledgements()
        var decided = 0
        var expected: [String] = []
        let runs = 60
        for run in 0..<runs {
            var recovered = RecoveredSignals()
            let firstKept = max(0, decided - 100)
            recovered.parts = [
                RecoveredSignals.Part(
                    catalog: Fixture.catalog, signals: (firstKept..<decided).map { Fixture.signal($0) })
            ]
            recovered.acknowledgements = acknowledgements.told
            let unsent = Int.random(in: 0...5, using: &random)
            let count = Int.random(in: 0...12, using: &random)
            try await publish(
                decided..<decided + count, configuration, acknowledgements, recovered: recovered,
                firstOrdinal: UInt64(firstKept) + 1)
            expected += (decided..<decided + count).map(Fixture.identifier)
            let found = try probe.identifiers()
            try #require(
                found == expected,
                "run \(run), seed \(seed), \(Set(found).symmetricDifference(expected).sorted()) differ")
            #expect(try probe.agrees(with: acknowledgements), "run \(run), seed \(seed)")
            decided += count
            // Killed before the last acknowledgements were written, and with signals decided that were never sent.
            let unwritten = min(Int.random(in: 0...4, using: &random), count)
            acknowledgements.forgetLast(unwritten)
            switch Int.random(in: 0..<4, using: &random) {
            case 0:
                let kept = max(0, decided + unsent - 100)..<decided - unwritten
                try await server.restart()
                probe = try Probe(server.url)
                expected = kept.map(Fixture.identifier) + (decided - unwritten..<decided).map(Fixture.identifier)
            case 1:
                // Consumers delete some of what is acknowledged.
                let written = try probe.entries().dropLast(unwritten)
                for entry in written where Bool.random(using: &random) {
                    try probe("XDEL", "signals", entry.entryID)
                    expected.removeAll { $0 == entry.identifier }
                }
            case 2:
                let left = unwritten + Int.random(in: 0...20, using: &random)
                try probe("XTRIM", "signals", "MAXLEN", "\(left)")
                expected = Array(expected.suffix(left))
            default: break
            }
            expected += (decided..<decided + unsent).map(Fixture.identifier)
            decided += unsent
        }
        print("figure: \(runs) runs, \(mode): \(decided) signals, lost 0, doubled 0, seed \(seed)")
    }
}
