import TestSupport

@testable import RedisStreams

/// A real redis-server that speaks TLS on one port and plain RESP on another, with certificates of a throwaway CA.
struct EncryptedServer {
    let authority: TestAuthority
    let server: RedisServer
    let port: Int

    /// Starts it with one of the authority's certificates.
    init(certificate: String = "good", demandsClientCertificate: Bool = false, password: String? = nil) async throws {
        authority = try TestAuthority()
        port = freePort()
        server = try await RedisServer(
            password: password,
            options: [
                "--tls-port", "\(port)", "--tls-cert-file", authority.path("\(certificate).pem"), "--tls-key-file",
                authority.path("\(certificate).key"), "--tls-ca-cert-file", authority.caFile, "--tls-auth-clients",
                demandsClientCertificate ? "yes" : "no",
            ])
    }

    /// Shows another certificate from now on.
    func use(certificate: String, _ probe: Probe) throws {
        try probe(
            "CONFIG", "SET", "tls-cert-file", authority.path("\(certificate).pem"), "tls-key-file",
            authority.path("\(certificate).key"))
    }

    /// Settings of a publisher that verifies against this CA, on `port` or a proxy's port before it.
    func configuration(
        port: Int? = nil, key: String = "signals", mode: PublishMode = .append, clientCertificate: String? = nil
    ) throws -> SignalPublisherConfiguration {
        var configuration = try Fixture.configuration("redis://localhost", key: key, mode: mode)
        configuration.endpoint = try RedisEndpoint(
            url: "rediss://\(server.password.map { ":\($0)@" } ?? "")localhost:\(port ?? self.port)",
            files: RedisTLSFiles(
                caFile: authority.caFile, certificateFile: clientCertificate.map { authority.path("\($0).pem") },
                keyFile: clientCertificate.map { authority.path("\($0).key") }))
        return configuration
    }
}
