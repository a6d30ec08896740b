import FeedHandler
import Testing
import TradingModel

@Suite struct HandshakeTests {
    // RFC 6455, section 1.3: the key of the example.
    private let handshake = Handshake(
        host: "example.com", target: "/ws/btcusdt@trade",
        key: [0x74, 0x68, 0x65, 0x20, 0x73, 0x61, 0x6D, 0x70, 0x6C, 0x65, 0x20, 0x6E, 0x6F, 0x6E, 0x63, 0x65])

    /// 1994-11-06T08:49:37Z, the moment of the RFC's examples of dates.
    private static let now = UnixNanos(rawValue: 784_111_777_000_000_000)

    private func parse(_ text: String) -> Result<Int?, HandshakeError> {
        Result { () throws(HandshakeError) in
            var error: HandshakeError?
            let length = Array(text.utf8).withUnsafeBytes { bytes -> Int? in
                do throws(HandshakeError) { return try handshake.parseResponse(bytes, wallClock: Self.now) } catch let
                    failure
                {
                    error = failure
                    return nil
                }
            }
            if let error { throw error }
            return length
        }
    }

    private static let accepted = """
        HTTP/1.1 101 Switching Protocols\r
        upgrade: WebSocket\r
        CONNECTION: keep-alive, Upgrade\r
        Sec-WebSocket-Accept:  s3pPLMBiTxaQ9kYGzzhZRbK+xOo= \r
        \r\n
        """

    @Test func `asks as the RFC's example does`() {
        #expect(handshake.key == "dGhlIHNhbXBsZSBub25jZQ==")
        #expect(Handshake.acceptKey(for: handshake.key) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        #expect(handshake.request.hasPrefix("GET /ws/btcusdt@trade HTTP/1.1\r\nHost: example.com\r\n"))
        #expect(handshake.request.hasSuffix("\r\n\r\n"))
        #expect(handshake.request.contains("\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"))
    }

    @Test func `accepts the answer at its last byte and leaves what follows`() {
        let bytes = Array(Self.accepted.utf8)
        for length in 0..<bytes.count {
            #expect(parse(String(decoding: bytes[..<length], as: UTF8.self)) == .success(nil), "length \(length)")
        }
        #expect(parse(Self.accepted + "\u{1}\u{2}") == .success(bytes.count))
    }

    @Test(
        arguments: [
            (accepted.replacing("s3p", with: "S3p"), .wrongAcceptKey),
            (accepted.replacing("Sec-WebSocket-Accept", with: "X"), .wrongAcceptKey),
            (
                accepted.replacing("upgrade:", with: "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nupgrade:"),
                .wrongAcceptKey
            ),
            (accepted.replacing("upgrade: WebSocket", with: "upgrade: h2c"), .notUpgraded),
            (accepted.replacing("keep-alive, Upgrade", with: "close"), .notUpgraded),
            (
                accepted.replacing("upgrade:", with: "Sec-WebSocket-Extensions: permessage-deflate\r\nupgrade:"),
                .unaskedExtension
            ),
            (accepted.replacing("upgrade:", with: "Sec-WebSocket-Protocol: x\r\nupgrade:"), .unaskedExtension),
            (accepted.replacing("upgrade:", with: ": x\r\nupgrade:"), .malformed),
            (accepted.replacing("upgrade: WebSocket", with: "nonsense"), .malformed),
            ("SSH-2.0-OpenSSH_9.2\r\n\r\n", .malformed), ("HTTP/1.1 abc\r\n\r\n", .malformed), ("\r\n\r\n", .malformed),
            ("HTTP/1.1 200 OK\r\n\r\n", .status(200, retryAfterSeconds: nil)),
            ("HTTP/1.1 301 Moved\r\nLocation: http://x\r\n\r\n", .status(301, retryAfterSeconds: nil)),
            ("HTTP/1.1 404 Not Found\r\n\r\n", .status(404, retryAfterSeconds: nil)),
            ("HTTP/1.1 429 Slow\r\nRetry-After: 7\r\n\r\n", .status(429, retryAfterSeconds: 7)),
            ("HTTP/1.1 418 Teapot\r\nRetry-After: 99999999999\r\n\r\n", .status(418, retryAfterSeconds: 259_200)),
            ("HTTP/1.1 429 Slow\r\nRetry-After: -5\r\n\r\n", .status(429, retryAfterSeconds: 0)),
            (
                "HTTP/1.1 429 Slow\r\nRetry-After: \(String(repeating: "9", count: 30))\r\n\r\n",
                .status(429, retryAfterSeconds: 259_200)
            ),
            ("HTTP/1.1 429 Slow\r\nRetry-After: soon\r\n\r\n", .status(429, retryAfterSeconds: nil)),
            (
                "HTTP/1.1 503 Busy\r\nRetry-After: Sun, 06 Nov 1994 08:50:37 GMT\r\n\r\n",
                .status(503, retryAfterSeconds: 60)
            ),
            (
                "HTTP/1.1 418 Teapot\r\nretry-after: Sunday, 06-Nov-94 08:49:36 GMT\r\n\r\n",
                .status(418, retryAfterSeconds: 0)
            ),
            (
                "HTTP/1.1 429 Slow\r\nDate: Sat, 05 Nov 1994 08:49:37 GMT\r\n"
                    + "Retry-After: Sat Nov  5 08:51:37 1994\r\n\r\n", .status(429, retryAfterSeconds: 120)
            ),
            (
                "HTTP/1.1 429 Slow\r\nRetry-After: Fri, 31 Dec 2261 23:59:60 GMT\r\n\r\n",
                .status(429, retryAfterSeconds: 259_200)
            ),
            (String(repeating: "x", count: 16_384), .headerTooLong),
            ("HTTP/1.1 101 X\r\nA: " + String(repeating: "x", count: 16_384) + "\r\n\r\n", .headerTooLong),
        ] as [(String, HandshakeError)])
    func `refuses a bad answer with its reason`(answer: String, error: HandshakeError) {
        #expect(parse(answer) == .failure(error))
        #expect(!error.description.contains("\n"))
    }

    @Test func `waits as long as it is told, and a minute where a slow-down names no time`() {
        #expect(HandshakeError.status(429, retryAfterSeconds: 7).waitSeconds == 7)
        #expect(HandshakeError.status(503, retryAfterSeconds: 7).waitSeconds == 7)
        #expect(HandshakeError.status(429, retryAfterSeconds: nil).waitSeconds == 60)
        #expect(HandshakeError.status(418, retryAfterSeconds: nil).waitSeconds == 60)
        #expect(HandshakeError.status(503, retryAfterSeconds: nil).waitSeconds == 0)
        #expect(HandshakeError.wrongAcceptKey.waitSeconds == 0)
    }

    @Test(
        arguments: [
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777), ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777),
            ("Sun Nov  6 08:49:37 1994", 784_111_777), ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Thu, 29 Feb 2024 12:00:00 GMT", 1_709_208_000), ("Fri, 01 Mar 2024 00:00:00 GMT", 1_709_251_200),
            ("Tuesday, 24-Nov-26 14:57:56 GMT", 1_795_532_276), ("Friday, 24-Nov-50 00:00:00 GMT", nil),
            ("", nil), ("6 Nov 1994", nil), ("Sun, 06 Nov 1994 08:49:37 CET", nil),
            ("Sun, 32 Nov 1994 08:49:37 GMT", nil),
            ("Sun, 06 Nov 1994 24:49:37 GMT", nil), ("Sun, 06 Nov 1994 08:49 GMT", nil),
            ("Sun, 06 Nov 194 08:49:37 GMT", nil), ("Sun, 06 Non 1994 08:49:37 GMT", nil),
            ("Sun, 06 Nov 9999 08:49:37 GMT", nil),
        ] as [(String, Int64?)])
    func `reads the three forms of dates`(text: String, seconds: Int64?) {
        #expect(HTTPDate.parse(text, now: Self.now)?.rawValue == seconds.map { $0 * 1_000_000_000 })
    }

    @Test(
        arguments: [
            ([0x03, 0xE8], 1000, ""), ([0x03, 0xE9] + Array("bye".utf8), 1001, "bye"), ([], nil, ""),
            ([0x0B, 0xB8, 0xC3, 0xA9], 3000, "é"),
        ] as [([UInt8], UInt16?, String)])
    func `reads close frames`(payload: [UInt8], code: UInt16?, reason: String) throws {
        let status = try payload.withUnsafeBytes { try CloseStatus(payload: $0) }
        #expect(status.code == code && status.reason == reason)
    }

    @Test(arguments: [
        [3], [0x03, 0xEC], [0x03, 0xED], [0x03, 0xEE], [0, 0], [0x03, 0xE7], [0x13, 0x88], [0x07, 0xD0],
    ])
    func `refuses close codes that must not be sent`(payload: [UInt8]) {
        #expect(throws: WebSocketViolation.malformedClose) {
            try payload.withUnsafeBytes { try CloseStatus(payload: $0) }
        }
    }
}
