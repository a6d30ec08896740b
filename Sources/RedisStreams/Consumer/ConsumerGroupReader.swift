public import Telemetry
import ThreadExecutor
public import TradingModel

/// Reads signal streams through a consumer group: every entry goes to one reader of the group and stays pending until it is
/// acknowledged, so a reader that dies loses none.
///
/// Only one reader of a group may be active at a time, as a lease sees to: `takeOver` claims whatever the others have pending
/// at once. A group that is gone, with or without its stream, is made again at the stream's beginning; entries that were
/// handled already then come again. Used by one thread.
public struct ConsumerGroupReader: SignalSource, @unchecked Sendable, ~Copyable {
    // Unchecked: it can not be copied, one thread uses it at a time, and nothing else has its connection.
    /// Entries claimed with one command.
    private static let pageEntries = 1_000

    private let settings: SignalConsumerConfiguration
    private let connector: RedisConnector
    private var connection: RedisConnection?
    /// By stream: behind which of its own pending entries the next is read; nil once there are no more.
    private var history: [StreamEntryID?]
    private var progress: [GroupProgress]
    private var claimedAt = MonotonicClock.now()
    private let metrics: ConsumerMetrics

    /// A reader that has not connected yet.
    public init(_ settings: SignalConsumerConfiguration, metrics registry: MetricsRegistry) {
        precondition(!settings.streamKeys.isEmpty, "a reader needs a stream")
        self.settings = settings
        connector = RedisConnector(
            settings.endpoint, connectTimeoutMillis: settings.connectTimeoutMillis,
            replyTimeoutMillis: settings.replyTimeoutMillis, wakeup: Wakeup(), onWake: {}, isStopping: { false })
        history = settings.streamKeys.map { _ in nil }
        progress = settings.streamKeys.map { _ in GroupProgress() }
        metrics = ConsumerMetrics(registry)
    }

    /// Connects anew, makes groups that are not there, and claims what any reader of them has pending.
    ///
    /// - Throws: `unavailable`; `refused` where an operator has to act.
    public mutating func takeOver() throws(SignalSourceError) {
        do throws(RedisStreamsError) {
            connection = nil
            connection = try connector.open()
            for index in settings.streamKeys.indices {
                try makeGroup(settings.streamKeys[index])
                _ = try claim(settings.streamKeys[index], idleMillis: 0)
                history[index] = .zero
                progress[index].begin(try groupState(settings.streamKeys[index]))
            }
        } catch { throw lost(error) }
    }

    /// What is pending first, oldest first, then what is new; empty once `waitMillis` are over without any. Streams are read in
    /// the order of the settings. What is new is given out only where no other reader has something earlier pending.
    ///
    /// - Throws: `unavailable`, also where one has: after `takeOver` all of it comes in order; `refused` where an operator has to act.
    public mutating func next(most: Int, waitMillis: Int) throws(SignalSourceError) -> [SignalEntry] {
        var isBehind = false
        do throws(RedisStreamsError) {
            try claimStalled()
            for index in history.indices {
                while let behind = history[index] {
                    let page = try pending(settings.streamKeys[index], behind: behind, most: most)
                    history[index] = page.last
                    if !page.entries.isEmpty { return page.entries }
                }
            }
            let entries = try read(most: most, waitMillis: waitMillis)
            for key in settings.streamKeys {
                if let first = entries.first(where: { $0.stream == key }), try isPendingElsewhere(before: first) {
                    isBehind = true
                }
            }
            guard isBehind else { return entries }
        } catch {
            guard isGroupGone(error) else { throw lost(error) }
            do throws(RedisStreamsError) {
                for index in settings.streamKeys.indices where try makeGroup(settings.streamKeys[index]) {
                    metrics.groupsMadeAgain.add()
                    progress[index].begin(nil)
                }
                return []
            } catch { throw lost(error) }
        }
        // One that had stalled, and read once more before it saw that its time was over; or this is the one.
        throw .unavailable("another reader has earlier entries in hand")
    }

    /// Marks entries as handled and names them in the stream of handled ones, both or neither.
    ///
    /// - Throws: `unavailable`; `refused` where an operator has to act.
    public mutating func acknowledge(_ entries: [SignalEntry]) throws(SignalSourceError) {
        guard !entries.isEmpty else { return }
        do throws(RedisStreamsError) {
            try transaction(
                entries.flatMap { entry in
                    [
                        ["XADD", settings.processedKey, "MAXLEN", "~", "\(settings.mostProcessed)", "*"]
                            + ProcessedEntry.fields(of: entry),
                        ["XACK", entry.stream, settings.group, entry.position],
                    ]
                })
        } catch { throw lost(error) }
    }

    /// Moves an entry to the stream of dead letters, with where it stood and why.
    ///
    /// - Throws: `unavailable`; `refused` where an operator has to act.
    public mutating func setAside(_ entry: SignalEntry, reason: String) throws(SignalSourceError) {
        let fields = entry.fields.sorted { $0.key < $1.key }.flatMap { [$0.key, $0.value] }
        let origin = ["original_stream", entry.stream, "original_id", entry.position, "dead_reason", reason]
        do throws(RedisStreamsError) {
            try transaction([
                ["XADD", settings.deadLetterKey, "MAXLEN", "~", "\(settings.mostDeadLetters)", "*"] + origin + fields,
                ["XACK", entry.stream, settings.group, entry.position],
            ])
        } catch { throw lost(error) }
    }

    /// What is left over all streams. Two commands for each.
    ///
    /// - Throws: `unavailable`; `refused` where an operator has to act.
    public mutating func backlog() throws(SignalSourceError) -> SourceBacklog {
        var backlog = SourceBacklog(lag: 0, pending: 0, missed: 0)
        do throws(RedisStreamsError) {
            for index in settings.streamKeys.indices {
                guard let group = try groupState(settings.streamKeys[index]) else {
                    backlog.lag = nil
                    continue
                }
                backlog.pending += group.pending
                backlog.lag = backlog.lag.flatMap { sum in group.lag.map { sum + $0 } }
                backlog.missed += progress[index].missed(group)
            }
        } catch {
            guard isGroupGone(error) else { throw lost(error) }
            backlog.lag = nil
        }
        metrics.missed.add(UInt64(backlog.missed))
        return backlog
    }

    /// Ends the connection.
    public mutating func close() { connection = nil }

    // MARK: - Commands

    private func request(_ words: [String], blockMillis: Int = 0) throws(RedisStreamsError) -> RedisReply {
        guard let connection else { throw .closed("nothing was taken over since") }
        return try connection.request(words, timeoutMillis: settings.replyTimeoutMillis + blockMillis)
    }

    /// Makes the group where there is none; whether there was none.
    @discardableResult
    private func makeGroup(_ key: String) throws(RedisStreamsError) -> Bool {
        do throws(RedisStreamsError) {
            // From the first entry on: what was handled before is known by its stored outcome.
            _ = try request(["XGROUP", "CREATE", key, settings.group, "0", "MKSTREAM"])
            return true
        } catch {
            guard case .server("BUSYGROUP", _) = error else { throw error }
            return false
        }
    }

    /// Once a second: what another reader was handed and has let lie. It comes before everything else.
    private mutating func claimStalled() throws(RedisStreamsError) {
        let now = MonotonicClock.now()
        guard now.nanos(since: claimedAt) >= 1_000_000_000 else { return }
        claimedAt = now
        for index in settings.streamKeys.indices
        where try claim(settings.streamKeys[index], idleMillis: settings.claimIdleMillis) > 0 {
            history[index] = .zero
        }
    }

    /// Makes everything that has been pending in the group for so long this reader's own, whoever has it, without counting it
    /// as a delivery; how much it is.
    private func claim(_ key: String, idleMillis: Int) throws(RedisStreamsError) -> Int {
        var cursor = "0-0"
        var count = 0
        repeat {
            let reply = try request([
                "XAUTOCLAIM", key, settings.group, settings.consumer, "\(idleMillis)", cursor, "COUNT",
                "\(Self.pageEntries)",
                "JUSTID",
            ])
            guard let parts = reply.elements, parts.count >= 2, let next = parts[0].text,
                let claimed = parts[1].elements
            else { throw .malformedReply("no page for XAUTOCLAIM") }
            metrics.claimed.add(UInt64(claimed.count))
            count += claimed.count
            // Since 7.0 entries that are gone from the stream are named, and pending no more.
            if parts.count > 2, let gone = parts[2].elements { metrics.removed.add(UInt64(gone.count)) }
            cursor = next
        } while cursor != "0-0"
        return count
    }

    /// Own pending entries behind one, with how often they were handed out.
    private func pending(
        _ key: String, behind: StreamEntryID, most: Int
    ) throws(RedisStreamsError) -> (entries: [SignalEntry], last: StreamEntryID?) {
        let reply = try request([
            "XREADGROUP", "GROUP", settings.group, settings.consumer, "COUNT", "\(most)", "STREAMS", key, "\(behind)",
        ])
        let items = Self.streams(reply).first?.items ?? []
        guard let first = items.first?.elements?.first?.text, let last = items.last?.elements?.first?.text,
            let lastID = StreamEntryID(last)
        else { return ([], nil) }
        let deliveries = try deliveries(key, from: first, to: last, most: items.count)
        var entries: [SignalEntry] = []
        for item in items {
            guard let id = item.elements?.first?.text else { throw .malformedReply("no entry in XREADGROUP") }
            if let entry = StreamEntry(item) {
                entries.append(
                    SignalEntry(
                        stream: key, position: id, deliveries: deliveries[id] ?? 1, fields: entry.fields))
            } else {
                // Its fields are gone from the stream: nothing is left to be handled.
                metrics.removed.add()
                _ = try request(["XACK", key, settings.group, id])
            }
        }
        return (entries, lastID)
    }

    private func deliveries(
        _ key: String, from first: String, to last: String, most: Int
    ) throws(RedisStreamsError) -> [String: Int] {
        let reply = try request(["XPENDING", key, settings.group, first, last, "\(most)", settings.consumer])
        var result: [String: Int] = [:]
        for item in reply.elements ?? [] {
            guard let parts = item.elements, parts.count == 4, let id = parts[0].text, let count = parts[3].integer
            else { throw .malformedReply("no entry in XPENDING") }
            result[id] = Int(count)
        }
        return result
    }

    private mutating func read(most: Int, waitMillis: Int) throws(RedisStreamsError) -> [SignalEntry] {
        // BLOCK 0 would wait without end.
        let reply = try request(
            [
                "XREADGROUP", "GROUP", settings.group, settings.consumer, "COUNT", "\(most)", "BLOCK",
                "\(max(1, waitMillis))", "STREAMS",
            ] + settings.streamKeys + settings.streamKeys.map { _ in ">" },
            blockMillis: waitMillis)
        var entries: [SignalEntry] = []
        for stream in Self.streams(reply) {
            for item in stream.items {
                guard let entry = StreamEntry(item) else { throw .malformedReply("no entry in XREADGROUP") }
                entries.append(
                    SignalEntry(stream: stream.key, position: entry.entryID, deliveries: 1, fields: entry.fields))
            }
            if let index = settings.streamKeys.firstIndex(of: stream.key) {
                progress[index].deliver(stream.items.count)
            }
        }
        return entries
    }

    /// Whether another reader was handed entries in front of one and has not acknowledged them.
    private func isPendingElsewhere(before first: SignalEntry) throws(RedisStreamsError) -> Bool {
        let reply = try request([
            "XPENDING", first.stream, settings.group, "-", "(\(first.position)", "\(Self.pageEntries)",
        ])
        return (reply.elements ?? []).contains { item in
            item.elements.map { $0.count > 1 && $0[1].text != settings.consumer } ?? false
        }
    }

    private static func streams(_ reply: RedisReply) -> [(key: String, items: [RedisReply])] {
        (reply.elements ?? []).compactMap { stream in
            guard let parts = stream.elements, parts.count == 2, let key = parts[0].text, let items = parts[1].elements
            else { return nil }
            return (key, items)
        }
    }

    /// All of the commands or none of them.
    private func transaction(_ commands: [[String]]) throws(RedisStreamsError) {
        _ = try request(["MULTI"])
        for command in commands { _ = try request(command) }
        let reply = try request(["EXEC"])
        guard let results = reply.elements else { throw .malformedReply("no results for EXEC") }
        for case .error(let message) in results {
            throw .server(name: ServerErrorPolicy.name(of: message), message: message)
        }
    }

    private func groupState(_ key: String) throws(RedisStreamsError) -> GroupState? {
        let groups = try request(["XINFO", "GROUPS", key]).elements ?? []
        guard let group = groups.first(where: { GroupState.name($0) == settings.group }) else { return nil }
        return GroupState(group: group, stream: try request(["XINFO", "STREAM", key]))
    }

    // MARK: - Errors

    /// A group, or its stream, that somebody has deleted: read errors say so, as does the end of a blocked read.
    private func isGroupGone(_ error: RedisStreamsError) -> Bool {
        switch error {
        case .server("NOGROUP", _): true
        case .server("UNBLOCKED", let message): message.contains("no longer exists")
        case .server("ERR", let message): message.contains("no such key")
        default: false
        }
    }

    private mutating func lost(_ error: RedisStreamsError) -> SignalSourceError {
        connection = nil
        metrics.countError(error.metricLabel)
        return error.waitsForOperator ? .refused(error.description) : .unavailable(error.description)
    }
}
