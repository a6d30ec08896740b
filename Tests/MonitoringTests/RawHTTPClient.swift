import Foundation
import Glibc

/// A TCP client of 127.0.0.1 that sends any bytes, for requests no HTTP library would make.
final class RawHTTPClient {
    struct Answer {
        var status: Int
        /// Names in lower case.
        var headers: [String: String]
        var body: String
    }

    struct Failure: Error, CustomStringConvertible { let description: String }

    private let descriptor: Int32
    private var received: [UInt8] = []

    init(port: Int, receiveBufferBytes: Int32? = nil) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        if var bytes = receiveBufferBytes {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &bytes, socklen_t(MemoryLayout<Int32>.size))
        }
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let code = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard code == 0 else { throw Failure(description: "connect: error \(errno)") }
    }

    deinit { close(descriptor) }

    /// Sends all bytes; false where the peer has closed.
    @discardableResult
    func send(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            if count <= 0 { return false }
            sent += count
        }
        return true
    }

    /// Reads once; 0 at the peer's end (or reset).
    private func receive() throws -> Int {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        if count < 0 && errno == EAGAIN { throw Failure(description: "nothing came within the limit") }
        if count > 0 { received += buffer[..<count] }
        return max(0, count)
    }

    /// The next answer; `hasBody` false for answers to HEAD.
    func answer(hasBody: Bool = true) throws -> Answer {
        let end = Array("\r\n\r\n".utf8)
        var headEnd: Int?
        while true {
            headEnd = received.indices.first { received[$0...].starts(with: end) }
            if headEnd != nil { break }
            if try receive() == 0 { throw Failure(description: "closed before an answer") }
        }
        let lines = String(decoding: received[..<headEnd!], as: UTF8.self).components(separatedBy: "\r\n")
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
        }
        received.removeFirst(headEnd! + 4)
        let length = hasBody ? Int(headers["content-length"] ?? "0")! : 0
        while received.count < length {
            if try receive() == 0 { throw Failure(description: "closed inside a body") }
        }
        let body = String(decoding: received[..<length], as: UTF8.self)
        received.removeFirst(length)
        return Answer(status: Int(lines[0].split(separator: " ")[1])!, headers: headers, body: body)
    }

    /// Reads until the peer closes; the bytes that were left over.
    @discardableResult
    func readToEnd() throws -> Int {
        while try receive() > 0 {}
        defer { received = [] }
        return received.count
    }

    /// Whether the peer has closed by now, without waiting.
    var isClosed: Bool {
        var byte: UInt8 = 0
        let count = recv(descriptor, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT))
        return count == 0 || (count < 0 && errno != EAGAIN)
    }

    /// Sends a GET and returns its answer.
    func get(_ path: String, method: String = "GET") throws -> Answer {
        send("\(method) \(path) HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return try answer(hasBody: method != "HEAD")
    }
}
