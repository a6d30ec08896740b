import Foundation
import Glibc
import TestSupport
import Testing
import Transport

/// Connections to real servers on loopback. TLS is spoken by `openssl s_server`, whose input is what the client receives.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct TransportTests {
    private func refusal(_ endpoint: TransportEndpoint) -> TransportError? {
        do throws(TransportError) {
            _ = try TransportConnection(connectingTo: endpoint)
            return nil
        } catch { return error }
    }

    private func refusal(
        port: Int, security: TransportEndpoint.Security, host: String = "localhost", timeoutMillis: Int = 10_000
    ) -> TransportError? {
        refusal(
            TransportEndpoint(host: host, port: port, security: security, connectTimeoutMillis: timeoutMillis))
    }

    @Test func `speaks TLS with a server of a private CA`() async throws {
        let authority = try TestAuthority()
        defer { authority.remove() }
        let server = try TLSServer(authority, certificate: "good")
        defer { server.stop() }
        try await server.waitUntilReady()
        let connection = try TransportConnection(
            connectingTo: TransportEndpoint(
                host: "localhost", port: server.port, security: .tls(caFile: authority.caFile)))
        // A closure may not borrow the connection, so plain memory it is.
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64, alignment: 1)
        defer { buffer.deallocate() }
        buffer.copyBytes(from: Array("hello\n".utf8))
        let sent = try connection.send(UnsafeRawBufferPointer(rebasing: buffer[..<6]))
        #expect(sent == 6)
        try await waitUntil("the server's sight") { server.received.contains("hello") }
        server.send(Data("welcome\n".utf8))
        var received: [UInt8] = []
        let deadline = ContinuousClock.now + .seconds(20)
        while received.count < 8, ContinuousClock.now < deadline {
            let result = try connection.receive(into: buffer)
            if case .bytes(let count) = result { received += buffer[..<count] } else { usleep(1_000) }
        }
        #expect(String(decoding: received, as: UTF8.self) == "welcome\n")
    }

    @Test(arguments: ["stranger", "wronghost", "expired"])
    func `refuses a certificate that does not verify`(certificate: String) async throws {
        let authority = try TestAuthority()
        defer { authority.remove() }
        let server = try TLSServer(authority, certificate: certificate)
        defer { server.stop() }
        try await server.waitUntilReady()
        let error = refusal(port: server.port, security: .tls(caFile: authority.caFile))
        guard case .certificateRefused(let endpoint, let detail) = error else {
            Issue.record("\(certificate): \(String(describing: error))")
            return
        }
        #expect(endpoint == "localhost:\(server.port)")
        print("\(certificate): \(detail)")
        #expect(!(error?.description.contains("\n") ?? true))
    }

    @Test func `a private CA is unknown to the system's authorities`() async throws {
        let authority = try TestAuthority()
        defer { authority.remove() }
        let server = try TLSServer(authority, certificate: "good")
        defer { server.stop() }
        try await server.waitUntilReady()
        guard case .certificateRefused = refusal(port: server.port, security: .tls(caFile: nil)) else {
            Issue.record("an unknown CA was taken")
            return
        }
    }

    @Test func `names what is wrong with a connection`() async throws {
        let port = freePort()
        #expect(refusal(port: port, security: .none, host: "127.0.0.1") == .refused(endpoint: "127.0.0.1:\(port)"))
        #expect(
            refusal(port: 1, security: .none, host: "no-such-host.invalid")
                == .nameNotResolved(host: "no-such-host.invalid"))
        #expect(
            refusal(port: port, security: .tls(caFile: "/no/such/file"), host: "127.0.0.1")
                == .refused(endpoint: "127.0.0.1:\(port)"))
    }

    @Test func `refuses a CA file that is not there`() async throws {
        let authority = try TestAuthority()
        defer { authority.remove() }
        let server = try TLSServer(authority, certificate: "good")
        defer { server.stop() }
        try await server.waitUntilReady()
        #expect(
            refusal(port: server.port, security: .tls(caFile: "/no/such/file"))
                == .unusableCAFile(path: "/no/such/file"))
    }

    @Test func `gives up on a server that never answers, and when cancelled`() throws {
        let listener = try SilentListener()
        #expect(
            refusal(port: listener.port, security: .tls(caFile: nil), host: "127.0.0.1", timeoutMillis: 200)
                == .timedOut(endpoint: "127.0.0.1:\(listener.port)", limitMillis: 200))
        let cancellation = ConnectCancellation()
        Thread.detachNewThread {
            usleep(50_000)
            cancellation.cancel()
        }
        let endpoint = TransportEndpoint(
            host: "127.0.0.1", port: listener.port, security: .tls(caFile: nil), connectTimeoutMillis: 60_000)
        #expect(throws: TransportError.cancelled) {
            _ = try TransportConnection(connectingTo: endpoint, cancellation: cancellation)
        }
    }

    @Test(arguments: [
        "http://user:canary @127.0.0.1:1", "gopher://user:canary@127.0.0.1:1", "http://user:canary@h:port",
    ])
    func `never shows a proxy's password, not even where its address is no address`(proxy: String) {
        do {
            _ = try TransportConnection(
                connectingTo: TransportEndpoint(host: "127.0.0.1", port: 1, security: .none, proxyURL: proxy))
            Issue.record("\(proxy) was taken")
        } catch {
            #expect(!"\(error)".contains("canary") && !error.description.contains("canary"))
        }
    }

    @Test func `goes through a proxy and names its refusal`() throws {
        let listener = try SilentListener(
            answers: ["HTTP/1.1 200 Connected\r\n\r\n", "HTTP/1.1 403 Forbidden\r\n\r\n"])
        var endpoint = TransportEndpoint(
            host: "exchange.invalid", port: 80, security: .none,
            proxyURL: "http://user:secret@127.0.0.1:\(listener.port)")
        _ = try TransportConnection(connectingTo: endpoint)
        #expect(listener.requests.first?.hasPrefix("CONNECT exchange.invalid:80 HTTP/1.1\r\n") == true)
        let refused = refusal(endpoint)
        endpoint.proxyURL = "http://127.0.0.1:\(freePort())"
        for error in [refused, refusal(endpoint)] {
            guard case .proxyFailed = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
            #expect(error?.description.contains("secret") == false)
        }
    }

    @Test func `splits addresses`() throws {
        let url = try TransportURL(parsing: "WSS://User:pw@[::1]:9443/a/b%20c?x=1&y=@2#f")
        #expect(url.scheme == "wss" && url.hasCredentials && url.host == "[::1]" && url.port == 9_443)
        #expect(url.path == "/a/b%20c" && url.query == "x=1&y=@2")
        let plain = try TransportURL(parsing: "ws://host")
        #expect(plain.port == nil && plain.path == "/" && plain.query == nil && !plain.hasCredentials)
        for text in ["", "host/path", "ws://", "ws://host:99999/", "ws://ho st/"] {
            #expect(throws: TransportError.self) { try TransportURL(parsing: text) }
        }
    }
}
