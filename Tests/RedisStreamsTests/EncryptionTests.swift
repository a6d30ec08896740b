import Foundation
import Glibc
import Telemetry
import TestSupport
import Testing
import ThreadExecutor
import TradingModel

@testable import RedisStreams

/// Redis over TLS on a real server: what is refused and why, and that everything goes through the publisher's thread.
@Suite(.serialized, .timeLimit(.minutes(3))) struct EncryptionTests {
    @Test(arguments: [PublishMode.append, .once])
    func `publishes in order over a verified connection, from the publisher's thread`(mode: PublishMode) async throws {
        let redis = try await EncryptedRedisServer(password: "secret")
        let rig = try Rig(try redis.configuration(mode: mode))
        var sink = rig.publisher.makeSink()
        rig.publisher.start()
        try await waitUntil("ready: \(rig.health.status.reason)") { rig.health.status.isReady }
        #expect(rig.health.status.reason == "publishing to rediss://localhost:\(redis.port)")
        var outcomes: [PublishOutcome] = []
        for index in 0..<200 {
            outcomes.append(sink.publish(Fixture.signal(index)))
            if index % 50 == 0 { try await rig.drained() }
        }
        sink.flush()
        try await rig.drained()
        #expect(outcomes.allSatisfy { $0 == .queued })
        #expect(rig.metrics.snapshot("tickline_tick_to_signal_seconds").count == 200)
        #expect(rig.metrics.total("tickline_redis_connections_total") == 1)
        let probe = try Probe("redis://:secret@127.0.0.1:\(redis.server.port)")
        #expect(try probe.identifiers() == (0..<200).map(Fixture.identifier))
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
    }

    @Test(arguments: ["stranger", "wronghost", "expired"])
    func `a server's certificate that does not verify is named, and nothing is sent until it is replaced`(
        certificate: String
    ) async throws {
        let redis = try await EncryptedRedisServer(certificate: certificate)
        let rig = try Rig(try redis.configuration())
        var sink = rig.publisher.makeSink()
        rig.publisher.start()
        _ = sink.publish(Fixture.signal(0))
        try await waitUntil("the refusal is counted") { rig.errors("CERTIFICATE") >= 2 }
        let status = rig.health.status
        #expect(!status.isReady && status.reason.contains("is refused") && status.reason.contains("--redis-ca-file"))
        print("\(certificate): \(status.reason)")
        let probe = try Probe(redis.server.url)
        #expect(try probe("EXISTS", "signals").integer == 0)
        try redis.use(certificate: "good", probe)
        try await rig.drained()
        try await waitUntil("ready") { rig.health.status.isReady }
        #expect(try probe.identifiers() == [Fixture.identifier(0)])
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
    }

    @Test func `the system's authorities do not know a private CA`() async throws {
        let redis = try await EncryptedRedisServer()
        let rig = try Rig(try Fixture.configuration("rediss://localhost:\(redis.port)"))
        rig.publisher.start()
        try await waitUntil("the refusal is counted") { rig.errors("CERTIFICATE") >= 1 }
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
    }

    @Test(arguments: [nil, "stranger"])
    func `a server that demands a client certificate gets one it accepts or is named`(shown: String?) async throws {
        let redis = try await EncryptedRedisServer(demandsClientCertificate: true)
        let refused = try Rig(try redis.configuration(clientCertificate: shown))
        refused.publisher.start()
        try await waitUntil("the refusal is counted: \(refused.health.status.reason)") {
            refused.errors("CERTIFICATE") >= 2
        }
        let status = refused.health.status
        print("client certificate \(shown ?? "missing"): \(status.reason)")
        #expect(!status.isReady && status.reason.contains("demands a client certificate"))
        #expect(status.reason.contains("--redis-cert-file"))
        #expect(await refused.publisher.drainAndStop(timeout: .seconds(2)) == 0)

        let accepted = try Rig(try redis.configuration(clientCertificate: "good"))
        var sink = accepted.publisher.makeSink()
        accepted.publisher.start()
        _ = sink.publish(Fixture.signal(0))
        try await accepted.drained()
        #expect(try Probe(redis.server.url).identifiers() == [Fixture.identifier(0)])
        #expect(await accepted.publisher.drainAndStop(timeout: .seconds(2)) == 0)
    }

    /// TLS 1.2 refuses during the handshake, and has no word of its own for a certificate that is missing.
    @Test(arguments: [(nil, "TLS"), ("stranger", "CERTIFICATE")])
    func `a TLS 1.2 server that refuses the client's certificate is named`(shown: String?, name: String) async throws {
        let redis = try await EncryptedRedisServer(
            demandsClientCertificate: true, options: ["--tls-protocols", "TLSv1.2"])
        let rig = try Rig(try redis.configuration(clientCertificate: shown))
        rig.publisher.start()
        try await waitUntil("the refusal is counted: \(rig.health.status.reason)") { rig.errors(name) >= 2 }
        #expect(!rig.health.status.isReady && rig.health.status.reason.contains("demands a client certificate"))
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
    }

    @Test(arguments: ["no certificate", "another's key", "an encrypted key"])
    func `client files that can't be used are named`(fault: String) async throws {
        let redis = try await EncryptedRedisServer(demandsClientCertificate: true)
        var configuration = try redis.configuration(clientCertificate: "good")
        var files = configuration.endpoint.files
        switch fault {
        case "no certificate": files.certificateFile = redis.authority.path("good.key")
        case "another's key": files.keyFile = redis.authority.path("stranger.key")
        default: files.keyFile = try redis.authority.encryptedKey("good", password: "secret")
        }
        configuration.endpoint = try RedisEndpoint(url: "rediss://localhost:\(redis.port)", files: files)
        let rig = try Rig(configuration)
        rig.publisher.start()
        try await waitUntil("counted: \(rig.health.status.reason)") { rig.errors("CERTIFICATE") >= 1 }
        try await waitUntil("named: \(rig.health.status.reason)") {
            rig.health.status.reason.contains("cannot be used")
        }
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
    }

    /// To Redis a handshake is a command that has not ended yet: it never answers.
    @Test func `a port that speaks no TLS is named`() async throws {
        let server = try await RedisServer()
        var configuration = try Fixture.configuration("rediss://localhost:\(server.port)")
        configuration.connectTimeoutMillis = 200
        let rig = try Rig(configuration)
        rig.publisher.start()
        try await waitUntil("counted") { rig.errors("TIMEOUT") >= 1 }
        try await waitUntil("named") { rig.health.status.reason.contains("a port without TLS never does") }
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
    }

    @Test func `a stopped server never blocks the engine, and a half-written record is completed`() async throws {
        let redis = try await EncryptedRedisServer()
        var configuration = try redis.configuration()
        configuration.outboxCapacity = 32_768
        // Longer than the stop, so that the remainder goes out on the same connection.
        configuration.replyTimeoutMillis = 20_000
        let rig = try Rig(configuration)
        var sink = rig.publisher.makeSink()
        rig.publisher.start()
        try await waitUntil("ready") { rig.health.status.isReady }
        redis.server.signal(SIGSTOP)
        for index in 0..<configuration.outboxCapacity {
            let outcome = sink.publish(Fixture.signal(index))
            #expect(outcome == .queued)
            sink.flush()
        }
        let hasRoom = sink.hasRoom(for: 1)
        #expect(!hasRoom)
        try await waitUntil("readiness says so") { rig.health.status.reason.contains("full") }
        redis.server.signal(SIGCONT)
        try await rig.drained()
        #expect(try Probe(redis.server.url).identifiers() == (0..<configuration.outboxCapacity).map(Fixture.identifier))
        #expect(rig.metrics.total("tickline_redis_connections_total") == 1)
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
    }

    @Test func `lone signals over TLS are sent at once, and what that costs is printed`() async throws {
        let redis = try await EncryptedRedisServer()
        let (rounds, signals) = (10, 50)
        let encrypted = try Rig(try redis.configuration(key: "encrypted"))
        var plainConfiguration = try Fixture.configuration(redis.server.url, key: "plain")
        plainConfiguration.outboxCapacity = 2_048
        let plain = try Rig(plainConfiguration)
        var encryptedSink = encrypted.publisher.makeSink()
        var plainSink = plain.publisher.makeSink()
        for rig in [encrypted, plain] {
            rig.publisher.start()
            try await waitUntil("ready") { rig.health.status.isReady }
        }
        var plainNanos: [UInt64] = []
        for round in 0..<rounds {
            for index in (round * signals)..<((round + 1) * signals) {
                let signal = Fixture.signal(index)
                let outcome = plainSink.publish(signal)
                #expect(outcome == .sent)
                plainNanos.append(MonotonicClock.now().nanos(since: signal.receiveMonotonic))
                plainSink.flush()
                try await plain.drained()
            }
            for index in (round * signals)..<((round + 1) * signals) {
                _ = encryptedSink.publish(Fixture.signal(index))
                encryptedSink.flush()
                try await encrypted.drained()
            }
        }
        let snapshot = encrypted.metrics.snapshot("tickline_tick_to_signal_seconds")
        #expect(snapshot.count == rounds * signals)
        plainNanos.sort()
        print(
            "figure: tick to signal, \(rounds * signals) lone signals each in \(rounds) interleaved rounds: plain p50",
            Double(plainNanos[plainNanos.count / 2]) / 1_000, "µs, TLS p50",
            Double(snapshot.nanos(atFraction: 0.5)) / 1_000, "µs")
        // The publisher's thread looks by itself only every 250 ms: half of that would show that nobody woke it.
        #expect(snapshot.nanos(atFraction: 0.5) < 100_000_000)
        for rig in [encrypted, plain] { #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0) }
    }
}
