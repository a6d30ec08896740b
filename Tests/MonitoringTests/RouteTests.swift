import Foundation
import Logging
import Monitoring
import NIOCore
import Synchronization
import Telemetry
import TestSupport
import Testing

@Suite(.serialized) struct RouteTests {
    static func object(_ body: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any])
    }

    @Test func `health checks answer in the formats their users know`() async throws {
        try await ServerFixture.run { fixture in
            let redis = fixture.health.check("redis", roles: [.processor, .trader])
            let feed = fixture.health.check("feed:binance", roles: [.collector])
            let expected: [(HealthRole, Bool, Int, String?)] = [
                (.collector, false, 503, nil), (.processor, false, 500, "DOWN"), (.trader, false, 503, "unhealthy"),
                (.collector, true, 200, nil), (.processor, true, 200, "UP"), (.trader, true, 200, "healthy"),
            ]
            for (role, isReady, code, status) in expected {
                redis.report(isReady: isReady, reason: isReady ? "connected" : "refused \"by\" 127.0.0.1")
                feed.report(isReady: isReady, reason: "")
                let answer = try fixture.client(role).get("/healthcheck")
                #expect(answer.status == code, "\(role)")
                guard let status else {
                    #expect(answer.body.isEmpty)
                    continue
                }
                let object = try Self.object(answer.body)
                #expect(object["status"] as? String == status)
                #expect(answer.headers["content-type"] == "application/json")
                let message = try #require(object["message"] as? String)
                #expect(isReady || message == "redis: refused \"by\" 127.0.0.1")
            }
        }
    }

    @Test func `a feed that is down while another has its streams is named, and the service is up`() async throws {
        try await ServerFixture.run { fixture in
            let feeds = ["a", "b"].map { fixture.health.check("feed:\($0)", roles: [.collector], delivers: ["trades"]) }
            let client = try fixture.client()
            #expect(try client.get("/readyz").status == 503)
            feeds[1].report(isReady: true, reason: "connected")
            let answer = try client.get("/readyz")
            let checks = try #require(try Self.object(answer.body)["checks"] as? [[String: Any]])
            #expect(answer.status == 200)
            #expect(checks.map { $0["ready"] as? Bool } == [false, true])
            #expect(checks.map { $0["covered"] as? Bool } == [true, false])
            #expect(try client.get("/healthcheck").status == 200)
        }
    }

    @Test func `readiness lists each check with its reason and age`() async throws {
        try await ServerFixture.run { fixture in
            let store = fixture.health.check("store", roles: [.collector, .processor])
            let feed = fixture.health.check("feed:binance", roles: [.collector], reason: "connecting")
            store.report(isReady: true, reason: "writing")
            let client = try fixture.client()
            let before = try client.get("/readyz")
            #expect(before.status == 503)
            let object = try Self.object(before.body)
            #expect(object["status"] as? String == "not ready")
            let checks = try #require(object["checks"] as? [[String: Any]])
            #expect(checks.map { $0["name"] as? String } == ["store", "feed:binance"])
            #expect(checks.map { $0["ready"] as? Bool } == [true, false])
            #expect(checks[1]["reason"] as? String == "connecting")
            #expect(checks.allSatisfy { ($0["ageSeconds"] as? Double ?? -1) >= 0 })
            feed.report(isReady: true, reason: "receiving")
            #expect(try client.get("/readyz").status == 200)
            #expect(try fixture.status(of: "/readyz", .trader) == 200)
        }
    }

    @Test func `liveness follows the loops`() async throws {
        let isAlive = Atomic(true)
        let engine: @Sendable () -> Bool = { isAlive.load(ordering: .relaxed) }
        try await ServerFixture.run(liveness: [("engine", engine), ("feed", { true })]) { fixture in
            let client = try fixture.client(.processor)
            #expect(try client.get("/livez").status == 200)
            isAlive.store(false, ordering: .relaxed)
            let answer = try client.get("/livez")
            #expect(answer.status == 503)
            let loops = try #require(try Self.object(answer.body)["loops"] as? [[String: Any]])
            #expect(loops.map { $0["name"] as? String } == ["engine", "feed"])
            #expect(loops.map { $0["alive"] as? Bool } == [false, true])
        }
    }

    @Test func `metrics are the same on every listener and pass promtool`() async throws {
        try await ServerFixture.run { fixture in
            ProcessMetrics.register(in: fixture.metrics, version: "0.0.1 \"quoted\"")
            fixture.metrics.counter(
                "tickline_ticks_total", help: "Ticks.", labels: [("symbol", "a\"b\\c\r\nd\u{301}")]
            ).add(3)
            fixture.metrics.histogram("tickline_tick_to_signal_seconds", help: "Latency.").record(nanos: 4_321)
            for role in HealthRole.allCases {
                let answer = try fixture.client(role).get("/metrics")
                #expect(answer.status == 200)
                #expect(answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
                #expect(answer.body.contains("process_resident_memory_bytes "))
                try Promtool.check(answer.body)
            }
        }
    }

    @Test func `metrics asked for in a crowd are rendered once in a while`() async throws {
        var limits = MonitoringLimits()
        limits.metricsAge = .hours(1)
        for isRenderedAnew in [false, true] {
            if isRenderedAnew { limits.metricsAge = .zero }
            try await ServerFixture.run(limits: limits) { fixture in
                let ticks = fixture.metrics.counter("tickline_ticks_total", help: "Ticks.")
                let client = try fixture.client()
                #expect(try client.get("/metrics").body.contains("tickline_ticks_total 0\n"))
                ticks.add()
                let count = isRenderedAnew ? 1 : 0
                #expect(try client.get("/metrics").body.contains("tickline_ticks_total \(count)\n"))
            }
        }
    }

    @Test func `HEAD has the headers of GET and no body`() async throws {
        try await ServerFixture.run { fixture in
            let client = try fixture.client()
            for path in ["/", "/livez", "/readyz", "/healthcheck"] {
                let get = try client.get(path)
                let head = try client.get(path, method: "HEAD")
                #expect(head.status == get.status)
                #expect(head.headers["content-type"] == get.headers["content-type"])
                #expect(head.headers["content-length"] == get.headers["content-length"])
            }
            #expect(try client.get("/livez").status == 200, "the connection is still in step")
        }
    }

    @Test func `the front page is the collector's and may not be framed or scripted`() async throws {
        try await ServerFixture.run { fixture in
            let page = try fixture.client().get("/")
            #expect(page.status == 200)
            #expect(page.headers["content-type"] == "text/html; charset=utf-8")
            #expect(page.headers["content-security-policy"]?.contains("default-src 'none'") == true)
            #expect(page.headers["x-frame-options"] == "DENY")
            #expect(page.body.contains("/readyz"))
            #expect(try fixture.status(of: "/", .trader) == 404)
        }
    }

    @Test(arguments: [
        "/..", "/../etc/passwd", "/%2e%2e/etc/passwd", "/..%2fetc%2fpasswd", "//etc/passwd", "/metrics/", "/metrics%00",
        "/Metrics", "/./metrics", "/livez/../metrics", "http://localhost/metrics", "/etc/passwd", "/metrics;x",
        "/favicon.ico",
    ]) func `no path but the table's is served`(path: String) async throws {
        try await ServerFixture.run { fixture in
            let status = try fixture.status(of: path)
            #expect(status == 404)
        }
    }

    @Test func `other methods are refused and the connection goes on`() async throws {
        try await ServerFixture.run { fixture in
            let client = try fixture.client()
            for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"] {
                let answer = try client.get("/metrics", method: method)
                #expect(answer.status == 405)
                #expect(answer.headers["allow"] == "GET, HEAD")
            }
            #expect(try client.get("/livez?verbose=1").status == 200)
        }
    }

    @Test func `a port in use is one line with the flag`() async throws {
        try await ServerFixture.run { fixture in
            let port = fixture.ports[.trader]!
            let second = MonitoringServer(
                listeners: [
                    MonitoringListener(role: .collector, port: 0), MonitoringListener(role: .processor, port: port),
                ],
                metrics: MetricsRegistry(), health: HealthRegistry(),
                logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
            let error = await #expect(throws: MonitoringError.self) { try await second.start() }
            let text = try #require(error).description
            #expect(text.contains("port \(port) on 127.0.0.1 is in use"))
            #expect(text.contains("--processor-http"))
            #expect(!text.contains("\n"))
        }
    }

    @Test func `stopping closes ports and connections, twice is harmless`() async throws {
        let port = Mutex(0)
        try await ServerFixture.run { fixture in
            port.withLock { $0 = fixture.ports[.collector]! }
            let client = try fixture.client()
            #expect(try client.get("/livez").status == 200)
            await fixture.server.stop()
            try client.readToEnd()
            await #expect(throws: MonitoringError.alreadyStarted) { try await fixture.server.start() }
        }
        #expect(throws: RawHTTPClient.Failure.self) { try RawHTTPClient(port: port.withLock { $0 }) }
    }
}
