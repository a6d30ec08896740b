/// Puts the fragments of a message together (RFC 6455, section 5.4) and checks that text is UTF-8 (section 8.1). Does no
/// I/O.
///
/// Whole messages, nearly all of them, pass through without a copy; only fragments are kept, in memory of the message
/// limit's size, of which pages never written cost nothing. Nothing is allocated after `init`. Control frames between
/// fragments are not its business. Owned by one thread.
package struct MessageAssembler: ~Copyable {
    /// What a data frame led to.
    package enum Result {
        /// The frame is a whole message: take its payload.
        case whole(isText: Bool)
        /// A fragment was kept; the message goes on.
        case pending
        /// The last fragment was kept: the message is `assembled`; call `reset` when done with it.
        case assembled(isText: Bool)
        case violation(WebSocketViolation)
    }

    private let acceptsBinary: Bool
    private var isInMessage = false
    private var isText = false
    private var memory: ReceiveBuffer
    private var check = UTF8Check()
    /// Payload bytes of the frame that is still arriving which were checked already.
    private var checkedBytes = 0

    /// Creates one without a message begun; a feed of text refuses binary messages.
    package init(mostMessageBytes: Int, acceptsBinary: Bool) {
        memory = ReceiveBuffer(capacityBytes: mostMessageBytes)
        self.acceptsBinary = acceptsBinary
    }

    /// Whether no fragmented message is under way.
    @inline(__always)
    package var isBetweenMessages: Bool { !isInMessage }

    /// What was put together so far; valid until the next fragment or `reset`.
    package var assembled: UnsafeRawBufferPointer { unsafe memory.readable }

    /// Takes a whole data frame.
    @inline(__always)
    package mutating func take(_ frame: WebSocketFrame) -> Result {
        if frame.opcode == .text && frame.isFinal && !isInMessage {
            guard unsafe checkRest(of: frame.payload), check.isComplete else { return .violation(.invalidUTF8) }
            check.reset()
            return .whole(isText: true)
        }
        return keep(frame)
    }

    /// Looks at the part of a data frame that has come, so that a message too long is refused by the header that makes it so,
    /// and a text which has gone wrong before its frame is whole.
    package mutating func look(at part: WebSocketFrame.Part) -> Result {
        if let violation = violation(by: part.opcode) { return .violation(violation) }
        guard unsafe part.announcedBytes <= memory.writableTail.count else { return .violation(.oversizedMessage) }
        guard part.opcode == .text || part.opcode == .continuation && isText else { return .pending }
        let payload = unsafe part.payload
        guard unsafe payload.count <= checkedBytes || check.take(.init(rebasing: payload[checkedBytes...])) else {
            return .violation(.invalidUTF8)
        }
        checkedBytes = payload.count
        return .pending
    }

    /// Checks what `look` has not seen of a frame that is whole now.
    @inline(__always)
    private mutating func checkRest(of payload: UnsafeRawBufferPointer) -> Bool {
        let start = checkedBytes
        checkedBytes = 0
        if start == 0 { return unsafe check.take(payload) }
        return unsafe check.take(UnsafeRawBufferPointer(rebasing: payload[start...]))
    }

    private func violation(by opcode: WebSocketOpcode) -> WebSocketViolation? {
        switch opcode {
        case .binary where isInMessage, .text where isInMessage: .interruptedMessage
        case .binary where !acceptsBinary: .binaryMessage
        case .continuation where !isInMessage: .unexpectedContinuation
        default: nil
        }
    }

    private mutating func keep(_ frame: WebSocketFrame) -> Result {
        if let violation = violation(by: frame.opcode) { return .violation(violation) }
        if frame.opcode == .binary && frame.isFinal { return .whole(isText: false) }
        if frame.opcode != .continuation { isText = frame.opcode == .text }
        let tail = unsafe memory.writableTail
        guard unsafe frame.payload.count <= tail.count else { return .violation(.oversizedMessage) }
        if isText {
            guard unsafe checkRest(of: frame.payload), check.isComplete || !frame.isFinal else {
                return .violation(.invalidUTF8)
            }
        }
        unsafe tail.copyMemory(from: frame.payload)
        unsafe memory.didReceive(frame.payload.count)
        isInMessage = !frame.isFinal
        return frame.isFinal ? .assembled(isText: isText) : .pending
    }

    /// Forgets the message and keeps the memory.
    package mutating func reset() {
        memory.removeAll()
        check.reset()
        (isInMessage, checkedBytes) = (false, 0)
    }
}
