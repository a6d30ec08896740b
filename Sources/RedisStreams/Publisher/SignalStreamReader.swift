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
    private let extent: StreamExtent
    /// Entries of the whole stream at the beginning.
    public var length: Int { extent.length }
    /// Whether the server counts what it removes: Redis 7. Else all in front of the first entry may have been.
    public var countsRemoved: Bool { extent.removed != nil }

    /// Connects and looks at the stream; one that does not exist is empty.
    ///
    /// - Parameter fromMillis: the time of the first entry, by the server's clock, Unix milliseconds.
    /// - Throws: what connecting throws; `server` where the key holds something else, or reading is not allowed.
    public init(_ configuration: SignalPublisherConfiguration, fromMillis: UInt64) throws(RedisStreamsError) {
        self.configuration = configuration
        connection = try RedisConnector(configuration, wakeup: Wakeup(), onWake: {}, isStopping: { false }).open()
        next = StreamEntryID(millis: fromMillis, sequence: 0)
        do throws(RedisStreamsError) {
            let reply = try connection.request(
                ["XINFO", "STREAM", configuration.streamKey], timeoutMillis: configuration.replyTimeoutMillis)
            guard let extent = StreamExtent(reply) else { throw .malformedReply("no stream in XINFO STREAM") }
            self.extent = extent
        } catch {
            // There is no such key.
            guard case .server("ERR", _) = error else { throw error }
            extent = .nothing
        }
        last = extent.newest
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

    /// Which of all signals that are not there may have been trimmed, as far as the server says.
    ///
    /// - Parameter absent: the entries they were acknowledged under; nil where that is not known.
    public func trimmed(_ absent: [(millis: UInt64, sequence: UInt64)?]) -> [Bool] {
        extent.trimmed(absent.map { $0.map { StreamEntryID(millis: $0.millis, sequence: $0.sequence) } })
    }
}
