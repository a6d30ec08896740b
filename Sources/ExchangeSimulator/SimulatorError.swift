/// Why a simulator can't be made, started or commanded. Each description is one line that names the remedy.
public enum SimulatorError: Error, Hashable, CustomStringConvertible {
    /// A file can't be opened, read or written.
    case unreadableFile(path: String, reason: String)
    /// A file named `.gz` is not gzip, or its compressed data is damaged.
    case damagedGzip(path: String, reason: String)
    /// A line is not a JSON object.
    case notNDJSON(path: String, line: Int)
    /// The arrival times beside a recording don't fit it.
    case arrivalTimes(path: String, reason: String)
    /// A timed replay of messages that carry no times.
    case noTimes(path: String)
    /// The recordings hold no message that belongs to a stream.
    case emptySource
    /// The recordings are larger than the limit, in bytes.
    case recordingTooLarge(path: String, limitBytes: Int)
    /// Another program listens on the port.
    case addressInUse(host: String, port: Int)
    /// Listening failed for another reason.
    case cannotListen(host: String, port: Int, reason: String)
    /// A setting makes no sense.
    case invalidSetting(String)
    /// A stream that the source does not have.
    case unknownStream(String)
    /// More faults wait for messages of a stream than may.
    case tooManyFaults(Int)
    /// A fault's text that can't be read.
    case badFault(text: String, reason: String)
    /// `start()` was called twice or after `stop()`.
    case alreadyStarted

    /// The error in one line.
    public var description: String {
        switch self {
        case .unreadableFile(let path, let reason): "cannot read \(path): \(reason); check the path and its permissions"
        case .damagedGzip(let path, let reason): "\(path) is not a sound gzip file (\(reason)); record or copy it again"
        case .notNDJSON(let path, let line):
            "\(path) line \(line) is not a JSON object; a recording has one websocket message per line"
        case .arrivalTimes(let path, let reason):
            "arrival times \(path): \(reason); it needs one Unix time in nanoseconds per line of the recording"
        case .noTimes(let path):
            "\(path) has no times; put its .recv_ns.gz beside it or replay as fast as possible"
        case .emptySource: "the recordings hold no stream message; name at least one that does"
        case .recordingTooLarge(let path, let limit):
            "\(path) takes the recordings over \(limit) bytes; split it or raise maximumRecordingBytes"
        case .addressInUse(let host, let port):
            "\(host):\(port) is in use; stop the other program or choose another port (0 takes a free one)"
        case .cannotListen(let host, let port, let reason):
            "cannot listen on \(host):\(port): \(reason); choose an address of this machine"
        case .invalidSetting(let text): text
        case .unknownStream(let name): "the source has no stream \(name); stream names look like btcusdt@trade"
        case .tooManyFaults(let limit): "\(limit) faults wait for messages of the stream already; try again later"
        case .badFault(let text, let reason): "fault '\(text)': \(reason)"
        case .alreadyStarted: "the simulator was started before; make a new one"
        }
    }
}
