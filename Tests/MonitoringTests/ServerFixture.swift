import Logging
import Monitoring
import Telemetry
import TestSupport

/// A running server with its registries, on free ports.
struct ServerFixture {
    let metrics = MetricsRegistry()
    let health = HealthRegistry()
    let server: MonitoringServer
    private(set) var ports: [HealthRole: Int] = [:]

    private init(limits: MonitoringLimits, liveness: [(name: String, isAlive: @Sendable () -> Bool)]) {
        server = MonitoringServer(
            listeners: HealthRole.allCases.map { MonitoringListener(role: $0, port: 0) }, metrics: metrics,
            health: health, logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
            liveness: liveness, limits: limits)
    }

    /// Starts a server, runs `body` and stops it.
    static func run(
        limits: MonitoringLimits = MonitoringLimits(),
        liveness: [(name: String, isAlive: @Sendable () -> Bool)] = [],
        _ body: (ServerFixture) async throws -> Void
    ) async throws {
        var fixture = ServerFixture(limits: limits, liveness: liveness)
        let ports = try await fixture.server.start()
        fixture.ports = Dictionary(uniqueKeysWithValues: zip(HealthRole.allCases, ports))
        do {
            try await body(fixture)
        } catch {
            await fixture.server.stop()
            throw error
        }
        await fixture.server.stop()
    }

    func client(_ role: HealthRole = .collector, receiveBufferBytes: Int32? = nil) throws -> RawHTTPClient {
        try RawHTTPClient(port: ports[role]!, receiveBufferBytes: receiveBufferBytes)
    }

    /// The status of a GET on a connection of its own.
    func status(of path: String, _ role: HealthRole = .collector) throws -> Int {
        try client(role).get(path).status
    }

    /// Makes `/metrics` four megabytes long, more than the two socket buffers hold, by a text that is quick to render.
    func addLargeMetrics() {
        _ = metrics.counter("tickline_large_total", help: String(repeating: "x", count: 4 << 20))
    }

    /// Requests of a path that were answered with 200.
    func answered(_ path: String) -> UInt64 {
        metrics.counter("tickline_http_requests_total", help: "", labels: [("path", path), ("code", "200")]).value
    }

    /// Connections closed for `reason`.
    func closed(_ reason: String) -> UInt64 {
        metrics.counter("tickline_http_closed_total", help: "", labels: [("reason", reason)]).value
    }
}
