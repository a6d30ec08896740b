import Logging
import Synchronization
import Telemetry

/// Keeps the stream within its bounds, on a connection and a thread of its own: by age and count, but not past what
/// consumer groups have still to deliver or acknowledge, unless the stream grows to ten times its bound.
///
/// In `.once` mode it also forgets ids whose entries are gone and which are older than an hour.
final class StreamTrimmer {
    /// Entries looked at or removed with one command.
    static let pageEntries = 1_000
    /// Pages of one round: at the default pace of 10 s that is 10,000 entries a second.
    static let mostPagesPerRound = 100
    /// Ids are remembered at least this long.
    static let leastIdentifierAgeMillis: UInt64 = 3_600_000

    private let core: PublisherCore
    private let settings: StreamTrimSettings
    private let key: String
    private let connector: RedisConnector
    private let trimmed: Counter
    private let forced: Counter
    private let forgotten: Counter
    private var connection: RedisConnection?
    private var scanCursor = "0"
    private var loggedError = ""

    init(_ core: PublisherCore, _ settings: StreamTrimSettings) {
        self.core = core
        self.settings = settings
        key = core.configuration.streamKey
        connector = RedisConnector(
            core.configuration, wakeup: Wakeup(), onWake: {}, isStopping: { [core] in core.isStopRequested })
        let registry = core.metrics.registry
        trimmed = registry.counter("tickline_stream_trimmed_total", help: "Entries trimmed from the signal stream.")
        forced = registry.counter(
            "tickline_stream_forced_trims_total",
            help: "Times entries were trimmed that a consumer group had not acknowledged.")
        forgotten = registry.counter(
            "tickline_stream_ids_forgotten_total", help: "Remembered ids dropped because their entries are gone.")
    }

    /// The longest time from a round that failed to the next: readiness is not to speak of what has passed.
    private static let retryMillis = 1_000

    /// Runs until the publisher is asked to stop, a round every `intervalMillis`.
    func run() {
        while core.sleepUnlessStopping(
            millis: loggedError.isEmpty ? settings.intervalMillis : min(settings.intervalMillis, Self.retryMillis))
        {
            // A former master would go on being trimmed until it is demoted: sentinels are asked anew for each round.
            if case .sentinels = core.configuration.endpoint.transport { connection = nil }
            do throws(RedisStreamsError) {
                try round()
                loggedError = ""
                core.trimTrouble.withLock { $0 = "" }
            } catch { failed(error) }
        }
    }

    private func failed(_ error: RedisStreamsError) {
        connection = nil
        guard error != .stopping else { return }
        core.metrics.countError(error.metricLabel)
        core.trimTrouble.withLock { $0 = "the stream is not being trimmed: \(error.summary)" }
        guard error.metricLabel != loggedError else { return }
        loggedError = error.metricLabel
        core.logger.warning("the signal stream is not being trimmed: \(error)")
    }

    private func request(_ words: String...) throws(RedisStreamsError) -> RedisReply {
        if let connection {
            return try connection.request(words, timeoutMillis: core.configuration.replyTimeoutMillis)
        }
        let connection = try connector.open()
        self.connection = connection
        return try connection.request(words, timeoutMillis: core.configuration.replyTimeoutMillis)
    }

    private func round() throws(RedisStreamsError) {
        guard let length = try request("XLEN", key).integer, length > 0 else { return }
        let boundary = try protectedBoundary()
        try trimByAge(boundary)
        try trimByCount(boundary)
        let most = Int64(settings.mostEntries) * Int64(StreamTrimSettings.forcedFactor)
        if let left = try request("XLEN", key).integer, left > most {
            let removed = try request("XTRIM", key, "MAXLEN", "\(most)").integer ?? 0
            trimmed.add(UInt64(max(0, removed)))
            forced.add()
            core.logger.error(
                "the signal stream had grown past its hard limit; entries no group had acknowledged are gone",
                metadata: ["removed": "\(removed)", "limit": "\(most)"])
        }
        if core.configuration.mode == .once { try forgetIdentifiers() }
    }

    /// The oldest entry a group still needs; nil where nothing is protected.
    private func protectedBoundary() throws(RedisStreamsError) -> StreamEntryID? {
        var boundary: StreamEntryID?
        var missing = Set(settings.groups)
        for group in try request("XINFO", "GROUPS", key).elements ?? [] {
            let fields = StreamEntry(entryID: "", pairs: (group.elements ?? []).map(Self.plainText)).fields
            guard let name = fields["name"], let delivered = fields["last-delivered-id"].flatMap(StreamEntryID.init)
            else { throw .malformedReply("no group in XINFO GROUPS") }
            guard settings.groups.isEmpty || missing.remove(name) != nil else { continue }
            var needed = delivered.successor
            if fields["pending"] != "0",
                let oldest = try request("XPENDING", key, name).elements?.dropFirst().first?.text,
                let pending = StreamEntryID(oldest)
            {
                needed = min(needed, pending)
            }
            boundary = min(boundary ?? needed, needed)
        }
        return missing.isEmpty ? boundary : StreamEntryID(millis: 0, sequence: 0)
    }

    private static func plainText(_ reply: RedisReply) -> String {
        reply.text ?? reply.integer.map { "\($0)" } ?? ""
    }

    private func serverMillis() throws(RedisStreamsError) -> UInt64 {
        guard let seconds = try request("TIME").elements?.first?.text.flatMap({ UInt64($0) }) else {
            throw .malformedReply("no time for TIME")
        }
        return seconds * 1_000
    }

    private func trimByAge(_ boundary: StreamEntryID?) throws(RedisStreamsError) {
        let now = try serverMillis()
        let age = UInt64(settings.mostAgeSeconds) * 1_000
        var cut = StreamEntryID(millis: now > age ? now - age : 0, sequence: 0)
        if let boundary { cut = min(cut, boundary) }
        try trim(below: cut)
    }

    /// Removes exactly the oldest entries above the count, a page at a time, stopping at the boundary.
    private func trimByCount(_ boundary: StreamEntryID?) throws(RedisStreamsError) {
        for _ in 0..<Self.mostPagesPerRound {
            let excess = (try request("XLEN", key).integer ?? 0) - Int64(settings.mostEntries)
            guard excess > 0 else { return }
            let count = min(Int64(Self.pageEntries), excess)
            let page = (try request("XRANGE", key, "-", "+", "COUNT", "\(count)").elements ?? [])
                .compactMap { StreamEntry($0).flatMap { StreamEntryID($0.entryID) } }
            let free = page.prefix { entry in boundary.map { entry < $0 } ?? true }
            guard let last = free.last else { return }
            try trim(below: last.successor)
            guard free.count == page.count else { return }
        }
    }

    private func trim(below cut: StreamEntryID) throws(RedisStreamsError) {
        let removed = try request("XTRIM", key, "MINID", cut.description).integer ?? 0
        trimmed.add(UInt64(max(0, removed)))
    }

    /// Drops remembered ids that are older than an hour and whose entries have been trimmed.
    private func forgetIdentifiers() throws(RedisStreamsError) {
        let now = try serverMillis()
        let oldest = try request("XRANGE", key, "-", "+", "COUNT", "1").elements?.first
            .flatMap { StreamEntry($0) }.flatMap { StreamEntryID($0.entryID) }
        let hourAgo = StreamEntryID(millis: now - min(now, Self.leastIdentifierAgeMillis), sequence: 0)
        let limit = min(oldest ?? hourAgo, hourAgo)
        for _ in 0..<10 {
            let reply = try request(
                "HSCAN", core.configuration.identifierKey, scanCursor, "COUNT", "\(Self.pageEntries)")
            guard let parts = reply.elements, parts.count == 2, let cursor = parts[0].text,
                let pairs = parts[1].elements
            else { throw .malformedReply("no page for HSCAN") }
            for index in stride(from: 0, to: pairs.count - 1, by: 2) {
                guard let id = pairs[index].text, let entry = pairs[index + 1].text.flatMap(StreamEntryID.init),
                    entry < limit
                else { continue }
                forgotten.add(UInt64(max(0, try request("HDEL", core.configuration.identifierKey, id).integer ?? 0)))
            }
            scanCursor = cursor
            if cursor == "0" { return }
        }
    }
}
