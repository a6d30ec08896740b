import FeedHandler
import Foundation
import Glibc
import Synchronization

/// A websocket server on 127.0.0.1 that does, for each connection in turn, what the test's script says, however wrong.
package final class ScriptedServer: @unchecked Sendable {
    // Unchecked: the script runs on the server's own thread; what it shares with the test is behind the mutex or atomic.
    package let port: Int
    private let listener: Int32
    private let stopping = Atomic<Bool>(false)
    private let finished = DispatchSemaphore(value: 0)

    /// Runs `script` with the number of the connection, from 1, and the accepted connection; the connection is closed when it
    /// returns.
    package init(script: @escaping @Sendable (Int, Peer) -> Void) {
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = listener
        port = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                precondition(bind(listener, generic, length) == 0 && listen(listener, 16) == 0, "no free port")
                precondition(getsockname(listener, generic, &length) == 0, "no port")
            }
            return Int(UInt16(bigEndian: pointer.pointee.sin_port))
        }
        Thread.detachNewThread { [self] in
            var number = 0
            while true {
                let descriptor = accept(listener, nil, nil)
                guard descriptor >= 0, !stopping.load(ordering: .acquiring) else { break }
                number += 1
                let peer = Peer(descriptor)
                script(number, peer)
                peer.close()
            }
            finished.signal()
        }
    }

    /// Ends the server; its script must have returned or be about to.
    package func stop() {
        stopping.store(true, ordering: .releasing)
        shutdown(listener, Int32(SHUT_RDWR))
        finished.wait()
        close(listener)
    }

    /// What a client asks of the exchange.
    package struct StreamRequest: Decodable, Equatable {
        package var method: String
        package var params: [String]?
        package var id: Int
    }

    /// One accepted connection.
    package final class Peer: @unchecked Sendable {
        // Unchecked: used by the script's thread alone.
        private var descriptor: Int32
        private var received: [UInt8] = []

        init(_ descriptor: Int32) {
            self.descriptor = descriptor
            // A client that never answers must not hang the suite.
            var timeout = timeval(tv_sec: 20, tv_usec: 0)
            setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
            var one: Int32 = 1
            setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
        }

        /// Sends bytes; a client that is gone is the test's business.
        package func send(_ bytes: [UInt8]) {
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = rest.withUnsafeBytes {
                    Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
                guard count > 0 else { return }
                rest = rest.dropFirst(count)
            }
        }

        package func send(_ text: String) { send(Array(text.utf8)) }

        /// Sends each byte by itself.
        package func sendBytewise(_ bytes: [UInt8]) { for byte in bytes { send([byte]) } }

        private func receiveMore() -> Bool {
            var chunk = [UInt8](repeating: 0, count: 4_096)
            let count = recv(descriptor, &chunk, chunk.count, 0)
            if count > 0 { received += chunk[..<count] }
            return count > 0
        }

        /// The request's header as text; nil where the client leaves.
        package func readRequest() -> String? {
            let blank = Array("\r\n\r\n".utf8)
            while true {
                if let end = received.firstRange(of: blank) {
                    let text = String(decoding: received[..<end.upperBound], as: UTF8.self)
                    received.removeSubrange(..<end.upperBound)
                    return text
                }
                guard receiveMore() else { return nil }
            }
        }

        /// The key of a request.
        private static func key(_ request: String) -> String {
            request.split(whereSeparator: \.isNewline).first { $0.hasPrefix("Sec-WebSocket-Key: ") }
                .map { String($0.dropFirst(19)) } ?? ""
        }

        package static func acceptance(_ request: String) -> String {
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                + "Sec-WebSocket-Accept: \(Handshake.acceptKey(for: key(request)))\r\n\r\n"
        }

        /// Reads a request and accepts it; what it asked for.
        @discardableResult
        package func acceptUpgrade() -> String {
            guard let request = readRequest() else { return "" }
            send(Self.acceptance(request))
            return String(request.split(separator: " ").dropFirst().first ?? "")
        }

        /// The next frame of the client, unmasked; nil where it leaves or does not mask.
        package func readFrame() -> (opcode: UInt8, payload: [UInt8])? {
            while true {
                if received.count >= 6 {
                    guard received[1] & 0x80 != 0, received[1] & 0x7F != 127 else { return nil }
                    let isLong = received[1] & 0x7F == 126
                    let length = isLong ? Int(received[2]) << 8 | Int(received[3]) : Int(received[1] & 0x7F)
                    let start = isLong ? 8 : 6
                    if received.count >= start + length {
                        let mask = Array(received[(start - 4)..<start])
                        let payload = (0..<length).map { received[start + $0] ^ mask[$0 % 4] }
                        let opcode = received[0] & 0x0F
                        received.removeFirst(start + length)
                        return (opcode, payload)
                    }
                }
                guard receiveMore() else { return nil }
            }
        }

        /// The next control frame of the client; its requests are passed over.
        package func readControl() -> (opcode: UInt8, payload: [UInt8])? {
            while let frame = readFrame() {
                if frame.opcode >= 8 { return frame }
            }
            return nil
        }

        /// The next request of the client; its control frames are passed over.
        package func readStreamRequest() -> StreamRequest? {
            while let frame = readFrame() {
                if frame.opcode == 1 { return try? JSONDecoder().decode(StreamRequest.self, from: Data(frame.payload)) }
            }
            return nil
        }

        /// Waits until the client has closed its side.
        package func waitForEnd() { while receiveMore() {} }

        /// Ends with a reset.
        package func reset() {
            var option = linger(l_onoff: 1, l_linger: 0)
            setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
            close()
        }

        package func close() {
            guard descriptor >= 0 else { return }
            Glibc.close(descriptor)
            descriptor = -1
        }
    }
}
