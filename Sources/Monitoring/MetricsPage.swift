import NIOCore
import Telemetry

/// The text of `/metrics`, made anew where it is older than `MonitoringLimits.metricsAge`; used on the server's event loop
/// only.
final class MetricsPage {
    private let metrics: MetricsRegistry
    private let mostAge: TimeAmount
    private var rendered: (text: String, at: NIODeadline)?

    init(metrics: MetricsRegistry, mostAge: TimeAmount) {
        self.metrics = metrics
        self.mostAge = mostAge
    }

    /// All metrics. O(series), O(1) where the last text will do.
    func text() -> String {
        let now = NIODeadline.now()
        if let rendered, now - rendered.at < mostAge { return rendered.text }
        let text = PrometheusText.render(metrics)
        rendered = (text, now)
        return text
    }
}
