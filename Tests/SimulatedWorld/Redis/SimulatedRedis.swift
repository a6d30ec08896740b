/// A Redis 7.0 server of one process without sockets, threads or a clock of its own: bytes in, bytes out.
///
/// It knows the commands that the publisher, the trimmer and the stream's reader send, in the forms they send them, and
/// `XDEL`, which consumers send; its replies are those of redis-server, byte for byte but for the sizes in `CLIENT INFO`,
/// the tree's size in `XINFO STREAM` and `HSCAN`'s cursors and order in hashes of more than 512 fields. Everything else is
/// answered as an unknown command. Used by one thread.
public final class SimulatedRedis {
    /// As in replies: the first id after a start of redis-server 7.0.
    private static let firstClientID = 3
    /// The range clients' ports are taken from, one after the other.
    private static let clientPorts = 32_768...60_999

    struct Client {
        let id: Int
        let address: String
        var isLoggedIn: Bool
        var database = 0
        var reader = RESPRequestReader()
    }

    /// The state that commands are refused for; nil while all are carried out.
    public var fault: RedisFault?
    /// Told each entry that is added, with its stream's name.
    public var noteAdded: (String, RedisEntry) -> Void = { _, _ in }
    /// What the server holds.
    public internal(set) var data = RedisData()
    let password: String?
    let clockMillis: () -> UInt64
    var clients: [Int: Client] = [:]
    var loadedScripts: Set<RedisScript> = []
    private var killedClients: [Int] = []
    private var nextClientID = firstClientID
    private var nextPort = clientPorts.lowerBound

    /// An empty server; `clockMillis` is the time since 1970, asked once per entry added and per `TIME`.
    public init(password: String? = nil, clockMillis: @escaping () -> UInt64) {
        self.password = password
        self.clockMillis = clockMillis
    }

    /// Accepts a client; returns its id, which counts from the same number after every restart.
    public func connect() -> Int {
        defer { nextClientID += 1 }
        clients[nextClientID] = Client(
            id: nextClientID, address: "127.0.0.1:\(nextPort)", isLoggedIn: password == nil)
        nextPort = nextPort == Self.clientPorts.upperBound ? Self.clientPorts.lowerBound : nextPort + 1
        return nextClientID
    }

    /// Takes any piece of a client's bytes and returns the replies to all commands it completes, in order.
    ///
    /// Bytes of a client that is gone are dropped: nothing they ask for is done. Bytes that are no command in RESP trap.
    public func receive(_ bytes: [UInt8], from client: Int) -> [UInt8] {
        var replies: [UInt8] = []
        clients[client]?.reader.take(bytes)
        while let words = clients[client]?.reader.next() { reply(to: words, from: client).write(to: &replies) }
        return replies
    }

    /// The client has closed its connection.
    public func disconnect(_ client: Int) { clients[client] = nil }

    /// The clients whose connections were closed by `CLIENT KILL` since this was asked last.
    public func takeKilledClients() -> [Int] {
        defer { killedClients = [] }
        return killedClients
    }

    /// Ends all connections, forgets the scripts and starts with `data`: the server's own where every write was on disk.
    public func restart(with data: RedisData) {
        self.data = data
        (clients, killedClients, loadedScripts) = ([:], [], [])
        nextClientID = Self.firstClientID
    }

    /// The entries of a stream, oldest first; none where there is no such stream.
    public func entries(of stream: String, database: Int = 0) -> [RedisEntry] {
        data.streams[RedisData.Key(database: database, name: stream)]?.entries ?? []
    }

    /// Ends another client's connection; false where that one is not there.
    func kill(_ id: Int, address: String) -> Bool {
        guard clients[id]?.address == address else { return false }
        clients[id] = nil
        killedClients.append(id)
        return true
    }

    private func reply(to words: [String], from client: Int) -> RESPReply {
        let name = words[0].lowercased()
        var fullName = name
        if RedisCommand.containers.contains(name), words.count > 1 {
            fullName += "|\(words[1].lowercased())"
            guard RedisCommand.all[fullName] != nil else {
                return .error("ERR unknown subcommand '\(words[1])'. Try \(name.uppercased()) HELP.")
            }
        }
        guard let command = RedisCommand.all[fullName] else {
            guard RedisCommand.containers.contains(name) else { return unknown(words) }
            return .error("ERR wrong number of arguments for '\(name)' command")
        }
        guard command.arity < 0 ? words.count >= -command.arity : words.count == command.arity else {
            return .error("ERR wrong number of arguments for '\(fullName)' command")
        }
        if clients[client]?.isLoggedIn == false, !command.traits.contains(.beforeLogin) {
            return .error("NOAUTH Authentication required.")
        }
        if let refusal = fault?.refusal(of: command.traits) { return .error(refusal) }
        return command.perform(self)(words, client) ?? unknown(words)
    }

    private func unknown(_ words: [String]) -> RESPReply {
        var arguments = ""
        for word in words.dropFirst() where arguments.utf8.count < 128 {
            arguments += "'\(word.prefix(128 - arguments.utf8.count))' "
        }
        return .error("ERR unknown command '\(words[0].prefix(128))', with args beginning with: \(arguments)")
    }
}
