/// How a connection ends on command.
public enum ConnectionCut: Sendable, Hashable {
    /// A close frame with this code, then the TCP connection's orderly end.
    case close(code: UInt16)
    /// A TCP reset (`SO_LINGER` 0); what the client has not yet received may be lost, as it is in reality.
    case reset
    /// The connection stays open and nothing is sent on it any more, not even pongs: a half-open connection.
    case silence
}

/// When a cut happens by itself.
public enum CutTrigger: Sendable, Hashable {
    /// Each connection after this many data messages.
    case afterMessages(Int)
    /// All connections at this interval while the replay runs.
    case every(Duration)
}

/// A misbehaviour a simulator is started with.
public enum SimulatorBehaviour: Sendable, Hashable {
    /// Cuts connections.
    case cut(ConnectionCut, CutTrigger)
    /// Withholds `count` messages of a stream after its first `afterMessages`, once per replay: a gap in its ids.
    case skip(stream: String, afterMessages: Int, count: Int)
    /// Sends data messages in fragments of at most this many payload bytes.
    case fragment(maximumBytes: Int)
    /// Hands data to the socket in writes of at most this many bytes.
    case shortWrites(maximumBytes: Int)

    func validate() throws(SimulatorError) {
        let isSound =
            switch self {
            case .cut(_, .afterMessages(let count)): count > 0
            case .cut(_, .every(let interval)): interval > .zero
            case .skip(_, let after, let count): after >= 0 && count > 0
            case .fragment(let bytes), .shortWrites(let bytes): bytes > 0
            }
        guard isSound else { throw .invalidSetting("\(self) has a count of 0 or less; use a positive one") }
        if case .cut(.close(let code), _) = self, !(1000...4999).contains(code) {
            throw .invalidSetting("there is no close code \(code); use 1000 to 4999")
        }
    }
}
