import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket
import Synchronization

/// What a test client has received so far.
struct Received: Sendable {
    /// Whole text messages, in order.
    var messages: [[UInt8]] = []
    /// Data frames, fragments counted one by one.
    var frames = 0
    var pings: [String] = []
    var pongs: [String] = []
    var closeCode: Int?
    var isClosed = false
    /// The transport's error, such as a reset.
    var error: String?

    var texts: [String] { messages.map { String(decoding: $0, as: UTF8.self) } }
}

/// The part of a client that its handlers write and the test reads.
final class Inbox: Sendable {
    private let received = Mutex(Received())
    var state: Received { received.withLock { $0 } }
    var messageCount: Int { received.withLock { $0.messages.count } }
    func update(_ change: (inout Received) -> Void) { received.withLock { change(&$0) } }
}

/// A websocket client over NIO's client upgrader and frame decoder: an oracle independent of the simulator's framing.
final class WebSocketTestClient: Sendable {
    private static let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    struct Refused: Error {
        var status: UInt
    }

    private let inbox = Inbox()
    private let channel: any Channel

    /// Connects and upgrades.
    ///
    /// - Throws: `Refused` with the HTTP status where the server does not upgrade.
    init(port: Int, path: String, answersPings: Bool = true) async throws {
        let upgraded = Self.group.next().makePromise(of: Void.self)
        channel = try await ClientBootstrap(group: Self.group)
            .channelInitializer { [inbox] channel in
                channel.eventLoop.makeCompletedFuture {
                    let upgrader = NIOWebSocketClientUpgrader(maxFrameSize: 1 << 20) { channel, _ in
                        channel.eventLoop.makeCompletedFuture {
                            let collector = FrameCollector(inbox: inbox, answersPings: answersPings)
                            try channel.pipeline.syncOperations.addHandler(collector)
                        }
                    }
                    let sender = RequestSender(path: path, upgraded: upgraded)
                    let bound = NIOLoopBound(sender, eventLoop: channel.eventLoop)
                    try channel.pipeline.syncOperations.addHTTPClientHandlers(
                        leftOverBytesStrategy: .forwardBytes,
                        withClientUpgrade: (
                            upgraders: [upgrader],
                            completionHandler: { context in
                                context.pipeline.syncOperations.removeHandler(bound.value, promise: nil)
                                upgraded.succeed()
                            }
                        ))
                    try channel.pipeline.syncOperations.addHandler(sender)
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        try await upgraded.futureResult.get()
    }

    var state: Received { inbox.state }
    var messageCount: Int { inbox.messageCount }

    func send(_ text: String) async throws { try await send(.text, ByteBuffer(string: text)) }

    func send(_ opcode: WebSocketOpcode, _ data: ByteBuffer, fin: Bool = true, masked: Bool = true) async throws {
        let key: WebSocketMaskingKey? = masked ? .random() : nil
        try await channel.writeAndFlush(WebSocketFrame(fin: fin, opcode: opcode, maskKey: key, data: data))
    }

    /// Whether the client reads from its socket.
    func setReading(_ value: Bool) async throws { try await channel.setOption(.autoRead, value: value).get() }

    /// Closes the TCP connection without a close frame; one that is closed already is fine.
    func disconnect() async { try? await channel.close() }
}

private final class RequestSender: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private let path: String
    private let upgraded: EventLoopPromise<Void>

    init(path: String, upgraded: EventLoopPromise<Void>) {
        self.path = path
        self.upgraded = upgraded
    }

    func channelActive(context: ChannelHandlerContext) {
        let headers = HTTPHeaders([("Host", "127.0.0.1"), ("Content-Length", "0")])
        let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: path, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .head(let head) = unwrapInboundIn(data) {
            upgraded.fail(WebSocketTestClient.Refused(status: head.status.code))
        }
    }

    func channelInactive(context: ChannelHandlerContext) { upgraded.fail(ChannelError.eof) }
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        upgraded.fail(error)
        context.close(promise: nil)
    }
}

private final class FrameCollector: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    private let inbox: Inbox
    private let answersPings: Bool
    private var message: [UInt8] = []

    init(inbox: Inbox, answersPings: Bool) {
        self.inbox = inbox
        self.answersPings = answersPings
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        var data = frame.unmaskedData
        switch frame.opcode {
        case .text, .continuation:
            message.append(contentsOf: data.readableBytesView)
            inbox.update {
                $0.frames += 1
                if frame.fin { $0.messages.append(message) }
            }
            if frame.fin { message = [] }
        case .ping:
            inbox.update { $0.pings.append(String(buffer: data)) }
            if answersPings { reply(.pong, data, context) }
        case .pong: inbox.update { $0.pongs.append(String(buffer: data)) }
        case .connectionClose:
            let code = data.readInteger(as: UInt16.self).map(Int.init)
            inbox.update { $0.closeCode = code ?? 1005 }
            reply(.connectionClose, frame.unmaskedData, context)
        default: break
        }
    }

    func channelInactive(context: ChannelHandlerContext) { inbox.update { $0.isClosed = true } }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        inbox.update { $0.error = "\(error)" }
        context.close(promise: nil)
    }

    private func reply(_ opcode: WebSocketOpcode, _ data: ByteBuffer, _ context: ChannelHandlerContext) {
        let frame = WebSocketFrame(fin: true, opcode: opcode, maskKey: .random(), data: data)
        context.writeAndFlush(wrapOutboundOut(frame), promise: nil)
    }
}
