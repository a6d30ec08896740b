import Telemetry
import TestSupport
import Testing
import TradingModel

@testable import RedisStreams

/// A user of Redis' access control lists: the rights README.md lists are enough, and each of them is needed.
@Suite(.serialized, .timeLimit(.minutes(3))) struct AccessControlTests {
    @Test(arguments: [PublishMode.append, .once])
    func `the listed rights are enough to publish, to come back and to trim`(mode: PublishMode) async throws {
        let server = try await RedisServer()
        let probe = try Probe(server.url)
        try AccessControl.allow(AccessControl.commands(mode) + AccessControl.trimCommands(mode), probe)
        try probe("XGROUP", "CREATE", "signals", "trader", "0", "MKSTREAM")
        try probe("HSET", "{signals}:ids", "old", "1000-1")
        var configuration = try Fixture.configuration(AccessControl.url(server), mode: mode)
        configuration.trim = StreamTrimSettings(mostEntries: 10, intervalMillis: 20)
        let rig = try Rig(configuration)
        var sink = rig.publisher.makeSink()
        rig.publisher.start()
        for round in 0..<2 {
            for index in (round * 20)..<(round * 20 + 20) { _ = sink.publish(Fixture.signal(index)) }
            sink.flush()
            try await rig.drained()
            // Comes back as the previous connection's successor, which it ends.
            try probe("CLIENT", "KILL", "USER", AccessControl.user)
        }
        try await waitUntil("back") { rig.metrics.total("tickline_redis_connections_total") >= 3 }
        try probe("XREADGROUP", "GROUP", "trader", "one", "COUNT", "30", "STREAMS", "signals", ">")
        for id in try probe.entries().map(\.entryID)[..<25] { try probe("XACK", "signals", "trader", id) }
        try await waitUntil("trimmed to the oldest pending") { try probe("XLEN", "signals").integer == 15 }
        if mode == .once {
            try await waitUntil("forgotten") { rig.metrics.total("tickline_stream_ids_forgotten_total") == 1 }
        }
        #expect(rig.errors("NOPERM") == 0)
        #expect(rig.health.status.isReady, "\(rig.health.status.reason)")
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
    }

    /// Rights whose lack has a test of its own: connections that can't be ended are waited for, two that are missing late in
    /// the script leave the signal in the stream, and what was deleted can't be told from what was lost.
    private static let elsewhere: Set = ["client|info", "client|kill", "hset", "xrange", "xinfo|stream"]
    private static let needed = [PublishMode.append, .once].flatMap { mode in
        AccessControl.commands(mode).filter { !elsewhere.contains($0) }.map { Right(mode: mode, command: $0) }
    }

    struct Right: Sendable, CustomTestStringConvertible {
        var mode: PublishMode
        var command: String
        var testDescription: String { "\(command), \(mode)" }
    }

    @Test(arguments: needed)
    func `a missing right is named, makes readiness false and is recovered from`(right: Right) async throws {
        let server = try await RedisServer()
        let probe = try Probe(server.url)
        let commands = AccessControl.commands(right.mode)
        try AccessControl.allow(commands, probe)
        let rig = try Rig(try Fixture.configuration(AccessControl.url(server), mode: right.mode))
        var sink = rig.publisher.makeSink()
        rig.publisher.start()
        _ = sink.publish(Fixture.signal(0))
        try await rig.drained()
        try await waitUntil("ready") { rig.health.status.isReady }
        try AccessControl.allow(commands.filter { $0 != right.command }, probe)
        try probe("CLIENT", "KILL", "USER", AccessControl.user)
        _ = sink.publish(Fixture.signal(1))
        try await waitUntil("named: \(rig.health.status.reason)") { rig.errors("NOPERM") >= 2 }
        try await waitUntil("readiness: \(rig.health.status.reason)") {
            !rig.health.status.isReady && rig.health.status.reason.contains("README.md")
        }
        print("figure: R4 | NOPERM without \(right.command) | \(right.mode) | \(rig.health.status.reason)")
        try AccessControl.allow(commands, probe)
        try await rig.drained()
        try await waitUntil("ready again") { rig.health.status.isReady }
        #expect(try probe.identifiers() == (0..<2).map(Fixture.identifier))
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
    }

    /// `hset`: the entry is written, its id not remembered. `xrange`: another writer's entry can't be compared.
    @Test(arguments: ["hset", "xrange"])
    func `a right missing behind the write is named, and the signal is in the stream once`(right: String) async throws {
        let server = try await RedisServer()
        let probe = try Probe(server.url)
        try AccessControl.allow(AccessControl.commands(.once).filter { $0 != right }, probe)
        let rig = try Rig(try Fixture.configuration(AccessControl.url(server), mode: .once))
        let another = try Rig(try Fixture.configuration(server.url, mode: .once))
        var ours = rig.publisher.makeSink()
        var rigs = [rig]
        rig.publisher.start()
        try await waitUntil("ready") { rig.health.status.isReady }
        if right == "xrange" {
            var sink = another.publisher.makeSink()
            another.publisher.start()
            _ = sink.publish(Fixture.signal(0))
            try await another.drained()
            rigs.append(another)
        }
        _ = ours.publish(Fixture.signal(0))
        try await rig.drained()
        #expect(rig.errors("NOPERM") == 1)
        #expect(rig.metrics.total("tickline_publish_conflicts_total") == 0)
        #expect(try probe.identifiers() == [Fixture.identifier(0)])
        for rig in rigs { #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0) }
    }

    @Test(arguments: [PublishMode.append, .once])
    func `a missing right to trim is named in readiness, and publishing goes on`(mode: PublishMode) async throws {
        let server = try await RedisServer()
        let probe = try Probe(server.url)
        let (commands, trimming) = (AccessControl.commands(mode), AccessControl.trimCommands(mode))
        try AccessControl.allow(commands + trimming, probe)
        // An unacknowledged entry and an old id, so that every command of a round is asked for.
        try probe("XGROUP", "CREATE", "signals", "trader", "0", "MKSTREAM")
        var configuration = try Fixture.configuration(AccessControl.url(server), mode: mode)
        configuration.trim = StreamTrimSettings(mostEntries: 1, intervalMillis: 20)
        let rig = try Rig(configuration)
        var sink = rig.publisher.makeSink()
        rig.publisher.start()
        var count = 0
        for right in trimming where !commands.contains(right) {
            try probe("HSET", "{signals}:ids", "old-\(right)", "1000-1")
            try AccessControl.allow(commands + trimming.filter { $0 != right }, probe)
            for _ in 0..<3 {
                _ = sink.publish(Fixture.signal(count))
                sink.flush()
                count += 1
            }
            try await rig.drained()
            try probe("XREADGROUP", "GROUP", "trader", "one", "COUNT", "1", "STREAMS", "signals", ">")
            try await waitUntil("named without \(right): \(rig.health.status.reason)") {
                rig.health.status.isReady && rig.health.status.reason.contains("the stream is not being trimmed")
            }
            print("figure: R4 | NOPERM without \(right) | \(mode) | \(rig.health.status.reason)")
            try AccessControl.allow(commands + trimming, probe)
            try await waitUntil("trimmed again") { rig.health.status.reason.hasSuffix(":\(server.port)") }
        }
        #expect(rig.errors("NOPERM") >= 5)
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
    }

    @Test(arguments: ["-client|kill", "-client"])
    func `a user who may not kill connections waits before it reads back`(rule: String) async throws {
        let server = try await RedisServer()
        let probe = try Probe(server.url)
        try AccessControl.allow(AccessControl.commands(.append), probe)
        try probe("ACL", "SETUSER", AccessControl.user, rule)
        var configuration = try Fixture.configuration(AccessControl.url(server))
        #expect(configuration.unkillableWaitMillis == 1_000)
        configuration.unkillableWaitMillis = 100
        let rig = try Rig(configuration)
        var sink = rig.publisher.makeSink()
        rig.publisher.start()
        for index in 0..<3 { _ = sink.publish(Fixture.signal(index)) }
        sink.flush()
        try await rig.drained()
        let before = ContinuousClock.now
        try probe("CLIENT", "KILL", "USER", AccessControl.user)
        for index in 3..<6 { _ = sink.publish(Fixture.signal(index)) }
        sink.flush()
        try await rig.drained()
        #expect(ContinuousClock.now - before >= .milliseconds(100))
        #expect(rig.errors("NOPERM") >= 1)
        #expect(try probe.identifiers() == (0..<6).map(Fixture.identifier))
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
    }

    @Test func `without the right to look at the stream what was trimmed stays away and what is newer comes back`()
        async throws
    {
        let server = try await RedisServer()
        let probe = try Probe(server.url)
        try AccessControl.allow(AccessControl.commands(.append).filter { $0 != "xinfo|stream" }, probe)
        let rig = try Rig(try Fixture.configuration(AccessControl.url(server)))
        var sink = rig.publisher.makeSink()
        rig.publisher.start()
        for index in 0..<10 { _ = sink.publish(Fixture.signal(index)) }
        sink.flush()
        try await rig.drained()
        try probe("XTRIM", "signals", "MAXLEN", "3")
        let newest = try #require(try probe.entries().last).entryID
        for (round, expected) in [7..<10, 7..<10].enumerated() {
            if round == 1 { try probe("XDEL", "signals", newest) }
            try probe("CLIENT", "KILL", "USER", AccessControl.user)
            try await waitUntil("back") {
                rig.metrics.total("tickline_redis_connections_total") == Double(round + 2) && rig.health.status.isReady
            }
            #expect(try probe.identifiers() == expected.map(Fixture.identifier))
        }
        #expect(rig.errors("NOPERM") == 2)
        #expect(rig.metrics.total("tickline_published_again_total") == 1)
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
    }

    @Test func `another database needs the right to select it`() async throws {
        let server = try await RedisServer()
        let probe = try Probe(server.url)
        try AccessControl.allow(AccessControl.commands(.append), probe)
        let rig = try Rig(try Fixture.configuration(AccessControl.url(server) + "/3"))
        var sink = rig.publisher.makeSink()
        rig.publisher.start()
        _ = sink.publish(Fixture.signal(0))
        try await waitUntil("named: \(rig.health.status.reason)") { rig.health.status.reason.contains("'select'") }
        try AccessControl.allow(AccessControl.commands(.append) + ["select"], probe)
        try await rig.drained()
        #expect(try Probe(server.url + "/3").identifiers() == [Fixture.identifier(0)])
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
    }

    @Test(arguments: ["tickline:hunter2", ":hunter2", "stranger:hunter2"])
    func `a wrong login is counted and its password never shown`(login: String) async throws {
        let server = try await RedisServer(password: "right")
        let probe = try Probe("redis://:right@127.0.0.1:\(server.port)")
        try AccessControl.allow(AccessControl.commands(.append), probe)
        let rig = try Rig(try Fixture.configuration("redis://\(login)@127.0.0.1:\(server.port)"))
        rig.publisher.start()
        try await waitUntil("the refusal is counted") { rig.errors("WRONGPASS") >= 1 }
        #expect(!rig.health.status.isReady)
        #expect(!rig.health.status.reason.contains("hunter2"))
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
    }
}
