import Foundation
import Telemetry
import TestSupport
import Testing
import TradingModel

@testable import RedisStreams

/// Error replies: each counted by its name, shown in readiness with a remedy, nothing lost, recovered from.
@Suite(.serialized, .timeLimit(.minutes(3))) struct ServerErrorTests {
    /// One error of a real server: how it comes about and how it goes away.
    struct Trouble: Sendable, CustomTestStringConvertible {
        var name: String
        /// Whether the publisher logs in as the user with the least rights, else as the default user.
        var hasUser = true
        var options: [String] = []
        var begin: @Sendable (RedisServer, Probe) async throws -> Void
        var end: @Sendable (Probe) async throws -> Void
        var testDescription: String { name }

        init(
            _ name: String, hasUser: Bool = true, options: [String] = [],
            begin: @escaping @Sendable (RedisServer, Probe) async throws -> Void,
            end: @escaping @Sendable (Probe) async throws -> Void
        ) {
            (self.name, self.hasUser, self.options, self.begin, self.end) = (name, hasUser, options, begin, end)
        }

        /// A setting that is changed and changed back.
        init(_ name: String, setting: String, _ value: String, before: String) {
            self.init(name) {
                try $1("CONFIG", "SET", setting, value)
            } end: {
                try $0("CONFIG", "SET", setting, before)
            }
        }
    }

    static let troubles = [
        Trouble("READONLY") {
            try $1("REPLICAOF", "127.0.0.1", "1")
        } end: {
            try $0("REPLICAOF", "NO", "ONE")
        },
        Trouble("MASTERDOWN") {
            try $1("CONFIG", "SET", "replica-serve-stale-data", "no")
            try $1("REPLICAOF", "127.0.0.1", "1")
            try $1("CLIENT", "KILL", "USER", AccessControl.user)
        } end: {
            try $0("REPLICAOF", "NO", "ONE")
        },
        Trouble("OOM", setting: "maxmemory", "1", before: "0"),
        Trouble("NOREPLICAS", setting: "min-replicas-to-write", "1", before: "0"),
        Trouble("MISCONF", options: ["--enable-protected-configs", "yes"]) { _, probe in
            let folder = try TemporaryFolder("tickline-gone")
            try probe("CONFIG", "SET", "dir", folder.path)
            folder.remove()
            try probe("CONFIG", "SET", "save", "3600 1")
            try probe("BGSAVE")
            try await waitUntil("the snapshot has failed") {
                try probe("INFO", "persistence").text?.contains("rdb_last_bgsave_status:err") == true
            }
        } end: {
            try $0("CONFIG", "SET", "save", "")
        },
        // A start whose data take seconds to load: every command but the login is refused until it is over.
        Trouble("LOADING") { server, probe in
            for key in 0..<3_000 { try probe("SET", "filler-\(key)", "some forty bytes of nothing in particular") }
            // The user's rights are in memory alone.
            try probe("SAVE")
            try server.startAgain(
                adding: [
                    "--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024", "--user",
                    AccessControl.user, "on", ">\(AccessControl.password)", "~*", "&*", "+@all",
                ])
        } end: { _ in
        },
        Trouble("WRONGTYPE") {
            try $1("DEL", "signals")
            try $1("SET", "signals", "text")
        } end: {
            try $0("DEL", "signals")
        },
        Trouble("NOAUTH", hasUser: false) {
            try $1("CONFIG", "SET", "requirepass", "secret")
            try $1("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        } end: {
            try $0("CONFIG", "SET", "requirepass", "")
        },
        Trouble("WRONGPASS") {
            try $1("ACL", "SETUSER", AccessControl.user, "resetpass", ">another")
            try $1("CLIENT", "KILL", "USER", AccessControl.user)
        } end: {
            try $0("ACL", "SETUSER", AccessControl.user, ">\(AccessControl.password)")
        },
        Trouble("NOPERM") {
            try $1("ACL", "SETUSER", AccessControl.user, "resetkeys")
        } end: {
            try $0("ACL", "SETUSER", AccessControl.user, "~signals", "~{signals}:ids")
        },
    ]

    /// Fault R4; prints what became of each error as one row.
    @Test(arguments: troubles, [PublishMode.append, .once])
    func `is counted by name, makes readiness false with a remedy and loses nothing`(
        trouble: Trouble, mode: PublishMode
    ) async throws {
        let server = try await RedisServer(options: trouble.options)
        let probe = try Probe(server.url)
        try AccessControl.allow(AccessControl.commands(mode), probe)
        let rig = try Rig(
            try Fixture.configuration(trouble.hasUser ? AccessControl.url(server) : server.url, mode: mode))
        var sink = rig.publisher.makeSink()
        rig.publisher.start()
        for index in 0..<3 { _ = sink.publish(Fixture.signal(index)) }
        sink.flush()
        try await rig.drained()
        try await waitUntil("ready") { rig.health.status.isReady }
        try await trouble.begin(server, probe)
        for index in 3..<6 { _ = sink.publish(Fixture.signal(index)) }
        sink.flush()
        try await waitUntil("\(trouble.name) is counted: \(rig.health.status.reason)") { rig.errors(trouble.name) >= 2 }
        let remedy = ServerErrorPolicy.remedy(for: trouble.name)
        try await waitUntil("readiness names it") {
            !rig.health.status.isReady && rig.health.status.reason.contains(remedy)
        }
        _ = sink.publish(Fixture.signal(6))
        sink.flush()
        // The server's load ends by itself, perhaps by now.
        #expect(rig.publisher.pendingSignals == 4 || trouble.name == "LOADING")
        try await trouble.end(probe)
        let mendedAt = ContinuousClock.now
        try await rig.drained()
        let recovery = ContinuousClock.now - mendedAt
        try await waitUntil("ready again") { rig.health.status.isReady }
        let identifiers = try Probe(server.url).identifiers()
        let expected = (0..<7).map(Fixture.identifier)
        #expect(identifiers == expected)
        #expect(rig.metrics.total("tickline_publish_conflicts_total") == 0)
        let pace = ServerErrorPolicy.isPassing(trouble.name) ? "passes by itself" : "waits for an operator"
        print(
            "figure: R4 | \(trouble.name) | \(mode) | counted \(Int(rig.errors(trouble.name))) | \(pace) | not ready:",
            "\(remedy) | lost \(Set(expected).subtracting(identifiers).count)",
            "| doubled \(identifiers.count - Set(identifiers).count) | in order | recovered \(recovery) after its end")
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
    }

    /// A server with HELLO says itself what it is; of an older one the first command's error tells.
    @Test(arguments: ["CLUSTER", "CLUSTERDOWN", "MOVED"])
    func `a node of a cluster is refused by name, and nothing is written`(name: String) async throws {
        // The bus's own choice, 10,000 above the port, may be no port at all.
        let options = ["--cluster-enabled", "yes", "--cluster-port", "{port}"]
        let node = try await RedisServer(
            options: options + (name == "CLUSTER" ? [] : ["--rename-command", "HELLO", "\"\""]))
        let other = try await RedisServer(options: options)
        let (probe, otherProbe) = (try Probe(node.url), try Probe(other.url))
        if name == "MOVED" {
            try otherProbe("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
            try probe("CLUSTER", "MEET", "127.0.0.1", "\(other.port)", "\(other.morePorts[0])")
            try await waitUntil("the node knows who holds the slots") {
                try probe("CLUSTER", "INFO").text?.contains("cluster_state:ok") == true
            }
        }
        let rig = try Rig(try Fixture.configuration(node.url))
        var sink = rig.publisher.makeSink()
        rig.publisher.start()
        _ = sink.publish(Fixture.signal(0))
        try await waitUntil("counted: \(rig.health.status.reason)") { rig.errors(name) >= 2 }
        let status = rig.health.status
        #expect(!status.isReady && status.reason.contains("a node of a Redis Cluster, which is not supported yet"))
        print("figure: R4 | \(name) | counted, not ready: \(status.reason)")
        #expect(await rig.publisher.drainAndStop(timeout: .milliseconds(100)) == 1)
    }

    @Test func `a sentinel taken for a server is named`() async throws {
        let sentinels = try Sentinels(count: 1)
        try await sentinels.start(master: nil)
        _ = try await sentinels.probe()
        let rig = try Rig(try Fixture.configuration("redis://127.0.0.1:\(sentinels.ports[0])"))
        rig.publisher.start()
        try await waitUntil("counted") { rig.errors("NOTSERVER") >= 1 }
        try await waitUntil("named") { rig.health.status.reason.contains("is a sentinel, no server") }
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
    }
}
