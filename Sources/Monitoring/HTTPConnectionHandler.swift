import NIOCore
import NIOHTTP1
import Telemetry

/// Answers the requests of one connection, on the server's event loop only.
///
/// It stands behind NIO's request decoder and answers synchronously, so requests and answers stay in step.
final class HTTPConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let role: HealthRole
    private let shared: ConnectionTable
    private var machine = ConnectionStateMachine()
    private var request: HTTPRequestHead?
    private var timer: Scheduled<Void>?
    private var context: ChannelHandlerContext?
    /// When it was opened, sent a whole request or took a whole answer, whichever was last; for choosing which connection
    /// gives way.
    private(set) var lastProgress = NIODeadline.now()

    init(role: HealthRole, shared: ConnectionTable) {
        self.role = role
        self.shared = shared
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        start(.header)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
        self.context = nil
    }

    /// Bytes came off the socket; false where they are to be thrown away, as the connection is closing.
    func receivedBytes() -> Bool {
        if let limit = machine.receivedBytes() { start(limit) }
        return machine.phase != .closing
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            if let refusal = refusal(of: head) {
                guard beginAnswer() else { return }
                answer(refusal.answer, keepAlive: false, isHead: head.method == .HEAD, reason: refusal.reason)
            } else {
                request = head
            }
        case .body: break  // only after a refused head: thrown away
        case .end:
            guard let head = request else { return }
            request = nil
            // Asked before the answer is made: a pile of requests must not cost us an answer each.
            guard beginAnswer() else { return }
            let result = shared.routes.answer(
                head.method, head.uri, authorization: head.headers["authorization"], role: role,
                metrics: shared.metricsPage)
            answer(
                result, keepAlive: head.isKeepAlive && !endsDecoding(head), isHead: head.method == .HEAD, path: head.uri
            )
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? HTTPParserError, error != .invalidEOFState else {
            close(nil)  // the peer reset the connection, or it ended inside a request, by the peer or by us
            return
        }
        guard beginAnswer() else { return }
        if error == .headerOverflow {
            answer(
                .text(.requestHeaderFieldsTooLarge, "the request's headers are too large or too many"),
                keepAlive: false, reason: .headerOverflow)
        } else {
            answer(.text(.badRequest, "not a valid HTTP/1.1 request"), keepAlive: false, reason: .malformed)
        }
    }

    /// Closes at once, counting the reason.
    func close(_ reason: ConnectionStateMachine.CloseReason?) {
        if let reason { shared.count(closed: reason) }
        timer?.cancel()
        context?.close(promise: nil)
    }

    // MARK: - Requests and answers

    /// RFC 9112: section 3.2 (exactly one Host), section 6 (bodies; a monitoring request has none).
    private func refusal(
        of head: HTTPRequestHead
    ) -> (answer: MonitoringRoutes.Answer, reason: ConnectionStateMachine.CloseReason)? {
        if head.version != .http1_1 && head.version != .http1_0 {
            return (.text(.httpVersionNotSupported, "only HTTP/1.1 and HTTP/1.0"), .malformed)
        }
        let hosts = head.headers[canonicalForm: "host"].count
        if hosts > 1 || (hosts == 0 && head.version == .http1_1) {
            return (.text(.badRequest, "a request names its host once"), .malformed)
        }
        if head.headers.contains(name: "transfer-encoding")
            || head.headers["content-length"].contains(where: { $0 != "0" })
        {
            return (.text(.payloadTooLarge, "a request here has no body"), .body)
        }
        return nil
    }

    /// Whether the decoder takes what follows for another protocol (RFC 9110, sections 7.8 and 9.3.6) and would keep it
    /// without a bound. Such a request is answered as if it had not asked (section 7.8 allows that), and the connection ends.
    private func endsDecoding(_ head: HTTPRequestHead) -> Bool {
        head.method == .CONNECT || head.headers.contains(name: "upgrade")
    }

    /// Whether an answer may be written now; ends the connection where the last one is still on its way.
    private func beginAnswer() -> Bool {
        switch machine.receivedRequest() {
        case .answer:
            lastProgress = .now()
            return true
        case .ignore: return false
        case .close(let reason):
            close(reason)
            return false
        }
    }

    private func answer(
        _ answer: MonitoringRoutes.Answer, keepAlive: Bool, isHead: Bool = false, path: String? = nil,
        reason: ConnectionStateMachine.CloseReason? = nil
    ) {
        guard let context else { return }
        if let reason { shared.count(closed: reason) }
        shared.count(path: path, status: answer.status)
        start(.write)
        context.write(wrapOutboundOut(.head(head(of: answer, keepAlive: keepAlive))), promise: nil)
        if !isHead && !answer.body.isEmpty {
            let body = context.channel.allocator.buffer(string: answer.body)
            context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        }
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenSuccess { self.wroteAnswer(keepAlive: keepAlive) }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: written)
    }

    private func head(of answer: MonitoringRoutes.Answer, keepAlive: Bool) -> HTTPResponseHead {
        var headers = HTTPHeaders()
        if let contentType = answer.contentType { headers.add(name: "Content-Type", value: contentType) }
        headers.add(name: "Content-Length", value: "\(answer.body.utf8.count)")
        headers.add(name: "Connection", value: keepAlive ? "keep-alive" : "close")
        headers.add(name: "Cache-Control", value: "no-store")
        headers.add(name: "X-Content-Type-Options", value: "nosniff")
        headers.add(name: "X-Frame-Options", value: "DENY")
        headers.add(name: "Content-Security-Policy", value: "default-src 'none'; frame-ancestors 'none'")
        if let allow = answer.allow { headers.add(name: "Allow", value: allow) }
        if let challenge = answer.challenge { headers.add(name: "WWW-Authenticate", value: challenge) }
        return HTTPResponseHead(version: .http1_1, status: answer.status, headers: headers)
    }

    private func wroteAnswer(keepAlive: Bool) {
        switch machine.wroteAnswer(keepAlive: keepAlive) {
        case .start(let limit):
            lastProgress = .now()
            start(limit)
        case .halfClose:
            // Closing with unread bytes would reset the connection and could take the answer away from the client, so
            // only our side ends now; the client's end, or the linger limit, ends the rest.
            start(.linger)
            context?.close(mode: .output, promise: nil)
        }
    }

    // MARK: - Time limits

    private func start(_ limit: ConnectionStateMachine.Limit) {
        timer?.cancel()
        guard let context else { return }
        let time =
            switch limit {
            case .header: shared.limits.headerTime
            case .idle: shared.limits.idleTime
            case .write: shared.limits.writeTime
            case .linger: shared.limits.lingerTime
            }
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: time) { self.close(self.machine.timeOver()) }
    }
}

/// Stands in front of the decoder: tells the connection that bytes came and throws them away once it is closing.
final class IncomingBytesHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let connection: HTTPConnectionHandler

    init(connection: HTTPConnectionHandler) { self.connection = connection }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if connection.receivedBytes() { context.fireChannelRead(data) }
    }
}
