internal import NIOCore

/// Recorded messages of one or more files, merged by arrival time; immutable, held in memory once.
///
/// 48 bytes per message beside the bytes of the files, and 72 more per trade and aggregate trade.
struct Recording: Sendable {
    /// Where one message is.
    struct Message: Sendable {
        /// Index into `files`.
        var file: Int32
        /// Index into `streams`.
        var stream: Int32
        /// First byte of the payload, without envelope.
        var payloadStart: Int
        /// Length of the payload.
        var payloadBytes: Int
        /// Arrival, Unix nanoseconds; never falls within a file.
        var arrivalNanos: Int64
        /// See `MessageHead.firstID`.
        var firstID: UInt64?
        /// Index into `records`; negative where it is no trade.
        var record: Int32
    }

    /// Uncompressed content by file.
    private(set) var files: [[UInt8]] = []
    /// The streams in order of first appearance.
    private(set) var streams: [SourceStream] = []
    /// All messages in order of arrival.
    private(set) var messages: [Message] = []
    /// Trades and aggregate trades as the history takes them.
    private(set) var records: [HistoryRecord] = []
    /// The markets of `records`.
    private(set) var markets: [Market] = []
    /// Messages that belong to no stream, such as recorded replies to requests; they are not replayed.
    private(set) var unattributedMessages = 0
    private var streamIndex: [SourceStream: Int32] = [:]

    /// Loads and merges `paths`. With `isTimed`, a file without any times is refused.
    init(paths: [String], isTimed: Bool, limitBytes: Int) throws(SimulatorError) {
        var remainingBytes = limitBytes
        var perFile: [[Message]] = []
        for path in paths {
            var arrivals = try ArrivalTimes(besides: path)
            let reader = try GzipReader(path: path)
            let content: [UInt8]
            do {
                content = try reader.readAll(limitBytes: remainingBytes)
            } catch .recordingTooLarge(let path, _) {
                throw .recordingTooLarge(path: path, limitBytes: limitBytes)
            }
            remainingBytes -= content.count
            let messages = try index(content, path: path, arrivals: &arrivals)
            try arrivals?.checkUsedUp()
            if isTimed, let last = messages.last, last.arrivalNanos == .min { throw .noTimes(path: path) }
            files.append(content)
            perFile.append(messages)
        }
        merge(perFile)
        markets = tradedMarkets()
        if messages.isEmpty { throw .emptySource }
    }

    private mutating func index(
        _ content: [UInt8], path: String, arrivals: inout ArrivalTimes?
    ) throws(SimulatorError) -> [Message] {
        let bytes = content.span
        let named = Self.streamName(ofFile: path)
        var messages: [Message] = []
        var lineStart = 0
        var line = 0
        var latest = Int64.min
        while lineStart < bytes.count {
            var lineEnd = lineStart
            while lineEnd < bytes.count, bytes[lineEnd] != UInt8(ascii: "\n") { lineEnd += 1 }
            line += 1
            let range = lineStart..<lineEnd
            lineStart = lineEnd + 1
            let arrival = try arrivals?.next()
            if range.allSatisfy({ bytes[$0] == 0x20 || bytes[$0] == 0x0D }) { continue }
            guard let (payload, envelope) = Self.unwrap(bytes, range), let fields = MessageFields(bytes, payload) else {
                throw .notNDJSON(path: path, line: line)
            }
            latest = max(latest, arrival ?? fields.timeNanos ?? latest)
            guard let stream = Self.stream(of: fields, envelope: envelope, fileName: named) else {
                unattributedMessages += 1
                continue
            }
            var record: Int32 = -1
            if stream.kind == .trade || stream.kind == .aggregateTrade,
                let parsed = HistoryRecord(bytes, payload, stream.kind)
            {
                record = Int32(records.count)
                records.append(parsed)
            }
            messages.append(
                Message(
                    file: Int32(files.count), stream: intern(stream), payloadStart: payload.lowerBound,
                    payloadBytes: payload.count, arrivalNanos: latest, firstID: fields.firstID, record: record))
        }
        // What comes before the first known time happens at that time.
        if let first = messages.first(where: { $0.arrivalNanos != .min })?.arrivalNanos {
            for index in messages.indices {
                guard messages[index].arrivalNanos == .min else { break }
                messages[index].arrivalNanos = first
            }
        }
        return messages
    }

    /// The payload and, for a message in an envelope, its stream's name.
    private static func unwrap(_ bytes: Span<UInt8>, _ line: Range<Int>) -> (payload: Range<Int>, stream: String?)? {
        var name: String?
        var data: Range<Int>?
        let isObject = MessageScanner.scanObject(bytes, line) { key, value in
            switch key.count {
            case 6 where equals(bytes, key, "stream"): name = MessageScanner.string(bytes, value)
            case 4 where equals(bytes, key, "data"): data = value
            default: break
            }
        }
        guard isObject else { return nil }
        if let name, let data { return (data, name) }
        // A recorder that kept the line's end of another system must not make the payload longer.
        var end = line.upperBound
        while end > line.lowerBound, bytes[end - 1] == 0x0D || bytes[end - 1] == 0x20 { end -= 1 }
        return (line.lowerBound..<end, nil)
    }

    private static func equals(_ bytes: Span<UInt8>, _ range: Range<Int>, _ text: StaticString) -> Bool {
        range.allSatisfy { unsafe bytes[$0] == text.utf8Start[$0 - range.lowerBound] }
    }

    /// The envelope decides; then the message itself; where it leaves the stream open, the file's name.
    private static func stream(of fields: MessageFields, envelope: String?, fileName: String?) -> SourceStream? {
        if let envelope { return SourceStream(name: envelope, kind: fields.kind) }
        let own = fields.stream
        if let fileName, fields.kind == .depth {
            let fits = own.map { fileName.hasPrefix($0.name) } ?? true
            if fits { return SourceStream(name: fileName, kind: .depth) }
        }
        return own
    }

    /// `btcusdt@depth@100ms` of `…/btcusdt@depth@100ms.20240808.ndjson.gz`.
    private static func streamName(ofFile path: String) -> String? {
        guard let file = path.split(separator: "/").last, let name = file.split(separator: ".").first else {
            return nil
        }
        return name.contains("@") ? String(name) : nil
    }

    private mutating func intern(_ stream: SourceStream) -> Int32 {
        if let known = streamIndex[stream] { return known }
        let index = Int32(streams.count)
        streams.append(stream)
        streamIndex[stream] = index
        return index
    }

    private func tradedMarkets() -> [Market] {
        var seen = Set<[Int]>()
        return messages.compactMap { message in
            guard message.record >= 0 else { return nil }
            let venue = records[Int(message.record)].venue
            guard seen.insert([Int(message.stream), Int(venue.rawValue)]).inserted else { return nil }
            return streams[Int(message.stream)].tradedSymbol.map { Market(venue: venue, symbol: $0) }
        }
    }

    /// Keeps each file's own order; of equal times the file named first comes first.
    private mutating func merge(_ perFile: [[Message]]) {
        messages.reserveCapacity(perFile.reduce(0) { $0 + $1.count })
        if perFile.count == 1 {
            messages = perFile[0]
            return
        }
        var positions = [Int](repeating: 0, count: perFile.count)
        while true {
            var earliest: Int?
            for file in perFile.indices where positions[file] < perFile[file].count {
                let time = perFile[file][positions[file]].arrivalNanos
                if let best = earliest, perFile[best][positions[best]].arrivalNanos <= time { continue }
                earliest = file
            }
            guard let file = earliest else { return }
            messages.append(perFile[file][positions[file]])
            positions[file] += 1
        }
    }
}

/// Plays a recording from beginning to end.
final class RecordingPlayer: MessageSource {
    private let recording: Recording
    private var position = 0

    init(_ recording: Recording) { self.recording = recording }

    var streams: [SourceStream] { recording.streams }
    var markets: [Market] { recording.markets }

    var head: MessageHead? {
        guard position < recording.messages.count else { return nil }
        let message = recording.messages[position]
        return MessageHead(
            stream: Int(message.stream), offsetNanos: message.arrivalNanos &- recording.messages[0].arrivalNanos,
            payloadBytes: message.payloadBytes, firstID: message.firstID)
    }

    var historyRecord: HistoryRecord? {
        guard position < recording.messages.count else { return nil }
        let record = recording.messages[position].record
        return record < 0 ? nil : recording.records[Int(record)]
    }

    func advance() { position += 1 }

    func write(into buffer: inout ByteBuffer, unit: TimeUnit) {
        let message = recording.messages[position]
        let file = recording.files[Int(message.file)]
        let payload = file[message.payloadStart..<message.payloadStart + message.payloadBytes]
        switch unit {
        case .milliseconds: buffer.writeBytes(payload)
        case .microseconds: buffer.writeBytes(PayloadEdit.microseconds(Array(payload)))
        }
    }

    func rewind(wallNanos: Int64) { position = 0 }
}
