import TestSupport

@testable import RedisStreams

/// A master with two replicas behind three sentinels; the second replica is never promoted.
///
/// All but the test itself reach the master through a proxy, so that the first replica can be kept behind it.
final class ReplicatedServers {
    let proxy: FaultProxy
    let master: RedisServer
    let replicas: [RedisServer]
    let sentinels: Sentinels

    init() async throws {
        let prompt = ["--repl-diskless-sync-delay", "0"]
        master = try await RedisServer(options: prompt)
        proxy = FaultProxy(target: master.port)
        var replicas: [RedisServer] = []
        for priority in ["100", "0"] {
            let replica = try await RedisServer(
                options: prompt + ["--replicaof", "127.0.0.1 \(proxy.port)", "--replica-priority", priority])
            let probe = try Probe(replica.url)
            try await waitUntil("the replica is in step") {
                try probe("INFO", "replication").text?.contains("master_link_status:up") == true
            }
            replicas.append(replica)
        }
        self.replicas = replicas
        sentinels = try Sentinels(count: 3)
        try await sentinels.start(master: ("127.0.0.1", proxy.port))
        try await sentinels.waitUntilTheyAgree(replicas: 2)
    }

    deinit { proxy.stop() }

    /// What is written to the master from now on never reaches the first replica: its connection was the proxy's first.
    func keepReplicaBehind() { proxy.stall(connection: 1) }
}
