import Logging
import Synchronization
import Telemetry
import ThreadExecutor
import TradingModel

/// Signals of earlier runs that are more than the outbox holds.
extension PublisherLoop {
    // MARK: Pages

    /// Puts the next page into the empty outbox and compares it with the stream.
    ///
    /// The stream is read for it only where it may hold one of the page: ids of a pair rise, so one that is newer than all
    /// that was read or published is not there.
    func takeNextPage(_ connection: RedisConnection) throws(RedisStreamsError) {
        guard let earlier = core.earlier else { return }
        let end = rest.lowerBound + UInt64((rest.count - 1) % earlier.pageSignals + 1)
        let page: EarlierSignals.Page?
        do throws(RedisStreamsError) { page = try earlier.read(rest.lowerBound..<end) } catch {
            core.trouble.set(error.summary)
            throw error
        }
        for position in outbox.retained..<outbox.acknowledged { remember(position) }
        outbox.setRetained(outbox.acknowledged)
        let base = outbox.head
        firstOrdinal = (page?.firstOrdinal ?? end) &- base
        for part in page?.parts ?? [] {
            let format = SignalCommandFormat(configuration: configuration, catalog: part.catalog)
            for signal in part.signals { outbox.recover(signal, by: format) }
        }
        recovered = RecoveredPlaces(outbox, base..<outbox.head)
        pagedEnd = outbox.head
        rest = end..<rest.upperBound
        // releasing: the engine appends once it is 0; pairs with the load in `waitingSignals`.
        core.waiting.store(UInt64(rest.count), ordering: .releasing)
        core.noteProgress()
        if recovered.identifiers.contains(where: mayBeKnown) { pageFloorMillis = earlierFloorMillis }
        noteTicks()
        try synchronise(connection, isNewPage: true)
    }

    private func mayBeKnown(_ identifier: String) -> Bool {
        guard let (pair, tick) = StreamEntry.tick(of: identifier) else { return true }
        return newestTicks[pair].map { tick <= $0 } ?? false
    }

    /// Counts what was taken over last among what is known.
    func noteTicks() {
        for identifier in recovered.identifiers {
            guard let (pair, tick) = StreamEntry.tick(of: identifier) else { continue }
            newestTicks[pair] = max(newestTicks[pair] ?? 0, tick)
        }
    }

    // MARK: What is no longer kept

    /// Notes of a signal that the outbox gives up what is needed to put it back.
    func remember(_ position: UInt64) {
        let ordinal = firstOrdinal &+ position
        let most = outbox.capacity / 4
        if givenUp.last.map({ $0.ordinals.upperBound != ordinal || $0.entries.count == most }) ?? true {
            givenUp.append(GivenUpSignals(firstOrdinal: ordinal))
        }
        unsafe givenUp[givenUp.count - 1].append(outbox.headers[outbox.slot(position)])
    }

    /// Forgets what no failover undoes any more.
    func forgetGivenUp(nowNanos: UInt64) {
        let retentionNanos = UInt64(configuration.retentionMillis) * 1_000_000
        givenUp.removeAll { signals in
            guard signals.acknowledgedAtNanos &+ retentionNanos <= nowNanos else { return false }
            forgotten = max(forgotten, signals.entries.last ?? .zero)
            return true
        }
    }

    /// Puts back what the outbox does not keep any more and the server has lost, in front of what it keeps.
    func putBackGivenUp(_ connection: RedisConnection) throws(RedisStreamsError) {
        var first = givenUp.count
        // A failover undoes the newest entries: what is in front of one that is there is there as well.
        while first > 0, try !isThere(givenUp[first - 1], connection) { first -= 1 }
        guard first < givenUp.count else { return }
        try markLost(from: first, connection)
        for index in first..<givenUp.count { try putBack(givenUpAt: index, connection) }
    }

    /// Whether the newest of them is where it was acknowledged.
    private func isThere(
        _ signals: GivenUpSignals, _ connection: RedisConnection
    ) throws(RedisStreamsError) -> Bool {
        guard let last = signals.entries.last, last != .zero else { return false }
        let reply = try connection.request(
            ["XREVRANGE", configuration.streamKey, "\(last)", "\(last)", "COUNT", "1"],
            timeoutMillis: configuration.replyTimeoutMillis)
        guard let identifier = reply.elements?.first.flatMap({ StreamEntry($0) })?.identifier else { return false }
        return IdentifierHash.of(identifier) == signals.lastHash
    }

    /// Marks what this server has never held, here and in the outbox; before the first is put back, behind which newer entries
    /// make all others look removed.
    private func markLost(from first: Int, _ connection: RedisConnection) throws(RedisStreamsError) {
        guard let extent = try streamExtent(connection) else { return }
        for index in first..<givenUp.count {
            givenUp[index].entries = givenUp[index].entries.map { extent.hasHeld($0) ? $0 : .zero }
        }
        for position in outbox.retained..<outbox.acknowledged {
            let slot = outbox.slot(position)
            guard unsafe !extent.hasHeld(outbox.headers[slot].entry) else { continue }
            unsafe outbox.headers[slot].isLost = true
            unsafe outbox.headers[slot].entry = .zero
            recovered.note(position, .zero)
        }
    }

    /// Compares some of them with the stream, as a run does that takes them over.
    ///
    /// The journal spares signals until they are acknowledged, so it may have recycled these: then they are lost to a server that has
    /// lost them, which is said, and what is behind them goes on.
    private func putBack(givenUpAt index: Int, _ connection: RedisConnection) throws(RedisStreamsError) {
        let signals = givenUp[index]
        guard !signals.entries.isEmpty else { return }
        let read: EarlierSignals.Page?
        do throws(RedisStreamsError) { read = try core.earlier?.read(signals.ordinals) } catch {
            metrics.retainedDropped.add(UInt64(signals.entries.count))
            core.logger.error(
                "acknowledged signals that Redis has lost can't be put back",
                metadata: ["signals": "\(signals.entries.count)", "error": "\(error.summary)"])
            givenUp[index].entries = []
            return
        }
        guard let page = read else { return }
        var taken = RecoveredSignals()
        taken.parts = page.parts
        let begin = Int(page.firstOrdinal - signals.firstOrdinal)
        var configuration = configuration
        configuration.tailEntries = 1
        configuration.outboxCapacity = 16
        while configuration.outboxCapacity < taken.count { configuration.outboxCapacity *= 2 }
        let loop = PublisherLoop(
            PublisherCore(
                configuration: configuration, catalog: core.catalog, firstOrdinal: page.firstOrdinal, recovered: taken,
                acknowledged: core.acknowledged, metrics: metrics.registry, health: core.health, logger: core.logger))
        loop.outbox.recover(
            signals.entries[begin..<begin + taken.count], acknowledgedAtNanos: signals.acknowledgedAtNanos)
        loop.newestMillis = newestMillis
        defer {
            // Also where the connection is lost meanwhile: what is lost stays so until it is there again.
            for position in 0..<taken.count {
                unsafe givenUp[index].entries[begin + position] = loop.outbox.headers[position].entry
            }
        }
        try loop.synchronise(connection)
        newestMillis = max(newestMillis ?? 0, loop.newestMillis ?? 0)
        core.noteProgress()
    }
}
