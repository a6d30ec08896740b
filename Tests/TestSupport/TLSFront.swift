import Foundation

/// Speaks TLS with one of a `TestAuthority`'s certificates and passes what is inside on to a plain server on 127.0.0.1,
/// for many connections: how the simulated exchange gets a good or a wrong certificate.
public final class TLSFront: Sendable {
    /// One thread for each direction of each connection; failed handshakes end their connection alone.
    private static let script = """
        import socket, ssl, sys, threading
        certificate, key, target = sys.argv[1], sys.argv[2], int(sys.argv[3])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        listener = socket.create_server(("127.0.0.1", 0))
        print("port", listener.getsockname()[1], flush=True)

        def copy(source, sink):
            try:
                while data := source.recv(65536):
                    sink.sendall(data)
            except OSError:
                pass
            for end in (source, sink):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

        def serve(client):
            try:
                client = context.wrap_socket(client, server_side=True)
            except OSError as error:
                print("refused", error, flush=True)
                return
            print("accepted", flush=True)
            server = socket.create_connection(("127.0.0.1", target))
            threading.Thread(target=copy, args=(server, client), daemon=True).start()
            copy(client, server)

        while True:
            threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
        """

    /// Where it listens.
    public let port: Int
    private let process: ServerProcess

    /// Starts it and waits until it listens; output goes to `folder`.
    public init(_ authority: TestAuthority, certificate: String, target: Int, folder: URL) async throws {
        let process = try ServerProcess(
            "python3",
            [
                "-c", Self.script, authority.path("\(certificate).pem"), authority.path("\(certificate).key"),
                "\(target)",
            ], folder: folder, name: "tls-\(certificate)")
        try await waitUntil("the TLS front listens") { process.output.hasPrefix("port ") }
        port = Int(process.output.split(separator: "\n")[0].dropFirst(5))!
        self.process = process
    }

    /// Connections whose handshake was completed, as far as this side knows.
    public var accepted: Int { count("accepted") }

    /// Connections that ended in the handshake.
    public var refused: Int { count("refused") }

    private func count(_ word: String) -> Int {
        process.output.split(separator: "\n").count { $0.hasPrefix(word) }
    }

    /// Ends it.
    public func stop() { process.stop(9) }
}
