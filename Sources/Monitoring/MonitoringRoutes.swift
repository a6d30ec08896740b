import NIOHTTP1
import Telemetry

/// The fixed table of what is answered: no files, and never a connection of its own to check something.
struct MonitoringRoutes: Sendable {
    struct Answer: Sendable {
        var status: HTTPResponseStatus
        var contentType: String?
        var body: String
        var allow: String?
        var challenge: String?

        static func json(_ status: HTTPResponseStatus, _ body: String) -> Answer {
            Answer(status: status, contentType: "application/json", body: body + "\n")
        }

        static func text(_ status: HTTPResponseStatus, _ body: String, allow: String? = nil) -> Answer {
            Answer(status: status, contentType: "text/plain; charset=utf-8", body: body + "\n", allow: allow)
        }
    }

    static let paths = ["/", "/healthcheck", "/livez", "/metrics", "/readyz", "/trading"]

    let metrics: MetricsRegistry
    let health: HealthRegistry
    let liveness: [(name: String, isAlive: @Sendable () -> Bool)]
    let trading: TradingControl?

    /// The path of a request target, which the query does not change.
    static func path(of target: String) -> String { String(target.prefix { $0 != "?" }) }

    func answer(
        _ method: HTTPMethod, _ target: String, authorization: [String], role: HealthRole, metrics page: MetricsPage
    ) -> Answer {
        let path = Self.path(of: target)
        if path == "/trading", role == .trader, let trading {
            return trading.answer(method, target, authorization: authorization)
        }
        guard path != "/trading", Self.paths.contains(path), path != "/" || role == .collector else {
            return .text(.notFound, "nothing here; see /healthcheck /livez /readyz /metrics")
        }
        guard method == .GET || method == .HEAD else {
            return .text(.methodNotAllowed, "only GET and HEAD", allow: "GET, HEAD")
        }
        switch path {
        case "/healthcheck": return healthcheck(role)
        case "/livez": return livez()
        case "/readyz": return readyz(role)
        case "/metrics":
            return Answer(status: .ok, contentType: PrometheusText.contentType, body: page.text())
        default: return Answer(status: .ok, contentType: "text/html; charset=utf-8", body: Self.page)
        }
    }

    /// The formats of the three earlier Go services: the collector's answer has no body.
    private func healthcheck(_ role: HealthRole) -> Answer {
        let failing = health.readings(of: role).filter(\.isFailing)
        let isReady = failing.isEmpty
        let message =
            isReady
            ? "Service is up and running"
            : failing.map { "\($0.name): \($0.status.reason)" }.joined(separator: "; ")
        switch role {
        case .collector:
            return Answer(status: isReady ? .ok : .serviceUnavailable, contentType: nil, body: "")
        case .processor:
            return .json(
                isReady ? .ok : .internalServerError,
                JSONText.object {
                    $0.member("status", isReady ? "UP" : "DOWN")
                    $0.member("message", message)
                })
        case .trader:
            return .json(
                isReady ? .ok : .serviceUnavailable,
                JSONText.object {
                    $0.member("status", isReady ? "healthy" : "unhealthy")
                    $0.member("message", message)
                })
        }
    }

    private func livez() -> Answer {
        let loops = liveness.map { (name: $0.name, isAlive: $0.isAlive()) }
        let isAlive = loops.allSatisfy(\.isAlive)
        let list = loops.map { loop in
            JSONText.object {
                $0.member("name", loop.name)
                $0.member("alive", loop.isAlive)
            }
        }
        return .json(
            isAlive ? .ok : .serviceUnavailable,
            JSONText.object {
                $0.member("status", isAlive ? "alive" : "stuck")
                $0.member("loops", json: "[\(list.joined(separator: ","))]")
            })
    }

    private func readyz(_ role: HealthRole) -> Answer {
        let now = ContinuousClock.now
        let checks = health.readings(of: role)
        let isReady = !checks.contains(where: \.isFailing)
        let list = checks.map { check in
            JSONText.object {
                let millis = max(0, (now - check.status.since) / .milliseconds(1))
                $0.member("name", check.name)
                $0.member("ready", check.status.isReady)
                $0.member("covered", check.isCovered)
                $0.member("reason", check.status.reason)
                $0.member("ageSeconds", json: "\(millis.rounded() / 1_000)")
            }
        }
        return .json(
            isReady ? .ok : .serviceUnavailable,
            JSONText.object {
                $0.member("status", isReady ? "ready" : "not ready")
                $0.member("role", role.rawValue)
                $0.member("checks", json: "[\(list.joined(separator: ","))]")
            })
    }

    private static let page = """
        <!doctype html>
        <html lang="en">
        <head><meta charset="utf-8"><title>Tickline</title></head>
        <body>
        <h1>Tickline</h1>
        <ul>
        <li><a href="/readyz">/readyz</a>: what this service depends on and how it stands</li>
        <li><a href="/livez">/livez</a>: whether its loops run</li>
        <li><a href="/metrics">/metrics</a>: Prometheus metrics</li>
        <li><a href="/healthcheck">/healthcheck</a>: up or down</li>
        </ul>
        </body>
        </html>

        """
}
