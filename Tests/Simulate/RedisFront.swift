import SimulatedSystem
import SimulatedWorld

/// The Redis server on its port, and what may happen to it.
final class RedisFront {
    static let port: UInt16 = 6_379

    private let world: World
    private let stream: String
    let server: SimulatedRedis
    /// Of the signal stream.
    private(set) var ledger = StreamLedger()
    private var clients: [Int: Connection] = [:]
    /// Whether it takes no connections.
    private(set) var isAway = false
    /// Replies wait while set.
    private var isStalled = false
    /// The next reply ends so many bytes after its begin, and the connection with it.
    private var cutBehind: Int?

    init(_ world: World, stream: String) {
        self.world = world
        self.stream = stream
        server = SimulatedRedis(clockMillis: { 2_000_000_000_000 + sim_now_ns() / 1_000_000 })
        server.noteAdded = { [unowned self] in if $0 == stream { ledger.append($1) } }
    }

    func serve(_ connection: Connection) {
        let client = server.connect()
        clients[client] = connection
        var isBusyUntil: UInt64 = 0
        connection.receive = { [self] bytes in
            // One client's commands stay in order.
            let micros = UInt64(world.random(20...400))
            isBusyUntil = max(isBusyUntil, world.now) + micros * 1_000
            world.after(millis: Double(isBusyUntil - world.now) / 1e6) { [self] in take(bytes, from: client) }
        }
        connection.onEnd = { [self] in
            clients[client] = nil
            server.disconnect(client)
        }
    }

    private func take(_ bytes: [UInt8], from client: Int) {
        guard let connection = clients[client] else { return }
        let reply = server.receive(bytes, from: client)
        for killed in server.takeKilledClients() { clients[killed]?.cut() }
        if let most = cutBehind, !reply.isEmpty {
            cutBehind = nil
            connection.send(Array(reply.prefix(most % reply.count)))
            return connection.close()
        }
        connection.send(reply)
    }

    // MARK: what may happen to it

    /// Down for a while; with or without its data afterwards.
    func stop(millis: Double, keepingData: Bool) {
        world.note("Redis stops\(keepingData ? "" : " and loses its data")")
        sim_listen(Self.port, false)
        for connection in clients.values { connection.cut() }
        server.restart(with: keepingData ? server.data : RedisData())
        if !keepingData { ledger.loseData() }
        isAway = true
        world.after(millis: millis) { [self] in
            sim_listen(Self.port, true)
            isAway = false
        }
    }

    /// Takes and gives nothing for a while.
    func stall(millis: Double) {
        world.note("Redis stalls")
        for connection in clients.values { connection.isStalled = true }
        world.after(millis: millis) { [self] in for connection in clients.values { connection.isStalled = false } }
    }

    /// Loses a reply, wholly or in part.
    func cutReply() {
        world.note("Redis loses a reply")
        cutBehind = world.random(0...200)
    }

    /// Refuses writes for a while.
    func refuse(_ error: RedisFault, millis: Double) {
        world.note("Redis answers \(error)")
        server.fault = error
        world.after(millis: millis) { [self] in server.fault = nil }
    }

    /// A consumer removes some entries, or all but the newest.
    ///
    /// - Parameter areKnown: whether the publisher is certain to know that the stream had them.
    func consume(areKnown: Bool) {
        let entries = server.entries(of: stream)
        guard !isAway, !entries.isEmpty else { return }
        let command: [String]
        if world.happens(oneIn: 3) {
            command = ["XTRIM", stream, "MAXLEN", "\(world.random(0...min(20, entries.count)))"]
        } else {
            let chosen = (0..<world.random(1...5)).map { _ in entries[world.random(0...entries.count - 1)].id }
            command = ["XDEL", stream] + chosen.map(\.description)
        }
        world.note("a consumer: \(command)")
        let client = server.connect()
        let words = command.map { "$\($0.utf8.count)\r\n\($0)\r\n" }
        _ = server.receive(Array("*\(words.count)\r\n\(words.joined())".utf8), from: client)
        server.disconnect(client)
        let left = Set(server.entries(of: stream).map(\.id))
        for entry in entries where !left.contains(entry.id) { ledger.remove(entry, isKnown: areKnown) }
    }
}
