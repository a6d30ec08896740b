internal import Digests
package import TradingModel

/// Why a server's answer to the upgrade request was refused.
package enum HandshakeError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The header is longer than `Handshake.mostHeaderBytes`.
    case headerTooLong
    /// The answer is no HTTP/1.1 response.
    case malformed
    /// Another status than 101; with the seconds of its `Retry-After`, where given.
    case status(Int, retryAfterSeconds: Int?)
    /// `Upgrade` or `Connection` is missing or wrong.
    case notUpgraded
    /// `Sec-WebSocket-Accept` is not the answer to our key.
    case wrongAcceptKey
    /// An extension or subprotocol we did not ask for.
    case unaskedExtension

    /// Whether the exchange asks us to slow down (429) or has banned the address (418).
    package var isRateLimit: Bool {
        if case .status(let status, _) = self { status == 429 || status == 418 } else { false }
    }

    /// Seconds before which no attempt may follow: what was asked for, else a minute where the exchange slows us down, so that
    /// attempts don't lead to a ban, else none.
    package var waitSeconds: Int {
        guard case .status(_, let seconds) = self else { return 0 }
        return seconds ?? (isRateLimit ? RetryAfter.unnamedSeconds : 0)
    }

    /// One line with the remedy.
    package var description: String {
        switch self {
        case .headerTooLong: "the answer's header exceeds \(Handshake.mostHeaderBytes) bytes; check the address"
        case .malformed: "the answer is no HTTP response; check that the address is a websocket server's"
        case .status(429, let seconds), .status(418, let seconds):
            "the exchange asks us to slow down\(seconds.map { " for \($0) s" } ?? ""); fewer connections from this IP help"
        case .status(let status, _) where (300..<400).contains(status):
            "the server redirects (status \(status)), which is not followed; give the new address"
        case .status(let status, _): "the server refuses the websocket (status \(status)); check path and streams"
        case .notUpgraded: "the server did not upgrade to a websocket; check the address and any proxy between"
        case .wrongAcceptKey: "the server's accept key is wrong; check any proxy or cache between"
        case .unaskedExtension: "the server uses an extension that was not asked for; check any proxy between"
        }
    }
}

/// The opening handshake of a client (RFC 6455, section 4.1). Does no I/O.
package struct Handshake: Sendable {
    /// Longest response header; a longer one is refused before more is read.
    package static let mostHeaderBytes = 16 * 1_024
    /// Section 1.3.
    private static let acceptGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    /// The key of this connection: 16 bytes in base64.
    package let key: String
    /// The upgrade request.
    package let request: String

    /// Prepares a request; `key` is 16 fresh random bytes.
    package init(host: String, target: String, key: InlineArray<16, UInt8>) {
        let text = Base64.text(of: key.span)
        self.key = text
        request = """
            GET \(target) HTTP/1.1\r
            Host: \(host)\r
            Upgrade: websocket\r
            Connection: Upgrade\r
            Sec-WebSocket-Key: \(text)\r
            Sec-WebSocket-Version: 13\r
            User-Agent: tickline\r
            \r\n
            """
    }

    /// The `Host` header: the port is left out where it is the scheme's own.
    package static func hostHeader(host: String, port: Int, isTLS: Bool) -> String {
        port == (isTLS ? 443 : 80) ? host : "\(host):\(port)"
    }

    /// The accept key that answers `key`.
    package static func acceptKey(for key: String) -> String {
        let digest = Digest.sha1(key + acceptGUID)
        return Base64.text(of: digest.span)
    }

    /// Looks at what was received so far: nil while the header is incomplete, else its length in bytes. The wall clock
    /// serves a `Retry-After` that names a date, where the answer carries no date of its own.
    ///
    /// - Throws: why the answer is refused.
    package func parseResponse(
        _ received: UnsafeRawBufferPointer, wallClock: UnixNanos
    ) throws(HandshakeError) -> Int? {
        guard let end = unsafe Self.headerEnd(received.prefix(Self.mostHeaderBytes)) else {
            if received.count >= Self.mostHeaderBytes { throw .headerTooLong }
            return nil
        }
        var lines = unsafe received[..<end].split(separator: UInt8(ascii: "\n")).map { line in
            unsafe String(decoding: line, as: UTF8.self).filter { $0 != "\r" }
        }
        let head = lines.removeFirst().split(separator: " ", maxSplits: 2)
        guard head.count >= 2, head[0].hasPrefix("HTTP/1."), let status = Int(head[1]) else { throw .malformed }
        let headers = try Self.headers(lines)
        guard status == 101 else {
            throw .status(
                status,
                retryAfterSeconds: RetryAfter.seconds(
                    headers["retry-after"], date: headers["date"], wallClock: wallClock))
        }
        try check(headers)
        return end
    }

    private func check(_ headers: [String: String]) throws(HandshakeError) {
        let connection = (headers["connection"] ?? "").lowercased().split { $0 == "," || $0 == " " }
        guard headers["upgrade"]?.lowercased() == "websocket", connection.contains("upgrade") else {
            throw .notUpgraded
        }
        guard headers["sec-websocket-accept"] == Self.acceptKey(for: key) else { throw .wrongAcceptKey }
        guard headers["sec-websocket-extensions"] == nil, headers["sec-websocket-protocol"] == nil else {
            throw .unaskedExtension
        }
    }

    /// Names in lower case; of a repeated name the values are joined, so a doubled accept key matches nothing.
    private static func headers(_ lines: [String]) throws(HandshakeError) -> [String: String] {
        var headers: [String: String] = [:]
        for line in lines where !line.isEmpty {
            guard let colon = line.firstIndex(of: ":"), colon != line.startIndex else { throw .malformed }
            let name = line[..<colon].lowercased()
            let value = trimmed(line[line.index(after: colon)...])
            headers[name] = headers[name].map { "\($0), \(value)" } ?? value
        }
        return headers
    }

    private static func trimmed(_ text: Substring) -> String {
        let isSpace: (Character) -> Bool = { $0 == " " || $0 == "\t" }
        return String(text.drop(while: isSpace).reversed().drop(while: isSpace).reversed())
    }

    /// The index behind the blank line.
    private static func headerEnd(_ bytes: UnsafeRawBufferPointer.SubSequence) -> Int? {
        var matched = 0
        let blank: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A]
        for index in unsafe bytes.indices {
            let byte = unsafe bytes[index]
            matched = byte == blank[matched] ? matched + 1 : (byte == blank[0] ? 1 : 0)
            if matched == blank.count { return index + 1 }
        }
        return nil
    }
}
