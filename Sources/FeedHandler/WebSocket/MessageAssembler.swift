/// Puts the fragments of a message together (RFC 6455, section 5.4). Does no I/O.
///
/// Whole messages, nearly all of them, pass through without a copy; only fragments are kept, in memory that grows up to the
/// message limit and stays for the next. Control frames between fragments are not its business. Owned by one thread.
package struct MessageAssembler: ~Copyable {
    /// What a data frame led to.
    package enum Result {
        /// The frame is a whole message: take its payload.
        case whole
        /// A fragment was kept; the message goes on.
        case pending
        /// The last fragment was kept: call `takeAssembled`, and `giveBack` when done.
        case assembled
        case violation(WebSocketViolation)
    }

    private let mostMessageBytes: Int
    private var isInMessage = false
    private var assembled: [UInt8] = []

    /// Creates one without a message begun.
    package init(mostMessageBytes: Int) { self.mostMessageBytes = mostMessageBytes }

    /// Takes a data frame. The feed carries text, so binary is refused.
    @inline(__always)
    package mutating func take(_ frame: WebSocketFrame) -> Result {
        if frame.opcode == .text && frame.isFinal && !isInMessage { return .whole }
        return keep(frame)
    }

    private mutating func keep(_ frame: WebSocketFrame) -> Result {
        switch frame.opcode {
        case .binary: return .violation(isInMessage ? .interruptedMessage : .binaryMessage)
        case .text where isInMessage: return .violation(.interruptedMessage)
        case .continuation where !isInMessage: return .violation(.unexpectedContinuation)
        default: break
        }
        guard unsafe frame.payload.count <= mostMessageBytes - assembled.count else {
            return .violation(.oversizedMessage)
        }
        unsafe assembled.append(contentsOf: frame.payload)
        isInMessage = !frame.isFinal
        return frame.isFinal ? .assembled : .pending
    }

    /// Moves the whole message out.
    package mutating func takeAssembled() -> [UInt8] {
        defer { assembled = [] }
        return assembled
    }

    /// Returns a message's memory for the next.
    package mutating func giveBack(_ message: consuming [UInt8]) {
        assembled = message
        assembled.removeAll(keepingCapacity: true)
    }

    /// Forgets the message and keeps the memory.
    package mutating func reset() {
        assembled.removeAll(keepingCapacity: true)
        isInMessage = false
    }
}
