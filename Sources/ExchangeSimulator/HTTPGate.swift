internal import NIOCore
internal import NIOHTTP1

/// Answers what is not a websocket upgrade of a known path, takes faults, and closes connections that send no request in
/// time.
final class HTTPGate: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private struct Answer {
        var status: HTTPResponseStatus
        var text: String
        var contentType = "text/plain"
        var headers: [(String, String)] = []
        /// Whether the connection ends in the middle of the body.
        var isCut = false
    }

    /// How long a client has for its request.
    static let requestTimeout = TimeAmount.seconds(10)
    /// Where faults are posted to, one a line.
    static let faultsPath = "/faults"
    /// Bytes of a posted body.
    static let maximumBodyBytes = 64 << 10

    /// Set where an upgrade is refused on purpose, before the request comes here.
    var refusal: HandshakeFault?

    private let core: SimulatorCore
    private var timer: Scheduled<Void>?
    private var head: HTTPRequestHead?
    private var body = ByteBuffer()
    private var bodyIsTooLarge = false

    init(core: SimulatorCore) { self.core = core }

    func handlerAdded(context: ChannelHandlerContext) {
        limit(context, to: Self.requestTimeout)
    }

    private func limit(_ context: ChannelHandlerContext, to time: TimeAmount) {
        let channel = context.channel
        timer?.cancel()
        timer = context.eventLoop.scheduleTask(in: time) { channel.close(promise: nil) }
    }

    func handlerRemoved(context: ChannelHandlerContext) { timer?.cancel() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = head
        case .body(var part):
            bodyIsTooLarge = bodyIsTooLarge || body.readableBytes + part.readableBytes > Self.maximumBodyBytes
            if !bodyIsTooLarge { body.writeBuffer(&part) }
        case .end: if let head { respond(to: head, context: context) }
        }
    }

    private func respond(to request: HTTPRequestHead, context: ChannelHandlerContext) {
        guard request.method == .GET, refusal == nil, let endpoint = RESTEndpoint(uri: request.uri) else {
            return send(answer(to: request), context: context)
        }
        let answer = core.answer(endpoint, uri: request.uri)
        guard case .delayed(let time) = answer.fault else {
            return send(answer, to: request.uri, context: context)
        }
        let delay = TimeAmount.nanoseconds(time.wholeNanos)
        // The client has as long for its part as without the delay.
        limit(context, to: delay + Self.requestTimeout)
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: delay) {
            let (gate, context) = bound.value
            if context.channel.isActive { gate.send(answer, to: request.uri, context: context) }
        }
    }

    private func send(_ answer: RESTAnswer, to uri: String, context: ChannelHandlerContext) {
        core.answered(uri, answer)
        send(
            Answer(
                status: HTTPResponseStatus(statusCode: answer.status), text: answer.body,
                contentType: answer.contentType, headers: answer.headers, isCut: answer.fault == .cut),
            context: context)
    }

    private func answer(to request: HTTPRequestHead) -> Answer {
        switch refusal {
        case .redirect:
            return Answer(
                status: .movedPermanently, text: "moved\n", headers: [("Location", "ws://127.0.0.1:1\(request.uri)")])
        case .tooManyRequests(let seconds):
            return Answer(
                status: .tooManyRequests, text: "too many requests\n",
                headers: seconds.map { [("Retry-After", "\($0)")] } ?? [])
        default: break
        }
        if request.method == .POST, request.uri == Self.faultsPath { return takeFaults() }
        if StreamAddress(uri: request.uri) == nil {
            return Answer(
                status: .notFound,
                text: "no such path: use /ws/<stream>, /stream?streams=<a>/<b>, POST /faults,"
                    + " GET /api/v3/historicalTrades, /api/v3/aggTrades or /fapi/v1/aggTrades\n")
        }
        if request.headers.contains(name: "Upgrade") {
            return Answer(
                status: .serviceUnavailable, text: "no websocket connection: too many of them, or a bad handshake\n")
        }
        return Answer(
            status: .upgradeRequired, text: "this path speaks websocket\n", headers: [("Upgrade", "websocket")])
    }

    /// All lines are read before the first is acted on.
    private func takeFaults() -> Answer {
        guard !bodyIsTooLarge else {
            return Answer(
                status: .payloadTooLarge, text: "at most \(Self.maximumBodyBytes) bytes of faults at a time\n")
        }
        let lines = String(buffer: body).split(whereSeparator: \.isNewline)
        do throws(SimulatorError) {
            var rules: [FaultRule] = []
            for line in lines { rules.append(try FaultRule(parsing: String(line))) }
            try core.inject(rules)
            return Answer(status: .ok, text: "\(rules.count) accepted\n")
        } catch {
            return Answer(status: .badRequest, text: "\(error)\n")
        }
    }

    private func send(_ answer: Answer, context: ChannelHandlerContext) {
        var headers = HTTPHeaders([
            ("Content-Type", answer.contentType), ("Content-Length", "\(answer.text.utf8.count)"),
            ("Connection", "close"),
        ])
        headers.add(contentsOf: answer.headers)
        let response = HTTPResponseHead(version: .http1_1, status: answer.status, headers: headers)
        context.write(wrapOutboundOut(.head(response)), promise: nil)
        let channel = context.channel
        if answer.isCut {
            let half = ByteBuffer(bytes: answer.text.utf8.prefix(answer.text.utf8.count / 2))
            return context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(half))))
                .whenComplete { _ in channel.close(promise: nil) }
        }
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: answer.text)))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in channel.close(promise: nil) }
    }
}
