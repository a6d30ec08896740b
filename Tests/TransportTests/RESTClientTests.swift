import Foundation
import TestSupport
import Testing
import Transport

/// One client against real servers on loopback whose answers are written out.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct RESTClientTests {
    private static func plain(_ port: Int) -> TransportEndpoint {
        TransportEndpoint(host: "127.0.0.1", port: port, security: .none, connectTimeoutMillis: 10_000)
    }

    private static func answer(_ head: String, body: String) -> String {
        "HTTP/1.1 \(head)\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    /// What one request of a fresh client gives.
    private func get(
        _ endpoint: TransportEndpoint, _ target: String = "/x", timeoutMillis: Int = 10_000,
        mostBodyBytes: Int = 1 << 20
    ) -> Result<RESTAnswer, TransportError> {
        let client = RESTClient()
        do throws(TransportError) {
            return .success(
                try client.get(target, from: endpoint, timeoutMillis: timeoutMillis, mostBodyBytes: mostBodyBytes))
        } catch { return .failure(error) }
    }

    @Test func `keeps its connection from one answer to the next, whatever their status`() throws {
        let requests = SeenRequests()
        let server = ScriptedServer { connection, peer in
            let answers = [
                Self.answer("200 OK\r\nX-MBX-USED-WEIGHT-1M: 25\r\nX-Other: 1", body: "[1]"),
                Self.answer("404 Not Found", body: "no"),
                Self.answer("429 Slow\r\nretry-after: 7", body: ""),
                Self.answer(
                    "418 Banned\r\nDate: Sun, 06 Nov 1994 08:49:07 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:49:37 GMT",
                    body: ""),
                Self.answer("302 Elsewhere\r\nLocation: http://127.0.0.1:1/", body: ""),
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
            ]
            for answer in answers {
                guard let request = peer.readRequest() else { return }
                requests.append("\(connection) " + request)
                peer.send(answer)
            }
        }
        defer { server.stop() }
        let client = RESTClient()
        var answers: [RESTAnswer] = []
        for number in 1...6 {
            answers.append(
                try client.get(
                    "/api?n=\(number)", headers: number == 2 ? ["X-Unit: A", "X-More: B"] : [],
                    from: Self.plain(server.port), timeoutMillis: 10_000, mostBodyBytes: 100))
        }
        #expect(
            answers == [
                RESTAnswer(status: 200, usedWeight: "25", body: Array("[1]".utf8)),
                RESTAnswer(status: 404, body: Array("no".utf8)), RESTAnswer(status: 429, retryAfter: "7", body: []),
                RESTAnswer(
                    status: 418, retryAfter: "Sun, 06 Nov 1994 08:49:37 GMT", date: "Sun, 06 Nov 1994 08:49:07 GMT",
                    body: []), RESTAnswer(status: 302, body: []), RESTAnswer(status: 200, body: Array("abc".utf8)),
            ])
        for (number, request) in requests.all.enumerated() {
            #expect(request.hasPrefix("1 GET /api?n=\(number + 1) HTTP/1.1\r\nHost: 127.0.0.1:\(server.port)\r\n"))
        }
        #expect(requests.all.count == 6)
        #expect(
            requests.all.map { $0.contains("X-Unit: A\r\nX-More: B\r\n") } == [false, true]
                + Array(repeating: false, count: 4))
    }

    @Test func `connects anew where the server has closed the kept connection`() throws {
        let server = ScriptedServer { connection, peer in
            _ = peer.readRequest()
            peer.send(Self.answer("200 OK", body: "\(connection)"))
        }
        defer { server.stop() }
        let client = RESTClient()
        for number in 1...3 {
            let answer = try client.get(
                "/", from: Self.plain(server.port), timeoutMillis: 10_000, mostBodyBytes: 100)
            #expect(String(decoding: answer.body, as: UTF8.self) == "\(number)")
        }
    }

    @Test func `names what ends a request`() throws {
        let server = ScriptedServer { _, peer in
            let request = peer.readRequest() ?? ""
            if request.contains("/slow") {
                peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123")
                peer.waitForEnd()
            } else if request.contains("/cut") {
                peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123")
            } else if request.contains("/reset") {
                peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123")
                peer.reset()
            } else if request.contains("/nothing") {
                return
            } else {
                peer.send(Self.answer("200 OK", body: String(repeating: "x", count: 1_001)))
                peer.waitForEnd()
            }
        }
        defer { server.stop() }
        let endpoint = Self.plain(server.port)
        let name = "127.0.0.1:\(server.port)"
        #expect(get(endpoint, "/slow", timeoutMillis: 100) == .failure(.timedOut(endpoint: name, limitMillis: 100)))
        #expect(get(endpoint, "/cut") == .failure(.cutOff(endpoint: name)))
        // A reset may overtake the bytes in front of it.
        #expect(
            [.failure(.reset(endpoint: name)), .failure(.cutOff(endpoint: name))].contains(get(endpoint, "/reset")))
        #expect(get(endpoint, "/nothing") == .failure(.reset(endpoint: name)))
        #expect(
            get(endpoint, "/large", mostBodyBytes: 1_000)
                == .failure(.answerTooLarge(endpoint: name, limitBytes: 1_000)))
        #expect(try get(endpoint, "/large", mostBodyBytes: 1_001).get().body.count == 1_001)
        let port = freePort()
        #expect(get(Self.plain(port)) == .failure(.refused(endpoint: "127.0.0.1:\(port)")))
    }

    @Test func `goes on after a failed request`() throws {
        let server = ScriptedServer { _, peer in
            while let request = peer.readRequest() {
                if request.contains("/cut") { return peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123") }
                peer.send(Self.answer("200 OK", body: "whole"))
            }
        }
        defer { server.stop() }
        let client = RESTClient()
        let endpoint = Self.plain(server.port)
        #expect(throws: TransportError.cutOff(endpoint: endpoint.name)) {
            _ = try client.get("/cut", from: endpoint, timeoutMillis: 10_000, mostBodyBytes: 100)
        }
        let answer = try client.get("/", from: endpoint, timeoutMillis: 10_000, mostBodyBytes: 100)
        #expect(String(decoding: answer.body, as: UTF8.self) == "whole")
    }

    @Test func `verifies certificates`() async throws {
        let authority = try TestAuthority()
        defer { authority.remove() }
        let server = ScriptedServer { _, peer in
            _ = peer.readRequest()
            peer.send(Self.answer("200 OK", body: "secure"))
        }
        defer { server.stop() }
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        for certificate in ["good", "stranger", "wronghost", "expired"] {
            let front = try await TLSFront(authority, certificate: certificate, target: server.port, folder: folder.url)
            defer { front.stop() }
            let endpoint = TransportEndpoint(
                host: "localhost", port: front.port, security: .tls(caFile: authority.caFile))
            var stranger = endpoint
            stranger.security = .tls(caFile: nil)
            switch (certificate, get(endpoint)) {
            case ("good", .success(let answer)): #expect(String(decoding: answer.body, as: UTF8.self) == "secure")
            case ("good", let other): Issue.record("\(other)")
            case (_, .failure(.certificateRefused(let name, _))): #expect(name == endpoint.name)
            case (_, let other): Issue.record("\(certificate): \(other)")
            }
            guard case .failure(.certificateRefused) = get(stranger) else {
                Issue.record("\(certificate): the system's authorities know it")
                continue
            }
        }
    }

    @Test func `asks through a proxy`() throws {
        let requests = SeenRequests()
        let proxy = ScriptedServer { _, peer in
            requests.append(peer.readRequest() ?? "")
            peer.send("HTTP/1.1 200 Connected\r\nRetry-After: 9\r\n\r\n")
            requests.append(peer.readRequest() ?? "")
            peer.send(Self.answer("200 OK", body: "through"))
        }
        defer { proxy.stop() }
        let endpoint = TransportEndpoint(
            host: "exchange.invalid", port: 80, security: .none, proxyURL: "http://127.0.0.1:\(proxy.port)")
        #expect(get(endpoint) == .success(RESTAnswer(status: 200, body: Array("through".utf8))))
        #expect(requests.all[0].hasPrefix("CONNECT exchange.invalid:80 HTTP/1.1\r\n"))
        #expect(requests.all[1].hasPrefix("GET /x HTTP/1.1\r\n"))
    }

    @Test func `ends a request that is cancelled from another thread, and all later ones`() throws {
        let listener = try SilentListener()
        let cancellation = ConnectCancellation()
        let client = RESTClient(cancellation: cancellation)
        Thread.detachNewThread {
            usleep(50_000)
            cancellation.cancel()
        }
        let start = ContinuousClock.now
        for _ in 0..<2 {
            #expect(throws: TransportError.cancelled) {
                _ = try client.get(
                    "/", from: Self.plain(listener.port), timeoutMillis: 60_000, mostBodyBytes: 100)
            }
        }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        print("figure: a cancelled request ends after \(seconds) s")
        #expect(seconds < 10)
    }
}

/// What servers were asked.
private final class SeenRequests: @unchecked Sendable {
    // Unchecked: behind its lock.
    private let lock = NSLock()
    private var seen: [String] = []

    var all: [String] { lock.withLock { seen } }

    func append(_ request: String) { lock.withLock { seen.append(request) } }
}
