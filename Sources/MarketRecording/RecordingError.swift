/// Why a recorded file can't be read. Each description is one line that names the remedy.
public enum RecordingError: Error, Hashable, CustomStringConvertible {
    /// It can't be opened or read.
    case unreadable(path: String, reason: String)
    /// A pipe or a device, which could be waited for without end.
    case notAFile(path: String)
    /// A file named `.gz` is not gzip, or its compressed data is damaged.
    case damagedGzip(path: String, reason: String)
    /// A line is longer than any message.
    case endlessLine(path: String, line: Int)
    /// A line is not a JSON object.
    case notNDJSON(path: String, line: Int, isLast: Bool)
    /// The arrival times beside it don't fit it.
    case arrivalTimes(path: String, reason: String)
    /// A timed replay of messages that carry no times.
    case noTimes(path: String)
    /// It holds no message that belongs to a stream.
    case noMessages(path: String)
    /// The recordings hold more streams than an engine is given.
    case tooManyStreams(path: String, most: Int)
    /// Recordings that are held in memory are larger than the limit, in bytes.
    case tooLarge(path: String, limitBytes: Int)

    /// The error in one line.
    public var description: String {
        switch self {
        case .unreadable(let path, let reason): "cannot read \(path): \(reason); check the path and its permissions"
        case .notAFile(let path): "\(path) is no regular file; write what it gives into one first"
        case .damagedGzip(let path, let reason): "\(path) is not a sound gzip file (\(reason)); record or copy it again"
        case .endlessLine(let path, let line):
            "\(path) line \(line) is longer than any message; a recording has one websocket message per line"
        case .notNDJSON(let path, let line, true):
            "\(path) line \(line) is not a JSON object; a recording has one websocket message per line, and may"
                + " have ended within this last one: cut it off"
        case .notNDJSON(let path, let line, false):
            "\(path) line \(line) is not a JSON object; a recording has one websocket message per line"
        case .arrivalTimes(let path, let reason):
            "arrival times \(path): \(reason); it needs one Unix time in nanoseconds per line of the recording"
        case .noTimes(let path):
            "\(path) has no times; put its .recv_ns.gz beside it or replay as fast as possible"
        case .noMessages(let path):
            "\(path) holds no stream message; leave it out, or name a file that has one per line"
        case .tooManyStreams(let path, let most):
            "\(path) takes the recordings over \(most) streams; give fewer files at once, or split it"
        case .tooLarge(let path, let limit): "\(path) takes the recordings over \(limit) bytes; split it"
        }
    }
}
