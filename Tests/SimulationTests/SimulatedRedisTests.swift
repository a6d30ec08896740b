import SimulatedWorld
import TestSupport
import Testing

@testable import RedisStreams

/// The simulated Redis beside redis-server.
@Suite struct SimulatedRedisTests {
    /// Commands of the random run, at least.
    static let commands = 10_000

    /// A command of each kind, the scripts with a known and a new id, on the keys `signals` and `ids`.
    static let kinds: [RedisTestCommand] =
        RandomRedisCommands.refused.map { RedisTestCommand($0) }
        + [
            ["SELECT", "0"], ["HELLO", "2"], ["CLIENT", "INFO"], ["CLIENT", "KILL", "ID", "99", "ADDR", "none"],
            ["TIME"],
        ]
        .map { RedisTestCommand($0) }
        + [PublishScript.publish, .putBack].flatMap { script in
            [
                RedisTestCommand("EVALSHA", script.sha1, "2", "signals", "ids", "first", "name", "value"),
                RedisTestCommand("SCRIPT", "LOAD", script.text),
                RedisTestCommand("EVALSHA", script.sha1, "2", "signals", "ids", "first", "name", "value"),
                RedisTestCommand("EVALSHA", script.sha1, "2", "signals", "ids", "first", "name", "value"),
                RedisTestCommand("EVALSHA", script.sha1, "2", "signals", "ids", script.sha1, "name", "value"),
            ]
        }
        + [
            RedisTestCommand("XADD", "signals", "*", "name", "value"), RedisTestCommand("XLEN", "signals"),
            RedisTestCommand("XRANGE", "signals", "-", "+", "COUNT", "10"),
            RedisTestCommand("XREVRANGE", "signals", "+", "-", "COUNT", "10"),
            RedisTestCommand("XINFO", "STREAM", "signals"), RedisTestCommand("XINFO", "GROUPS", "signals"),
            RedisTestCommand("XPENDING", "signals", "group"), RedisTestCommand("XDEL", "signals", "1-1"),
            RedisTestCommand("HGET", "ids", "first"), RedisTestCommand("HGET", "ids", "none"),
            RedisTestCommand("HSCAN", "ids", "0", "COUNT", "1000"), RedisTestCommand("HDEL", "ids", "none"),
            RedisTestCommand("HDEL", "ids", PublishScript.putBack.sha1),
            RedisTestCommand("HSCAN", "ids", "0", "COUNT", "1000"),
            RedisTestCommand("XTRIM", "signals", "MINID", "1-1"), RedisTestCommand("XTRIM", "signals", "MAXLEN", "2"),
        ]

    /// Compares what both hold under the random commands' keys; returns the number of entries.
    static func compareStreams(_ pair: RedisPair) throws -> Int {
        let client = try pair.connect()
        var found = 0
        for database in 0...1 {
            try pair.send([RedisTestCommand("SELECT", "\(database)")], from: client)
            for key in RandomRedisCommands.keys {
                let entries = pair.simulated.entries(of: key, database: database)
                let count = "\(entries.count + 1)"
                try pair.send(
                    [
                        RedisTestCommand("XRANGE", key, "-", "+", "COUNT", count),
                        RedisTestCommand("XINFO", "STREAM", key),
                        RedisTestCommand("HSCAN", "{\(key)}:ids", "0", "COUNT", "1000"),
                    ], from: client)
                found += entries.count
            }
        }
        return found
    }

    @Test func `answers random commands as redis-server does, through faults, kills and restarts`() async throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("seed \(seed)")
        let pair = RedisPair(try await RedisServer(appendOnly: true), seed: seed)
        let random = RandomRedisCommands()
        var clients = try (0..<3).map { _ in try pair.connect() }
        var databases = [0, 0, 0]
        var (kills, restarts, faults) = (0, 0, 0)
        while pair.commands < Self.commands {
            let index = Int.random(in: 0..<clients.count, using: &pair.random)
            let client = clients[index]
            switch Int.random(in: 0..<100, using: &pair.random) {
            case 0..<3:
                let victim = clients[(index + 1) % clients.count]
                try pair.send([RedisTestCommand(killing: victim.names)], from: client)
                #expect(pair.simulated.takeKilledClients() == [victim.simulated] && pair.isEnded(victim))
                #expect(pair.simulated.receive(RedisTestCommand("TIME").bytes(1), from: victim.simulated) == [])
                // Not one that is gone, one's own connection, or one that has another's id.
                let another = clients[(index + 2) % clients.count]
                let mixed = zip(another.names, victim.names).map { ($0.id, $1.address) }
                try pair.send(
                    [victim.names, client.names, mixed].map { RedisTestCommand(killing: $0) }, from: client)
                clients[(index + 1) % clients.count] = try pair.connect()
                databases[(index + 1) % clients.count] = 0
                kills += 1
            case 3..<6:
                pair.disconnect(client)
                (clients[index], databases[index]) = (try pair.connect(), 0)
            case 6..<12:
                databases[index] = Int.random(in: 0..<4, using: &pair.random) == 0 ? 1 : 0
                try pair.send([RedisTestCommand("SELECT", "\(databases[index])")], from: client)
            case 12..<18:
                let states: [RedisFault?] = [nil, nil, nil, .readOnly, .masterDown, .outOfMemory, .noReplicas]
                let fault = states[Int.random(in: states.indices, using: &pair.random)]
                try await pair.set(fault)
                faults += fault == nil ? 0 : 1
            case 18 where pair.commands > restarts * Self.commands / 4:
                try await pair.server.restart()
                pair.simulated.restart(with: pair.simulated.data)
                pair.simulated.fault = nil
                clients = try (0..<3).map { _ in try pair.connect() }
                databases = [0, 0, 0]
                restarts += 1
            default:
                let batch = (0..<Int.random(in: 1...8, using: &pair.random)).map { _ in
                    random.next(pair.simulated, database: databases[index], &pair.random)
                }
                try pair.send(batch, from: client, keepsRest: Int.random(in: 0..<4, using: &pair.random) == 0)
            }
        }
        try await pair.set(nil)
        let entries = try Self.compareStreams(pair)
        print(
            "figure: differences 0 in \(pair.commands) commands with \(kills) kills, \(restarts) restarts and \(faults)",
            "faults; \(entries) entries equal at the end; seed \(seed)")
        #expect(entries > 100 && restarts > 0)
    }

    @Test(arguments: RedisFault.allCases)
    func `refuses in each state what redis-server refuses`(fault: RedisFault) async throws {
        let pair = RedisPair(try await RedisServer(options: RedisPair.faultOptions), seed: 1)
        try pair.send(Self.kinds, from: try pair.connect())
        try await pair.set(fault)
        try pair.send(Self.kinds, from: try pair.connect())
    }

    @Test func `asks for a password as redis-server does`() async throws {
        let pair = RedisPair(try await RedisServer(password: "open"), seed: 1)
        let client = try pair.connect(identified: false)
        try pair.send(Self.kinds, from: client)
        #expect(pair.simulated.entries(of: "signals").isEmpty)
        try pair.send([["AUTH", "default", "open"], ["AUTH", "shut"]].map { RedisTestCommand($0) }, from: client)
        try pair.send(Self.kinds, from: client)
        try pair.send([RedisTestCommand("AUTH", "open")], from: try pair.connect(identified: false))
        #expect(pair.simulated.entries(of: "signals").count == 2)
    }

    @Test func `a restart without its data leaves nothing, and no script`() async throws {
        let pair = RedisPair(try await RedisServer(), seed: 1)
        try pair.send(Self.kinds, from: try pair.connect())
        try await pair.server.restart()
        pair.simulated.restart(with: RedisData())
        #expect(pair.simulated.entries(of: "signals").isEmpty)
        try pair.send(Self.kinds, from: try pair.connect())
    }

    /// In hashes as large as these redis-server has an order of its own.
    @Test func `a scan finds every field of a large hash though others are removed meanwhile`() async throws {
        let pair = RedisPair(try await RedisServer(), seed: 1)
        let client = try pair.connect()
        try pair.send([RedisTestCommand("SCRIPT", "LOAD", PublishScript.publish.text)], from: client)
        try pair.send(
            (0..<2_500).map {
                RedisTestCommand(
                    "EVALSHA", PublishScript.publish.sha1, "2", "signals", "ids", "id-\($0)", "name", "value")
            }, from: client)
        var (cursor, found, pages): (String, Set<Substring>, Int) = ("0", [], 0)
        repeat {
            let scan = RedisTestCommand("HSCAN", "ids", cursor, "COUNT", "1000")
            let reply = String(decoding: pair.simulated.receive(scan.bytes(1), from: client.simulated), as: UTF8.self)
            let lines = reply.split(separator: "\r\n")
            cursor = String(lines[2])
            found.formUnion(lines.filter { $0.hasPrefix("id-") })
            if pages == 0 { try pair.send((0..<900).map { RedisTestCommand("HDEL", "ids", "id-\($0)") }, from: client) }
            pages += 1
        } while cursor != "0"
        #expect(pages == 3 && found.isSuperset(of: (900..<2_500).map { "id-\($0)" }))
    }
}
