import Telemetry
import ThreadExecutor
import TradingModel

extension PublisherLoop {
    /// Entries of one page of the read-back: some 400 KB of reply.
    static let pageEntries = 1_000
    /// Signals put back with one wait for their replies.
    static let putBackBatch: UInt64 = 64
    /// How far before the newest entry seen the stream is read again: a failover can undo this much.
    static let readBackMillis: UInt64 = 60_000

    // MARK: Becoming the writer

    /// Ends the previous writer and loads the script.
    func becomeWriter(_ connection: RedisConnection) throws(RedisStreamsError) {
        let timeout = configuration.replyTimeoutMillis
        let identity = try identify(connection)
        try endPreviousWriter(connection)
        // From here on this connection may write.
        writer = identity
        guard configuration.mode == .once else { return }
        for script in [PublishScript.publish, .putBack] {
            let loaded = try connection.request(["SCRIPT", "LOAD", script.text], timeoutMillis: timeout)
            guard loaded.text == script.sha1 else { throw .malformedReply("another hash for our script") }
        }
    }

    /// This connection's id and address as the server sees them.
    private func identify(_ connection: RedisConnection) throws(RedisStreamsError) -> Writer {
        let reply: RedisReply
        do throws(RedisStreamsError) {
            reply = try connection.request(["CLIENT", "INFO"], timeoutMillis: configuration.replyTimeoutMillis)
        } catch {
            // Not allowed, or a server before 6.2: the next connection waits instead of killing this one.
            guard case .server(let name, _) = error, name == "NOPERM" || name == "ERR" else { throw error }
            metrics.countError(name)
            return .unknown
        }
        var id: String?
        var address: String?
        for word in (reply.text ?? "").split(whereSeparator: { $0 == " " || $0 == "\n" }) {
            if word.hasPrefix("id=") { id = String(word.dropFirst(3)) }
            if word.hasPrefix("addr=") { address = String(word.dropFirst(5)) }
        }
        guard let id, let address else { return .unknown }
        return .known(id: id, address: address)
    }

    /// Makes sure that commands of the previous connection, which the server may still hold unread, write nothing more.
    private func endPreviousWriter(_ connection: RedisConnection) throws(RedisStreamsError) {
        switch writer {
        case .none: return
        case .known(let id, let address):
            do throws(RedisStreamsError) {
                _ = try connection.request(
                    ["CLIENT", "KILL", "ID", id, "ADDR", address], timeoutMillis: configuration.replyTimeoutMillis)
            } catch {
                guard case .server(let name, _) = error, name == "NOPERM" || name == "ERR" else { throw error }
                metrics.countError(name)
                pause(millis: configuration.unkillableWaitMillis)
            }
        case .unknown: pause(millis: configuration.unkillableWaitMillis)
        }
    }

    // MARK: Read-back

    /// Compares the outbox with the stream, puts back what a failover undid and begins sending anew.
    ///
    /// The publisher owns the socket throughout.
    func synchronise(_ connection: RedisConnection) throws(RedisStreamsError) {
        let end = outbox.head
        var positions: [String: UInt64] = [:]
        for position in outbox.retained..<end {
            if let id = StreamEntry(command: outbox.words(at: position)).identifier { positions[id] = position }
        }
        var reading = StreamReading(
            catalog: core.catalog, most: configuration.tailEntries,
            floorMillis: newestMillis.map { $0 > Self.readBackMillis ? $0 - Self.readBackMillis : 0 })
        var last = "+"
        while true {
            let reply = try connection.request(
                ["XREVRANGE", configuration.streamKey, last, "-", "COUNT", "\(Self.pageEntries)"],
                timeoutMillis: configuration.replyTimeoutMillis)
            guard let page = reply.elements else { throw .malformedReply("no entries for XREVRANGE") }
            var isDone = false
            for element in page {
                guard let entry = StreamEntry(element) else { throw .malformedReply("no entry in XREVRANGE") }
                last = "(\(entry.entryID)"
                isDone = reading.take(entry, position: entry.identifier.flatMap { positions[$0] })
                if isDone { break }
            }
            if !isDone, page.count < Self.pageEntries {
                reading.hasReachedStart = true
                isDone = true
            }
            if isDone { break }
        }
        if reading.foreignEntries > 0 { metrics.foreignEntries.add(UInt64(reading.foreignEntries)) }
        settle(reading, from: outbox.acknowledged, to: end)
        if newestMillis == nil || reading.hasReachedStart {
            tail = reading.tail
            outbox.knownIdentifiers.replace(with: tail.keys.lazy.map(IdentifierHash.of))
        }
        newestMillis = max(newestMillis ?? 0, reading.newestMillis)
        try putBack(reading, connection)
        outbox.acknowledge(atNanos: MonotonicClock.now().rawValue, includingFirst: false)
        outbox.restart(on: connection.descriptor)
        core.synchronised.set(reading.signs)
    }

    /// Marks the unacknowledged signals the stream holds, so that only the absent ones are sent again.
    private func settle(_ reading: StreamReading, from start: UInt64, to end: UInt64) {
        for position in start..<end {
            let slot = outbox.slot(position)
            let wasSettled = unsafe outbox.headers[slot].isSettled
            let theirs = reading.present[position]
            unsafe outbox.headers[slot].isSettled = theirs != nil
            unsafe outbox.headers[slot].wasResent = outbox.headers[slot].wasSent
            guard let theirs, !wasSettled else { continue }
            let entry = StreamEntry(command: outbox.words(at: position))
            if entry.content != theirs {
                conflict(entry.identifier ?? "", ours: entry.content, theirs: theirs)
            } else if unsafe outbox.headers[slot].wasSent {
                metrics.published.add()
            } else {
                metrics.publishedAlready.add()
            }
        }
    }

    /// Sends acknowledged signals again that the server has lost.
    ///
    /// A failover or a restart loses the newest entries, trimming removes the oldest: only what is behind the last one
    /// still present was lost. Where none is present all that is kept was.
    private func putBack(_ reading: StreamReading, _ connection: RedisConnection) throws(RedisStreamsError) {
        let acknowledged = outbox.acknowledged
        let lastPresent = reading.present.keys.filter { $0 < acknowledged }.max()
        var position = max(outbox.retained, lastPresent.map { $0 + 1 } ?? 0)
        while position < acknowledged {
            let batch = position..<min(acknowledged, position + Self.putBackBatch)
            let deadline = Deadline(afterMillis: configuration.replyTimeoutMillis)
            var sent: [UInt64] = []
            // Waiting may give up signals for the engine's sake: those are passed over, and the words are a copy.
            for position in batch where position >= outbox.retained {
                var words = outbox.words(at: position)
                if configuration.mode == .once { words[1] = PublishScript.putBack.sha1 }
                try connection.sendAll(RedisConnection.command(words), until: deadline, what: "a signal put back")
                sent.append(position)
            }
            for position in sent {
                let reply = try connection.awaitReply(until: deadline, what: "a signal put back")
                try takeReply(reply, at: position, isPutBack: true)
            }
            position = batch.upperBound
        }
    }

    // MARK: One signal

    /// Takes the reply to the command at `position`.
    ///
    /// - Throws: `server` for an error, `malformedReply` for what is neither an entry id nor the script's answer.
    func takeReply(
        _ reply: RedisReply, at position: UInt64, isPutBack: Bool = false
    ) throws(RedisStreamsError) {
        switch reply {
        case .error(let message): throw .server(name: ServerErrorPolicy.name(of: message), message: message)
        case .text(let entryID):
            newestMillis = max(newestMillis ?? 0, StreamEntryID(entryID)?.millis ?? 0)
            (isPutBack ? metrics.putBack : metrics.published).add()
        case .array(let parts) where configuration.mode == .once && parts.count == 2:
            guard let entryID = parts[0].text, let pairs = parts[1].elements else { fallthrough }
            newestMillis = max(newestMillis ?? 0, StreamEntryID(entryID)?.millis ?? 0)
            guard !isPutBack else { return }
            let theirs = StreamEntry(entryID: entryID, pairs: pairs.map { $0.text ?? "" })
            let ours = StreamEntry(command: outbox.words(at: position))
            if !pairs.isEmpty, ours.content != theirs.content {
                conflict(ours.identifier ?? "", ours: ours.content, theirs: theirs.content)
            } else if unsafe outbox.headers[outbox.slot(position)].wasResent {
                // Our own earlier attempt, whose reply was lost.
                metrics.published.add()
            } else {
                metrics.duplicates.add()
            }
        default: throw .malformedReply("no entry id for a signal")
        }
    }

    /// Compares the signal at `position`, whose hash is among the known ones, with the stream's tail; what is there is
    /// not sent. A chance collision of hashes leaves it to be sent.
    func settleIfKnown(_ position: UInt64) {
        let ours = StreamEntry(command: outbox.words(at: position))
        guard let identifier = ours.identifier, let theirs = tail[identifier] else { return }
        unsafe outbox.headers[outbox.slot(position)].isSettled = true
        if ours.content == theirs {
            metrics.publishedAlready.add()
        } else {
            conflict(identifier, ours: ours.content, theirs: theirs)
        }
    }
}

/// What reading the stream backwards has found.
struct StreamReading {
    private let pairs: [String: (instrument: UInt32, strategy: UInt16)]
    private let most: Int
    private let floorMillis: UInt64?
    private var entries = 0
    private var seen: Set<String> = []
    /// Content of the outbox positions found.
    private(set) var present: [UInt64: [String]] = [:]
    /// Content by id of at most `most` newest entries.
    private(set) var tail: [String: [String]] = [:]
    /// The newest signal of each pair.
    private(set) var signs: [PublishedSign] = []
    private(set) var newestMillis: UInt64 = 0
    private(set) var foreignEntries = 0
    /// Whether the whole stream was read.
    var hasReachedStart = false

    /// Reads back to `floorMillis`, or `most` entries where that is nil.
    init(catalog: MarketCatalog, most: Int, floorMillis: UInt64?) {
        var pairs: [String: (UInt32, UInt16)] = [:]
        for instrument in catalog.instruments.indices {
            for strategy in catalog.strategies.indices {
                let (index, number) = (UInt32(instrument), UInt16(strategy))
                pairs[catalog.identifierPrefix(instrument: index, strategy: number)] = (index, number)
            }
        }
        self.pairs = pairs
        self.most = most
        self.floorMillis = floorMillis
    }

    /// Takes the next older entry; `position` is where its id is in the outbox. True when enough has been read.
    mutating func take(_ entry: StreamEntry, position: UInt64?) -> Bool {
        let millis = StreamEntryID(entry.entryID)?.millis ?? 0
        if let floorMillis, millis < floorMillis { return true }
        entries += 1
        newestMillis = max(newestMillis, millis)
        if let position, present[position] == nil { present[position] = entry.content }
        if let identifier = entry.identifier, let sign = sign(identifier, entry) {
            if tail.count < most, tail[identifier] == nil { tail[identifier] = entry.content }
            let prefix = "\(sign.instrument)/\(sign.strategy)"
            if seen.insert(prefix).inserted { signs.append(sign) }
        } else {
            foreignEntries += 1
        }
        return floorMillis == nil && entries >= most
    }

    /// Reads `exchange:symbol:strategy:tickId[:gap]` by the catalogue's prefixes; nil for what is none of ours.
    private func sign(_ identifier: String, _ entry: StreamEntry) -> PublishedSign? {
        let base = identifier.hasSuffix(":gap") ? identifier.dropLast(4) : identifier[...]
        guard let colon = base.lastIndex(of: ":"), let tickID = UInt64(base[base.index(after: colon)...]),
            let pair = pairs[String(base[...colon])]
        else { return nil }
        let side: Side
        switch entry.fields["signal"] {
        case "BUY": side = .buy
        case "SELL": side = .sell
        default: return nil
        }
        return PublishedSign(instrument: pair.instrument, strategy: pair.strategy, tickID: tickID, side: side)
    }
}
