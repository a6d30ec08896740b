import Glibc
import SimulatedWorld
import TestSupport

@testable import RedisStreams

extension RedisPair {
    /// Puts both servers into a state, nil for the usual one; the real one needs `faultOptions`.
    func set(_ fault: RedisFault?) async throws {
        if fault == .loading {
            try await restartLoading()
        } else {
            try await setReal(fault)
        }
        simulated.fault = fault
    }

    /// Options of a server that takes all states.
    static let faultOptions = ["--enable-protected-configs", "yes"]

    private func openConnection() throws -> RedisConnection {
        try RedisConnection(
            RedisEndpoint(url: server.url), timeoutMillis: 5_000, wakeup: Wakeup(), onWake: {}, isStopping: { false })
    }

    private func setReal(_ fault: RedisFault?) async throws {
        let connection = try openConnection()
        func call(_ words: String...) throws -> RedisReply { try connection.request(words, timeoutMillis: 10_000) }
        _ = try call("REPLICAOF", "NO", "ONE")
        _ = try call("CONFIG", "SET", "maxmemory", "0", "min-replicas-to-write", "0", "replica-serve-stale-data", "yes")
        switch fault {
        case .readOnly: _ = try call("REPLICAOF", "127.0.0.1", "1")
        case .masterDown:
            _ = try call("CONFIG", "SET", "replica-serve-stale-data", "no")
            _ = try call("REPLICAOF", "127.0.0.1", "1")
        case .outOfMemory: _ = try call("CONFIG", "SET", "maxmemory", "1")
        case .noReplicas: _ = try call("CONFIG", "SET", "min-replicas-to-write", "1")
        case .diskError:
            let folder = try TemporaryFolder("tickline-gone")
            _ = try call("CONFIG", "SET", "dir", folder.path)
            folder.remove()
            _ = try call("CONFIG", "SET", "save", "3600 1")
            _ = try call("BGSAVE")
            try await waitUntil("the snapshot has failed") {
                try call("INFO", "persistence").text?.contains("rdb_last_bgsave_status:err") == true
            }
        case .loading, nil: break
        }
    }

    /// Starts both again, the real one with data that take seconds to load.
    private func restartLoading() async throws {
        let connection = try openConnection()
        for key in 0..<3_000 {
            _ = try connection.request(["SET", "filler-\(key)", "40 bytes"], timeoutMillis: 10_000)
        }
        _ = try connection.request(["SAVE"], timeoutMillis: 10_000)
        try server.startAgain(
            adding: ["--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024"])
        try await waitUntil("the server listens") {
            guard let descriptor = LoopbackSocket.connect(port: self.server.port) else { return false }
            close(descriptor)
            return true
        }
        simulated.restart(with: simulated.data)
    }
}
