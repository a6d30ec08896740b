import TradingModel

/// Opens connections to the server an address means: the one it names, or the one its sentinels call the master.
///
/// Each attempt through sentinels asks them anew, so a connection after a failover goes to the new master. Used by one
/// thread.
final class RedisConnector {
    /// Milliseconds one sentinel may take to connect and to answer: a dead one among them must not hold up a failover.
    static let sentinelTimeoutMillis = 500

    private let endpoint: RedisEndpoint
    private let connectTimeoutMillis: Int
    private let replyTimeoutMillis: Int
    private let wakeup: Wakeup
    private let onWake: () -> Void
    private let isStopping: () -> Bool
    private var attempt = 0
    /// The sentinel asked first: the one that named the master last.
    private var firstSentinel = 0

    /// Takes a publisher's settings; the closures are those of `RedisConnection`.
    convenience init(
        _ configuration: SignalPublisherConfiguration, wakeup: Wakeup, onWake: @escaping () -> Void,
        isStopping: @escaping () -> Bool
    ) {
        self.init(
            configuration.endpoint, connectTimeoutMillis: configuration.connectTimeoutMillis,
            replyTimeoutMillis: configuration.replyTimeoutMillis, wakeup: wakeup, onWake: onWake,
            isStopping: isStopping)
    }

    /// Takes the address and time limits; the closures are those of `RedisConnection`.
    init(
        _ endpoint: RedisEndpoint, connectTimeoutMillis: Int, replyTimeoutMillis: Int, wakeup: Wakeup,
        onWake: @escaping () -> Void, isStopping: @escaping () -> Bool
    ) {
        self.endpoint = endpoint
        self.connectTimeoutMillis = connectTimeoutMillis
        self.replyTimeoutMillis = replyTimeoutMillis
        self.wakeup = wakeup
        self.onWake = onWake
        self.isStopping = isStopping
    }

    /// Connects, logs in, selects the database and makes sure that it is a server signals can be written to.
    ///
    /// - Throws: as `RedisConnection`; `unsupportedMode`; and with sentinels `sentinels`, `unknownMaster`, `notMaster`.
    func open() throws(RedisStreamsError) -> RedisConnection {
        attempt += 1
        guard case .sentinels(let sentinels, let masterName) = endpoint.transport else {
            return try open(endpoint, mustBeMaster: false)
        }
        return try open(masterName, of: sentinels)
    }

    /// Asks one sentinel after the other and takes the first server named that really is a master.
    private func open(
        _ masterName: String, of sentinels: [RedisEndpoint.HostAndPort]
    ) throws(RedisStreamsError) -> RedisConnection {
        var named: [RedisEndpoint.HostAndPort] = []
        var unanswered: [String] = []
        var masterFailure: RedisStreamsError?
        for offset in sentinels.indices {
            let index = (firstSentinel + offset) % sentinels.count
            let address: RedisEndpoint.HostAndPort?
            do throws(RedisStreamsError) {
                address = try master(masterName, from: sentinels[index])
            } catch {
                if error == .stopping { throw error }
                unanswered.append("\(sentinels[index]) (\(error.summary))")
                continue
            }
            // Sentinels hear of a failover one after the other, so another may know better.
            guard let address, !named.contains(address) else { continue }
            named.append(address)
            do throws(RedisStreamsError) {
                let connection = try open(endpoint.server(at: address), mustBeMaster: true)
                firstSentinel = index
                return connection
            } catch {
                if error == .stopping { throw error }
                masterFailure = error
            }
        }
        if let masterFailure { throw masterFailure }
        guard unanswered.count < sentinels.count else {
            throw .sentinels(unanswered.joined(separator: ", "))
        }
        throw .unknownMaster(masterName)
    }

    /// Another server than `current` that more than half of all sentinels name and that says itself that it is a master;
    /// nil where there is none.
    ///
    /// Asks every sentinel. Those that do not answer have no vote.
    /// - Throws: `stopping`, or what connecting to the server named failed with.
    func successor(of current: RedisEndpoint) throws(RedisStreamsError) -> RedisEndpoint? {
        guard case .sentinels(let sentinels, let masterName) = endpoint.transport else { return nil }
        attempt += 1
        var votes: [RedisEndpoint.HostAndPort] = []
        for sentinel in sentinels {
            do throws(RedisStreamsError) {
                if let address = try master(masterName, from: sentinel) { votes.append(address) }
            } catch {
                if error == .stopping { throw error }
            }
        }
        guard let named = votes.first(where: { vote in votes.count { $0 == vote } * 2 > sentinels.count }),
            endpoint.server(at: named) != current
        else { return nil }
        return try open(endpoint.server(at: named), mustBeMaster: true).endpoint
    }

    /// The address one sentinel gives for the master; nil where it knows none of that name.
    private func master(
        _ name: String, from address: RedisEndpoint.HostAndPort
    ) throws(RedisStreamsError) -> RedisEndpoint.HostAndPort? {
        let sentinel = endpoint.sentinel(at: address)
        let connection = try connect(sentinel, timeoutMillis: Self.sentinelTimeoutMillis)
        try connection.authenticate(sentinel, timeoutMillis: Self.sentinelTimeoutMillis)
        let reply = try connection.request(
            ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", name], timeoutMillis: Self.sentinelTimeoutMillis)
        if reply == .null { return nil }
        guard let parts = reply.elements, parts.count == 2, let host = parts[0].text,
            let port = parts[1].text.flatMap({ UInt16($0) })
        else { throw .malformedReply("no address for a master's name") }
        return RedisEndpoint.HostAndPort(host: host, port: port)
    }

    private func open(_ server: RedisEndpoint, mustBeMaster: Bool) throws(RedisStreamsError) -> RedisConnection {
        let connection = try connect(server, timeoutMillis: connectTimeoutMillis)
        try connection.authenticate(server, timeoutMillis: replyTimeoutMillis)
        // HELLO needs no permission, unlike ROLE and INFO.
        let reply: RedisReply
        do throws(RedisStreamsError) {
            reply = try connection.request(["HELLO", "2"], timeoutMillis: replyTimeoutMillis)
        } catch {
            // A server before 6.0, which has no such command; what it can't do it refuses later, by name.
            guard case .server("ERR", _) = error, !mustBeMaster else { throw error }
            return connection
        }
        let fields = StreamEntry(entryID: "", pairs: (reply.elements ?? []).map { $0.text ?? "" }).fields
        if let mode = fields["mode"], ["cluster", "sentinel"].contains(mode) {
            throw .unsupportedMode(mode, address: "\(server)")
        }
        guard !mustBeMaster || fields["role"] == "master" else { throw .notMaster("\(server)") }
        return connection
    }

    private func connect(_ server: RedisEndpoint, timeoutMillis: Int) throws(RedisStreamsError) -> RedisConnection {
        try RedisConnection(
            server, attempt: attempt, timeoutMillis: timeoutMillis, wakeup: wakeup, onWake: onWake,
            isStopping: isStopping)
    }
}
