import Telemetry
import TestSupport
import Testing
import TradingModel

@testable import RedisStreams

/// Signals that a run takes over from the journal and decides again, since the ticks behind them were in memory alone: they
/// stand in the outbox twice, and are sent once.
@Suite(.serialized, .timeLimit(.minutes(3))) struct DecidedAgainTests {
    private static let modes = [PublishMode.append, .once]

    private static func configuration(_ url: String, _ mode: PublishMode) throws -> SignalPublisherConfiguration {
        var configuration = try Fixture.configuration(url, mode: mode)
        configuration.unkillableWaitMillis = 1
        return configuration
    }

    /// A run that decides five signals, all of them acknowledged.
    private func firstRun(_ configuration: SignalPublisherConfiguration, _ told: Acknowledgements) async throws {
        let rig = try Rig(configuration, acknowledgements: told)
        var sink = rig.publisher.makeSink()
        rig.publisher.start()
        for index in 0..<5 { _ = sink.publish(Fixture.signal(index)) }
        try await rig.drained()
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(5)) == 0)
    }

    @Test(arguments: modes)
    func `what was never sent is sent once where it is decided again before Redis is there`(
        mode: PublishMode
    ) async throws {
        let server = try await RedisServer()
        let told = Acknowledgements()
        let rig = try Rig(
            try Self.configuration(server.url, mode), recovered: .fixture(5, told), acknowledgements: told)
        var sink = rig.publisher.makeSink()
        for index in 2..<7 { _ = sink.publish(Fixture.signal(index)) }
        rig.publisher.start()
        try await rig.drained()
        let probe = try Probe(server.url)
        #expect(try probe.identifiers() == (0..<7).map(Fixture.identifier))
        #expect(told.ordinals == Array(1...10))
        let entries = try probe.entries().map(\.entryID)
        #expect((1...10).compactMap { told.entry($0) } == Array(entries[..<5] + entries[2...]))
        #expect(rig.metrics.total("tickline_published_total") == 7)
        #expect(rig.metrics.total("tickline_published_already_total") == 3)
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(5)) == 0)
    }

    /// An earlier run has decided them again already, and was killed before anything was sent.
    @Test(arguments: modes)
    func `what stands in the journal twice is sent once`(mode: PublishMode) async throws {
        let server = try await RedisServer()
        let told = Acknowledgements()
        var recovered = RecoveredSignals.fixture(5, told)
        recovered.parts.append(
            RecoveredSignals.Part(catalog: Fixture.catalog, signals: (3..<6).map { Fixture.signal($0) }))
        let rig = try Rig(try Self.configuration(server.url, mode), recovered: recovered, acknowledgements: told)
        rig.publisher.start()
        try await rig.drained()
        #expect(try Probe(server.url).identifiers() == (0..<6).map(Fixture.identifier))
        #expect(told.ordinals == Array(1...8))
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(5)) == 0)
    }

    @Test(arguments: modes)
    func `what is decided again waits for the reply to what was taken over`(mode: PublishMode) async throws {
        let server = try await RedisServer()
        let probe = try Probe(server.url)
        let told = Acknowledgements()
        let rig = try Rig(
            try Self.configuration(server.url, mode), recovered: .fixture(5, told), acknowledgements: told)
        var sink = rig.publisher.makeSink()
        // Writing waits on the server; all else, the read-back among it, goes on.
        try probe("CLIENT", "PAUSE", "60000", "WRITE")
        rig.publisher.start()
        try await waitUntil("ready") { rig.health.status.isReady }
        for index in 2..<6 { _ = sink.publish(Fixture.signal(index)) }
        try probe("CLIENT", "UNPAUSE")
        try await rig.drained()
        #expect(try probe.identifiers() == (0..<6).map(Fixture.identifier))
        #expect(told.ordinals == Array(1...9))
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(5)) == 0)
    }

    /// The engine owns the socket by then; consumers have removed one, and three are older than the tail that is remembered.
    @Test(arguments: modes)
    func `what was published by this run is not sent again where it is decided later`(mode: PublishMode) async throws {
        let server = try await RedisServer()
        let probe = try Probe(server.url)
        var configuration = try Self.configuration(server.url, mode)
        configuration.tailEntries = 1
        let told = Acknowledgements()
        try await firstRun(configuration, told)
        let rig = try Rig(configuration, recovered: .fixture(7, told), acknowledgements: told)
        var sink = rig.publisher.makeSink()
        rig.publisher.start()
        try await rig.drained()
        try await waitUntil("ready") { rig.health.status.isReady }
        let entries = try probe.entries().map(\.entryID)
        try probe("XDEL", "signals", entries[6])
        for index in 1..<8 { _ = sink.publish(Fixture.signal(index)) }
        try await rig.drained()
        #expect(try probe.identifiers() == (Array(0..<6) + [7]).map(Fixture.identifier))
        #expect(told.ordinals == Array(1...14))
        #expect((8...13).compactMap { told.entry($0) } == Array(entries[1...]))
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(5)) == 0)
    }

    /// Both places are found in the stream: the acknowledged one is not taken for lost in a failover.
    @Test(arguments: modes)
    func `what was acknowledged and is decided again is not put back`(mode: PublishMode) async throws {
        let server = try await RedisServer()
        let probe = try Probe(server.url)
        let configuration = try Self.configuration(server.url, mode)
        let told = Acknowledgements()
        try await firstRun(configuration, told)
        let rig = try Rig(configuration, recovered: .fixture(5, told), acknowledgements: told)
        var sink = rig.publisher.makeSink()
        for index in 2..<6 { _ = sink.publish(Fixture.signal(index)) }
        rig.publisher.start()
        try await rig.drained()
        for connections in 1...2 {
            try await waitUntil("connected") {
                rig.metrics.total("tickline_redis_connections_total") == Double(connections)
            }
            #expect(try probe.identifiers() == (0..<6).map(Fixture.identifier))
            #expect(told.ordinals == Array(1...9))
            try probe("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        }
        #expect(rig.metrics.total("tickline_published_again_total") == 0)
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(5)) == 0)
    }

    @Test(arguments: modes)
    func `what a failover undid comes back once, and both places are told`(mode: PublishMode) async throws {
        let server = try await RedisServer()
        let told = Acknowledgements()
        let rig = try Rig(
            try Self.configuration(server.url, mode), recovered: .fixture(5, told), acknowledgements: told)
        var sink = rig.publisher.makeSink()
        rig.publisher.start()
        for index in 2..<5 { _ = sink.publish(Fixture.signal(index)) }
        try await rig.drained()
        try await server.restart()
        try await waitUntil("put back") { rig.metrics.total("tickline_published_again_total") == 5 }
        // And one that is decided again only now.
        for index in [1, 5] { _ = sink.publish(Fixture.signal(index)) }
        try await rig.drained()
        let probe = try Probe(server.url)
        #expect(try probe.identifiers() == (0..<6).map(Fixture.identifier))
        #expect(told.ordinals == Array(1...8) + Array(1...10))
        let entries = try probe.entries().map(\.entryID)
        #expect(
            (1...10).compactMap { told.entry($0) } == Array(entries[..<5] + entries[2...4]) + [entries[1], entries[5]])
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(5)) == 0)
    }
}
