import Telemetry
import ThreadExecutor
import TradingModel

extension PublisherLoop {
    /// Entries of one page of the read-back: some 400 KB of reply.
    static let pageEntries = 1_000
    /// How far before the last acknowledgement the stream is read again: a failover can undo this much.
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
    /// The publisher owns the socket throughout. `isNewPage`: the outbox holds nothing but a page of earlier signals, for which
    /// the stream is read as far as `pageFloorMillis` says.
    func synchronise(_ connection: RedisConnection, isNewPage: Bool = false) throws(RedisStreamsError) {
        let end = outbox.head
        // One signal may be there twice: recovered from the journal, and decided again where the state behind it was in memory.
        var positions: [String: [UInt64]] = [:]
        for position in outbox.retained..<end {
            guard let id = StreamEntry(command: outbox.words(at: position)).identifier else { continue }
            positions[id, default: []].append(position)
        }
        let isBeginning = core.synchronised.value == nil
        // The tail is for what is decided anew, behind all that waits.
        let isFirst = isBeginning && rest.isEmpty
        let floor = isNewPage ? pageFloorMillis : readBackFloorMillis().map { min($0, pageFloorMillis ?? $0) }
        var reading = StreamReading(
            catalog: core.catalog, leastEntries: isFirst ? configuration.tailEntries : 0,
            mostTail: configuration.tailEntries, floorMillis: floor, newestTicks: rest.isEmpty ? nil : newestTicks)
        if !isNewPage || isFirst || floor != nil { try read(&reading, positions, connection) }
        if reading.foreignEntries > 0 { metrics.foreignEntries.add(UInt64(reading.foreignEntries)) }
        settle(reading, from: outbox.acknowledged, to: end)
        if isBeginning || reading.hasReachedStart {
            tail = reading.tail
            outbox.knownIdentifiers.replace(with: recovered.hashes + tail.keys.map(IdentifierHash.of))
        }
        try putBack(reading, connection)
        // Only now: all that is not acknowledged is known to be in the stream, under its entry, or not to be there.
        newestMillis = max(newestMillis ?? 0, reading.newestMillis)
        newestTicks = reading.newestTicks ?? [:]
        pageFloorMillis = nil
        acknowledge(atNanos: MonotonicClock.now().rawValue, includingFirst: false)
        outbox.restart(on: connection.descriptor)
        isSynchronised = true
        if rest.isEmpty { core.synchronised.set(reading.signs) }
    }

    /// Reads the stream from its newest entry back.
    private func read(
        _ reading: inout StreamReading, _ positions: [String: [UInt64]], _ connection: RedisConnection
    ) throws(RedisStreamsError) {
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
                isDone = reading.take(entry, positions: entry.identifier.flatMap { positions[$0] } ?? [])
                if isDone { break }
            }
            if !isDone, page.count < Self.pageEntries {
                reading.hasReachedStart = true
                isDone = true
            }
            core.noteProgress()
            if isDone { return }
        }
    }

    /// How far the stream is read back: to what was written a minute before the last acknowledgement, and to every entry
    /// that a signal in the outbox is known to have; nil where nothing can be known to be there.
    func readBackFloorMillis() -> UInt64? {
        guard let newestMillis else { return nil }
        var floor = newestMillis > Self.readBackMillis ? newestMillis - Self.readBackMillis : 0
        for position in outbox.retained..<outbox.head {
            let entry = unsafe outbox.headers[outbox.slot(position)].entry
            if entry != .zero { floor = min(floor, entry.millis) }
        }
        return floor
    }

    /// Marks the unacknowledged signals the stream holds, so that only the absent ones are sent again.
    private func settle(_ reading: StreamReading, from start: UInt64, to end: UInt64) {
        for position in start..<end {
            let slot = outbox.slot(position)
            let wasSettled = unsafe outbox.headers[slot].isSettled
            let theirs = reading.present[position]
            unsafe outbox.headers[slot].isSettled = theirs != nil
            unsafe outbox.headers[slot].wasResent = outbox.headers[slot].wasSent
            unsafe outbox.headers[slot].entry = theirs?.entry ?? .zero
            guard let theirs, !wasSettled else { continue }
            let entry = StreamEntry(command: outbox.words(at: position))
            if entry.content != theirs.content {
                conflict(entry.identifier ?? "", ours: entry.content, theirs: theirs.content)
            } else if unsafe outbox.headers[slot].wasSent {
                metrics.published.add()
            } else {
                metrics.publishedAlready.add()
            }
        }
    }

    // MARK: One signal

    /// Takes the reply to the command at `position`.
    ///
    /// - Returns: the entry that the stream has the signal under.
    /// - Throws: `server` for an error, `malformedReply` for what is neither an entry id nor the script's answer.
    func takeReply(
        _ reply: RedisReply, at position: UInt64, isPutBack: Bool = false
    ) throws(RedisStreamsError) -> StreamEntryID {
        let entry: StreamEntryID
        switch reply {
        case .error(let message): throw .server(name: ServerErrorPolicy.name(of: message), message: message)
        case .text(let text):
            guard let added = StreamEntryID(text) else { throw .malformedReply("no entry id for a signal") }
            entry = added
            (isPutBack ? metrics.putBack : metrics.published).add()
        case .array(let parts) where configuration.mode == .once && parts.count == 2:
            guard let text = parts[0].text, let known = StreamEntryID(text), let pairs = parts[1].elements else {
                fallthrough
            }
            entry = known
            if !isPutBack { takeKnown(StreamEntry(entryID: text, pairs: pairs.map { $0.text ?? "" }), at: position) }
        default: throw .malformedReply("no entry id for a signal")
        }
        newestMillis = max(newestMillis ?? 0, entry.millis)
        return entry
    }

    /// Counts a signal that the script knew already; its entry has no fields where it is gone.
    private func takeKnown(_ theirs: StreamEntry, at position: UInt64) {
        let ours = StreamEntry(command: outbox.words(at: position))
        if !theirs.fields.isEmpty, ours.content != theirs.content {
            conflict(ours.identifier ?? "", ours: ours.content, theirs: theirs.content)
        } else if unsafe outbox.headers[outbox.slot(position)].wasResent {
            // Our own earlier attempt, whose reply was lost.
            metrics.published.add()
        } else {
            metrics.duplicates.add()
        }
    }

    /// Compares the signal at `position`, whose hash is among the known ones, with the stream's tail and with what was taken
    /// over; what is there is not sent. A chance collision of hashes leaves it to be sent.
    ///
    /// - Returns: false where the same signal was taken over and has no reply yet: to be asked again behind that.
    func settleIfKnown(_ position: UInt64) -> Bool {
        let ours = StreamEntry(command: outbox.words(at: position))
        guard let identifier = ours.identifier else { return true }
        let first = recovered.first(of: identifier)
        if let first, first.position >= outbox.acknowledged { return false }
        // Taken over, it may be in the stream though the tail that was read is older, or have been removed since. Without an
        // entry the server lost it when nothing was kept of it any more.
        let known = first.map(\.held).flatMap { $0.entry == .zero ? nil : $0 }
        guard let theirs = known ?? tail[identifier] else { return true }
        unsafe outbox.headers[outbox.slot(position)].isSettled = true
        unsafe outbox.headers[outbox.slot(position)].entry = theirs.entry
        if ours.content == theirs.content {
            metrics.publishedAlready.add()
        } else {
            conflict(identifier, ours: ours.content, theirs: theirs.content)
        }
        return true
    }
}
