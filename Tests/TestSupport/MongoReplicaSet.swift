import Foundation
import Glibc
import MongoStore

/// Three real mongod of a test's own that elect one of them, 2 s after they lose sight of it.
public final class MongoReplicaSet: Sendable {
    /// The members; any of them may be the primary.
    public let members: [MongoServer]
    private let connections: [MemberConnection]

    /// Starts the three and waits until one of them takes writes.
    public init() async throws {
        // By default a member goes on asking a hanging one for its oplog for 15 s and more.
        let parameters = ["oplogNetworkTimeoutBufferSeconds=1", "oplogFetcherSteadyStateMaxFetcherRestarts=0"]
        members = try (0..<3).map { _ in
            try MongoServer(arguments: parameters.flatMap { ["--setParameter", $0] })
        }
        connections = try members.map { MemberConnection(try MongoConnection(uri: $0.directURI)) }
        for member in members { try member.launch() }
        let connections = connections
        try await waitUntil("all members answer", timeout: .seconds(60)) {
            connections.allSatisfy { $0.run(#"{"hello": 1}"#) != nil }
        }
        let hosts = members.enumerated().map { #"{"_id": \#($0), "host": "127.0.0.1:\#($1.port)"}"# }
        try members[0].run(
            #"""
            {"replSetInitiate": {"_id": "rs0", "members": [\#(hosts.joined(separator: ", "))],
             "settings": {"electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 500, "heartbeatTimeoutSecs": 2}}}
            """#, database: "admin")
        _ = try await waitForPrimary()
        try await waitForMembers()
    }

    /// Ends them and removes their folders.
    public func remove() { for member in members { member.remove() } }

    /// The address for clients: all three.
    public var uri: String {
        "mongodb://\(members.map { "127.0.0.1:\($0.port)" }.joined(separator: ","))/?replicaSet=rs0"
    }

    /// Waits until a member, other than the one at `former`, takes writes; its place and when that was seen.
    public func waitForPrimary(otherThan former: Int? = nil) async throws -> (index: Int, at: ContinuousClock.Instant) {
        let others = members.indices.filter { $0 != former }
        var found: Int?
        try await waitUntil("a primary", timeout: .seconds(60)) {
            found = others.first { connections[$0].run(#"{"hello": 1}"#)?.contains(Self.primary) ?? false }
            return found != nil
        }
        return (found!, .now)
    }

    /// Waits until a majority follows the primary at `index`: until then no write can be acknowledged.
    public func waitForMajority(of index: Int) async throws -> ContinuousClock.Instant {
        let write = #"{"insert": "probe", "documents": [{}], "writeConcern": {"w": "majority", "wtimeout": 200}}"#
        try await waitUntil("an acknowledgement", timeout: .seconds(60)) {
            guard let reply = connections[index].run(write) else { return false }
            return !reply.contains("writeConcernError")
        }
        return .now
    }

    /// Waits until all three are primary or secondary.
    public func waitForMembers() async throws {
        try await waitUntil("three members in order", timeout: .seconds(60)) {
            connections.allSatisfy { connection in
                guard let reply = connection.run(#"{"hello": 1}"#) else { return false }
                return reply.contains(Self.primary) || reply.contains(#""secondary" : true"#)
            }
        }
    }

    private static let primary = #""isWritablePrimary" : true"#
}

/// A connection to one member, as a class for closures to hold.
private final class MemberConnection: Sendable {
    private let connection: MongoConnection

    init(_ connection: consuming MongoConnection) { self.connection = connection }

    /// The reply, nil where there is none.
    func run(_ json: String) -> String? {
        do { return try connection.run(json, database: "admin") } catch { return nil }  // Not up: asked again.
    }
}
