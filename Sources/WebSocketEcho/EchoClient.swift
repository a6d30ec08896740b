import FeedHandler
import Glibc
import ThreadExecutor
import TradingModel
import Transport

/// Why a connection of the conformance client could not be used.
enum EchoError: Error, CustomStringConvertible {
    case invalidAddress(String)
    case addressTooLong
    case timedOut(String)

    var description: String {
        switch self {
        case .invalidAddress(let text): "\(text) is no websocket address; give one such as ws://127.0.0.1:9001"
        case .addressTooLong: "the address is too long"
        case .timedOut(let target): "no answer at \(target) in \(EchoClient.mostSilenceMillis / 1_000) s"
        }
    }
}

/// Drives the product's own websocket client as a conformance suite asks: what comes is sent back.
///
/// One connection at a time, on the caller's thread.
struct EchoClient: ~Copyable {
    /// Longest wait for anything from the server.
    static let mostSilenceMillis: UInt64 = 30_000
    /// From our close frame to the server's end of the connection.
    private static let closeMillis: UInt64 = 2_000
    /// Limit of one message: the suite's largest ones.
    private static let mostMessageBytes = 16 << 20
    /// A message echoed, another waiting, and their headers.
    private static let outgoingBytes = 2 * mostMessageBytes + (1 << 20)

    private let url: TransportURL
    private var session: WebSocketSession
    /// Set once our close frame is queued: what still comes is not echoed.
    private var closingSince: MonotonicNanos?

    /// - Parameter address: `ws://host[:port]` or `wss://…`.
    init(address: String) throws(EchoError) {
        let url: TransportURL
        do throws(TransportError) { url = try TransportURL(parsing: address) } catch {
            throw .invalidAddress(address)
        }
        guard ["ws", "wss"].contains(url.scheme) else { throw .invalidAddress(address) }
        self.url = url
        session = WebSocketSession(
            mostMessageBytes: Self.mostMessageBytes, acceptsBinary: true, outgoingBytes: Self.outgoingBytes)
    }

    /// Connects to `target` (path and query), echoes until the connection ends and returns the last text.
    mutating func run(_ target: String) throws -> String? {
        let isTLS = url.scheme == "wss"
        let port = url.port ?? (isTLS ? 443 : 80)
        let connection = try TransportConnection(
            connectingTo: TransportEndpoint(host: url.host, port: port, security: isTLS ? .tls(caFile: nil) : .none))
        closingSince = nil
        guard session.begin(host: Handshake.hostHeader(host: url.host, port: port, isTLS: isTLS), target: target)
        else { throw EchoError.addressTooLong }
        return try serve(connection, target)
    }

    private mutating func serve(
        _ connection: borrowing TransportConnection, _ target: String
    ) throws -> String? {
        var lastText: String?
        var isOpen = false
        var lastReceivedAt = MonotonicClock.now()
        while true {
            do {
                try session.outgoing.flush(to: connection)
                switch try session.receive(from: connection) {
                case .bytes: lastReceivedAt = MonotonicClock.now()
                case .closed: return lastText
                case .wouldBlock:
                    let now = MonotonicClock.now()
                    if let closingSince, now.nanos(since: closingSince) > Self.closeMillis * 1_000_000 {
                        return lastText
                    }
                    guard now.nanos(since: lastReceivedAt) < Self.mostSilenceMillis * 1_000_000 else {
                        throw EchoError.timedOut(target)
                    }
                    wait(connection.descriptor)
                }
            } catch is TransportError where isOpen {
                // The server may drop a connection it has failed without a closing handshake.
                return lastText
            }
            if !isOpen { isOpen = try session.completeHandshake(wallClock: MonotonicClock.wallClock()) }
            if isOpen { takeEvents(&lastText) }
        }
    }

    private mutating func takeEvents(_ lastText: inout String?) {
        while true {
            switch session.next() {
            case .none: return
            case .message(let message, let isText):
                guard closingSince == nil else { continue }
                if isText { lastText = String(decoding: message, as: UTF8.self) }
                // Not echoed where the queue is full of what the server does not take: the suite then counts it as failed.
                _ = session.outgoing.append(isText ? .text : .binary, payload: message)
            case .ping, .pong: break
            case .close(let status): close(status.code)
            case .violation(let violation): close(violation.closeCode)
            }
        }
    }

    private mutating func close(_ code: UInt16?) {
        guard closingSince == nil, session.sendClose(code) else { return }
        closingSince = MonotonicClock.now()
    }

    private func wait(_ descriptor: Int32) {
        let isWritableWanted = !session.outgoing.isEmpty
        var entry = pollfd(fd: descriptor, events: Int16(isWritableWanted ? POLLIN | POLLOUT : POLLIN), revents: 0)
        _ = poll(&entry, 1, 100)
    }
}
