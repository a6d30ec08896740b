import Foundation
import Glibc

/// A TCP client of 127.0.0.1 that sends any bytes, for requests no HTTP library would make.
public final class RawHTTPClient {
    /// One answer.
    public struct Answer {
        /// The status code.
        public var status: Int
        /// Names in lower case.
        public var headers: [String: String]
        /// The body, read by its length.
        public var body: String
    }

    /// What went wrong on the way to an answer.
    public struct Failure: Error, CustomStringConvertible {
        /// In words.
        public let description: String
    }

    private let descriptor: Int32
    private var received: [UInt8] = []

    /// Connects; a read that brings nothing for 20 s fails.
    public init(port: Int, receiveBufferBytes: Int32? = nil) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        if var bytes = receiveBufferBytes {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &bytes, socklen_t(MemoryLayout<Int32>.size))
        }
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        guard LoopbackSocket.connect(descriptor, port: port) else {
            let code = errno
            close(descriptor)
            throw Failure(description: "connect: error \(code)")
        }
    }

    deinit { close(descriptor) }

    /// Sends all bytes; false where the peer has closed.
    @discardableResult
    public func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    /// Sends all bytes; false where the peer has closed.
    @discardableResult
    public func send(_ bytes: [UInt8]) -> Bool {
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

    /// Says that nothing more will be sent.
    public func endSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Reads once; 0 at the peer's end (or reset).
    private func receive() throws -> Int {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        if count < 0 && errno == EAGAIN { throw Failure(description: "nothing came within the limit") }
        if count > 0 { received += buffer[..<count] }
        return max(0, count)
    }

    /// The next answer; `hasBody` false for answers to HEAD.
    public func answer(hasBody: Bool = true) throws -> Answer {
        var headEnd = endOfHead
        while headEnd == nil {
            if try receive() == 0 { throw Failure(description: "closed before an answer") }
            headEnd = endOfHead
        }
        let lines = String(decoding: received[..<headEnd!], as: UTF8.self).components(separatedBy: "\r\n")
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { throw Failure(description: "no header: \(line)") }
            headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
        }
        received.removeFirst(headEnd! + 4)
        let statusLine = lines[0].split(separator: " ")
        guard statusLine.count > 1, statusLine[0] == "HTTP/1.1", let status = Int(statusLine[1]),
            let length = Int(headers["content-length"] ?? "0")
        else { throw Failure(description: "no answer: \(lines[0])") }
        while hasBody && received.count < length {
            if try receive() == 0 { throw Failure(description: "closed inside a body") }
        }
        let body = hasBody ? String(decoding: received[..<length], as: UTF8.self) : ""
        if hasBody { received.removeFirst(length) }
        return Answer(status: status, headers: headers, body: body)
    }

    /// Where the blank line behind the next answer's head begins.
    private var endOfHead: Int? {
        Data(received).range(of: Data("\r\n\r\n".utf8))?.lowerBound
    }

    /// Reads until the peer closes; the bytes that were left over.
    @discardableResult
    public func readToEnd() throws -> Int {
        while try receive() > 0 {}
        defer { received = [] }
        return received.count
    }

    /// Reads until the peer closes; every answer that came. Bodies of answers to HEAD must not be among them.
    public func answersToEnd() throws -> [Answer] {
        while try receive() > 0 {}
        var answers: [Answer] = []
        while !received.isEmpty { answers.append(try answer()) }
        return answers
    }

    /// Whether the peer has closed by now, without waiting.
    public var isClosed: Bool {
        var byte: UInt8 = 0
        let count = recv(descriptor, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT))
        return count == 0 || (count < 0 && errno != EAGAIN)
    }

    /// Sends a GET and returns its answer.
    public func get(_ path: String, method: String = "GET") throws -> Answer {
        send("\(method) \(path) HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return try answer(hasBody: method != "HEAD")
    }
}
