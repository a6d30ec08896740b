import Foundation
import Glibc

/// A real redis-server of a test's own on a free port of 127.0.0.1, with its data in a temporary folder.
public final class RedisServer: @unchecked Sendable {
    // Unchecked: `process` is replaced only by the one test that owns this object.

    /// The TCP port.
    public let port: Int
    /// The Unix socket's path.
    public let socketPath: String
    /// The password the server asks for, if any.
    public let password: String?
    private let folder: TemporaryFolder
    private let options: [String]
    private var process: ServerProcess

    /// Starts a server and waits until it answers.
    ///
    /// With `appendOnly` every write is on disk before its reply, so a restart keeps all data; else a restart loses it.
    public init(appendOnly: Bool = false, password: String? = nil, options: [String] = []) async throws {
        port = freePort()
        self.password = password
        folder = try TemporaryFolder("tickline-redis")
        socketPath = "\(folder.path)/redis.sock"
        self.options =
            [
                "--port", "\(port)", "--bind", "127.0.0.1", "--dir", folder.path, "--save", "",
                "--unixsocket", socketPath, "--appendonly", appendOnly ? "yes" : "no", "--appendfsync", "always",
            ] + (password.map { ["--requirepass", $0] } ?? []) + options
        process = try ServerProcess("redis-server", self.options, folder: folder.url, name: "redis")
        try await waitUntilAnswering()
    }

    deinit {
        process.stop(SIGKILL)
        folder.remove()
    }

    /// `redis://127.0.0.1:port`, without the password.
    public var url: String { "redis://127.0.0.1:\(port)" }

    /// Ends the server at once, as a crash would, and waits for its end.
    public func kill() { process.stop(SIGKILL) }

    /// Starts the server again on the same port and folder and waits until it answers.
    public func restart() async throws {
        try startAgain()
        try await waitUntilAnswering()
    }

    /// Starts the server again on the same port and folder, with further options, and does not wait.
    public func startAgain(adding options: [String] = []) throws {
        kill()
        process = try ServerProcess("redis-server", self.options + options, folder: folder.url, name: "redis")
    }

    /// Sends a signal, such as SIGSTOP.
    public func signal(_ number: Int32) { process.signal(number) }

    private func waitUntilAnswering() async throws {
        try await waitUntil("redis-server answers on port \(port): \(process.output)") { self.isAnswering }
    }

    /// Any answer to PING but `-LOADING` will do: with a password it is `-NOAUTH`.
    private var isAnswering: Bool {
        guard let descriptor = LoopbackSocket.connect(port: port) else { return false }
        defer { close(descriptor) }
        var reply = [UInt8](repeating: 0, count: 64)
        guard send(descriptor, "PING\r\n", 6, Int32(MSG_NOSIGNAL)) == 6 else { return false }
        let count = recv(descriptor, &reply, reply.count, 0)
        return count > 0 && !String(decoding: reply[..<count], as: UTF8.self).hasPrefix("-LOADING")
    }
}
