import Foundation
import TestSupport

@testable import RedisStreams

/// Real sentinels of a test's own on free ports of 127.0.0.1, watching one master by the name `name`.
final class Sentinels {
    static let name = "signals-master"

    let ports: [Int]
    private let folder: TemporaryFolder
    private var processes: [ServerProcess] = []

    /// Reserves ports; `start` runs the servers on them.
    init(count: Int) throws {
        folder = try TemporaryFolder("tickline-sentinels")
        ports = (0..<count).map { _ in freePort() }
    }

    deinit {
        for process in processes { process.stop(SIGKILL) }
        folder.remove()
    }

    /// Starts them and waits until they answer; a majority must agree that a master has been away for 1 s.
    ///
    /// Without `master` they watch nothing yet. `settings` are further lines of their file, `listening` those for a port.
    func start(
        master: (host: String, port: Int)?, settings: [String] = [], listening: (Int) -> [String] = { ["port \($0)"] }
    ) async throws {
        for (index, port) in ports.enumerated() {
            var lines = ["bind 127.0.0.1", "dir \(folder.path)"] + listening(port) + settings
            if let master {
                lines += [
                    "sentinel monitor \(Self.name) \(master.host) \(master.port) \(ports.count / 2 + 1)",
                    "sentinel down-after-milliseconds \(Self.name) 1000",
                    "sentinel failover-timeout \(Self.name) 10000",
                ]
            }
            let file = folder.url.appendingPathComponent("sentinel-\(index).conf")
            try (lines.joined(separator: "\n") + "\n").write(to: file, atomically: true, encoding: .utf8)
            processes.append(
                try ServerProcess("redis-server", [file.path, "--sentinel"], folder: folder.url, name: "s\(index)"))
        }
    }

    /// The publisher's address of them, with `query` behind it.
    func url(scheme: String = "redis+sentinel", host: String = "127.0.0.1", login: String = "", query: String = "")
        -> String
    {
        "\(scheme)://\(login)\(ports.map { "\(host):\($0)" }.joined(separator: ","))/\(Self.name)\(query)"
    }

    /// A client of one of them, once it answers.
    func probe(_ index: Int = 0, password: String? = nil) async throws -> Probe {
        let url = "redis://\(password.map { ":\($0)@" } ?? "")127.0.0.1:\(ports[index])"
        var found: Probe?
        try await waitUntil("sentinel \(index) answers") {
            found = try? Probe(url)  // refused until it listens
            return found != nil
        }
        guard let found else { throw ConditionTimeout(description: "no sentinel at \(url)") }
        return found
    }

    /// Waits until each of them knows the others and so many replicas.
    func waitUntilTheyAgree(replicas: Int) async throws {
        for index in ports.indices {
            let probe = try await probe(index)
            try await waitUntil("sentinel \(index) knows the others") {
                let pairs = try probe("SENTINEL", "MASTER", Self.name).elements?.map { $0.text ?? "" } ?? []
                let fields = StreamEntry(entryID: "", pairs: pairs).fields
                return fields["num-slaves"] == "\(replicas)" && fields["flags"] == "master"
                    && fields["num-other-sentinels"] == "\(self.ports.count - 1)"
            }
        }
    }

    /// The port one of them names for the master.
    static func masterPort(_ probe: Probe) throws -> Int? {
        try probe("SENTINEL", "GET-MASTER-ADDR-BY-NAME", name).elements?.last?.text.flatMap { Int($0) }
    }
}
