public import NIOCore
public import Telemetry

/// One address the monitoring server answers on, and the service it speaks for there.
public struct MonitoringListener: Sendable, Equatable {
    /// The service whose health is shown.
    public var role: HealthRole
    /// A host name or address of this machine; `0.0.0.0` or `::` for every interface.
    public var host: String
    /// The TCP port; 0 takes a free one.
    public var port: Int

    /// An address for one service.
    public init(role: HealthRole, host: String = "127.0.0.1", port: Int) {
        self.role = role
        self.host = host
        self.port = port
    }

    /// The command-line flag that sets this address, for messages.
    var flag: String { "--\(role.rawValue)-http" }
}

/// What one client may cost; everything beyond is refused and counted in `tickline_http_closed_total{reason}`.
public struct MonitoringLimits: Sendable {
    /// Most bytes of a request's target and headers together; beyond: 431.
    public var headerBytes = 16 * 1_024
    /// Most header fields; beyond: 431.
    public var headerCount = 100
    /// A request's head must be complete this long after its first byte, and a new connection's after it was opened.
    public var headerTime = TimeAmount.seconds(5)
    /// How long a connection may rest between requests. Longer than the usual scrape interval of 15 s.
    public var idleTime = TimeAmount.seconds(60)
    /// An answer must be taken off our hands within this time.
    public var writeTime = TimeAmount.seconds(10)
    /// How long a connection we closed is kept for the client to read the answer.
    public var lingerTime = TimeAmount.seconds(1)
    /// Metrics are rendered anew at most this often; in between the same text is served. Rendering is the one answer that is
    /// dear (64 KB), and asked for in a crowd it would take the loop from the health checks.
    public var metricsAge = TimeAmount.milliseconds(100)
    /// Most open connections over all listeners. One more closes the connection that has got nowhere for longest.
    public var connections = 256

    /// The defaults.
    public init() {}
}
