import Glibc
import Telemetry
import TestSupport
import Testing
import TradingModel

@testable import RedisStreams

@Suite(.serialized) struct ServerFaultTests {
    @Test func `a server that is down at the start gets everything once it is up`() async throws {
        let server = try await RedisServer()
        server.kill()
        let rig = try Rig(try Fixture.configuration(server.url))
        var sink = rig.publisher.makeSink()
        rig.publisher.start()
        for index in 0..<20 {
            let outcome = sink.publish(Fixture.signal(index))
            #expect(outcome == .queued)
        }
        sink.flush()
        #expect(await rig.publisher.waitUntilSynchronised(timeout: .milliseconds(50)) == nil)
        #expect(!rig.health.status.isReady)
        try await waitUntil("the refusal is counted") { rig.errors("CONNECT") > 0 }
        try await server.restart()
        try await rig.drained()
        #expect(try Probe(server.url).identifiers() == (0..<20).map(Fixture.identifier))
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
    }

    @Test(arguments: [PublishMode.append, .once], [true, false])
    func `a restarted server has each signal once, and what it lost is put back`(
        mode: PublishMode, keepsData: Bool
    ) async throws {
        let server = try await RedisServer(appendOnly: keepsData)
        let rig = try Rig(try Fixture.configuration(server.url, mode: mode))
        var sink = rig.publisher.makeSink()
        rig.publisher.start()
        for index in 0..<10 { _ = sink.publish(Fixture.signal(index)) }
        sink.flush()
        try await rig.drained()
        server.kill()
        for index in 10..<20 { _ = sink.publish(Fixture.signal(index)) }
        sink.flush()
        try await server.restart()
        try await rig.drained()
        #expect(try Probe(server.url).identifiers() == (0..<20).map(Fixture.identifier))
        #expect(rig.metrics.total("tickline_published_again_total") == (keepsData ? 0 : 10))
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
    }

    @Test func `trimmed entries are not put back after a lost connection`() async throws {
        let server = try await RedisServer()
        let rig = try Rig(try Fixture.configuration(server.url))
        var sink = rig.publisher.makeSink()
        rig.publisher.start()
        for index in 0..<10 { _ = sink.publish(Fixture.signal(index)) }
        sink.flush()
        try await rig.drained()
        let probe = try Probe(server.url)
        try probe("XTRIM", "signals", "MAXLEN", "3")
        try probe("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        try await waitUntil("reconnected") { rig.metrics.total("tickline_redis_connections_total") == 2 }
        _ = sink.publish(Fixture.signal(10))
        sink.flush()
        try await rig.drained()
        #expect(try probe.identifiers() == (7..<11).map(Fixture.identifier))
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
    }

    @Test func `a stopped server never blocks the engine, and a half-written command is completed`() async throws {
        let server = try await RedisServer()
        var configuration = try Fixture.configuration(server.url)
        configuration.outboxCapacity = 32_768
        // Longer than the stop, so that the remainder goes out on the same connection.
        configuration.replyTimeoutMillis = 20_000
        let rig = try Rig(configuration)
        var sink = rig.publisher.makeSink()
        rig.publisher.start()
        try await waitUntil("ready") { rig.health.status.isReady }
        server.signal(SIGSTOP)
        var count = 0
        var outcome = PublishOutcome.sent
        while outcome != .full, rig.publisher.pendingSignals < configuration.outboxCapacity {
            outcome = sink.publish(Fixture.signal(count))
            sink.flush()
            if outcome != .full { count += 1 }
        }
        print("a stopped server: \(count) signals taken, outbox \(configuration.outboxCapacity)")
        #expect(count == configuration.outboxCapacity)
        let hasRoom = sink.hasRoom(for: 1)
        let refused = sink.publish(Fixture.signal(count))
        #expect(!hasRoom && refused == .full)
        try await waitUntil("readiness says so") { rig.health.status.reason.contains("full") }
        server.signal(SIGCONT)
        try await rig.drained()
        try await waitForRoom(sink)
        _ = sink.publish(Fixture.signal(count))
        sink.flush()
        try await rig.drained()
        #expect(try Probe(server.url).identifiers() == (0...count).map(Fixture.identifier))
        #expect(rig.metrics.total("tickline_redis_connections_total") == 1)
        #expect(rig.metrics.total("tickline_outbox_refused_total") == 1)
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
    }

    @Test(arguments: [PublishMode.append, .once])
    func `a server that hangs longer than the reply timeout has each signal once`(mode: PublishMode) async throws {
        let server = try await RedisServer()
        var configuration = try Fixture.configuration(server.url, mode: mode)
        configuration.replyTimeoutMillis = 100
        let rig = try Rig(configuration)
        var sink = rig.publisher.makeSink()
        rig.publisher.start()
        try await waitUntil("ready") { rig.health.status.isReady }
        server.signal(SIGSTOP)
        for index in 0..<20 { _ = sink.publish(Fixture.signal(index)) }
        sink.flush()
        try await waitUntil("two time-outs") { rig.errors("TIMEOUT") >= 2 }
        server.signal(SIGCONT)
        try await rig.drained()
        #expect(try Probe(server.url).identifiers() == (0..<20).map(Fixture.identifier))
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
    }

    @Test func `commands of a lost connection that arrive late write nothing`() async throws {
        let server = try await RedisServer()
        let proxy = FaultProxy(target: server.port)
        defer { proxy.stop() }
        var configuration = try Fixture.configuration("127.0.0.1:\(proxy.port)")
        configuration.replyTimeoutMillis = 100
        let rig = try Rig(configuration)
        var sink = rig.publisher.makeSink()
        rig.publisher.start()
        try await waitUntil("ready") { rig.health.status.isReady }
        proxy.stall(connection: 1)
        for index in 0..<5 { _ = sink.publish(Fixture.signal(index)) }
        sink.flush()
        try await rig.drained()
        #expect(rig.errors("TIMEOUT") == 1)
        // Only now the network delivers what the first connection had sent.
        proxy.resume()
        try await waitUntil("the first connection has ended") { proxy.openConnections == 1 }
        #expect(try Probe(server.url).identifiers() == (0..<5).map(Fixture.identifier))
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
    }

    @Test func `a full outbox gives up what it keeps for a failover before it refuses`() async throws {
        let server = try await RedisServer()
        var configuration = try Fixture.configuration(server.url)
        configuration.outboxCapacity = 16
        let rig = try Rig(configuration)
        var sink = rig.publisher.makeSink()
        rig.publisher.start()
        for index in 0..<200 {
            try await waitForRoom(sink)
            let outcome = sink.publish(Fixture.signal(index))
            #expect(outcome != .full)
            sink.flush()
        }
        try await rig.drained()
        #expect(try Probe(server.url).identifiers() == (0..<200).map(Fixture.identifier))
        #expect(rig.metrics.total("tickline_outbox_retained_dropped_total") >= 184)
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
    }

    @Test func `acknowledged signals that are too old to be put back are not lost without a word`() async throws {
        let server = try await RedisServer()
        var configuration = try Fixture.configuration(server.url)
        configuration.outboxCapacity = 16
        let rig = try Rig(configuration)
        let losses = { rig.metrics.total("tickline_stream_losses_total") }
        let connections = { rig.metrics.total("tickline_redis_connections_total") }
        var sink = rig.publisher.makeSink()
        rig.publisher.start()
        func publish(_ range: Range<Int>) async throws {
            for index in range {
                try await waitForRoom(sink)
                _ = sink.publish(Fixture.signal(index))
                sink.flush()
            }
            try await rig.drained()
        }
        try await publish(0..<100)
        // What was trimmed is not lost.
        try Probe(server.url)("XTRIM", "signals", "MAXLEN", "20")
        try Probe(server.url)("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        try await waitUntil("reconnected") { connections() == 2 }
        #expect(losses() == 0)
        try await server.restart()
        try await waitUntil("reconnected") { connections() == 3 }
        #expect(losses() == 1)
        try Probe(server.url)("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        try await waitUntil("reconnected") { connections() == 4 }
        #expect(losses() == 1)
        try await publish(100..<150)
        try await server.restart()
        try await waitUntil("reconnected") { connections() == 5 }
        #expect(losses() == 2)
        print("figure: \(try Probe(server.url).identifiers().count) of 150 signals put back, \(losses()) losses told")
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
    }

    @Test(arguments: [true, false])
    func `a start finds that the server has lost what earlier runs had acknowledged`(hasOthers: Bool) async throws {
        let server = try await RedisServer()
        let configuration = try Fixture.configuration(server.url)
        if hasOthers { try Probe(server.url)("XADD", "signals", "*", "note", "of someone else") }
        var recovered = RecoveredSignals()
        recovered.forgotten = SignalAcknowledgement(ordinal: 7, entryMillis: 1_723_075_200_123, entrySequence: 0)
        let rig = try Rig(configuration, firstOrdinal: 8, recovered: recovered)
        rig.publisher.start()
        try await waitUntil("compared with the stream") { rig.health.status.isReady }
        #expect(rig.metrics.total("tickline_stream_losses_total") == 1)
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
    }

    @Test func `a full outbox is not ready while it lasts, and ready again when the server takes signals`() async throws
    {
        let server = try await RedisServer()
        var configuration = try Fixture.configuration(server.url)
        configuration.outboxCapacity = 16
        let rig = try Rig(configuration)
        var sink = rig.publisher.makeSink()
        rig.publisher.start()
        try await waitUntil("signals find room") { rig.room.status.isReady && rig.health.status.isReady }
        server.kill()
        for index in 0..<16 {
            try await waitForRoom(sink)
            _ = sink.publish(Fixture.signal(index))
        }
        sink.flush()
        try await waitUntil("the outbox is full") { !rig.room.status.isReady }
        #expect(rig.room.status.reason.contains("the outbox is full: 16 signals wait"), "\(rig.room.status)")
        try await server.restart()
        try await waitUntil("signals find room again") { rig.room.status.isReady }
        try await rig.drained()
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
    }

    @Test func `stopping returns what a dead server has left unacknowledged`() async throws {
        let server = try await RedisServer()
        server.kill()
        let rig = try Rig(try Fixture.configuration(server.url))
        var sink = rig.publisher.makeSink()
        rig.publisher.start()
        for index in 0..<3 { _ = sink.publish(Fixture.signal(index)) }
        #expect(await rig.publisher.drainAndStop(timeout: .milliseconds(200)) == 3)
    }
}
