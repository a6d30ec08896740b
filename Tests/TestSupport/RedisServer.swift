import Foundation
import Glibc

/// A real redis-server of a test's own on a free port of 127.0.0.1, with its data in a temporary folder.
public final class RedisServer: @unchecked Sendable {
    // Unchecked: `process` is replaced only by the one test that owns this object.

    /// The TCP port.
    public let port: Int
    /// The ports given for `{port}` among the options, in their order.
    public let morePorts: [Int]
    /// The Unix socket's path.
    public let socketPath: String
    /// The password the server asks for, if any.
    public let password: String?
    private let folder: TemporaryFolder
    private let options: [String]
    private var process: ServerProcess

    /// Starts a server and waits until it answers, on `hosts` beside 127.0.0.1.
    ///
    /// With `appendOnly` every write is on disk before its reply, so a restart keeps all data; else a restart loses it. An
    /// option `{port}` becomes a further free port.
    public init(
        appendOnly: Bool = false, password: String? = nil, options: [String] = [], hosts: [String] = []
    ) async throws {
        self.password = password
        folder = try TemporaryFolder("tickline-redis")
        socketPath = "\(folder.path)/redis.sock"
        let shared =
            ["--bind", "127.0.0.1"] + hosts + (hosts.isEmpty ? [] : ["--protected-mode", "no"])
            + [
                "--dir", folder.path, "--save", "", "--unixsocket", socketPath, "--appendonly",
                appendOnly ? "yes" : "no", "--appendfsync", "always",
            ] + (password.map { ["--requirepass", $0] } ?? [])
        // A free port may be somebody's by the time the server listens; where it is, others are tried.
        for attempt in 1... {
            var ports = [freePort()]
            let words = (["--port", "\(ports[0])"] + shared + options).map { word in
                guard word == "{port}" else { return word }
                ports.append(freePort())
                return "\(ports[ports.count - 1])"
            }
            let process = try ServerProcess("redis-server", words, folder: folder.url, name: "redis")
            try await Self.waitUntilAnswering(process, socketPath)
            guard process.isRunning || attempt == 5 else { continue }
            (port, morePorts, self.options, self.process) = (ports[0], Array(ports.dropFirst()), words, process)
            try checkRunning()
            return
        }
        preconditionFailure("the loop ends by itself")
    }

    deinit {
        process.stop(SIGKILL)
        folder.remove()
    }

    /// `redis://127.0.0.1:port`, without the password.
    public var url: String { "redis://127.0.0.1:\(port)" }

    /// Whether its process runs.
    public var isRunning: Bool { process.isRunning }

    /// Ends the server at once, as a crash would, and waits for its end.
    public func kill() { process.stop(SIGKILL) }

    /// Starts the server again on the same port and folder and waits until it answers.
    public func restart() async throws {
        try startAgain()
        try await Self.waitUntilAnswering(process, socketPath)
        try checkRunning()
    }

    /// Starts the server again on the same port and folder, with further options, and does not wait.
    public func startAgain(adding options: [String] = []) throws {
        kill()
        process = try ServerProcess("redis-server", self.options + options, folder: folder.url, name: "redis")
    }

    /// Sends a signal, such as SIGSTOP.
    public func signal(_ number: Int32) { process.signal(number) }

    private func checkRunning() throws {
        guard process.isRunning else { throw ConditionTimeout(description: "redis-server: \(process.output)") }
    }

    /// Waits until it answers, or has ended.
    private static func waitUntilAnswering(_ process: ServerProcess, _ socketPath: String) async throws {
        try await waitUntil("redis-server answers: \(process.output)") {
            !process.isRunning || isAnswering(socketPath)
        }
    }

    /// Any answer to PING but `-LOADING` will do: with a password it is `-NOAUTH`.
    ///
    /// Asked by the Unix socket, which is nobody else's and opened once the ports are: on a port that was taken meanwhile
    /// another server might answer.
    private static func isAnswering(_ socketPath: String) -> Bool {
        guard let descriptor = LoopbackSocket.connect(path: socketPath) else { return false }
        defer { close(descriptor) }
        var reply = [UInt8](repeating: 0, count: 64)
        guard send(descriptor, "PING\r\n", 6, Int32(MSG_NOSIGNAL)) == 6 else { return false }
        let count = recv(descriptor, &reply, reply.count, 0)
        return count > 0 && !String(decoding: reply[..<count], as: UTF8.self).hasPrefix("-LOADING")
    }
}
