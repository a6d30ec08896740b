import Logging
import Telemetry
import TradingModel

extension PublisherLoop {
    /// Signals put back with one wait for their replies.
    static let putBackBatch = 64

    /// Says where the server has lost acknowledged signals that are no longer kept to be put back: by the newest of them.
    /// What was removed is not lost.
    func noteLoss(_ connection: RedisConnection) throws(RedisStreamsError) {
        guard forgotten != .zero else { return }
        let reply = try connection.request(
            ["XREVRANGE", configuration.streamKey, "\(forgotten)", "\(forgotten)", "COUNT", "1"],
            timeoutMillis: configuration.replyTimeoutMillis)
        guard reply.elements?.isEmpty ?? true, let extent = try streamExtent(connection), !extent.hasHeld(forgotten)
        else { return }
        metrics.lost.add()
        core.logger.error(
            "Redis has lost acknowledged signals that are too old to be put back; `tickline verify` names them",
            metadata: ["through": "\(forgotten)", "itsNewest": "\(extent.newest)", "itsEntries": "\(extent.length)"])
        // Told once; what is given up from now on was seen on this server.
        forgotten = .zero
    }

    /// Sends acknowledged signals again that the server has lost.
    ///
    /// What is not there any more may as well have been removed by consumers or by trimming, and is then not brought back.
    /// A signal once found lost stays so until it is there again, however many connections that takes.
    func putBack(_ reading: StreamReading, _ connection: RedisConnection) throws(RedisStreamsError) {
        let lost = try lostPositions(reading, connection)
        var rest = lost[...]
        var entries: [String: StreamEntryID] = [:]
        while !rest.isEmpty {
            let batch = rest.prefix(Self.putBackBatch)
            rest = rest.dropFirst(Self.putBackBatch)
            let deadline = Deadline(afterMillis: configuration.replyTimeoutMillis)
            var sent: [(position: UInt64, identifier: String, isRepeat: Bool)] = []
            // Waiting may give up signals for the engine's sake: those are passed over, and the words are a copy.
            for position in batch where position >= outbox.retained {
                var words = outbox.words(at: position)
                let identifier = StreamEntry(command: words).identifier ?? ""
                // Lost with both of its places (`RecoveredPlaces`), it comes back once.
                let isRepeat = entries[identifier] != nil
                if !isRepeat { entries[identifier] = .zero }
                sent.append((position, identifier, isRepeat))
                guard !isRepeat else { continue }
                if configuration.mode == .once { words[1] = PublishScript.putBack.sha1 }
                try connection.sendAll(RedisConnection.command(words), until: deadline, what: "a signal put back")
            }
            for (position, identifier, isRepeat) in sent {
                if !isRepeat {
                    let reply = try connection.awaitReply(until: deadline, what: "a signal put back")
                    entries[identifier] = try takeReply(reply, at: position, isPutBack: true)
                }
                if let entry = entries[identifier] { isBack(position, entry) }
            }
        }
    }

    /// The acknowledged signals that the server has lost, in order, marked as such.
    private func lostPositions(
        _ reading: StreamReading, _ connection: RedisConnection
    ) throws(RedisStreamsError) -> [UInt64] {
        let kept = outbox.retained..<outbox.acknowledged
        let absent = kept.filter { reading.present[$0] == nil }
        let lastPresent = kept.last { reading.present[$0] != nil }
        let removed = try removedPositions(absent, lastPresent: lastPresent, connection)
        var lost: [UInt64] = []
        // A signal found under another entry than the known one was put back and its reply lost, here, in an earlier run or
        // by another writer: what stood behind it was lost with it and comes next.
        var isPuttingBack = false
        // From here on nothing waits, so no slot is given up meanwhile.
        for position in max(kept.lowerBound, outbox.retained)..<kept.upperBound {
            let slot = outbox.slot(position)
            if let theirs = reading.present[position] {
                guard unsafe theirs.entry != outbox.headers[slot].entry else { continue }
                isPuttingBack = true
                if unsafe outbox.headers[slot].isLost { metrics.putBack.add() }
                isBack(position, theirs.entry)
            } else if unsafe outbox.headers[slot].isLost || isPuttingBack || !removed.contains(position) {
                unsafe outbox.headers[slot].isLost = true
                unsafe outbox.headers[slot].entry = .zero
                recovered.note(position, .zero)
                lost.append(position)
            }
        }
        return lost
    }

    /// Notes and tells that a signal which was lost is in the stream again.
    private func isBack(_ position: UInt64, _ entry: StreamEntryID) {
        if position >= outbox.retained {
            unsafe outbox.headers[outbox.slot(position)].isLost = false
            unsafe outbox.headers[outbox.slot(position)].entry = entry
        }
        tell(position, entry)
    }

    /// Which of the `absent` signals the stream on this server has held: they were removed and are not to come back.
    private func removedPositions(
        _ absent: [UInt64], lastPresent: UInt64?, _ connection: RedisConnection
    ) throws(RedisStreamsError) -> Set<UInt64> {
        guard !absent.isEmpty else { return [] }
        guard let extent = try streamExtent(connection) else {
            // A failover loses the newest entries, and what is before one that is present was removed.
            return Set(absent.filter { $0 < lastPresent ?? 0 })
        }
        var removed: Set<UInt64> = []
        for position in absent where position >= outbox.retained {
            guard unsafe extent.hasHeld(outbox.headers[outbox.slot(position)].entry) else { continue }
            if configuration.mode == .append {
                removed.insert(position)
            } else if let identifier = StreamEntry(command: outbox.words(at: position)).identifier {
                // What the script does not remember was not removed: it never was on this server.
                let known = try connection.request(
                    ["HGET", configuration.identifierKey, identifier], timeoutMillis: configuration.replyTimeoutMillis)
                if known != .null { removed.insert(position) }
            }
        }
        return removed
    }

    /// What the stream on this server has held; nil where asking is not allowed.
    func streamExtent(_ connection: RedisConnection) throws(RedisStreamsError) -> StreamExtent? {
        let reply: RedisReply
        do throws(RedisStreamsError) {
            reply = try connection.request(
                ["XINFO", "STREAM", configuration.streamKey], timeoutMillis: configuration.replyTimeoutMillis)
        } catch {
            switch error {
            // There is no stream.
            case .server("ERR", _): return .nothing
            case .server("NOPERM", _):
                metrics.countError("NOPERM")
                return nil
            default: throw error
            }
        }
        guard let extent = StreamExtent(reply) else { throw .malformedReply("no stream in XINFO STREAM") }
        return extent
    }
}
