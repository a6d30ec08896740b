import Foundation
import Glibc
import Synchronization
import TestSupport

/// A slow subscriber beside the engine: an exchange that is as fast as its slowest one waits where this one does not read.
///
/// So a market runs as fast as the engine and its store together can take it, not only the engine. A thread of its own.
final class Brake: Sendable {
    /// Small, so that little is under way when it begins to wait.
    private static let receiveBufferBytes: Int32 = 32 << 10

    private let descriptor: Int32
    /// Bytes it may read until it is asked again: an engine too busy to answer holds the exchange back as well.
    private static let allowance = 256 << 10
    private let allowedBytes = Atomic(0)
    private let hasEnded = Atomic(false)

    /// Subscribes to one stream of the exchange on `port`; it answers no ping.
    init(port: Int, stream: String) throws {
        guard let descriptor = LoopbackSocket.connect(port: port, receiveBufferBytes: Self.receiveBufferBytes) else {
            throw SoakFailure(description: "the exchange takes no second subscriber")
        }
        let request = """
            GET /ws/\(stream) HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n
            """
        guard Glibc.send(descriptor, request, request.utf8.count, Int32(MSG_NOSIGNAL)) == request.utf8.count else {
            throw SoakFailure(description: "the exchange takes no second subscription")
        }
        self.descriptor = descriptor
        Thread { self.read() }.start()
    }

    deinit { close(descriptor) }

    private func read() {
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        while !hasEnded.load(ordering: .relaxed) {
            guard allowedBytes.load(ordering: .relaxed) > 0 else {
                usleep(1_000)
                continue
            }
            let count = recv(descriptor, &bytes, bytes.count, 0)
            guard count > 0 else { return }
            allowedBytes.subtract(count, ordering: .relaxed)
        }
    }

    /// Lets the exchange go on while `hasRoom` says so, asked again and again until the task is cancelled.
    func run(while hasRoom: () async -> Bool) async {
        while !Task.isCancelled {
            if await hasRoom() { allowedBytes.store(Self.allowance, ordering: .relaxed) }
            // Cancelled in its sleep, it ends at the loop's condition.
            try? await Task.sleep(for: .milliseconds(10))
        }
        hasEnded.store(true, ordering: .relaxed)
        shutdown(descriptor, Int32(SHUT_RDWR))
    }
}
