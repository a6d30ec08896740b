import Foundation
import Monitoring
import NIOCore
import Telemetry
import TestSupport
import Testing

@Suite(.serialized) struct LimitTests {
    @Test func `a head that trickles in is cut off, whatever keeps coming`() async throws {
        var limits = MonitoringLimits()
        limits.headerTime = .milliseconds(200)
        try await ServerFixture.run(limits: limits) { fixture in
            let client = try fixture.client()
            client.send("GET /livez HTTP/1.1\r\nHost: localhost\r\n")
            try await waitUntil("the slow client is closed") {
                client.send("X-Slow: 1\r\n")
                return fixture.closed("header_time") == 1 && client.isClosed
            }
        }
    }

    @Test func `a trickling head on a kept connection is cut off by the same limit`() async throws {
        var limits = MonitoringLimits()
        limits.headerTime = .milliseconds(200)
        try await ServerFixture.run(limits: limits) { fixture in
            let client = try fixture.client()
            #expect(try client.get("/livez").status == 200)
            client.send("GET")
            try await waitUntil("the slow client is closed") {
                fixture.closed("header_time") == 1 && client.isClosed
            }
        }
    }

    @Test func `a connection resting too long is closed`() async throws {
        var limits = MonitoringLimits()
        limits.idleTime = .milliseconds(200)
        try await ServerFixture.run(limits: limits) { fixture in
            let client = try fixture.client()
            #expect(try client.get("/livez").status == 200)
            try client.readToEnd()
            #expect(fixture.closed("idle_time") == 1)
        }
    }

    @Test func `300 idle connections stay below the cap and a health check still gets through`() async throws {
        try await ServerFixture.run { fixture in
            let crowd = try (0..<300).map { _ in try fixture.client() }
            try await waitUntil("the surplus is closed") { fixture.closed("connection_limit") >= 44 }
            #expect(try fixture.status(of: "/healthcheck", .trader) == 200)
            #expect(fixture.metrics.total("tickline_http_connections") <= 256)
            try await waitUntil("those over the cap are closed") { crowd.filter(\.isClosed).count >= 44 }
            print("connections closed at a cap of 256: \(fixture.closed("connection_limit")) of 301")
        }
    }

    @Test func `a table full of clients that do not read gives way to a health check, the first of them first`()
        async throws
    {
        var limits = MonitoringLimits()
        limits.connections = 8
        limits.metricsAge = .hours(1)
        try await ServerFixture.run(limits: limits) { fixture in
            fixture.addLargeMetrics()
            let crowd = try (0..<8).map { _ in try fixture.client(receiveBufferBytes: 4_096) }
            for client in crowd { client.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n") }
            try await waitUntil("all are being answered") { fixture.answered("/metrics") == 8 }
            for turn in 1...3 {
                #expect(try fixture.client(.trader).get("/healthcheck").status == 200)
                #expect((1...UInt64(turn)).contains(fixture.closed("connection_limit")))
                #expect(fixture.metrics.total("tickline_http_connections") <= 8)
            }
            #expect(fixture.closed("write_time") == 0)
        }
    }

    @Test func `a connection closed by a limit is counted once, not as malformed as well`() async throws {
        var limits = MonitoringLimits()
        limits.connections = 4
        try await ServerFixture.run(limits: limits) { fixture in
            let crowd = try (0..<12).map { _ in try fixture.client() }
            for client in crowd { client.send("GET /livez HTTP/1.1\r\nHos") }
            try await waitUntil("the surplus is closed") { fixture.closed("connection_limit") == 8 }
            // A client that ends inside a request is no malformed one either.
            for client in crowd { client.endSending() }
            try await waitUntil("all are gone") { fixture.metrics.total("tickline_http_connections") == 0 }
            #expect(fixture.metrics.total("tickline_http_closed_total") == 8)
            #expect(fixture.metrics.total("tickline_http_requests_total") == 0)
        }
    }

    @Test func `connections are counted out when they end`() async throws {
        try await ServerFixture.run { fixture in
            do {
                let clients = try (0..<20).map { _ in try fixture.client() }
                for client in clients { #expect(try client.get("/livez").status == 200) }
                #expect(fixture.metrics.total("tickline_http_connections") == 20)
            }
            try await waitUntil("all are gone") { fixture.metrics.total("tickline_http_connections") == 0 }
        }
    }

    @Test func `a client that does not read its answers is closed`() async throws {
        var limits = MonitoringLimits()
        limits.writeTime = .milliseconds(200)
        try await ServerFixture.run(limits: limits) { fixture in
            fixture.addLargeMetrics()
            // One answer of several megabytes does not fit the two socket buffers.
            let client = try fixture.client(receiveBufferBytes: 4_096)
            client.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
            try await waitUntil("the slow reader is closed") { fixture.closed("write_time") == 1 }
        }
    }

    @Test func `requests piled up behind an unread answer end the connection`() async throws {
        try await ServerFixture.run { fixture in
            fixture.addLargeMetrics()
            let client = try fixture.client(receiveBufferBytes: 4_096)
            client.send(String(repeating: "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", count: 50))
            try await waitUntil("the pile is refused") { fixture.closed("slow_pipelining") == 1 }
        }
    }

    @Test func `pipelined requests are answered in order`() async throws {
        try await ServerFixture.run { fixture in
            let client = try fixture.client()
            client.send(
                "GET /livez HTTP/1.1\r\nHost: a\r\n\r\nGET /nothing HTTP/1.1\r\nHost: a\r\n\r\n"
                    + "GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            for status in [200, 404, 200] { #expect(try client.answer().status == status) }
            #expect(try client.readToEnd() == 0)
        }
    }

    static let tooLarge: [(String, String)] = [
        ("one long header", "GET / HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "x", count: 20_000))\r\n\r\n"),
        ("a long target", "GET /\(String(repeating: "x", count: 20_000)) HTTP/1.1\r\nHost: a\r\n\r\n"),
        (
            "many bytes in many headers",
            "GET / HTTP/1.1\r\nHost: a\r\n"
                + (0..<50).map { "X\($0): \(String(repeating: "x", count: 400))\r\n" }.joined()
                + "\r\n"
        ),
        ("101 headers", "GET / HTTP/1.1\r\nHost: a\r\n" + (0..<100).map { "X\($0): 1\r\n" }.joined() + "\r\n"),
        ("a megabyte without an end", "GET / HTTP/1.1\r\nX: " + String(repeating: "x", count: 1 << 20)),
    ]

    @Test(arguments: tooLarge) func `headers beyond the limit are refused`(name: String, request: String) async throws {
        try await ServerFixture.run { fixture in
            let client = try fixture.client()
            client.send(request)
            #expect(try client.answer().status == 431, "\(name)")
            try client.readToEnd()
            #expect(fixture.closed("header_overflow") == 1)
        }
    }

    @Test func `a refused client that is still sending can finish and gets its answer`() async throws {
        try await ServerFixture.run { fixture in
            let client = try fixture.client()
            // More than both socket buffers hold, so the last byte leaves only if the server goes on reading.
            let isSent = client.send("GET / HTTP/1.1\r\nX: " + String(repeating: "x", count: 32 << 20))
            #expect(isSent)
            #expect(try client.answer().status == 431)
        }
    }

    @Test func `headers just within the limits are taken`() async throws {
        try await ServerFixture.run { fixture in
            let many = (0..<99).map { "X\($0): 1\r\n" }.joined()
            let client = try fixture.client()
            client.send("GET /livez HTTP/1.1\r\nHost: a\r\n\(many)\r\n")
            #expect(try client.answer().status == 200)
            client.send("GET /livez HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "x", count: 16_000))\r\n\r\n")
            #expect(try client.answer().status == 200)
        }
    }

    static let malformed: [(String, String)] = [
        ("HTTP/0.9", "GET /metrics\r\n\r\n"),
        ("an HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        ("no host", "GET /livez HTTP/1.1\r\n\r\n"),
        ("two hosts", "GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
        ("noise", "\u{1}\u{2}\u{3}\u{4}\r\n\r\n"),
        ("a TLS hello", "\u{16}\u{3}\u{1}\u{2}\u{0}\r\n\r\n"),
        // The request line
        ("an unknown version", "GET / HTTP/7.3\r\nHost: a\r\n\r\n"),
        ("half a version", "GET / HTTP/1\r\nHost: a\r\n\r\n"),
        ("a small version", "GET / http/1.1\r\nHost: a\r\n\r\n"),
        ("more behind the version", "GET / HTTP/1.1 x\r\nHost: a\r\n\r\n"),
        ("a small method", "get / HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("an unknown method", "FETCH / HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("a blank in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("NUL in the target", "GET /\u{0} HTTP/1.1\r\nHost: a\r\n\r\n"),
        // Headers
        ("a blank before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
        ("a folded header", "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n"),
        ("a folded host", "GET / HTTP/1.1\r\nHost:\r\n a\r\n\r\n"),
        ("NUL in a header", "GET / HTTP/1.1\r\nHost: a\r\nX: \u{0}\r\n\r\n"),
        ("NUL in a name", "GET / HTTP/1.1\r\nHost: a\r\nX\u{0}: 1\r\n\r\n"),
        ("no colon", "GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n"),
        ("no name", "GET / HTTP/1.1\r\nHost: a\r\n: 1\r\n\r\n"),
        ("a letter beyond ASCII in a name", "GET / HTTP/1.1\r\nHost: a\r\nÄ: 1\r\n\r\n"),
        // Line ends (RFC 9112, section 2.2)
        ("bare LF", "GET /livez HTTP/1.1\nHost: a\n\n"),
        ("bare LF in the headers", "GET /livez HTTP/1.1\r\nHost: a\nX: 1\r\n\r\n"),
        ("bare CR", "GET /livez HTTP/1.1\rHost: a\r\r"),
        ("bare CR in a value", "GET /livez HTTP/1.1\r\nHost: a\r\nX: 1\r2\r\n\r\n"),
        // What a proxy and we could read differently (RFC 9112, section 6.3)
        (
            "both lengths",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        ),
        (
            "both lengths, other order",
            "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n"
        ),
        ("two lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd"),
        ("one length twice", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nabcd"),
        ("a list of lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4, 4\r\n\r\nabcd"),
        ("an empty length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n"),
        ("a length with a sign", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +4\r\n\r\nabcd"),
        ("a length in hexadecimal", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x4\r\n\r\nabcd"),
        ("a negative length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"),
        ("a length beyond 64 bits", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n"),
        (
            "chunks twice",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        ),
        ("chunks last but one", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
    ]

    @Test(arguments: malformed) func `a malformed request is refused and the connection closed`(
        name: String, request: String
    ) async throws {
        try await ServerFixture.run { fixture in
            let client = try fixture.client()
            client.send(request)
            let answer = try client.answer()
            #expect(answer.status == 400, "\(name)")
            #expect(answer.headers["connection"] == "close")
            #expect(try client.readToEnd() == 0, "\(name): one answer")
            #expect(fixture.closed("malformed") == 1)
        }
    }

    /// A request behind the body, which nobody may answer.
    private static let smuggled = "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"

    static let bodies: [(String, String)] = [
        ("a length", "POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd"),
        ("a length on GET", "GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 36\r\n\r\n\(smuggled)"),
        ("zeros for a length", "GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 00\r\n\r\n\(smuggled)"),
        ("a huge length", "GET /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000000\r\n\r\nabcd"),
        ("chunks", "POST /metrics HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n"),
        ("bad chunks", "POST /metrics HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\nabcd\r\n"),
        (
            "a huge chunk",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nabcd\r\n\(smuggled)"
        ),
        (
            "chunks under HTTP 1.0",
            "GET /livez HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n\(smuggled)"
        ),
        ("another coding", "GET /livez HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n\(smuggled)"),
        ("almost chunks", "GET /livez HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n\(smuggled)"),
        (
            "a trailer",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nHost: b\r\n\r\n\(smuggled)"
        ),
    ]

    @Test(arguments: bodies) func `a request with a body is refused`(name: String, request: String) async throws {
        try await ServerFixture.run { fixture in
            let client = try fixture.client()
            client.send(request)
            #expect(try client.answer().status == 413, "\(name)")
            #expect(try client.readToEnd() == 0, "\(name): one answer")
        }
    }

    static let upgrades: [(String, Int)] = [
        ("GET /livez HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 200),
        ("GET /livez HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n", 200),
        ("CONNECT localhost:80 HTTP/1.1\r\nHost: a\r\n\r\n", 404),
    ]

    @Test(arguments: upgrades) func `an upgrade is not followed, and nothing behind it is kept`(
        request: String, status: Int
    ) async throws {
        try await ServerFixture.run { fixture in
            let client = try fixture.client()
            client.send(request + Self.smuggled)
            let answer = try client.answer()
            #expect(answer.status == status && answer.headers["connection"] == "close")
            #expect(try client.readToEnd() == 0)
        }
    }

    @Test func `HTTP 1.0 closes unless asked to keep the connection`() async throws {
        try await ServerFixture.run { fixture in
            let kept = try fixture.client()
            kept.send("GET /livez HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            #expect(try kept.answer().headers["connection"] == "keep-alive")
            kept.send("GET /livez HTTP/1.0\r\n\r\n")
            #expect(try kept.answer().headers["connection"] == "close")
            try kept.readToEnd()
        }
    }
}
