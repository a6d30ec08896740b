public import MarketRecording

/// Why a simulator can't be made, started or commanded. Each description is one line that names the remedy.
public enum SimulatorError: Error, Hashable, CustomStringConvertible {
    /// A recorded file can't be used.
    case recording(RecordingError)
    /// No recording was named.
    case emptySource
    /// The ledger can't be made or written.
    case unwritableLedger(path: String, reason: String)
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
        case .recording(let error): error.description
        case .emptySource: "without recordings there is no stream message; name at least one file"
        case .unwritableLedger(let path, let reason):
            "cannot write \(path): \(reason); check the path and its permissions"
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
