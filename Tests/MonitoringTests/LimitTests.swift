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
            try await waitUntil("the surplus is refused") { fixture.closed("connection_limit") >= 44 }
            #expect(try fixture.status(of: "/healthcheck", .trader) == 200)
            #expect(fixture.metrics.total("tickline_http_connections") <= 256)
            try await waitUntil("those over the cap are closed") { crowd.filter(\.isClosed).count >= 44 }
            print("connections refused at a cap of 256: \(fixture.closed("connection_limit")) of 301")
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
            for symbol in 0..<900 {
                fixture.metrics.histogram(
                    "tickline_stage_seconds", help: "Stage.", labels: [("stage", "\(symbol)")]
                ).record(nanos: 1)
            }
            // One answer of several megabytes does not fit the two socket buffers.
            let client = try fixture.client(receiveBufferBytes: 4_096)
            client.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
            try await waitUntil("the slow reader is closed") { fixture.closed("write_time") == 1 }
        }
    }

    @Test func `requests piled up behind an unread answer end the connection`() async throws {
        try await ServerFixture.run { fixture in
            for symbol in 0..<900 {
                fixture.metrics.histogram(
                    "tickline_stage_seconds", help: "Stage.", labels: [("stage", "\(symbol)")]
                ).record(nanos: 1)
            }
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
        (
            "both lengths",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        ),
        (
            "both lengths, other order",
            "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n"
        ),
        ("two lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd"),
        ("a negative length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"),
        ("a length beyond 64 bits", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n"),
        ("a blank before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
        ("a folded header", "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n"),
        ("NUL in a header", "GET / HTTP/1.1\r\nHost: a\r\nX: \u{0}\r\n\r\n"),
        ("no host", "GET /livez HTTP/1.1\r\n\r\n"),
        ("two hosts", "GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
        ("noise", "\u{1}\u{2}\u{3}\u{4}\r\n\r\n"),
        ("a TLS hello", "\u{16}\u{3}\u{1}\u{2}\u{0}\r\n\r\n"),
        ("an unknown version", "GET / HTTP/7.3\r\nHost: a\r\n\r\n"),
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

    static let bodies: [(String, String)] = [
        ("a length", "POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd"),
        ("a huge length", "GET /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000000\r\n\r\nabcd"),
        ("chunks", "POST /metrics HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n"),
        ("bad chunks", "POST /metrics HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\nabcd\r\n"),
    ]

    @Test(arguments: bodies) func `a request with a body is refused`(name: String, request: String) async throws {
        try await ServerFixture.run { fixture in
            let client = try fixture.client()
            client.send(request)
            #expect(try client.answer().status == 413, "\(name)")
            #expect(try client.readToEnd() == 0, "\(name): one answer")
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
