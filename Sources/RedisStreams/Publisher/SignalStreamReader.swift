/// One entry of a signal stream.
public struct PublishedEntry: Sendable {
    /// Redis' id, `milliseconds-sequence`.
    public let entryID: String
    /// Field names and values as they stand there; a name may be there more than once.
    public let fields: [(name: String, value: String)]

    /// Reads an element of an `XRANGE` reply; nil where it is none.
    init?(_ reply: RedisReply) {
        guard let parts = reply.elements, parts.count == 2, let id = parts[0].text, let pairs = parts[1].elements
        else { return nil }
        entryID = id
        fields = stride(from: 0, to: pairs.count - 1, by: 2).map { (pairs[$0].text ?? "", pairs[$0 + 1].text ?? "") }
    }
}

/// Reads a signal stream page by page, oldest entry first, up to the newest one that there was at the beginning.
///
/// Changes nothing. Used by one thread; calls block within the configuration's time limits.
public struct SignalStreamReader {
    private static let pageEntries = 1_000

    private let configuration: SignalPublisherConfiguration
    private let connection: RedisConnection
    private var next: StreamEntryID
    private let last: StreamEntryID
    private let oldest: StreamEntryID
    /// Nil before Redis 7.
    private let newestDeleted: StreamEntryID?
    /// Entries of the whole stream at the beginning.
    public let length: Int

    /// Connects and looks at the stream; one that does not exist is empty.
    ///
    /// - Parameter fromMillis: the time of the first entry, by the server's clock, Unix milliseconds.
    /// - Throws: what connecting throws; `server` where the key holds something else, or reading is not allowed.
    public init(_ configuration: SignalPublisherConfiguration, fromMillis: UInt64) throws(RedisStreamsError) {
        self.configuration = configuration
        connection = try RedisConnector(configuration, wakeup: Wakeup(), onWake: {}, isStopping: { false }).open()
        next = StreamEntryID(millis: fromMillis, sequence: 0)
        let key = configuration.streamKey
        length = Int(
            try connection.request(["XLEN", key], timeoutMillis: configuration.replyTimeoutMillis).integer ?? 0)
        var fields: [String: RedisReply] = [:]
        do throws(RedisStreamsError) {
            let reply = try connection.request(
                ["XINFO", "STREAM", key], timeoutMillis: configuration.replyTimeoutMillis)
            let parts = reply.elements ?? []
            for index in stride(from: 0, to: parts.count - 1, by: 2) {
                fields[parts[index].text ?? ""] = parts[index + 1]
            }
        } catch {
            // There is no such key.
            guard case .server("ERR", _) = error else { throw error }
        }
        last = fields["last-generated-id"]?.text.flatMap(StreamEntryID.init) ?? .zero
        oldest = fields["first-entry"]?.elements?.first?.text.flatMap(StreamEntryID.init) ?? last
        newestDeleted = fields["max-deleted-entry-id"]?.text.flatMap(StreamEntryID.init)
    }

    /// The next entries; empty at the end. One command.
    public mutating func nextPage() throws(RedisStreamsError) -> [PublishedEntry] {
        guard next <= last else { return [] }
        let reply = try connection.request(
            ["XRANGE", configuration.streamKey, "\(next)", "\(last)", "COUNT", "\(Self.pageEntries)"],
            timeoutMillis: configuration.replyTimeoutMillis)
        let entries = (reply.elements ?? []).compactMap { PublishedEntry($0) }
        next = entries.last.flatMap { StreamEntryID($0.entryID) }?.successor ?? last.successor
        return entries
    }

    /// Whether an entry that is not there may have been trimmed, which removes the oldest ones, and was not deleted.
    public func mayHaveTrimmed(millis: UInt64, sequence: UInt64) -> Bool {
        let entry = StreamEntryID(millis: millis, sequence: sequence)
        return entry < oldest && newestDeleted.map { entry > $0 } ?? true
    }
}
