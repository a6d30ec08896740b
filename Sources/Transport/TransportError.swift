/// Why a connection could not be made or ended.
///
/// `endpoint` is `host:port`; no case ever carries a user name or password.
public enum TransportError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The address is no URL, or of a form that is not taken.
    case invalidAddress(String)
    /// The host's name has no address.
    case nameNotResolved(host: String)
    /// Nothing listens there.
    case refused(endpoint: String)
    /// The connection, TLS included, took longer than the limit.
    case timedOut(endpoint: String, limitMillis: Int)
    /// The server's certificate does not verify: unknown CA, other host, expired.
    case certificateRefused(endpoint: String, detail: String)
    /// TLS failed for another reason.
    case tlsFailed(endpoint: String, detail: String)
    /// The server refuses our certificate, or demands one and got none.
    case clientCertificateRefused(endpoint: String, detail: String)
    /// The CA file can't be read or holds no certificate.
    case unusableCAFile(path: String)
    /// The client's certificate or key can't be read, or the two do not belong together.
    case unusableClientCertificate(certificateFile: String, keyFile: String)
    /// The proxy can't be reached or refuses.
    case proxyFailed(endpoint: String, detail: String)
    /// The peer reset the connection.
    case reset(endpoint: String)
    /// The connection ended inside an HTTP answer.
    case cutOff(endpoint: String)
    /// An HTTP answer's body is longer than the caller takes.
    case answerTooLarge(endpoint: String, limitBytes: Int)
    /// The owner cancelled the attempt.
    case cancelled
    /// Anything else, with libcurl's code and words.
    case failed(endpoint: String, code: Int, detail: String)

    /// One line with the remedy.
    public var description: String {
        switch self {
        case .invalidAddress(let reason):
            "invalid address: \(reason); give one such as wss://host:port/path"
        case .nameNotResolved(let host):
            "cannot resolve the host name \(host); check its spelling and the machine's DNS"
        case .refused(let endpoint):
            "\(endpoint) refuses the connection; check that the server runs and the port is right"
        case .timedOut(let endpoint, let limit):
            "\(endpoint) did not answer within \(limit) ms; check the network, firewall or proxy"
        case .certificateRefused(let endpoint, let detail):
            "the certificate of \(endpoint) is refused (\(detail)); give the CA file that signed it, or fix the server"
        case .tlsFailed(let endpoint, let detail):
            "TLS with \(endpoint) failed (\(detail)); check that the port speaks TLS 1.2 or newer and whether it"
                + " demands a client certificate"
        case .clientCertificateRefused(let endpoint, let detail):
            "\(endpoint) demands a client certificate it accepts (\(detail)); give one with its key that its CA has signed"
        case .unusableCAFile(let path):
            "the CA file \(path) cannot be used; give a readable PEM file with at least one certificate"
        case .unusableClientCertificate(let certificate, let key):
            "the client certificate \(certificate) with the key \(key) cannot be used; give readable PEM files that belong"
                + " together, the key without a password"
        case .proxyFailed(let endpoint, let detail):
            "the proxy does not connect to \(endpoint) (\(detail)); check the proxy's address and rules"
        case .reset(let endpoint):
            "\(endpoint) reset the connection"
        case .cutOff(let endpoint):
            "\(endpoint) ended the connection inside its answer"
        case .answerTooLarge(let endpoint, let limit):
            "the answer of \(endpoint) is longer than \(limit) bytes; check that the address is the exchange's"
        case .cancelled:
            "the connection attempt was cancelled"
        case .failed(let endpoint, let code, let detail):
            "connection to \(endpoint) failed: \(detail) (libcurl code \(code))"
        }
    }
}
