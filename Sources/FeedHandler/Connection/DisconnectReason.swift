internal import Transport

/// Why a connection, or the attempt to make one, ended; the label of `tickline_reconnects_total{reason}`.
package enum DisconnectReason: String, Sendable, CaseIterable {
    case nameNotResolved = "dns"
    case refused
    case timedOut = "timeout"
    case certificateRefused = "certificate"
    case tlsFailed = "tls"
    case proxyFailed = "proxy"
    case connectFailed = "connect"
    case handshakeRefused = "handshake"
    case handshakeTimedOut = "handshake_timeout"
    case rateLimited = "rate_limited"
    case closedByPeer = "closed"
    case lost
    case silent
    case violation
    case serverShutdown = "server_shutdown"
    /// A new connection has taken over before the exchange ended this one.
    case planned
    case subscriptionRefused = "subscription"
    case stoodStill = "standstill"

    init(connecting error: TransportError) {
        switch error {
        case .nameNotResolved: self = .nameNotResolved
        case .refused: self = .refused
        case .timedOut: self = .timedOut
        case .certificateRefused, .unusableCAFile: self = .certificateRefused
        case .tlsFailed, .clientCertificateRefused, .unusableClientCertificate: self = .tlsFailed
        case .proxyFailed: self = .proxyFailed
        case .invalidAddress, .reset, .cutOff, .answerTooLarge, .cancelled, .failed: self = .connectFailed
        }
    }
}
