import Synchronization

/// Where to connect and how.
public struct TransportEndpoint: Sendable, Equatable {
    /// What protects the bytes.
    public enum Security: Sendable, Equatable {
        /// Plain TCP.
        case none
        /// TLS 1.2 or newer. The certificate and host name are always verified; `caFile` is a PEM file that replaces the
        /// system's authorities, nil for those.
        case tls(caFile: String?)
    }

    /// What a client shows a server that asks for it.
    public struct ClientCertificate: Sendable, Equatable {
        /// A PEM file with the certificate and, behind it, the authorities between it and the server's.
        public var certificateFile: String
        /// A PEM file with its private key, not encrypted.
        public var keyFile: String

        /// Names the two files.
        public init(certificateFile: String, keyFile: String) {
            self.certificateFile = certificateFile
            self.keyFile = keyFile
        }
    }

    /// Host name or address; an IPv6 address in brackets.
    public var host: String
    /// TCP port.
    public var port: Int
    /// Plain or TLS.
    public var security: Security
    /// Shown to a TLS server that asks for one; nil for none.
    public var clientCertificate: ClientCertificate?
    /// `http://`, `https://` or `socks5h://` URL of a proxy, nil for a direct connection. The environment's proxy
    /// variables are not looked at: the way to the exchange is what the settings say.
    public var proxyURL: String?
    /// Limit for name lookup, TCP, proxy and TLS together.
    public var connectTimeoutMillis: Int

    /// Creates an endpoint.
    public init(
        host: String, port: Int, security: Security, clientCertificate: ClientCertificate? = nil,
        proxyURL: String? = nil, connectTimeoutMillis: Int = 5_000
    ) {
        self.host = host
        self.port = port
        self.security = security
        self.clientCertificate = clientCertificate
        self.proxyURL = proxyURL
        self.connectTimeoutMillis = connectTimeoutMillis
    }

    /// `host:port`, for messages.
    public var name: String { "\(host):\(port)" }
}

/// Ends connection attempts from another thread.
public final class ConnectCancellation: Sendable {
    private let cancelled = Atomic<Bool>(false)

    /// Creates one that is not cancelled.
    public init() {}

    /// Ends the attempts that use this object, within about a second, and all later ones at once.
    public func cancel() { cancelled.store(true, ordering: .releasing) }

    /// Whether `cancel` was called.
    public var isCancelled: Bool { cancelled.load(ordering: .acquiring) }
}
