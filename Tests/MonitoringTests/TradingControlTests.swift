import Foundation
import Logging
import Monitoring
import Synchronization
import Telemetry
import TestSupport
import Testing
import TradingModel

/// Who may change the trading mode by a request, and what requests are answered.
@Suite(.serialized) struct TradingControlTests {
    /// What was asked for.
    private final class Asked: Sendable {
        let all = Mutex<[String]>([])
    }

    private func run(
        token: String?, state: TradingState? = nil, _ body: (Int, Asked) async throws -> Void
    ) async throws {
        let asked = Asked()
        let server = MonitoringServer(
            listeners: [MonitoringListener(role: .trader, port: 0), MonitoringListener(role: .collector, port: 0)],
            metrics: MetricsRegistry(), health: HealthRegistry(),
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
            trading: TradingControl(
                token: token, current: { state },
                request: { mode, reason in asked.all.withLock { $0.append("\(mode.rawValue): \(reason)") } }))
        let ports = try await server.start()
        do { try await body(ports[0], asked) } catch {
            await server.stop()
            throw error
        }
        #expect(try RawHTTPClient(port: ports[1]).get("/trading").status == 404)
        await server.stop()
    }

    private func post(_ target: String, _ headers: [String], port: Int) throws -> RawHTTPClient.Answer {
        let client = try RawHTTPClient(port: port)
        client.send("POST \(target) HTTP/1.1\r\nHost: a\r\n" + headers.map { $0 + "\r\n" }.joined() + "\r\n")
        return try client.answer()
    }

    @Test func `a request with the token asks for a mode with its reason`() async throws {
        try await run(token: "s3cret") { port, asked in
            let token = "Authorization: Bearer s3cret"
            let answer = try post("/trading?mode=halted&reason=exchange%20maintenance", [token], port: port)
            #expect(answer.status == 202 && answer.body == "{\"asked\":\"halted\"}\n")
            #expect(try post("/trading?mode=reduce-only", ["authorization: bearer s3cret"], port: port).status == 202)
            #expect(try post("/trading?mode=active", [token, "Content-Length: 0"], port: port).status == 202)
            #expect(
                asked.all.withLock { $0 } == [
                    "halted: exchange maintenance", "reduce-only: by HTTP", "active: by HTTP",
                ])
        }
    }

    @Test func `without the token nothing is asked for`() async throws {
        try await run(token: "s3cret") { port, asked in
            for headers in [
                [], ["Authorization: Bearer s3creT"], ["Authorization: Bearer s3cre"], ["Authorization: Basic s3cret"],
                ["Authorization: Bearer"], ["Authorization: Bearer s3cret", "Authorization: Bearer s3cret"],
            ] {
                let answer = try post("/trading?mode=halted", headers, port: port)
                #expect(answer.status == 401 && answer.headers["www-authenticate"] == "Bearer", "\(headers)")
            }
            let token = ["Authorization: Bearer s3cret"]
            for target in [
                "/trading", "/trading?mode=off", "/trading?mode=halted&reason=a%0Ab",
                "/trading?mode=halted&reason=" + String(repeating: "a", count: 201),
            ] { #expect(try post(target, token, port: port).status == 400, "\(target)") }
            #expect(try RawHTTPClient(port: port).get("/trading", method: "DELETE").status == 405)
            #expect(asked.all.withLock { $0.isEmpty })
        }
        try await run(token: nil) { port, asked in
            let answer = try post("/trading?mode=halted", ["Authorization: Bearer "], port: port)
            #expect(answer.status == 403 && answer.body.contains("--trading-token"))
            #expect(asked.all.withLock { $0.isEmpty })
        }
    }

    @Test func `the mode in force is shown to everybody`() async throws {
        let state = TradingState(
            mode: .reduceOnly, reason: "by \"hand\"", time: UnixNanos(rawValue: 1_723_161_000_000_000_000))
        try await run(token: "s3cret", state: state) { port, _ in
            let answer = try RawHTTPClient(port: port).get("/trading")
            #expect(answer.status == 200)
            let object = try JSONSerialization.jsonObject(with: Data(answer.body.utf8)) as? [String: String]
            #expect(
                object == [
                    "mode": "reduce-only", "reason": "by \"hand\"", "since": "2024-08-08T23:50:00.000Z",
                ])
        }
        try await run(token: nil) { port, _ in
            let answer = try RawHTTPClient(port: port).get("/trading")
            #expect(answer.status == 503)
        }
    }
}
