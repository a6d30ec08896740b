import Foundation
import Telemetry
import TestSupport
import Testing
import TradingModel

@testable import RedisStreams

/// Error replies: each counted by its name, shown in readiness with a remedy, nothing lost, recovered from.
@Suite(.serialized) struct ServerErrorTests {
    struct Trouble: Sendable, CustomTestStringConvertible {
        var name: String
        var begin: [[String]]
        var end: [[String]]
        var testDescription: String { name }
    }

    private static let troubles = [
        Trouble(
            name: "READONLY", begin: [["REPLICAOF", "127.0.0.1", "1"]], end: [["REPLICAOF", "NO", "ONE"]]),
        Trouble(
            name: "OOM", begin: [["CONFIG", "SET", "maxmemory", "1"]], end: [["CONFIG", "SET", "maxmemory", "0"]]),
        Trouble(
            name: "NOREPLICAS", begin: [["CONFIG", "SET", "min-replicas-to-write", "1"]],
            end: [["CONFIG", "SET", "min-replicas-to-write", "0"]]),
        Trouble(
            name: "WRONGTYPE", begin: [["DEL", "signals"], ["SET", "signals", "text"]], end: [["DEL", "signals"]]),
        Trouble(
            name: "NOAUTH",
            begin: [
                ["CONFIG", "SET", "requirepass", "secret"], ["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"],
            ],
            end: [["CONFIG", "SET", "requirepass", ""]]),
    ]

    @Test(arguments: troubles, [PublishMode.append, .once])
    func `is counted by name, makes readiness false with a remedy and loses nothing`(
        trouble: Trouble, mode: PublishMode
    ) async throws {
        let server = try await RedisServer()
        try await check(server, trouble.name, mode) { probe in
            for command in trouble.begin { try probe.call(command) }
        } end: { probe in
            for command in trouble.end { try probe.call(command) }
        }
    }

    @Test func `MISCONF after a failed snapshot is recovered from`() async throws {
        let server = try await RedisServer(options: ["--enable-protected-configs", "yes"])
        let folder = try TemporaryFolder("tickline-gone")
        try await check(server, "MISCONF", .append) { probe in
            try probe("CONFIG", "SET", "dir", folder.path)
            folder.remove()
            try probe("CONFIG", "SET", "save", "3600 1")
            try probe("BGSAVE")
            try await waitUntil("the snapshot has failed") {
                try probe("INFO", "persistence").text?.contains("rdb_last_bgsave_status:err") == true
            }
        } end: { probe in
            try probe("CONFIG", "SET", "save", "")
        }
    }

    private func check(
        _ server: RedisServer, _ name: String, _ mode: PublishMode, begin: (Probe) async throws -> Void,
        end: (Probe) async throws -> Void
    ) async throws {
        let probe = try Probe(server.url)
        let rig = try Rig(try Fixture.configuration(server.url, mode: mode))
        var sink = rig.publisher.makeSink()
        rig.publisher.start()
        for index in 0..<3 { _ = sink.publish(Fixture.signal(index)) }
        sink.flush()
        try await rig.drained()
        try await waitUntil("ready") { rig.health.status.isReady }
        try await begin(probe)
        for index in 3..<6 { _ = sink.publish(Fixture.signal(index)) }
        sink.flush()
        try await waitUntil("\(name) is counted") { rig.errors(name) >= 2 }
        try await waitUntil("readiness names it") {
            !rig.health.status.isReady && rig.health.status.reason.contains(ServerErrorPolicy.remedy(for: name))
        }
        _ = sink.publish(Fixture.signal(6))
        sink.flush()
        #expect(rig.publisher.pendingSignals == 4)
        try await end(probe)
        try await rig.drained()
        try await waitUntil("ready again") { rig.health.status.isReady }
        #expect(try probe.identifiers() == (0..<7).map(Fixture.identifier))
        #expect(rig.metrics.total("tickline_publish_conflicts_total") == 0)
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
    }

    @Test(arguments: ["-client|kill", "-client"])
    func `a user who may not kill connections waits before it reads back`(rule: String) async throws {
        let server = try await RedisServer()
        let probe = try Probe(server.url)
        try probe("ACL", "SETUSER", "limited", "on", ">secret", "~*", "+@all", rule)
        var configuration = try Fixture.configuration("redis://limited:secret@127.0.0.1:\(server.port)")
        configuration.unkillableWaitMillis = 100
        let rig = try Rig(configuration)
        var sink = rig.publisher.makeSink()
        rig.publisher.start()
        for index in 0..<3 { _ = sink.publish(Fixture.signal(index)) }
        sink.flush()
        try await rig.drained()
        let before = ContinuousClock.now
        try probe("CLIENT", "KILL", "USER", "limited")
        for index in 3..<6 { _ = sink.publish(Fixture.signal(index)) }
        sink.flush()
        try await rig.drained()
        #expect(ContinuousClock.now - before >= .milliseconds(100))
        #expect(rig.errors("NOPERM") >= 1)
        #expect(try probe.identifiers() == (0..<6).map(Fixture.identifier))
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
    }

    @Test func `a wrong password is counted and never shown`() async throws {
        let server = try await RedisServer(password: "right")
        let rig = try Rig(try Fixture.configuration("redis://:hunter2@127.0.0.1:\(server.port)"))
        rig.publisher.start()
        try await waitUntil("the refusal is counted") { rig.errors("WRONGPASS") >= 1 }
        #expect(!rig.health.status.isReady)
        #expect(!rig.health.status.reason.contains("hunter2"))
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
    }
}
