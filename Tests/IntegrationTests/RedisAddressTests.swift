import Foundation
import TestSupport
import Testing

/// Addresses of Redis beyond a plain one, as the running product takes them.
@Suite(.serialized) struct RedisAddressTests {
    let folder = try! TemporaryFolder()

    @Test func `signals reach a Redis that speaks TLS and demands a certificate`() async throws {
        defer { folder.remove() }
        let redis = try await EncryptedRedisServer(demandsClientCertificate: true)
        let simulator = try await RunningSimulator(["--rate", "2000", "--symbols", "2"], folder: folder.url)
        let run = try RunningTickline(
            [
                "--feed", "simulator=ws://127.0.0.1:\(simulator.port)/ws/btcusdt@trade/ethusdt@trade", "--short", "5",
                "--long", "20", "--redis", redis.url, "--redis-ca-file", redis.authority.caFile, "--redis-cert-file",
                redis.authority.path("good.pem"), "--redis-key-file", redis.authority.path("good.key"),
            ], folder: folder.url)
        try await waitUntil("signals flow", timeout: .seconds(60)) {
            try redis.server.entries(of: "trade_signals_stream").count > 20
        }
        #expect(run.process.stop() == 0)
        simulator.process.stop()
    }

    @Test(arguments: [
        (["--redis", "redis://127.0.0.1"], "give --redis a rediss:// address"), ([], "give --redis rediss://host"),
    ])
    func `certificate files without TLS are refused`(arguments: [String], words: String) throws {
        defer { folder.remove() }
        let authority = try TestAuthority()
        defer { authority.remove() }
        let result = try Tickline.run(
            ["run"] + arguments, environment: ["TICKLINE_REDIS_CA_FILE": authority.caFile])
        #expect(result.status == 78)
        #expect(result.error.contains(words), "\(result.error)")
    }

    @Test func `no login to servers or sentinels is shown while they are not reached`() async throws {
        defer { folder.remove() }
        let run = try RunningTickline(
            [
                "--redis",
                "redis+sentinel://user:canary-one@127.0.0.1:1/main?sentinelUser=s&sentinelPassword=canary-two",
                "--feed", "simulator=ws://127.0.0.1:1/ws/btcusdt@trade",
            ], folder: folder.url)
        try await waitUntil("counted", timeout: .seconds(60)) {
            await run.metric("tickline_redis_errors_total", labels: "error=\"SENTINEL\"") > 0
        }
        let ready = await run.get("/readyz").body
        #expect(run.process.stop() == 0)
        #expect(run.process.output.contains("no sentinel answers: 127.0.0.1:1"))
        #expect(!run.process.output.contains("canary") && !ready.contains("canary"))
    }
}
