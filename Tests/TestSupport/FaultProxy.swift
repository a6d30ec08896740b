import Foundation
import Glibc
import Synchronization

/// A TCP proxy on 127.0.0.1 that can cut or half-close a connection after an exact number of bytes in either direction,
/// split, delay and slow what it passes on, and stall.
///
/// Each connection has a thread and a delay line for each direction; nothing waits for the other direction. Faults apply to
/// connections accepted after they were set.
public final class FaultProxy: @unchecked Sendable {
    // Unchecked: `listener` is set once; everything that changes is behind the mutex.

    /// What happens to connections.
    public struct Fault: Sendable {
        /// What happens to the bytes that flow one way.
        public struct Flow: Sendable {
            /// Ends the first connection when this many bytes have been passed on.
            public var cutAfterBytes: Int?
            /// After this many bytes the receiver of the first connection sees the end of the stream; what comes later
            /// is discarded, while the other direction goes on.
            public var halfCloseAfterBytes: Int?
            /// Milliseconds from a chunk's arrival until it is passed on; chunks don't wait for each other.
            public var delayMillis = 0
            /// Passes on in pieces of at most this many bytes, each in a segment of its own.
            public var pieceBytes: Int?
            /// After this many bytes of a connection the rest waits `splitPauseMillis`, so that the receiver reads it apart.
            public var splitAfterBytes: Int?
            /// Bytes a second, nil for no limit.
            public var bytesPerSecond: Int?

            /// Nothing.
            public init() {}
        }

        /// From client to server.
        public var request = Flow()
        /// From server to client.
        public var reply = Flow()
        /// Whether a cut is a reset (`SO_LINGER` 0) to the client rather than an orderly end.
        public var cutsByReset = false

        /// No fault.
        public init() {}
    }

    /// How long the second part of a split waits: enough for the receiver to have read the first.
    static let splitPauseMillis = 5

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

    /// Starts to listen and passes everything on to `target` on 127.0.0.1. Cuts and half-closes happen to the first
    /// connection, then all is normal.
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

    /// Bytes of the first connection passed on so far, from client to server and back.
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
        // Without it the kernel would join small pieces again.
        for socket in [client, server] { LoopbackSocket.setNoDelay(socket) }
        Thread { [weak self] in
            let isFirst = number == 1
            var request = ProxyFlow(from: client, to: server, fault.request, isFirst: isFirst)
            var reply = ProxyFlow(from: server, to: client, fault.reply, isFirst: isFirst)
            while let self, !self.state.withLock({ $0.isStopped }) {
                guard !self.isStalled(number) else {
                    usleep(1_000)
                    continue
                }
                Self.wait(request, reply)
                // A stall may have begun during the wait.
                if self.isStalled(number) { continue }
                let goesOn = request.pass() && reply.pass()
                if isFirst {
                    self.state.withLock { ($0.requestBytes, $0.replyBytes) = (request.passedBytes, reply.passedBytes) }
                }
                if request.isCut || reply.isCut {
                    if fault.cutsByReset { LoopbackSocket.setReset(client) }
                    self.state.withLock { $0.cuts += 1 }
                    break
                }
                if !goesOn || request.isOver && reply.isOver { break }
            }
            close(client)
            close(server)
            self?.state.withLock { $0.open -= 1 }
        }.start()
    }

    private func isStalled(_ number: Int) -> Bool { state.withLock { $0.stalled == number } }

    /// Sleeps until one of the flows can do something, at most 20 ms.
    private static func wait(_ flows: ProxyFlow...) {
        var list: [pollfd] = []
        for flow in flows {
            if flow.canRead { list.append(pollfd(fd: flow.from, events: Int16(POLLIN), revents: 0)) }
            if flow.isDue { list.append(pollfd(fd: flow.to, events: Int16(POLLOUT), revents: 0)) }
        }
        let next = flows.compactMap(\.nextDue).min()
        // Rounded up: a wait that ends too early would be a busy loop.
        let millis = next.map { max(0, ($0 - .now) / .milliseconds(1) + 1) } ?? 20
        poll(&list, nfds_t(list.count), Int32(min(20, millis)))
    }
}
