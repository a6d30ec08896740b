import SimulatedWorld
import TestSupport
import Testing

@testable import RedisStreams

/// The simulated Redis beside redis-server.
@Suite struct SimulatedRedisTests {
    /// Commands of the random run, at least.
    static let commands = 3_000

    /// Puts both servers into a state, or ends it, through a connection of its own.
    static func set(_ fault: RedisFault?, _ pair: RedisPair, _ probe: RedisConnection) throws {
        func call(_ words: String...) throws { _ = try probe.request(words, timeoutMillis: 10_000) }
        try call("REPLICAOF", "NO", "ONE")
        try call(
            "CONFIG", "SET", "maxmemory", "0", "min-replicas-to-write", "0", "replica-serve-stale-data", "yes")
        switch fault {
        case .readOnly: try call("REPLICAOF", "127.0.0.1", "1")
        case .masterDown:
            try call("CONFIG", "SET", "replica-serve-stale-data", "no")
            try call("REPLICAOF", "127.0.0.1", "1")
        case .outOfMemory: try call("CONFIG", "SET", "maxmemory", "1")
        case .noReplicas: try call("CONFIG", "SET", "min-replicas-to-write", "1")
        case nil: break
        case .diskError:
            let folder = try TemporaryFolder("tickline-gone")
            try call("CONFIG", "SET", "dir", folder.path)
            folder.remove()
            try call("CONFIG", "SET", "save", "3600 1")
            try call("BGSAVE")
            while try probe.request(["INFO", "persistence"], timeoutMillis: 10_000).text?
                .contains("rdb_last_bgsave_status:err") != true
            {}
        case .loading: preconditionFailure("a state of a start")
        }
        pair.simulated.fault = fault
    }

    static func connection(_ server: RedisServer) throws -> RedisConnection {
        try RedisConnection(
            RedisEndpoint(url: server.url), timeoutMillis: 5_000, wakeup: Wakeup(), onWake: {}, isStopping: { false })
    }

    /// Compares what both hold.
    static func compareStreams(_ pair: RedisPair, _ client: RedisPair.Client) throws -> Int {
        var found = 0
        for database in 0...1 {
            try pair.send([RedisTestCommand("SELECT", "\(database)")], from: client)
            for key in RandomRedisCommands.keys {
                let range = RedisTestCommand("XRANGE", key, "-", "+", "COUNT", "1000000")
                try pair.send(
                    [
                        range, RedisTestCommand("XINFO", "STREAM", key),
                        RedisTestCommand("HSCAN", "{\(key)}:ids", "0", "COUNT", "1000"),
                    ], from: client)
                found += pair.simulated.entries(of: key, database: database).count
            }
        }
        return found
    }

    @Test func `answers random commands as redis-server does, through faults, kills and restarts`() async throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("seed \(seed)")
        let server = try await RedisServer(appendOnly: true)
        let pair = RedisPair(server, seed: seed)
        let commands = RandomRedisCommands()
        var probe = try Self.connection(server)
        var clients = try (0..<3).map { _ in try pair.connect() }
        var databases = [0, 0, 0]
        var events: [String: Int] = [:]
        while pair.commands < Self.commands {
            let index = Int.random(in: 0..<clients.count, using: &pair.random)
            switch Int.random(in: 0..<100, using: &pair.random) {
            case 0..<3:
                let victim = (index + 1) % clients.count
                try pair.send([RedisTestCommand(killing: clients[victim].names)], from: clients[index])
                #expect(pair.simulated.takeKilledClients() == [clients[victim].simulated])
                #expect(pair.isEnded(clients[victim]))
                #expect(
                    pair.simulated.receive(Array("*1\r\n$4\r\nTIME\r\n".utf8), from: clients[victim].simulated) == [])
                // One that is gone, and one's own connection, are not ended.
                try pair.send(
                    [victim, index].map { RedisTestCommand(killing: clients[$0].names) }, from: clients[index])
                (clients[victim], databases[victim]) = (try pair.connect(), 0)
                events["kills", default: 0] += 1
            case 3..<6:
                pair.disconnect(clients[index])
                (clients[index], databases[index]) = (try pair.connect(), 0)
            case 6..<12:
                databases[index] = Int.random(in: 0..<4, using: &pair.random) == 0 ? 1 : 0
                try pair.send([RedisTestCommand("SELECT", "\(databases[index])")], from: clients[index])
            case 12..<18:
                let faults: [RedisFault?] = [nil, nil, .readOnly, .masterDown, .outOfMemory, .noReplicas]
                let fault = faults[Int.random(in: faults.indices, using: &pair.random)]
                try Self.set(fault, pair, probe)
                events["faults", default: 0] += fault == nil ? 0 : 1
            case 18 where pair.commands > events["restarts", default: 0] * Self.commands / 4:
                try await server.restart()
                pair.simulated.restart(with: pair.simulated.data)
                pair.simulated.fault = nil
                probe = try Self.connection(server)
                clients = try (0..<3).map { _ in try pair.connect() }
                databases = [0, 0, 0]
                events["restarts", default: 0] += 1
            default:
                let batch = (0..<Int.random(in: 1...8, using: &pair.random)).map { _ in
                    commands.next(pair.simulated, database: databases[index], &pair.random)
                }
                try pair.send(batch, from: clients[index], keepsRest: Int.random(in: 0..<4, using: &pair.random) == 0)
            }
        }
        try Self.set(nil, pair, probe)
        let entries = try Self.compareStreams(pair, try pair.connect())
        print("figure: \(pair.commands) commands, \(events.sorted { $0.key < $1.key }), \(entries) entries compared")
        #expect(entries > 100)
    }
}
