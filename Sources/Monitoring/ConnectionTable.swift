import NIOCore
import NIOHTTP1
import Telemetry

/// The open connections of a server and what they share; used on its event loop only.
final class ConnectionTable {
    let routes: MonitoringRoutes
    let limits: MonitoringLimits
    let metricsPage: MetricsPage
    private var connections: [ObjectIdentifier: HTTPConnectionHandler] = [:]
    private let closed: [String: Counter]
    private let open: Gauge

    init(routes: MonitoringRoutes, limits: MonitoringLimits) {
        self.routes = routes
        self.limits = limits
        let metrics = routes.metrics
        metricsPage = MetricsPage(metrics: metrics, mostAge: limits.metricsAge)
        var closed: [String: Counter] = [:]
        for reason in ConnectionStateMachine.CloseReason.allCases {
            closed[reason.rawValue] = metrics.counter(
                "tickline_http_closed_total", help: "HTTP connections closed by a limit or for a bad request.",
                labels: [("reason", reason.rawValue)])
        }
        self.closed = closed
        open = metrics.gauge("tickline_http_connections", help: "Open HTTP connections.")
    }

    /// Takes a connection in. Where the table is full the one that has got nowhere for longest is closed, be it idle, slow to
    /// ask or slow to read: so no crowd locks out a health check, which is asked and answered long before as many others
    /// have come as the table holds. O(connections) then.
    func admit(_ connection: HTTPConnectionHandler) {
        if connections.count >= limits.connections,
            let slowest = connections.values.min(by: { $0.lastProgress < $1.lastProgress })
        {
            remove(slowest)
            slowest.close(.connectionLimit)
        }
        connections[ObjectIdentifier(connection)] = connection
        open.set(Double(connections.count))
    }

    /// The connection is closed.
    func remove(_ connection: HTTPConnectionHandler) {
        connections[ObjectIdentifier(connection)] = nil
        open.set(Double(connections.count))
    }

    func count(closed reason: ConnectionStateMachine.CloseReason) { closed[reason.rawValue]?.add() }

    /// Counts an answer; paths that are not ours share one series.
    func count(path target: String?, status: HTTPResponseStatus) {
        let path = target.map(MonitoringRoutes.path) ?? ""
        routes.metrics.counter(
            "tickline_http_requests_total", help: "HTTP requests answered.",
            labels: [
                ("path", MonitoringRoutes.paths.contains(path) ? path : "other"), ("code", "\(status.code)"),
            ]
        ).add()
    }
}
