internal import NIOCore
internal import NIOHTTP1
internal import NIOWebSocket

/// Upgrades requests to websocket as NIO does, unless a fault asks for a bad handshake.
final class WebSocketUpgrade: HTTPServerProtocolUpgrader {
    private struct Refused: Error {}

    /// Four times what a client should accept.
    private static let hugeHeaderBytes = 64 << 10
    /// A well-formed accept value that answers no key in use. [RFC 6455, 1.3: the example]
    private static let wrongAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

    var supportedProtocol: String { upgrader.supportedProtocol }
    var requiredUpgradeHeaders: [String] { upgrader.requiredUpgradeHeaders }

    private let upgrader: NIOWebSocketServerUpgrader
    private let gate: HTTPGate
    private let core: SimulatorCore

    /// Makes a new channel speak HTTP until its upgrade.
    static func configure(_ channel: any Channel, core: SimulatorCore) throws {
        let gate = HTTPGate(core: core)
        let boundGate = NIOLoopBound(gate, eventLoop: channel.eventLoop)
        try channel.pipeline.syncOperations.configureHTTPServerPipeline(
            withPipeliningAssistance: false,
            withServerUpgrade: (
                upgraders: [WebSocketUpgrade(gate: gate, core: core)],
                completionHandler: { context in
                    context.pipeline.syncOperations.removeHandler(boundGate.value, promise: nil)
                }
            ))
        try channel.pipeline.syncOperations.addHandler(gate)
    }

    private init(gate: HTTPGate, core: SimulatorCore) {
        self.gate = gate
        self.core = core
        upgrader = NIOWebSocketServerUpgrader(
            maxFrameSize: SimulatorConnection.maximumRequestBytes,
            shouldUpgrade: { channel, head in
                let isWelcome = StreamAddress(uri: head.uri) != nil && core.admits()
                return channel.eventLoop.makeSucceededFuture(isWelcome ? HTTPHeaders() : nil)
            },
            upgradePipelineHandler: { channel, head in
                channel.eventLoop.makeCompletedFuture {
                    guard let address = StreamAddress(uri: head.uri) else { return channel.close(promise: nil) }
                    let writer = DataFrameWriter()
                    try channel.pipeline.syncOperations.addHandler(writer, position: .first)
                    try channel.pipeline.syncOperations.addHandler(core.makeConnection(address, writer: writer))
                }
            })
    }

    func buildUpgradeResponse(
        channel: any Channel, upgradeRequest: HTTPRequestHead, initialResponseHeaders: HTTPHeaders
    ) -> EventLoopFuture<HTTPHeaders> {
        let response = upgrader.buildUpgradeResponse(
            channel: channel, upgradeRequest: upgradeRequest, initialResponseHeaders: initialResponseHeaders)
        guard let fault = core.nextHandshakeFault() else { return response }
        switch fault {
        case .stalled:
            // Until the client gives up, or the gate does.
            return channel.closeFuture.flatMapThrowing { throw Refused() }
        case .wrongAccept:
            return response.map { headers in
                var headers = headers
                headers.replaceOrAdd(name: "Sec-WebSocket-Accept", value: Self.wrongAccept)
                return headers
            }
        case .hugeHeaders:
            return response.map { headers in
                var headers = headers
                for number in 0..<64 {
                    headers.add(
                        name: "X-Filler-\(number)", value: String(repeating: "x", count: Self.hugeHeaderBytes / 64))
                }
                return headers
            }
        case .redirect, .tooManyRequests:
            gate.refusal = fault
            return channel.eventLoop.makeFailedFuture(Refused())
        }
    }

    func upgrade(context: ChannelHandlerContext, upgradeRequest: HTTPRequestHead) -> EventLoopFuture<Void> {
        upgrader.upgrade(context: context, upgradeRequest: upgradeRequest)
    }
}
