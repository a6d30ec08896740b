/// Commands about the connection and the server.
extension SimulatedRedis {
    func auth(_ words: [String], _ client: Int) -> RESPReply? {
        guard words.count <= 3 else { return nil }
        if words.count == 2, password == nil {
            return .error(
                "ERR AUTH <password> called without any password configured for the default user."
                    + " Are you sure your configuration is correct?")
        }
        guard words.count == 2 || words[1] == "default", password == nil || words.last == password else {
            return .error("WRONGPASS invalid username-password pair or user is disabled.")
        }
        clients[client]?.isLoggedIn = true
        return .ok
    }

    func select(_ words: [String], _ client: Int) -> RESPReply? {
        guard let index = Int(words[1]) else { return .notANumber }
        guard 0..<16 ~= index else { return .error("ERR DB index is out of range") }
        clients[client]?.database = index
        return .ok
    }

    func hello(_ words: [String], _ client: Int) -> RESPReply? {
        guard words.count == 2, words[1] == "2" else { return nil }
        guard clients[client]?.isLoggedIn == true else {
            return .error(
                "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user>"
                    + " <pass> option can be used to authenticate the client and select the RESP protocol version at"
                    + " the same time")
        }
        return .array([
            .bulk("server"), .bulk("redis"), .bulk("version"), .bulk("7.0.15"), .bulk("proto"), .integer(2),
            .bulk("id"), .integer(client), .bulk("mode"), .bulk("standalone"),
            .bulk("role"), .bulk(fault?.isReplica == true ? "replica" : "master"), .bulk("modules"), .array([]),
        ])
    }

    func clientInfo(_ words: [String], _ client: Int) -> RESPReply? {
        guard let client = clients[client] else { return nil }
        return .bulk(
            "id=\(client.id) addr=\(client.address) laddr=127.0.0.1:6379 fd=8 name= age=0 idle=0 flags=N"
                + " db=\(client.database) sub=0 psub=0 ssub=0 multi=-1 qbuf=26 qbuf-free=20448 argv-mem=10 multi-mem=0"
                + " rbs=1024 rbp=0 obl=0 oll=0 omem=0 tot-mem=22298 events=r cmd=client|info user=default redir=-1"
                + " resp=2\n")
    }

    /// `CLIENT KILL ID id ADDR address`: never the client that asks.
    func clientKill(_ words: [String], _ client: Int) -> RESPReply? {
        guard words.count == 6, words[2] == "ID", words[4] == "ADDR" else { return nil }
        guard let id = Int(words[3]), id > 0 else { return .error("ERR client-id should be greater than 0") }
        return .integer(id != client && kill(id, address: words[5]) ? 1 : 0)
    }

    func time(_ words: [String], _ client: Int) -> RESPReply? {
        let millis = clockMillis()
        return .array([.bulk("\(millis / 1_000)"), .bulk("\(millis % 1_000 * 1_000)")])
    }

    func scriptLoad(_ words: [String], _ client: Int) -> RESPReply? {
        guard let script = RedisScript.allCases.first(where: { $0.text == words[2] }) else { return nil }
        loadedScripts.insert(script)
        return .bulk(script.sha1)
    }
}
