internal import Foundation
internal import NIOCore
internal import NIOPosix
internal import NIOWebSocket

/// One websocket connection: answers requests and control frames, and sends the messages the core routes to it.
///
/// Data frames are written into `pending` and leave in batches through `DataFrameWriter`, past the frame encoder.
final class SimulatorConnection: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    /// Streams per connection. [Binance Spot, web-socket-streams.md: limits]
    static let maximumStreams = 1_024
    /// Bytes of a request; 1,024 names of 32 bytes fit.
    static let maximumRequestBytes = 64 << 10
    /// A batch leaves when it has this many bytes.
    static let batchBytes = 64 << 10
    /// Room a new batch starts with.
    private static let initialBatchBytes = 4 << 10
    /// How long the client has to answer a close frame.
    private static let closeTimeout = TimeAmount.seconds(5)

    enum State { case open, closing, silent, closed }

    let number: Int
    private(set) var isCombined: Bool
    /// The streams asked for, in order.
    private(set) var subscriptions: [String]
    private(set) var state = State.open
    /// Whether anything waits for `flush()`.
    var hasPending: Bool { pending.readableBytes > 0 }
    /// Whether the socket takes more.
    var isWritable: Bool { context?.channel.isWritable ?? false }

    private let core: SimulatorCore
    private let writer: DataFrameWriter
    private let timeUnit: TimeUnit
    private var context: ChannelHandlerContext?
    private var pending = ByteBuffer()
    private var scratch = ByteBuffer()
    private var messagesSent = 0
    /// When the first regular ping left that no pong has followed.
    private var unansweredSince: NIODeadline?
    /// Whether the pong was overdue at the last ping.
    private var wasOverdue = false
    /// When each unanswered ping left, by its payload; at most `ExchangeFault.maximumCount`.
    private var pingsUnderWay: [String: NIODeadline] = [:]
    private var request = ByteBuffer()
    private var requestIsOpen = false
    private var timers: [RepeatedTask] = []
    private var lifetimeTimer: Scheduled<Void>?

    init(number: Int, address: StreamAddress, core: SimulatorCore, writer: DataFrameWriter) {
        self.number = number
        isCombined = address.isCombined
        subscriptions = address.streams
        self.core = core
        self.writer = writer
        timeUnit = address.timeUnit
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        pending = context.channel.allocator.buffer(capacity: Self.initialBatchBytes)
        let configuration = core.configuration
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        let interval = TimeAmount.nanoseconds(configuration.pingInterval.wholeNanos)
        timers.append(
            context.eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
                bound.value.pingRegularly()
            })
        lifetimeTimer = context.eventLoop.scheduleTask(
            in: .nanoseconds(configuration.connectionLifetime.wholeNanos)
        ) { bound.value.close(code: .goingAway) }
        core.connected(self)
    }

    func handlerRemoved(context: ChannelHandlerContext) { finish() }

    func channelInactive(context: ChannelHandlerContext) {
        finish()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A reset by the client, or a protocol error that NIO has answered with a close frame: either way it is over.
        context.close(promise: nil)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { core.subscribersChanged() }
        context.fireChannelWritabilityChanged()
    }

    private func finish() {
        guard state != .closed else { return }
        state = .closed
        for timer in timers { timer.cancel() }
        timers = []
        lifetimeTimer?.cancel()
        core.disconnected(self)
        context = nil
    }

    // MARK: Data

    /// Puts a message into the batch, spoiled where `treatment` says so. Returns the bytes added.
    func append(
        _ content: any MessageContent, payloadBytes: Int, envelope: [UInt8], treatment: MessageTreatment
    ) -> Int {
        let before = pending.readableBytes
        if case .malformed(let kind) = treatment {
            compose(content, envelope)
            kind.write(scratch, random: &core.faults.random, into: &pending)
        } else if let fragmentBytes = core.faults.shape.fragmentBytes {
            compose(content, envelope)
            WebSocketFraming.writeFragments(of: scratch, maximumBytes: fragmentBytes, into: &pending)
        } else if timeUnit == .microseconds {
            compose(content, envelope)
            WebSocketFraming.writeHeader(.text, payloadBytes: scratch.readableBytes, into: &pending)
            pending.writeImmutableBuffer(scratch)
        } else {
            let bytes = isCombined ? envelope.count + payloadBytes + 1 : payloadBytes
            WebSocketFraming.writeHeader(.text, payloadBytes: bytes, into: &pending)
            write(content, envelope, into: &pending)
        }
        messagesSent += 1
        return pending.readableBytes - before
    }

    /// Makes `scratch` the whole message.
    private func compose(_ content: any MessageContent, _ envelope: [UInt8]) {
        scratch.clear()
        write(content, envelope, into: &scratch)
    }

    private func write(_ content: any MessageContent, _ envelope: [UInt8], into buffer: inout ByteBuffer) {
        guard isCombined else { return content.write(into: &buffer, unit: timeUnit) }
        buffer.writeBytes(envelope)
        content.write(into: &buffer, unit: timeUnit)
        buffer.writeInteger(UInt8(ascii: "}"))
    }

    /// Whether the batch should leave now: it is full, or the connection is to be cut after this message.
    var needsFlush: Bool { pending.readableBytes >= Self.batchBytes || dueCut != nil }
    private var dueCut: ConnectionCut? {
        core.faults.connectionCuts.isEmpty ? nil : core.faults.cut(afterMessages: messagesSent)
    }

    /// Hands the batch to the socket, and cuts the connection where its count of messages says so.
    func flush() {
        guard let context, state == .open, pending.readableBytes > 0 else { return }
        let batch = pending
        pending = context.channel.allocator.buffer(capacity: Self.initialBatchBytes)
        writer.write(batch, maximumBytes: core.faults.shape.writeBytes)
        if let dueCut { core.cut(self, dueCut) }
        guard state == .open, !context.channel.isWritable, core.isTimed else { return }
        // Only options the channel has can be asked for, and a socket has this one.
        let waiting = try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)
        if let waiting, waiting > core.configuration.maximumOutboundBytes { core.dropSlow(self) }
    }

    // MARK: Ends

    /// Sends a close frame and waits for the client's.
    func close(code: WebSocketErrorCode) {
        guard let context, state == .open else { return }
        flush()
        guard state == .open else { return }
        state = .closing
        var data = context.channel.allocator.buffer(capacity: 2)
        data.write(webSocketErrorCode: code)
        send(.connectionClose, data)
        // No message may be counted as sent to a connection that takes none, nor a replay run for it.
        core.reroute()
        let channel = context.channel
        lifetimeTimer?.cancel()
        lifetimeTimer = context.eventLoop.scheduleTask(in: Self.closeTimeout) { channel.close(promise: nil) }
    }

    /// Resets the TCP connection; bytes not yet received by the client are lost.
    func reset() {
        guard let context, state != .closed else { return }
        flushIgnoringCut()
        let channel = context.channel
        // Both run on this loop at once. Where the option is refused the close is an orderly one.
        _ = (channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0))
        channel.close(promise: nil)
    }

    /// Sends nothing any more and keeps the connection open.
    func silence() {
        guard state == .open else { return }
        flushIgnoringCut()
        state = .silent
    }

    private func flushIgnoringCut() {
        guard pending.readableBytes > 0 else { return }
        writer.write(pending, maximumBytes: core.faults.shape.writeBytes)
        pending.clear()
    }

    /// A client is given up where its pong is overdue at two pings in a row: what it has sent is read between them. Else a
    /// standstill of this process, whose timers run before it reads, would be taken for the client's.
    private func pingRegularly() {
        guard state == .open else { return }
        let now = NIODeadline.now()
        let isOverdue =
            unansweredSince.map { now - $0 > .nanoseconds(core.configuration.pongTimeout.wholeNanos) } ?? false
        if isOverdue && wasOverdue { return core.dropUnresponsive(self) }
        wasOverdue = isOverdue
        unansweredSince = unansweredSince ?? now
        ping(1)
    }

    /// Sends so many pings with payloads of their own: the time, as the exchange does, and in a burst a number.
    func ping(_ count: Int) {
        guard let context, state == .open else { return }
        flush()
        guard state == .open else { return }
        if pingsUnderWay.count + count > ExchangeFault.maximumCount { pingsUnderWay = [:] }
        let time = "\(core.wallNanos() / 1_000_000)"
        for number in 0..<count {
            let payload = count == 1 ? time : "\(time)-\(number)"
            pingsUnderWay[payload] = .now()
            let frame = WebSocketFrame(fin: true, opcode: .ping, data: ByteBuffer(string: payload))
            context.write(wrapOutboundOut(frame), promise: nil)
        }
        context.flush()
        core.statistics.pingsSent += count
    }

    private func takePong(_ payload: ByteBuffer) {
        unansweredSince = nil
        guard let sent = pingsUnderWay.removeValue(forKey: String(buffer: payload)) else { return }
        core.statistics.pingsAnswered += 1
        core.statistics.slowestPongNanos = max(core.statistics.slowestPongNanos, (NIODeadline.now() - sent).nanoseconds)
        core.publish()
    }

    /// The exchange's word that it is going away. [Binance Spot, web-socket-streams.md: serverShutdown]
    func announceShutdown() {
        guard state == .open else { return }
        flush()
        guard state == .open else { return }
        let nanos = core.wallNanos()
        let event = "{\"e\":\"serverShutdown\",\"E\":\(timeUnit == .milliseconds ? nanos / 1_000_000 : nanos / 1_000)}"
        let text = isCombined ? "{\"stream\":\"!serverShutdown\",\"data\":\(event)}" : event
        send(.text, ByteBuffer(string: text))
    }

    private func send(_ opcode: WebSocketOpcode, _ data: ByteBuffer) {
        context?.writeAndFlush(wrapOutboundOut(WebSocketFrame(fin: true, opcode: opcode, data: data)), promise: nil)
    }

    // MARK: Frames from the client

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        guard state == .open || state == .closing else { return }
        // Clients must mask [RFC 6455, 5.1]; the decoder has undone it but kept the key.
        guard frame.maskKey != nil else { return close(code: .protocolError) }
        switch frame.opcode {
        case .connectionClose: answerClose(frame)
        case .ping where state == .open && core.faults.shape.answersPings:
            flush()
            send(.pong, frame.unmaskedData)
        case .pong: takePong(frame.unmaskedData)
        case .text where state == .open, .continuation where state == .open: collect(frame)
        case .binary where state == .open: close(code: .dataError1003)
        default: break
        }
    }

    private func answerClose(_ frame: WebSocketFrame) {
        guard let context else { return }
        if state == .open {
            flush()
            guard state == .open else { return }
            state = .closing
            core.reroute()
            var data = frame.unmaskedData
            send(.connectionClose, data.readSlice(length: min(2, data.readableBytes)) ?? ByteBuffer())
        }
        context.close(promise: nil)
    }

    private func collect(_ frame: WebSocketFrame) {
        guard requestIsOpen == (frame.opcode == .continuation) else { return close(code: .protocolError) }
        var data = frame.unmaskedData
        guard request.readableBytes + data.readableBytes <= Self.maximumRequestBytes else {
            return close(code: .messageTooLarge)
        }
        request.writeBuffer(&data)
        requestIsOpen = !frame.fin
        guard frame.fin else { return }
        let bytes = Array(request.readableBytesView)
        request.clear()
        let reply: String
        do throws(StreamRequest.Refusal) {
            let (parsed, identifier) = try StreamRequest.parse(bytes)
            if case .subscribe(let names) = parsed, core.faults.subscriptionFault(for: names) == .refused {
                throw StreamRequest.Refusal(code: 2, message: "Invalid request: no such stream")
            }
            reply = "{\"result\":\(try perform(parsed)),\"id\":\(identifier.json)}"
        } catch {
            reply = error.json
        }
        flush()
        guard state == .open else { return }
        send(.text, ByteBuffer(string: reply))
        core.subscribersChanged()
    }

    /// Carries a request out and returns the reply's result as JSON.
    private func perform(_ request: StreamRequest) throws(StreamRequest.Refusal) -> String {
        switch request {
        case .subscribe(let names):
            var wanted = subscriptions
            for name in names where !wanted.contains(name) { wanted.append(name) }
            guard wanted.count <= Self.maximumStreams else {
                throw StreamRequest.Refusal(code: 2, message: "Invalid request: at most 1024 streams per connection")
            }
            subscriptions = wanted
            core.reroute()
            return "null"
        case .unsubscribe(let names):
            subscriptions.removeAll { names.contains($0) }
            core.reroute()
            return "null"
        case .listSubscriptions:
            let quoted = subscriptions.map { "\"\(Self.escaped($0))\"" }
            return "[\(quoted.joined(separator: ","))]"
        case .setCombined(let value):
            isCombined = value
            return "null"
        case .getCombined: return isCombined ? "true" : "false"
        }
    }

    /// Names come from clients: what JSON strings may not hold as it is must not reach the reply.
    static func escaped(_ name: String) -> String {
        name.unicodeScalars.reduce(into: "") { text, scalar in
            switch scalar {
            case "\"", "\\": text += "\\\(scalar)"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
    }
}

extension WebSocketErrorCode {
    /// 1003, data of a type that is not accepted.
    fileprivate static let dataError1003 = WebSocketErrorCode(codeNumber: 1003)
}

/// Writes finished data frames from the head of the pipeline, before the frame encoder.
final class DataFrameWriter: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var context: ChannelHandlerContext?

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    /// Hands `batch` to the socket, in pieces of at most `maximumBytes` each with a flush of its own.
    func write(_ batch: ByteBuffer, maximumBytes: Int?) {
        guard let maximumBytes else {
            context?.writeAndFlush(wrapOutboundOut(batch), promise: nil)
            return
        }
        var rest = batch
        while let piece = rest.readSlice(length: min(maximumBytes, rest.readableBytes)), piece.readableBytes > 0 {
            context?.writeAndFlush(wrapOutboundOut(piece), promise: nil)
        }
    }
}
