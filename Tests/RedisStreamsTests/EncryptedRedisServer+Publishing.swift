import TestSupport

@testable import RedisStreams

extension EncryptedRedisServer {
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
        var configuration = try Fixture.configuration(server.url, key: key, mode: mode)
        configuration.endpoint = try RedisEndpoint(
            url: "rediss://\(server.password.map { ":\($0)@" } ?? "")localhost:\(port ?? self.port)",
            files: RedisTLSFiles(
                caFile: authority.caFile, certificateFile: clientCertificate.map { authority.path("\($0).pem") },
                keyFile: clientCertificate.map { authority.path("\($0).key") }))
        return configuration
    }
}
