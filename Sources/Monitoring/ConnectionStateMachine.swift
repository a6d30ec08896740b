/// Where one HTTP connection stands: which time limit runs and what its end means. No I/O.
///
/// A connection reads a head (under the header limit), answers it (under the write limit), then rests (under the idle
/// limit) or closes (under the linger limit). Answers are written as soon as a request is complete; a pipelined request
/// that arrives while the last answer is still stuck in the socket ends the connection, which bounds what a slow reader
/// can make us keep.
struct ConnectionStateMachine: ~Copyable {
    enum Phase { case readingHead, idle, answering, closing }

    /// A time limit to run instead of the present one.
    enum Limit { case header, idle, write, linger }

    enum CloseReason: String, CaseIterable {
        case headerTime = "header_time"
        case idleTime = "idle_time"
        case writeTime = "write_time"
        case connectionLimit = "connection_limit"
        case malformed
        case headerOverflow = "header_overflow"
        case body
        case slowPipelining = "slow_pipelining"
    }

    enum RequestAction { case answer, ignore, close(CloseReason) }
    enum WrittenAction { case start(Limit), halfClose }

    /// A new connection has to send a request: the header limit runs from the start.
    private(set) var phase = Phase.readingHead

    /// Bytes came. Nil: what runs goes on; further bytes of a head never extend its limit.
    mutating func receivedBytes() -> Limit? {
        guard phase == .idle else { return nil }
        phase = .readingHead
        return .header
    }

    /// A request is complete, or one was refused.
    mutating func receivedRequest() -> RequestAction {
        switch phase {
        case .readingHead, .idle:
            phase = .answering
            return .answer
        case .answering:
            phase = .closing
            return .close(.slowPipelining)
        case .closing:
            return .ignore
        }
    }

    /// The answer is in the kernel's hands.
    mutating func wroteAnswer(keepAlive: Bool) -> WrittenAction {
        precondition(phase == .answering || phase == .closing, "an answer without a request")
        guard keepAlive, phase == .answering else {
            phase = .closing
            return .halfClose
        }
        phase = .idle
        return .start(.idle)
    }

    /// The running limit is over. Nil: the end of a lingering close, which is nobody's fault.
    mutating func timeOver() -> CloseReason? {
        defer { phase = .closing }
        switch phase {
        case .readingHead: return .headerTime
        case .idle: return .idleTime
        case .answering: return .writeTime
        case .closing: return nil
        }
    }
}
