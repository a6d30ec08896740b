import Glibc
import Synchronization
import Telemetry
import TestSupport
import Testing
import ThreadExecutor
import TradingModel

@testable import RedisStreams

/// The master as sentinels name it: found, followed, and named where it can't be.
@Suite(.serialized, .timeLimit(.minutes(3))) struct SentinelTests {
    /// `keepsUp`: whether the new master has everything the old one had acknowledged.
    @Test(arguments: [true, false])
    func `a master killed at load costs no signal and doubles none`(keepsUp: Bool) async throws {
        let servers = try await ReplicatedServers()
        // The product's own delays: they are what the bound is about.
        var configuration = SignalPublisherConfiguration(
            endpoint: try RedisEndpoint(url: servers.sentinels.url()), streamKey: "signals")
        configuration.trim = nil
        let rig = try Rig(configuration)
        let load = Load(rig.publisher.makeSink(), perSecond: 2_000)
        rig.publisher.start()
        try await waitUntil("ready: \(rig.health.status.reason)") { rig.health.status.isReady }
        let engine = DedicatedThread(name: "engine") { load.run() }
        try await waitUntil("a second of load") { rig.acknowledged >= 2_000 }
        if !keepsUp {
            servers.keepReplicaBehind()
            let before = rig.acknowledged
            try await waitUntil("acknowledged, not replicated") { rig.acknowledged >= before + 200 }
        }
        let probes = try await (servers.sentinels.probe(0), servers.sentinels.probe(1), servers.sentinels.probe(2))
        servers.master.kill()
        let killedAt = ContinuousClock.now
        var before = 0.0
        try await waitUntil("the loss is noticed") {
            before = rig.acknowledged
            return !rig.health.status.isReady
        }
        let port = servers.replicas[0].port
        try await waitUntil("the replica is promoted") {
            // A new client each time: sentinels end all clients of a server whose role they change, in the middle of an answer too.
            (try? Probe(servers.replicas[0].url)("ROLE"))?.elements?.first?.text == "master"
        }
        let promotedAt = ContinuousClock.now
        try await waitUntil("a sentinel names the new master") {
            for probe in [probes.0, probes.1, probes.2] where try Sentinels.masterPort(probe) == port { return true }
            return false
        }
        let namedAt = ContinuousClock.now
        try await waitUntil("the next signal is acknowledged") { rig.acknowledged > before }
        let recovery = ContinuousClock.now - namedAt
        let errors = ["CLOSED", "CONNECT", "TIMEOUT", "SENTINEL", "NOTMASTER", "READONLY"].map {
            "\($0) \(Int(rig.errors($0)))"
        }
        let name = "R5 next signal after a sentinel names the new master, replica \(keepsUp ? "in step" : "behind")"
        #expect(goal(name, recovery / .seconds(1), atMost: 1, "s"), "\(errors)")
        try await waitUntil("ready") { rig.health.status.isReady }
        let after = rig.acknowledged
        try await waitUntil("load goes on") { rig.acknowledged >= after + 1_000 }
        load.stop()
        engine.join()
        try await rig.drained()
        let identifiers = try Probe(servers.replicas[0].url).identifiers()
        let putBack = rig.metrics.total("tickline_published_again_total")
        let lost = Set((0..<load.count).map(Fixture.identifier)).subtracting(identifiers).count
        #expect(identifiers == (0..<load.count).map(Fixture.identifier))
        #expect(goal("R5 signals lost in a failover, replica \(keepsUp ? "in step" : "behind")", lost, atMost: 0))
        #expect(keepsUp || putBack >= 200)
        #expect(rig.metrics.total("tickline_publish_conflicts_total") == 0)
        #expect(rig.metrics.total("tickline_outbox_retained_dropped_total") == 0)
        #expect(rig.metrics.total("tickline_redis_master_changes_total") == 1)
        print(
            "figure: Sentinel failover at 2,000 signals/s,", keepsUp ? "replica in step:" : "replica behind:",
            "promoted \(promotedAt - killedAt) and named \(namedAt - killedAt) after the kill, next signal",
            "acknowledged \(recovery) after that (errors until then: \(errors.joined(separator: ", ")));",
            "\(load.count) signals, put back \(Int(putBack)),",
            "lost \(lost),",
            "doubled \(identifiers.count - Set(identifiers).count)")
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
    }

    /// The old master stays one for some 10 s: it neither ends connections nor refuses writes until sentinels demote it.
    @Test func `a planned failover is followed by publisher and trimmer before the old master is demoted`() async throws
    {
        let servers = try await ReplicatedServers()
        var configuration = try Fixture.configuration(servers.sentinels.url())
        configuration.outboxCapacity = 4_096
        configuration.trim = StreamTrimSettings(mostEntries: 50, intervalMillis: 20)
        let rig = try Rig(configuration)
        let load = Load(rig.publisher.makeSink(), perSecond: 500)
        rig.publisher.start()
        let engine = DedicatedThread(name: "engine") { load.run() }
        try await waitUntil("load") { rig.acknowledged >= 200 }
        try await servers.sentinels.probe()("SENTINEL", "FAILOVER", Sentinels.name)
        try await waitUntil("the new master is found") {
            rig.metrics.total("tickline_redis_master_changes_total") == 1
        }
        #expect(try Probe(servers.master.url)("ROLE").elements?.first?.text == "master")
        #expect(rig.errors("NOTMASTER") >= 1 && rig.errors("READONLY") + rig.errors("CLOSED") == 0)
        let after = rig.acknowledged
        try await waitUntil("load goes on") { rig.acknowledged >= after + 200 }
        load.stop()
        engine.join()
        try await rig.drained()
        let probe = try Probe(servers.replicas[0].url)
        try await waitUntil("the new master's stream is trimmed") { try probe("XLEN", "signals").integer == 50 }
        #expect(try probe.identifiers() == (load.count - 50..<load.count).map(Fixture.identifier))
        print(
            "figure: planned failover at 500 signals/s: \(load.count) signals, put back",
            Int(rig.metrics.total("tickline_published_again_total")))
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
    }

    @Test func `sentinels that do not answer are named and asked again`() async throws {
        let server = try await RedisServer()
        let sentinels = try Sentinels(count: 2)
        let rig = try Rig(try Fixture.configuration(sentinels.url()))
        var sink = rig.publisher.makeSink()
        rig.publisher.start()
        _ = sink.publish(Fixture.signal(0))
        try await waitUntil("counted") { rig.errors("SENTINEL") >= 2 }
        #expect(!rig.health.status.isReady && rig.health.status.reason.contains("no sentinel answers: 127.0.0.1:"))
        try await sentinels.start(master: ("127.0.0.1", server.port))
        try await rig.drained()
        #expect(try Probe(server.url).identifiers() == [Fixture.identifier(0)])
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
    }

    @Test func `a name the sentinels do not know, and a master that is none, are named and waited for`() async throws {
        let server = try await RedisServer()
        let sentinels = try Sentinels(count: 1)
        try await sentinels.start(master: nil)
        let rig = try Rig(try Fixture.configuration(sentinels.url()))
        var sink = rig.publisher.makeSink()
        rig.publisher.start()
        _ = sink.publish(Fixture.signal(0))
        try await waitUntil("counted") { rig.errors("UNKNOWNMASTER") >= 2 }
        #expect(!rig.health.status.isReady && rig.health.status.reason.contains("no master called \(Sentinels.name)"))
        let probe = try Probe(server.url)
        try probe("REPLICAOF", "127.0.0.1", "1")
        try await sentinels.probe()("SENTINEL", "MONITOR", Sentinels.name, "127.0.0.1", "\(server.port)", "1")
        try await waitUntil("counted") { rig.errors("NOTMASTER") >= 2 }
        #expect(!rig.health.status.isReady && rig.health.status.reason.contains("is not, or no longer, the"))
        try probe("REPLICAOF", "NO", "ONE")
        try await rig.drained()
        try await waitUntil("ready") { rig.health.status.isReady }
        #expect(try probe.identifiers() == [Fixture.identifier(0)])
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
    }

    @Test func `a sentinel that does not answer is passed over`() async throws {
        let server = try await RedisServer()
        let sentinels = try Sentinels(count: 1)
        try await sentinels.start(master: ("127.0.0.1", server.port))
        let rig = try Rig(
            try Fixture.configuration(
                "redis+sentinel://127.0.0.1:\(freePort()),127.0.0.1:\(sentinels.ports[0])/\(Sentinels.name)"))
        var sink = rig.publisher.makeSink()
        rig.publisher.start()
        _ = sink.publish(Fixture.signal(0))
        try await rig.drained()
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
    }

    @Test func `sentinels have a login of their own`() async throws {
        let server = try await RedisServer(password: "server")
        let sentinels = try Sentinels(count: 1)
        try await sentinels.start(
            master: ("127.0.0.1", server.port),
            settings: ["user tickline on >watch -@all +sentinel|get-master-addr-by-name"])
        let query = "?sentinelUser=tickline&sentinelPassword="
        let wrong = try Rig(
            try Fixture.configuration(sentinels.url(login: ":server@", query: query + "wrong")))
        wrong.publisher.start()
        try await waitUntil("named") { wrong.health.status.reason.contains("WRONGPASS") }
        #expect(wrong.errors("SENTINEL") >= 1 && !wrong.health.status.isReady)
        #expect(await wrong.publisher.drainAndStop(timeout: .seconds(2)) == 0)
        let rig = try Rig(try Fixture.configuration(sentinels.url(login: ":server@", query: query + "watch")))
        var sink = rig.publisher.makeSink()
        rig.publisher.start()
        _ = sink.publish(Fixture.signal(0))
        try await rig.drained()
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
    }

    @Test func `sentinels and their master are reached over TLS`() async throws {
        let redis = try await EncryptedRedisServer()
        let sentinels = try Sentinels(count: 1)
        let authority = redis.authority
        try await sentinels.start(
            master: ("localhost", redis.port),
            settings: [
                "sentinel resolve-hostnames yes", "sentinel announce-hostnames yes", "tls-replication yes",
                "tls-cert-file \(authority.path("good.pem"))", "tls-key-file \(authority.path("good.key"))",
                "tls-ca-cert-file \(authority.caFile)", "tls-auth-clients no",
            ], listening: { ["port 0", "tls-port \($0)"] })
        var configuration = try redis.configuration()
        configuration.endpoint = try RedisEndpoint(
            url: sentinels.url(scheme: "rediss+sentinel", host: "localhost"),
            files: RedisTLSFiles(caFile: authority.caFile))
        let rig = try Rig(configuration)
        var sink = rig.publisher.makeSink()
        rig.publisher.start()
        _ = sink.publish(Fixture.signal(0))
        try await rig.drained()
        try await waitUntil("ready") {
            rig.health.status.reason == "publishing to rediss://localhost:\(redis.port)"
        }
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
    }

    /// An engine that publishes at a steady rate until it is stopped.
    private final class Load: @unchecked Sendable {
        // Unchecked: the sink and the count belong to the thread that calls `run` until it is joined.
        private var sink: RedisSignalSink
        private let pauseMicros: UInt32
        private let stopping = Atomic<Bool>(false)
        private(set) var count = 0

        init(_ sink: consuming RedisSignalSink, perSecond: Int) {
            self.sink = sink
            pauseMicros = UInt32(1_000_000 / perSecond)
        }

        func stop() { stopping.store(true, ordering: .relaxed) }

        func run() {
            while !stopping.load(ordering: .relaxed) {
                usleep(pauseMicros)
                guard sink.hasRoom(for: 1) else { continue }
                _ = sink.publish(Fixture.signal(count))
                sink.flush()
                count += 1
            }
        }
    }
}

extension Rig {
    /// Signals known to be in the stream.
    var acknowledged: Double {
        metrics.total("tickline_published_total") + metrics.total("tickline_published_already_total")
    }
}
