import Foundation
import Glibc
import Synchronization

/// A TCP proxy on 127.0.0.1 that can cut a connection after an exact number of bytes, stall or delay it.
///
/// Each connection has a thread. Faults apply to connections accepted after they were set.
public final class FaultProxy: @unchecked Sendable {
    // Unchecked: `listener` is set once; everything that changes is behind the mutex.

    /// What happens to connections.
    public struct Fault: Sendable {
        /// Cuts the first connection after this many bytes from client to server.
        public var cutAfterRequestBytes: Int?
        /// Cuts the first connection after this many bytes from server to client.
        public var cutAfterReplyBytes: Int?
        /// Milliseconds each chunk waits before it is passed on.
        public var delayMillis = 0

        /// No fault.
        public init(cutAfterRequestBytes: Int? = nil, cutAfterReplyBytes: Int? = nil, delayMillis: Int = 0) {
            self.cutAfterRequestBytes = cutAfterRequestBytes
            self.cutAfterReplyBytes = cutAfterReplyBytes
            self.delayMillis = delayMillis
        }
    }

    private struct State {
        var fault: Fault
        var stalled: Int?
        var open = 0
        var isStopped = false
        var cuts = 0
        var connections = 0
        var requestBytes = 0
        var replyBytes = 0
    }

    /// Where it listens.
    public let port: Int
    private let listener: Int32
    private let target: Int
    private let state: Mutex<State>

    /// Starts to listen and passes everything on to `target` on 127.0.0.1. The cut happens once, then all is normal.
    public init(target: Int, fault: Fault = Fault()) {
        self.target = target
        state = Mutex(State(fault: fault))
        (listener, port) = LoopbackSocket.listen()
        let thread = Thread { [weak self, listener] in
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0, let self, !self.state.withLock({ $0.isStopped }) else {
                    if client >= 0 { close(client) }
                    return
                }
                self.serve(client)
            }
        }
        thread.start()
    }

    /// Ends all connections and the listener.
    public func stop() {
        state.withLock { $0.isStopped = true }
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    /// Bytes of the first connection so far, from client to server and back.
    public var firstConnectionBytes: (request: Int, reply: Int) {
        state.withLock { ($0.requestBytes, $0.replyBytes) }
    }

    /// Connections cut as asked.
    public var cuts: Int { state.withLock { $0.cuts } }

    /// Connections accepted.
    public var connections: Int { state.withLock { $0.connections } }

    /// Connections open now.
    public var openConnections: Int { state.withLock { $0.open } }

    /// Passes nothing of one connection (the first is 1) on until `resume`; nothing is lost, even if the client closes.
    public func stall(connection: Int) { state.withLock { $0.stalled = connection } }

    /// Passes on again.
    public func resume() { state.withLock { $0.stalled = nil } }

    private func serve(_ client: Int32) {
        guard let server = LoopbackSocket.connect(port: target) else {
            close(client)
            return
        }
        let (fault, number) = state.withLock { state in
            state.connections += 1
            state.open += 1
            return (state.fault, state.connections)
        }
        let isFirst = number == 1
        Thread { [weak self] in
            var left = (
                request: isFirst ? fault.cutAfterRequestBytes : nil, reply: isFirst ? fault.cutAfterReplyBytes : nil
            )
            var isOpen = left.request != 0 && left.reply != 0
            if !isOpen { self?.state.withLock { $0.cuts += 1 } }
            while isOpen {
                guard let self, !self.state.withLock({ $0.isStopped }) else { break }
                guard self.state.withLock({ $0.stalled != number }) else {
                    usleep(1_000)
                    continue
                }
                var list = [
                    pollfd(fd: client, events: Int16(POLLIN), revents: 0),
                    pollfd(fd: server, events: Int16(POLLIN), revents: 0),
                ]
                poll(&list, 2, 20)
                // A stall may have begun during the wait.
                if self.state.withLock({ $0.stalled == number }) { continue }
                if list[0].revents != 0 { isOpen = self.pass(client, server, &left.request, fault, isFirst, true) }
                if isOpen, list[1].revents != 0 {
                    isOpen = self.pass(server, client, &left.reply, fault, isFirst, false)
                }
            }
            close(client)
            close(server)
            self?.state.withLock { $0.open -= 1 }
        }.start()
    }

    /// Passes one chunk on; false when the connection ends.
    private func pass(
        _ from: Int32, _ to: Int32, _ left: inout Int?, _ fault: Fault, _ isFirst: Bool, _ isRequest: Bool
    ) -> Bool {
        var bytes = [UInt8](repeating: 0, count: 64 * 1_024)
        let count = recv(from, &bytes, min(bytes.count, left ?? bytes.count), 0)
        guard count > 0 else { return false }
        if fault.delayMillis > 0 { usleep(UInt32(fault.delayMillis * 1_000)) }
        guard send(to, bytes, count, Int32(MSG_NOSIGNAL)) == count else { return false }
        if isFirst {
            state.withLock {
                if isRequest { $0.requestBytes += count } else { $0.replyBytes += count }
            }
        }
        guard let limit = left else { return true }
        left = limit - count
        guard left == 0 else { return true }
        state.withLock { $0.cuts += 1 }
        return false
    }
}
