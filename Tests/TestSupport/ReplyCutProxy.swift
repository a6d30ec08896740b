import Foundation
import Glibc
import Synchronization

/// A TCP proxy on 127.0.0.1 that cuts the connection on which a chosen request is answered, within its reply.
///
/// Where a client has several connections, as a driver with a pool and monitors has, the chosen one is told by a text in the
/// request. The server has carried the request out when the cut comes: its reply is there.
public final class ReplyCutProxy: Sendable {
    private struct State {
        var armed: (text: [UInt8], replyBytes: Int)?
        var passedBytes = 0
        var cuts = 0
        var isStopped = false
    }

    /// Where it listens.
    public let port: Int
    private let listener: Int32
    private let target: Int
    private let state = Mutex(State())

    /// Starts to listen and passes everything on to `target` on 127.0.0.1.
    public init(target: Int) {
        self.target = target
        (listener, port) = LoopbackSocket.listen()
        Thread { [weak self, listener] in
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0 else { return }
                guard let self, !self.isStopped else {
                    close(client)
                    return
                }
                self.serve(client)
            }
        }.start()
    }

    /// The next request, on any connection, that holds `text` gets the first `replyBytes` bytes of its reply, then the end.
    public func arm(_ text: String, replyBytes: Int) {
        state.withLock { state in
            state.armed = (Array(text.utf8), replyBytes)
            state.passedBytes = 0
        }
    }

    /// Bytes that came back for the request last chosen.
    public var passedBytes: Int { state.withLock { $0.passedBytes } }

    /// Connections cut so far.
    public var cuts: Int { state.withLock { $0.cuts } }

    /// Ends all connections and the listener.
    public func stop() {
        state.withLock { $0.isStopped = true }
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    private var isStopped: Bool { state.withLock { $0.isStopped } }

    private func serve(_ client: Int32) {
        guard let server = LoopbackSocket.connect(port: target) else {
            close(client)
            return
        }
        for socket in [client, server] { LoopbackSocket.setNoDelay(socket) }
        Thread { [weak self] in
            // Bytes of the reply that may still pass; nil: not the chosen connection.
            var left: Int?
            while let self, !self.isStopped {
                var list = [client, server].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
                poll(&list, 2, 20)
                if list[0].revents != 0 {
                    guard let request = Self.read(client) else { break }
                    // The next request of a connection means that the reply before it has been whole.
                    left = self.choose(request)
                    guard Self.write(request, to: server) else { break }
                }
                if list[1].revents != 0 {
                    guard let reply = Self.read(server) else { break }
                    guard let allowed = left else {
                        guard Self.write(reply[...], to: client) else { break }
                        continue
                    }
                    let passed = reply.prefix(allowed)
                    left = allowed - passed.count
                    self.state.withLock { $0.passedBytes += passed.count }
                    guard Self.write(passed, to: client) else { break }
                    if passed.count < reply.count {
                        self.state.withLock { $0.cuts += 1 }
                        break
                    }
                }
            }
            close(client)
            close(server)
        }.start()
    }

    private func choose(_ request: [UInt8]) -> Int? {
        state.withLock { state in
            guard let (text, replyBytes) = state.armed, request.firstRange(of: text) != nil else { return nil }
            state.armed = nil
            return replyBytes
        }
    }

    /// What has come; nil at the end.
    private static func read(_ descriptor: Int32) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        let count = recv(descriptor, &bytes, bytes.count, 0)
        return count > 0 ? Array(bytes[..<count]) : nil
    }

    private static func write(_ bytes: some Collection<UInt8>, to descriptor: Int32) -> Bool {
        var rest = Array(bytes)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }
}
