import FeedHandler
import Foundation
import Glibc
import Synchronization
import TestSupport

/// An exchange that sends trades with contiguous ids to its one client as fast as the socket takes them, from frames made
/// before: faster than the simulator makes messages up, so that the reader is what limits.
final class BurstServer: Sendable {
    /// Frames whose ids are set and which are then sent together.
    private static let batch = 1_000
    private static let firstID = 1_000_000_000

    let port: Int
    private let listener: Int32
    private let sentAt = Mutex<(first: ContinuousClock.Instant, last: ContinuousClock.Instant)?>(nil)

    /// Serves one client `count` trades, a multiple of a thousand, and keeps the connection open.
    init(count: Int) {
        (listener, port) = LoopbackSocket.listen()
        Thread { [self] in
            let client = accept(listener, nil, nil)
            guard client >= 0, Self.upgrade(client) else { return }
            let start = ContinuousClock.now
            Self.send(count, to: client)
            sentAt.withLock { $0 = (start, .now) }
            // Until the client leaves. What it sends meanwhile are pings; any pong tells it that the connection lives.
            var bytes = [UInt8](repeating: 0, count: 4_096)
            while recv(client, &bytes, bytes.count, 0) > 0, Self.write([0x8A, 0], to: client) {}
            close(client)
        }.start()
    }

    deinit { close(listener) }

    /// When the first and the last trade were handed to the socket; nil before the last was.
    var sent: (first: ContinuousClock.Instant, last: ContinuousClock.Instant)? { sentAt.withLock { $0 } }

    private static func upgrade(_ client: Int32) -> Bool {
        var request: [UInt8] = []
        var bytes = [UInt8](repeating: 0, count: 4_096)
        while !request.suffix(4).elementsEqual("\r\n\r\n".utf8) {
            let count = recv(client, &bytes, bytes.count, 0)
            guard count > 0 else { return false }
            request += bytes[..<count]
        }
        let lines = String(decoding: request, as: UTF8.self).split(whereSeparator: \.isNewline)
        guard let key = lines.first(where: { $0.hasPrefix("Sec-WebSocket-Key: ") })?.dropFirst(19) else { return false }
        let answer =
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Accept: \(Handshake.acceptKey(for: String(key)))\r\n\r\n"
        return write(Array(answer.utf8), to: client)
    }

    private static func send(_ count: Int, to client: Int32) {
        let head = "{\"e\":\"trade\",\"E\":1723161255000,\"s\":\"BTCUSDT\",\"t\":"
        let middle = ",\"p\":\"61838."
        let text = head + "0000000000" + middle + "00\",\"q\":\"0.5\",\"T\":1723161255000,\"m\":true,\"M\":true}"
        precondition(text.utf8.count < 126, "the frame's header has two bytes")
        let frame = [0x81, UInt8(text.utf8.count)] + Array(text.utf8)
        var batch = Array(repeatElement(frame, count: Self.batch).joined())
        let (idAt, priceAt) = (2 + head.utf8.count, 2 + head.utf8.count + 10 + middle.utf8.count)
        for first in stride(from: Self.firstID, to: Self.firstID + count, by: Self.batch) {
            batch.withUnsafeMutableBufferPointer { bytes in
                for index in 0..<Self.batch {
                    let start = index * frame.count
                    var rest = first + index
                    // The price's last digits walk with the id, so that averages cross.
                    bytes[start + priceAt] = UInt8(0x30 + rest / 30 % 10)
                    bytes[start + priceAt + 1] = UInt8(0x30 + rest * 7 % 10)
                    for position in (0..<10).reversed() {
                        bytes[start + idAt + position] = UInt8(0x30 + rest % 10)
                        rest /= 10
                    }
                }
            }
            guard write(batch, to: client) else { return }
        }
    }

    private static func write(_ bytes: [UInt8], to client: Int32) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(client, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }
}
