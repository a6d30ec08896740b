internal import Digests
package import TradingModel
package import Transport

/// The client's side of one websocket connection after another (RFC 6455): bytes in, messages and control frames out, and
/// the bytes we answer with. Does no I/O and has no clock.
///
/// The owner writes what it reads into `writableTail`, says so with `didReceive`, and takes events by `next` until there is
/// none; whole unfragmented messages are handed out where they lie. Pings are answered by themselves, into `outgoing`, which
/// the owner flushes. After a violation (section 7.1.7) and after the peer's close frame (section 5.5.1) whatever else comes
/// is discarded unread. All memory is taken at creation. Owned by one thread.
@safe package struct WebSocketSession: ~Copyable {
    /// What came.
    @safe package enum Event {
        /// Nothing whole is left; read more.
        case none
        /// A message; its bytes are valid until the next call.
        case message(UnsafeRawBufferPointer, isText: Bool)
        /// A ping; its pong is queued, or was given up because the queue is full of unsent bytes.
        case ping(isAnswered: Bool)
        /// A pong.
        case pong
        /// The peer's close frame; echo its code unless we have sent ours.
        case close(CloseStatus)
        /// The peer broke the protocol or a limit: close with the violation's code.
        case violation(WebSocketViolation)
    }

    /// Most bytes asked for in one read: bounds how long the first tick of a burst waits for the last one's decoding.
    package static let readBytes = 64 * 1_024
    /// Room for four subscribe requests of the longest names, or for some 500 of the largest pongs.
    package static let controlQueueBytes = 64 * 1_024
    /// 2 bytes, up to 8 of length, and 4 of mask, which a server must not send.
    private static let mostHeaderBytes = 14

    /// Our bytes on their way to the socket.
    package var outgoing: SendQueue
    private let mostMessageBytes: Int
    private var buffer: ReceiveBuffer
    private var assembler: MessageAssembler
    private var handshake: Handshake?
    /// Bytes of the frame handed out last, to be consumed before the next one.
    private var handedOutBytes = 0
    private var holdsAssembled = false
    private var isOver = false

    /// Takes its memory; pages never written cost nothing.
    ///
    /// - Parameters:
    ///   - mostMessageBytes: a longer message is a violation (1009), seen in the frame's header before memory is used.
    ///   - acceptsBinary: whether binary messages are taken; else they are a violation (1003).
    ///   - outgoingBytes: bound of what waits for the socket.
    package init(
        mostMessageBytes: Int, acceptsBinary: Bool = false, outgoingBytes: Int = WebSocketSession.controlQueueBytes
    ) {
        self.mostMessageBytes = mostMessageBytes
        outgoing = SendQueue(capacityBytes: outgoingBytes)
        // The longest message with its header stays whole in the buffer, and a full read fits behind it.
        buffer = ReceiveBuffer(capacityBytes: mostMessageBytes + Self.mostHeaderBytes + Self.readBytes)
        assembler = MessageAssembler(mostMessageBytes: mostMessageBytes, acceptsBinary: acceptsBinary)
    }

    /// Forgets the last connection and queues the upgrade request for a new one; false where it does not fit the queue.
    package mutating func begin(host: String, target: String) -> Bool {
        beginMidway()
        let handshake = Handshake(host: host, target: target, key: SecureRandom.bytes())
        self.handshake = handshake
        return outgoing.append(handshake.request)
    }

    /// Where the next read may write: `readBytes` of room.
    @inline(__always)
    package mutating func writableTail() -> UnsafeMutableRawBufferPointer {
        buffer.makeRoom(for: Self.readBytes)
        return unsafe UnsafeMutableRawBufferPointer(rebasing: buffer.writableTail.prefix(Self.readBytes))
    }

    /// Forgets the last connection and goes on behind the handshake of another, whose frames come next: for a replay.
    package mutating func beginMidway() {
        buffer.removeAll()
        outgoing.removeAll()
        assembler.reset()
        (handedOutBytes, holdsAssembled, isOver) = (0, false, false)
        handshake = nil
    }

    /// Goes on in someone else's memory, such as a journal segment's, and returns how many bytes of an unfinished frame are
    /// now at its start.
    package mutating func move(to region: UnsafeMutableRawBufferPointer) -> Int {
        unsafe buffer.move(to: region)
        return unsafe buffer.readable.count
    }

    /// Bytes received and not consumed.
    @inline(__always)
    package var unreadBytes: Int { unsafe buffer.readable.count }

    /// Whether no fragmented message is under way.
    @inline(__always)
    package var isBetweenMessages: Bool { assembler.isBetweenMessages }

    /// Declares that `count` bytes were written to the tail.
    @inline(__always)
    package mutating func didReceive(_ count: Int) {
        buffer.didReceive(count)
        if isOver { buffer.removeAll() }
    }

    /// Looks for the server's whole answer to the upgrade; true once the websocket is open. What follows it in the buffer are
    /// frames.
    ///
    /// - Throws: why the answer is refused.
    package mutating func completeHandshake(wallClock: UnixNanos) throws(HandshakeError) -> Bool {
        guard let handshake else { preconditionFailure("an answer without a request") }
        guard let headerBytes = try unsafe handshake.parseResponse(buffer.readable, wallClock: wallClock) else {
            return false
        }
        buffer.consume(headerBytes)
        self.handshake = nil
        return true
    }

    /// One read of the socket; what came is there for `next`.
    @inline(__always)
    package mutating func receive(
        from connection: borrowing TransportConnection
    ) throws(TransportError) -> ReceiveResult {
        let result = try unsafe connection.receive(into: writableTail())
        if case .bytes(let count) = result { didReceive(count) }
        return result
    }

    // hot path: HotPathTests, probe `feed`
    /// The next event of what was received. O(bytes of the frame) for text, by its check; else the header only.
    @inline(__always)
    package mutating func next() -> Event {
        release()
        while true {
            let parsed = unsafe WebSocketFrame.parse(buffer.readable, mostPayloadBytes: mostMessageBytes)
            guard case .frame(let frame) = parsed else { return unfinished(parsed) }
            guard frame.opcode.rawValue < WebSocketOpcode.close.rawValue else { return takeControl(frame) }
            switch assembler.take(frame) {
            case .whole(let isText):
                handedOutBytes = frame.frameBytes
                return unsafe .message(frame.payload, isText: isText)
            case .pending: buffer.consume(frame.frameBytes)
            case .assembled(let isText):
                handedOutBytes = frame.frameBytes
                holdsAssembled = true
                return unsafe .message(assembler.assembled, isText: isText)
            case .violation(let violation): return fail(violation)
            }
        }
    }

    /// Queues a close frame; an empty one without a code. False where the queue is full of unsent bytes.
    package mutating func sendClose(_ code: UInt16?) -> Bool {
        var bytes: InlineArray<2, UInt8> = [UInt8((code ?? 0) >> 8), UInt8((code ?? 0) & 0xFF)]
        return unsafe withUnsafeBytes(of: &bytes) { payload in
            unsafe outgoing.append(
                .close, payload: UnsafeRawBufferPointer(rebasing: payload.prefix(code == nil ? 0 : 2)))
        }
    }

    /// Queues a text message. False where the queue is full of unsent bytes.
    package mutating func sendText(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { unsafe outgoing.append(.text, payload: UnsafeRawBufferPointer($0)) }
    }

    /// Queues an empty ping. False where the queue is full of unsent bytes.
    package mutating func sendPing() -> Bool {
        unsafe outgoing.append(.ping, payload: UnsafeRawBufferPointer(start: nil, count: 0))
    }

    /// Gives up what the last event was made of.
    @inline(__always)
    private mutating func release() {
        guard handedOutBytes > 0 else { return }
        buffer.consume(handedOutBytes)
        handedOutBytes = 0
        guard holdsAssembled else { return }
        assembler.reset()
        holdsAssembled = false
    }

    @inline(never)
    private mutating func unfinished(_ parsed: WebSocketFrame.ParseResult) -> Event {
        switch parsed {
        case .needMore(_, let part):
            guard let part, part.opcode.rawValue < WebSocketOpcode.close.rawValue else { return .none }
            guard case .violation(let violation) = assembler.look(at: part) else { return .none }
            return fail(violation)
        case .violation(let violation): return fail(violation)
        case .frame: preconditionFailure("a whole frame is not unfinished")
        }
    }

    private mutating func takeControl(_ frame: WebSocketFrame) -> Event {
        handedOutBytes = frame.frameBytes
        switch frame.opcode {
        case .ping: return unsafe .ping(isAnswered: outgoing.append(.pong, payload: frame.payload))
        case .close:
            do throws(WebSocketViolation) {
                let status = try unsafe CloseStatus(payload: frame.payload)
                end()
                return .close(status)
            } catch {
                return fail(error)
            }
        default: return .pong
        }
    }

    private mutating func fail(_ violation: WebSocketViolation) -> Event {
        end()
        return .violation(violation)
    }

    /// Nothing more is read of this connection.
    private mutating func end() {
        isOver = true
        handedOutBytes = 0
        buffer.removeAll()
    }
}
