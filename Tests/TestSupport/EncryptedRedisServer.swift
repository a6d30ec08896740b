/// A real redis-server that speaks TLS on one port and plain RESP on another, with certificates of a throwaway CA, which
/// are deleted with it.
public final class EncryptedRedisServer: Sendable {
    /// The CA and its certificates.
    public let authority: TestAuthority
    /// The server, with its plain port.
    public let server: RedisServer
    /// The port that speaks TLS.
    public let port: Int

    /// Starts it with one of the authority's certificates.
    public init(
        certificate: String = "good", demandsClientCertificate: Bool = false, password: String? = nil,
        options: [String] = []
    ) async throws {
        authority = try TestAuthority()
        server = try await RedisServer(
            password: password,
            options: [
                "--tls-port", "{port}", "--tls-cert-file", authority.path("\(certificate).pem"), "--tls-key-file",
                authority.path("\(certificate).key"), "--tls-ca-cert-file", authority.caFile, "--tls-auth-clients",
                demandsClientCertificate ? "yes" : "no",
            ] + options)
        port = server.morePorts[0]
    }

    deinit { authority.remove() }

    /// `rediss://localhost:port`, the name the good certificate is for; without the password.
    public var url: String { "rediss://localhost:\(port)" }
}
