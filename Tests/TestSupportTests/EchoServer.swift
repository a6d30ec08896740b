import Foundation
import Glibc
import Synchronization
import TestSupport

/// A server that sends back what it receives, one connection after the other in a thread each.
final class EchoServer: Sendable {
    let port: Int
    private let listener: Int32
    private let state = Mutex<(received: [UInt8], ended: Int)>(([], 0))

    init() {
        (listener, port) = LoopbackSocket.listen()
        let listener = listener
        Thread { [weak self] in
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0, let self else { return }
                Thread { self.serve(client) }.start()
            }
        }.start()
    }

    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    /// What all connections sent.
    var received: [UInt8] { state.withLock { $0.received } }

    /// Waits for the end of a connection, at most five seconds.
    func waitForEnd() {
        let deadline = ContinuousClock.now + .seconds(5)
        while state.withLock({ $0.ended == 0 }), ContinuousClock.now < deadline { usleep(1_000) }
    }

    private func serve(_ client: Int32) {
        LoopbackSocket.setNoDelay(client)
        var bytes = [UInt8](repeating: 0, count: 4_096)
        while case let count = recv(client, &bytes, bytes.count, 0), count > 0 {
            state.withLock { $0.received += bytes[..<count] }
            // A client that has gone is seen by the next read.
            _ = send(client, bytes, count, Int32(MSG_NOSIGNAL))
        }
        close(client)
        state.withLock { $0.ended += 1 }
    }
}

/// A blocking client.
final class PlainSocket {
    private let descriptor: Int32
    /// `errno` of the last read that failed, 0 before.
    private(set) var lastError: Int32 = 0

    init?(port: Int) {
        guard let descriptor = LoopbackSocket.connect(port: port) else { return nil }
        self.descriptor = descriptor
        LoopbackSocket.setNoDelay(descriptor)
        var limit = timeval(tv_sec: 5, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    func send(_ bytes: [UInt8]) { _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }

    func endSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Up to `count` bytes, fewer at the end of the stream or after five seconds of silence.
    func receive(_ count: Int) -> [UInt8] {
        var all: [UInt8] = []
        while all.count < count, let part = receiveOnce(most: count - all.count), !part.isEmpty { all += part }
        return all
    }

    /// What one read gives; nil where it fails or nothing comes in time.
    func receiveOnce(most: Int = 65_536, withinMillis limit: Int32 = 5_000) -> [UInt8]? {
        var list = [pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)]
        guard poll(&list, 1, limit) > 0 else { return nil }
        var bytes = [UInt8](repeating: 0, count: most)
        let count = recv(descriptor, &bytes, most, 0)
        if count < 0 { lastError = errno }
        return count < 0 ? nil : Array(bytes[..<count])
    }
}
