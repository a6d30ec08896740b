/// A recorded message: where it is in its reader's memory and what it says about itself.
package struct RecordedMessage: Sendable {
    /// The whole message, with its envelope where it has one.
    package var text: Range<Int>
    /// What the envelope holds; the whole message where there is none.
    package var payload: Range<Int>
    /// The stream it belongs to.
    package var stream: RecordedStream
    /// Trade id, aggregate trade id or first update id; nil where the message has none.
    package var firstID: UInt64?
    /// Whether it has the form of USD-M's market; nil where its form is the same everywhere.
    package var isUSDMargined: Bool?
    /// When it arrived, Unix nanoseconds; never falls within a file. `Int64.min` where no message of the file has a time.
    package var arrivalNanos: Int64
}

/// Reads the messages of one recorded file, `.ndjson` or `.ndjson.gz`, in memory that does not grow with the file.
///
/// A message's time is that of its line in the sibling `.recv_ns[.gz]`; without one its event or trade time, where it has
/// none that of the message before it, and in front of the first known time that. Used by one thread.
package final class RecordingReader {
    /// The file.
    package let path: String
    /// The message it stands at; valid after `next` has returned true.
    package private(set) var message = RecordedMessage(
        text: 0..<0, payload: 0..<0, stream: RecordedStream(name: "", kind: .other), arrivalNanos: .min)
    /// Messages that belong to no stream, such as recorded replies to requests; they are passed over.
    package private(set) var unattributedMessages = 0
    private var lines: LineReader
    private var arrivals: ArrivalTimes?
    private let fileStream: String?
    private var isEmpty = true

    /// Opens the file and the times beside it.
    ///
    /// - Throws: `RecordingError`.
    package init(path: String) throws(RecordingError) {
        self.path = path
        lines = try LineReader(path: path)
        fileStream = Self.streamName(ofFile: path)
        arrivals = try ArrivalTimes(besides: path)
        if arrivals == nil { message.arrivalNanos = try Self.firstTime(in: path) }
    }

    /// Size of the file as it is, and how much of that was read.
    package var progressBytes: (done: Int, total: Int) { lines.progressBytes }

    /// Goes to the next message; false at the end. O(line).
    ///
    /// - Throws: `RecordingError`; a file without any message, or with times left over, is refused at its end.
    package func next() throws(RecordingError) -> Bool {
        while try lines.next() {
            let latest = try max(message.arrivalNanos, arrivals?.next() ?? .min)
            let line = lines.line
            let outcome = lines.withBytes { Self.read($0, line, fileStream: fileStream, isTimed: arrivals != nil) }
            switch outcome {
            case .blank: continue
            case .broken: throw Self.notNDJSON(path, &lines)
            case .unattributed(let time):
                message.arrivalNanos = max(latest, time)
                unattributedMessages += 1
            case .message(let read):
                message = read
                message.arrivalNanos = max(latest, read.arrivalNanos)
                isEmpty = false
                return true
            }
        }
        try arrivals?.checkUsedUp()
        if isEmpty { throw .noMessages(path: path) }
        return false
    }

    /// Calls `body` with the memory that the message's ranges lie in.
    package func withBytes<Result>(_ body: (Span<UInt8>) -> Result) -> Result { lines.withBytes(body) }

    private enum Line {
        case blank
        case broken
        case unattributed(Int64)
        case message(RecordedMessage)
    }

    /// The message in a line; its time is its own, `Int64.min` where it has none or does not need it.
    private static func read(_ bytes: Span<UInt8>, _ line: Range<Int>, fileStream: String?, isTimed: Bool) -> Line {
        // A recorder that kept the line's end of another system must not make the message longer.
        var end = line.upperBound
        while end > line.lowerBound, bytes[end - 1] == 0x0D || bytes[end - 1] == 0x20 { end -= 1 }
        var start = line.lowerBound
        // Nor the byte order mark that some editors put in front.
        if end - start >= 3, bytes[start] == 0xEF, bytes[start + 1] == 0xBB, bytes[start + 2] == 0xBF { start += 3 }
        let text = start..<end
        if text.isEmpty { return .blank }
        guard let (payload, envelope) = unwrap(bytes, text), let fields = MessageFields(bytes, payload) else {
            return .broken
        }
        let time = isTimed ? .min : fields.timeNanos ?? .min
        guard let stream = stream(of: fields, envelope: envelope, fileStream: fileStream) else {
            return .unattributed(time)
        }
        return .message(
            RecordedMessage(
                text: text, payload: payload, stream: stream, firstID: fields.firstID,
                isUSDMargined: fields.isUSDMargined, arrivalNanos: time))
    }

    /// What is wrong with the line, which is looked at last.
    private static func notNDJSON(_ path: String, _ lines: inout LineReader) -> RecordingError {
        let number = lines.number
        // What is wrong behind it is not what it was refused for.
        let isLast = (try? lines.next()) == false
        return .notNDJSON(path: path, line: number, isLast: isLast)
    }

    /// The first time that a message of the file tells; `Int64.min` where none does.
    private static func firstTime(in path: String) throws(RecordingError) -> Int64 {
        var lines = try LineReader(path: path)
        while try lines.next() {
            let line = lines.line
            let outcome = lines.withBytes { Self.read($0, line, fileStream: nil, isTimed: false) }
            switch outcome {
            case .blank: continue
            case .broken: throw Self.notNDJSON(path, &lines)
            case .unattributed(let time): if time != .min { return time }
            case .message(let message): if message.arrivalNanos != .min { return message.arrivalNanos }
            }
        }
        return .min
    }

    /// The payload and, for a message in an envelope, its stream's name.
    private static func unwrap(_ bytes: Span<UInt8>, _ text: Range<Int>) -> (payload: Range<Int>, stream: String?)? {
        var name: String?
        var data: Range<Int>?
        let isObject = MessageScanner.scanObject(bytes, text) { key, value in
            switch key.count {
            case 6 where equals(bytes, key, "stream"): name = MessageScanner.string(bytes, value)
            case 4 where equals(bytes, key, "data"): data = value
            default: break
            }
        }
        guard isObject else { return nil }
        if let name, let data { return (data, name) }
        return (text, nil)
    }

    private static func equals(_ bytes: Span<UInt8>, _ range: Range<Int>, _ text: StaticString) -> Bool {
        range.allSatisfy { unsafe bytes[$0] == text.utf8Start[$0 - range.lowerBound] }
    }

    /// The envelope decides; then the message itself; where it leaves the stream open, the file's name.
    private static func stream(of fields: MessageFields, envelope: String?, fileStream: String?) -> RecordedStream? {
        if let envelope { return RecordedStream(name: envelope, kind: fields.kind) }
        let own = fields.stream
        if let fileStream, fields.kind == .depth {
            let fits = own.map { fileStream.hasPrefix($0.name) } ?? true
            if fits { return RecordedStream(name: fileStream, kind: .depth) }
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
}
