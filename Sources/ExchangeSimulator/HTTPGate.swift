internal import NIOCore
internal import NIOHTTP1

/// Answers what is not a websocket upgrade of a known path, and closes connections that send no request in time.
final class HTTPGate: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    /// How long a client has for its upgrade request.
    static let requestTimeout = TimeAmount.seconds(10)

    private var timer: Scheduled<Void>?
    private var head: HTTPRequestHead?

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        timer = context.eventLoop.scheduleTask(in: Self.requestTimeout) { channel.close(promise: nil) }
    }

    func handlerRemoved(context: ChannelHandlerContext) { timer?.cancel() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = head
        case .body: break
        case .end: if let head { answer(head, context: context) }
        }
    }

    private func answer(_ request: HTTPRequestHead, context: ChannelHandlerContext) {
        let status: HTTPResponseStatus
        let text: String
        if StreamAddress(uri: request.uri) == nil {
            (status, text) = (.notFound, "no such path: use /ws/<stream> or /stream?streams=<a>/<b>\n")
        } else if request.headers.contains(name: "Upgrade") {
            (status, text) = (.serviceUnavailable, "no websocket connection: too many of them, or a bad handshake\n")
        } else {
            (status, text) = (.upgradeRequired, "this path speaks websocket\n")
        }
        var headers = HTTPHeaders([
            ("Content-Type", "text/plain"), ("Content-Length", "\(text.utf8.count)"), ("Connection", "close"),
        ])
        if status == .upgradeRequired { headers.add(name: "Upgrade", value: "websocket") }
        let response = HTTPResponseHead(version: .http1_1, status: status, headers: headers)
        context.write(wrapOutboundOut(.head(response)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: text)))), promise: nil)
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in channel.close(promise: nil) }
    }
}
