/// Commands about streams and hashes.
extension SimulatedRedis {
    private func key(_ name: String, _ client: Int) -> RedisData.Key {
        RedisData.Key(database: clients[client]?.database ?? 0, name: name)
    }

    // MARK: Writing

    /// `XADD key * field value …`.
    func xAdd(_ words: [String], _ client: Int) -> RESPReply? {
        guard words[2] == "*" else { return nil }
        guard words.count % 2 == 1 else { return .error("ERR wrong number of arguments for 'xadd' command") }
        return .bulk(add(Array(words[3...]), to: key(words[1], client)).description)
    }

    private func add(_ fields: [String], to key: RedisData.Key) -> RedisEntryID {
        let id = data.streams[key, default: RedisStream()].add(fields, atMillis: clockMillis())
        noteAdded(key.name, RedisEntry(id: id, fields: fields))
        return id
    }

    /// `EVALSHA sha1 2 stream ids id field value …`.
    func evalSHA(_ words: [String], _ client: Int) -> RESPReply? {
        guard let script = loadedScripts.first(where: { $0.sha1 == words[1] }) else {
            return .error("NOSCRIPT No matching script. Please use EVAL.")
        }
        guard words.count >= 8, words.count % 2 == 0, words[2] == "2" else { return nil }
        let (stream, identifiers, identifier) = (key(words[3], client), key(words[4], client), words[5])
        if let refusal = refusal(of: "hget") { return .error(refusal) }
        if let known = data.hashes[identifiers]?[identifier] {
            let entry = RedisEntryID(known[...]).flatMap { data.streams[stream]?.entry($0) }
            if entry != nil || script == .publish {
                return .array([.bulk(known), .array((entry?.fields ?? []).map { .bulk($0) })])
            }
        }
        if let refusal = refusal(of: "xadd") {
            return .error("\(refusal) script: \(script.sha1), on @user_script:\(script.addingLine).")
        }
        let added = add(Array(words[6...]), to: stream).description
        data.hashes[identifiers, default: RedisHash()].set(identifier, added)
        return .bulk(added)
    }

    private func refusal(of name: String) -> String? {
        RedisCommand.all[name].flatMap { fault?.refusal(of: $0.traits) }
    }

    /// `XTRIM key MAXLEN count` and `XTRIM key MINID id`, both exact.
    func xTrim(_ words: [String], _ client: Int) -> RESPReply? {
        guard words.count == 4 else { return nil }
        let key = key(words[1], client)
        switch words[2] {
        case "MAXLEN":
            guard let count = Int(words[3]), count >= 0 else { return .notANumber }
            return .integer(data.streams[key]?.trim(to: count) ?? 0)
        case "MINID":
            guard let id = RedisEntryID(words[3][...]) else { return .invalidEntryID }
            return .integer(data.streams[key]?.trim(before: id) ?? 0)
        default: return nil
        }
    }

    func xDel(_ words: [String], _ client: Int) -> RESPReply? {
        let key = key(words[1], client)
        guard data.streams[key] != nil else { return .integer(0) }
        let ids = words[2...].compactMap { RedisEntryID($0[...]) }
        guard ids.count == words.count - 2 else { return .invalidEntryID }
        return .integer(ids.count { data.streams[key]?.delete($0) == true })
    }

    func hDel(_ words: [String], _ client: Int) -> RESPReply? {
        let key = key(words[1], client)
        let removed = words[2...].count { data.hashes[key]?.remove($0) == true }
        if data.hashes[key]?.isEmpty == true { data.hashes[key] = nil }
        return .integer(removed)
    }

    // MARK: Reading

    func xLen(_ words: [String], _ client: Int) -> RESPReply? {
        .integer(data.streams[key(words[1], client)]?.entries.count ?? 0)
    }

    /// `XRANGE key first last COUNT count`.
    func xRange(_ words: [String], _ client: Int) -> RESPReply? {
        range(words, client, from: 2, to: 3) { Array($0.prefix($1)) }
    }

    /// `XREVRANGE key last first COUNT count`.
    func xRevRange(_ words: [String], _ client: Int) -> RESPReply? {
        range(words, client, from: 3, to: 2) { $0.suffix($1).reversed() }
    }

    private func range(
        _ words: [String], _ client: Int, from first: Int, to last: Int,
        cut: (ArraySlice<RedisEntry>, Int) -> [RedisEntry]
    ) -> RESPReply? {
        guard words.count == 6, words[4] == "COUNT" else { return nil }
        guard let from = RedisStream.Bound(words[first]), let to = RedisStream.Bound(words[last]) else {
            return .invalidEntryID
        }
        guard let count = Int(words[5]) else { return .notANumber }
        guard count > 0 else { return nil }
        let entries = data.streams[key(words[1], client)]?.entries(from: from, to: to) ?? []
        return .array(cut(entries, count).map(\.reply))
    }

    func xInfoStream(_ words: [String], _ client: Int) -> RESPReply? {
        guard words.count == 3 else { return nil }
        guard let stream = data.streams[key(words[2], client)] else { return .noSuchKey }
        let entries = stream.entries
        // The tree's two sizes are those of a stream in one node.
        return .array([
            .bulk("length"), .integer(entries.count),
            .bulk("radix-tree-keys"), .integer(entries.isEmpty ? 0 : 1),
            .bulk("radix-tree-nodes"), .integer(entries.isEmpty ? 1 : 2),
            .bulk("last-generated-id"), .bulk(stream.newest.description),
            .bulk("max-deleted-entry-id"), .bulk(stream.newestDeleted.description),
            .bulk("entries-added"), .integer(stream.added),
            .bulk("recorded-first-entry-id"), .bulk((entries.first?.id ?? .zero).description),
            .bulk("groups"), .integer(0),
            .bulk("first-entry"), entries.first?.reply ?? .null,
            .bulk("last-entry"), entries.last?.reply ?? .null,
        ])
    }

    /// There are no groups.
    func xInfoGroups(_ words: [String], _ client: Int) -> RESPReply? {
        data.streams[key(words[2], client)] == nil ? .noSuchKey : .array([])
    }

    func xPending(_ words: [String], _ client: Int) -> RESPReply? {
        guard words.count == 3 else { return nil }
        return .error("NOGROUP No such key '\(words[1])' or consumer group '\(words[2])'")
    }

    func hGet(_ words: [String], _ client: Int) -> RESPReply? {
        data.hashes[key(words[1], client)]?[words[2]].map { .bulk($0) } ?? .null
    }

    /// `HSCAN key cursor COUNT count`.
    func hScan(_ words: [String], _ client: Int) -> RESPReply? {
        guard words.count == 5, words[3] == "COUNT" else { return nil }
        guard let cursor = Int(words[2]) else { return .error("ERR invalid cursor") }
        guard let count = Int(words[4]) else { return .notANumber }
        guard count > 0 else { return nil }
        let (next, pairs) = data.hashes[key(words[1], client)]?.scan(from: cursor, count: count) ?? (0, [])
        return .array([.bulk("\(next)"), .array(pairs.map { .bulk($0) })])
    }
}
