public import FeedHandler
public import MarketRecording
public import TradingModel

/// A recorded file and whose market it is.
public struct RecordedFile: Sendable, Equatable {
    /// The file, `.ndjson` or `.ndjson.gz`.
    public var path: String
    /// Its exchange; nil where its messages are to tell.
    public var exchange: Exchange?

    /// What the path of a recording ends in.
    public static let suffixes = [".ndjson", ".ndjson.gz"]

    /// Understands `[EXCHANGE=]FILE`, as a feed's address is written; nil for a path that does not end like a recording's.
    public init?(_ text: String) {
        guard Self.suffixes.contains(where: text.hasSuffix) else { return nil }
        let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
        if parts.count == 2, let exchange = Exchange(rawValue: parts[0]),
            FeedStreams.supportedExchanges.contains(exchange)
        {
            (self.exchange, path) = (exchange, parts[1])
        } else {
            (exchange, path) = (nil, text)
        }
    }
}

/// What recorded files hold: they are read once from end to end before a replay makes anything of them, so that a damaged
/// one is known before the first signal, and the engine knows its instruments.
public struct RecordingContent: Sendable {
    /// Streams that an engine is given at most.
    public static let mostStreams = 16_384

    /// The files, in the order given.
    public let files: [RecordedFile]
    /// The streams of each file that a feed could subscribe, in order of first appearance.
    public let feeds: [FeedStreams]
    /// Their names by file, as messages and files have them.
    let streamNames: [Set<String>]
    /// Messages of those streams.
    public let messageCount: Int
    /// Messages of other streams and of none, which a replay passes over.
    public let otherMessageCount: Int
    /// When the first and the last message arrived, Unix nanoseconds; both `Int64.min` where no message tells its time.
    public let arrivalNanos: ClosedRange<Int64>

    /// Reads the files.
    ///
    /// - Parameters:
    ///   - isTimed: whether a file without any times is refused.
    ///   - goesOn: told how many bytes of all files were read; false ends it.
    /// - Returns: nil where `goesOn` ended it.
    /// - Throws: `RecordingError`.
    public init?(
        reading files: [RecordedFile], isTimed: Bool, goesOn: (_ doneBytes: Int, _ totalBytes: Int) -> Bool
    ) throws(RecordingError) {
        var merged = try MergedRecordings(paths: files.map(\.path))
        var exchanges = files.map(\.exchange)
        var counts = files.map { _ in StreamCounts() }
        var streamCount = 0
        var messageCount = 0
        var arrivals: ClosedRange<Int64>?
        while try merged.next() {
            let (file, message) = (merged.file, merged.reader.message)
            if isTimed, message.arrivalNanos == .min { throw .noTimes(path: merged.reader.path) }
            if exchanges[file] == nil, let isUSDMargined = message.isUSDMargined {
                exchanges[file] = isUSDMargined ? .binanceUSDM : .binance
            }
            if counts[file].add(message.stream.name) {
                streamCount += 1
                guard streamCount <= Self.mostStreams else {
                    throw .tooManyStreams(path: merged.reader.path, most: Self.mostStreams)
                }
            }
            arrivals = (arrivals?.lowerBound ?? message.arrivalNanos)...message.arrivalNanos
            messageCount += 1
            guard messageCount & 0x3FF != 0 || goesOn(merged.progressBytes.done, merged.progressBytes.total) else {
                return nil
            }
        }
        self.files = files
        feeds = zip(exchanges, counts).map { FeedStreams(exchange: $0 ?? .binance, streams: $1.streams) }
        streamNames = counts.map(\.names)
        self.messageCount = counts.reduce(0) { $0 + $1.understood }
        otherMessageCount =
            messageCount - self.messageCount + merged.readers.reduce(0) { $0 + $1.unattributedMessages }
        arrivalNanos = arrivals ?? .min ... .min
    }
}

/// The streams of a file, and how many messages belong to those that a feed could subscribe.
private struct StreamCounts {
    private(set) var streams: [StreamName] = []
    private(set) var understood = 0
    private var isUnderstood: [String: Bool] = [:]

    /// The names of `streams` as messages and files have them.
    var names: Set<String> { Set(isUnderstood.filter(\.value).keys) }

    /// Counts a message; true for the first one of its stream.
    mutating func add(_ name: String) -> Bool {
        if let known = isUnderstood[name] {
            if known { understood += 1 }
            return false
        }
        // A name that is none is a stream that no feed could subscribe.
        let stream = try? StreamName(parsing: name[...])
        isUnderstood[name] = stream != nil
        if let stream {
            understood += 1
            if !streams.contains(stream) { streams.append(stream) }
        }
        return true
    }
}
