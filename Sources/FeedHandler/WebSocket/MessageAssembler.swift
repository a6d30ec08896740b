/// Puts the fragments of a message together (RFC 6455, section 5.4). Does no I/O.
///
/// Whole messages, nearly all of them, pass through without a copy; only fragments are kept, in memory of the message limit's
/// size, of which pages never written cost nothing. Nothing is allocated after `init`. Control frames between fragments are not its business. Owned by one thread.
package struct MessageAssembler: ~Copyable {
    /// What a data frame led to.
    package enum Result {
        /// The frame is a whole message: take its payload.
        case whole
        /// A fragment was kept; the message goes on.
        case pending
        /// The last fragment was kept: the message is `assembled`; call `reset` when done with it.
        case assembled
        case violation(WebSocketViolation)
    }

    private var isInMessage = false
    private var memory: ReceiveBuffer

    /// Creates one without a message begun.
    package init(mostMessageBytes: Int) { memory = ReceiveBuffer(capacityBytes: mostMessageBytes) }

    /// What was put together so far; valid until the next fragment or `reset`.
    package var assembled: UnsafeRawBufferPointer { unsafe memory.readable }

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
        let tail = unsafe memory.writableTail
        guard unsafe frame.payload.count <= tail.count else { return .violation(.oversizedMessage) }
        unsafe tail.copyMemory(from: frame.payload)
        unsafe memory.didReceive(frame.payload.count)
        isInMessage = !frame.isFinal
        return frame.isFinal ? .assembled : .pending
    }

    /// Forgets the message and keeps the memory.
    package mutating func reset() {
        memory.removeAll()
        isInMessage = false
    }
}
