import Foundation
import Glibc
import Synchronization

/// Accepts connections and says nothing, or one answer to each request in turn.
final class SilentListener: @unchecked Sendable {
    // Unchecked: the requests are behind the mutex, the rest is constant.
    let port: Int
    private let listener: Int32
    private let seen = Mutex<[String]>([])

    /// The requests that were answered.
    var requests: [String] { seen.withLock { $0 } }

    init(answers: [String] = []) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        self.listener = listener
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        port = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                precondition(bind(listener, generic, length) == 0 && listen(listener, 8) == 0, "no free port")
                precondition(getsockname(listener, generic, &length) == 0, "no port")
            }
            return Int(UInt16(bigEndian: pointer.pointee.sin_port))
        }
        guard !answers.isEmpty else { return }
        Thread.detachNewThread { [self] in
            for answer in answers {
                let peer = accept(listener, nil, nil)
                guard peer >= 0 else { return }
                var request = [UInt8](repeating: 0, count: 4_096)
                let count = recv(peer, &request, request.count, 0)
                seen.withLock { $0.append(String(decoding: request[..<max(count, 0)], as: UTF8.self)) }
                _ = send(peer, answer, answer.utf8.count, Int32(MSG_NOSIGNAL))
                // Until the client has gone.
                while recv(peer, &request, request.count, 0) > 0 {}
                close(peer)
            }
        }
    }

    deinit { close(listener) }
}
