internal import MarketRecording
internal import NIOCore

/// Recorded messages of one or more files, merged by arrival time; immutable, held in memory once.
///
/// 48 bytes per message beside the payloads, and 72 more per trade and aggregate trade.
struct Recording: Sendable {
    /// Where one message is.
    struct Message: Sendable {
        /// Index into `streams`.
        var stream: Int32
        /// Index into `records`; negative where it is no trade.
        var record: Int32
        /// Where the payload, without envelope, is in `payloads`.
        var payload: Range<Int>
        /// Arrival, Unix nanoseconds; never falls within a file.
        var arrivalNanos: Int64
        /// See `MessageHead.firstID`.
        var firstID: UInt64?
    }

    /// All payloads.
    private(set) var payloads: [UInt8] = []
    /// The streams in order of first appearance.
    private(set) var streams: [RecordedStream] = []
    /// All messages in order of arrival.
    private(set) var messages: [Message] = []
    /// Trades and aggregate trades as the history takes them.
    private(set) var records: [HistoryRecord] = []
    /// The markets of `records`.
    private(set) var markets: [Market] = []
    /// Messages that belong to no stream, such as recorded replies to requests; they are not replayed.
    private(set) var unattributedMessages = 0

    /// Loads and merges `paths`. With `isTimed`, a file without any times is refused, and so is more than `limitBytes`.
    init(paths: [String], isTimed: Bool, limitBytes: Int) throws(RecordingError) {
        var merged = try MergedRecordings(paths: paths)
        var indices: [RecordedStream: Int32] = [:]
        var seen: Set<[Int]> = []
        while try merged.next() {
            let reader = merged.reader
            let message = reader.message
            if isTimed, message.arrivalNanos == .min { throw .noTimes(path: reader.path) }
            guard payloads.count + message.payload.count <= limitBytes else {
                throw .tooLarge(path: reader.path, limitBytes: limitBytes)
            }
            let stream = indices[message.stream] ?? Int32(streams.count)
            if stream == streams.count {
                streams.append(message.stream)
                indices[message.stream] = stream
            }
            let start = payloads.count
            let record = reader.withBytes { bytes in
                unsafe bytes.withUnsafeBytes { unsafe payloads.append(contentsOf: $0[message.payload]) }
                return HistoryRecord(bytes, message)
            }
            if let record {
                records.append(record)
                if seen.insert([Int(stream), Int(record.venue.rawValue)]).inserted,
                    let symbol = message.stream.tradedSymbol
                {
                    markets.append(Market(venue: record.venue, symbol: symbol))
                }
            }
            messages.append(
                Message(
                    stream: stream, record: record == nil ? -1 : Int32(records.count - 1),
                    payload: start..<payloads.count, arrivalNanos: message.arrivalNanos, firstID: message.firstID))
        }
        unattributedMessages = merged.readers.reduce(0) { $0 + $1.unattributedMessages }
    }
}

extension HistoryRecord {
    /// What a recorded message adds to the history; nil for one that is no trade.
    fileprivate init?(_ bytes: Span<UInt8>, _ message: RecordedMessage) {
        guard message.stream.kind == .trade || message.stream.kind == .aggregateTrade else { return nil }
        self.init(bytes, message.payload, message.stream.kind)
    }
}

/// Plays a recording from beginning to end.
final class RecordingPlayer: MessageSource {
    private let recording: Recording
    private var position = 0

    init(_ recording: Recording) { self.recording = recording }

    var streams: [RecordedStream] { recording.streams }
    var markets: [Market] { recording.markets }

    var head: MessageHead? {
        guard position < recording.messages.count else { return nil }
        let message = recording.messages[position]
        return MessageHead(
            stream: Int(message.stream), offsetNanos: message.arrivalNanos &- recording.messages[0].arrivalNanos,
            payloadBytes: message.payload.count, firstID: message.firstID)
    }

    var historyRecord: HistoryRecord? {
        guard position < recording.messages.count else { return nil }
        let record = recording.messages[position].record
        return record < 0 ? nil : recording.records[Int(record)]
    }

    func advance() { position += 1 }

    func write(into buffer: inout ByteBuffer, unit: TimeUnit) {
        let payload = recording.payloads[recording.messages[position].payload]
        switch unit {
        case .milliseconds: buffer.writeBytes(payload)
        case .microseconds: buffer.writeBytes(PayloadEdit.microseconds(Array(payload)))
        }
    }

    func rewind(wallNanos: Int64) { position = 0 }
}
