import Foundation
import Glibc
import Synchronization

/// A throwaway CA with server certificates, made by the `openssl` command: `good` for localhost, `wronghost`, `expired`, and
/// `stranger`, signed by another CA.
public struct TestAuthority: Sendable {
    private let folder: TemporaryFolder

    /// The CA's certificate.
    public var caFile: String { path("ca.pem") }

    /// Makes them all, in some 200 ms.
    public init() throws {
        folder = try TemporaryFolder("tickline-tls")
        for name in ["ca", "otherca"] {
            try openssl(
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                "-subj", "/CN=\(name)", "-keyout", path("\(name).key"), "-out", path("\(name).pem"))
        }
        try issue("good", host: "localhost", by: "ca")
        try issue("wronghost", host: "elsewhere.example", by: "ca")
        try issue("stranger", host: "localhost", by: "otherca")
        try issue("expired", host: "localhost", by: "ca", end: "20200102000000Z")
    }

    /// The path of a file: `good.pem`, `good.key`.
    public func path(_ name: String) -> String { folder.url.appendingPathComponent(name).path }

    /// Deletes the files.
    public func remove() { folder.remove() }

    /// The path of a copy of a certificate's key that needs a password.
    public func encryptedKey(_ name: String, password: String) throws -> String {
        let copy = path("\(name)-encrypted.key")
        try openssl("ec", "-in", path("\(name).key"), "-aes256", "-passout", "pass:\(password)", "-out", copy)
        return copy
    }

    /// `openssl ca` is the one command of OpenSSL 3.0 that sets both dates.
    private func issue(_ name: String, host: String, by authority: String, end: String = "20991231235959Z") throws {
        try openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=\(name)",
            "-keyout", path("\(name).key"), "-out", path("\(name).csr"))
        let settings = """
            [ca]
            default_ca = this
            [this]
            new_certs_dir = \(folder.path)
            database = \(path("\(name).db"))
            rand_serial = yes
            default_md = sha256
            policy = any
            x509_extensions = names
            [any]
            commonName = supplied
            [names]
            subjectAltName = DNS:\(host)
            """
        try settings.write(toFile: path("\(name).cnf"), atomically: true, encoding: .utf8)
        try "".write(toFile: path("\(name).db"), atomically: true, encoding: .utf8)
        try openssl(
            "ca", "-batch", "-notext", "-config", path("\(name).cnf"), "-cert", path("\(authority).pem"), "-keyfile",
            path("\(authority).key"), "-startdate", "20200101000000Z", "-enddate", end, "-in", path("\(name).csr"),
            "-out", path("\(name).pem"))
    }

    private func openssl(_ arguments: String...) throws { try Command.run(["openssl"] + arguments) }
}

/// `openssl s_server` on a free port: what it is given on its input it sends, what it receives is on its output.
public final class TLSServer: @unchecked Sendable {
    // Unchecked: used by one test; the output is behind the mutex.
    /// Its port.
    public let port = freePort()
    private let process = Process()
    private let input = Pipe()
    private let text = Mutex("")

    /// Starts it with one of the authority's certificates.
    public init(_ authority: TestAuthority, certificate: String) throws {
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "openssl", "s_server", "-quiet", "-accept", "127.0.0.1:\(port)", "-cert",
            authority.path("\(certificate).pem"), "-key", authority.path("\(certificate).key"),
        ]
        let output = Pipe()
        process.standardInput = input
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        output.fileHandleForReading.readabilityHandler = { [self] handle in
            let data = handle.availableData
            // At the end of the file the handler would be called for ever.
            if data.isEmpty { handle.readabilityHandler = nil }
            text.withLock { $0 += String(decoding: data, as: UTF8.self) }
        }
        try process.run()
    }

    /// What clients sent.
    public var received: String { text.withLock { $0 } }

    /// Sends to the client; before one is there the bytes wait.
    public func send(_ data: Data) { input.fileHandleForWriting.write(data) }

    /// Waits until it listens, without connecting: it serves one client after the other.
    public func waitUntilReady() async throws {
        try await waitUntil("s_server's port") { try Self.listens(port) }
    }

    /// Looks for the listening socket (state 0A) in the kernel's table, so that no connection disturbs the server.
    private static func listens(_ port: Int) throws -> Bool {
        let hex = String(port, radix: 16, uppercase: true)
        let local = "0100007F:" + String(repeating: "0", count: 4 - hex.count) + hex
        return try String(contentsOfFile: "/proc/net/tcp", encoding: .utf8).split(separator: "\n").contains {
            let fields = $0.split(separator: " ")
            return fields.count > 3 && fields[1] == local && fields[3] == "0A"
        }
    }

    /// Ends it.
    public func stop() {
        // SIGKILL: a process started from a thread of the pool inherits its mask, in which SIGTERM is blocked.
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }
}
