import NIOCore
import NIOHTTP1
import Telemetry

/// The open connections of a server and what they share; used on its event loop only.
final class ConnectionTable {
    let routes: MonitoringRoutes
    let limits: MonitoringLimits
    private var connections: [ObjectIdentifier: HTTPConnectionHandler] = [:]
    private let closed: [String: Counter]
    private let open: Gauge

    init(routes: MonitoringRoutes, limits: MonitoringLimits) {
        self.routes = routes
        self.limits = limits
        let metrics = routes.metrics
        var closed: [String: Counter] = [:]
        for reason in ConnectionStateMachine.CloseReason.allCases {
            closed[reason.rawValue] = metrics.counter(
                "tickline_http_closed_total", help: "HTTP connections closed by a limit or for a bad request.",
                labels: [("reason", reason.rawValue)])
        }
        self.closed = closed
        open = metrics.gauge("tickline_http_connections", help: "Open HTTP connections.")
    }

    /// Takes a connection in. Where the table is full, the one that has waited longest for a request gives way, so that
    /// a crowd of idle clients can't lock out a health check; O(connections) then. False: all are being answered.
    func admit(_ connection: HTTPConnectionHandler) -> Bool {
        if connections.count >= limits.connections {
            count(closed: .connectionLimit)
            let waiting = connections.values.filter(\.isWaiting)
            guard let longest = waiting.min(by: { $0.waitingSince < $1.waitingSince }) else { return false }
            remove(longest)
            longest.close(nil)
        }
        connections[ObjectIdentifier(connection)] = connection
        open.set(Double(connections.count))
        return true
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
