import Telemetry
import TestSupport
import Testing
import TradingModel

@testable import RedisStreams

/// A connection cut at every byte of what goes to Redis and of what comes back, login and read-back included.
@Suite(.serialized) struct ConnectionCutTests {
    /// Settings of a publisher that connects to a proxy's port.
    private typealias Settings = @Sendable (_ port: Int, _ key: String) throws -> SignalPublisherConfiguration

    /// Publishes through a proxy with a fault and compares; the bytes of the first connection, and cuts made.
    private typealias Run =
        @Sendable (
            _ server: RedisServer, _ target: Int, _ fault: FaultProxy.Fault, _ key: String, _ configuration: Settings
        ) async throws -> (bytes: (request: Int, reply: Int), cuts: Int)

    /// Cuts running at once; each has a proxy, a publisher and a stream of its own.
    private static let parallel = 8

    @Test(arguments: [PublishMode.append, .once], [true, false])
    func `each signal is in the stream once and in order wherever the connection is cut`(
        mode: PublishMode, inRequests: Bool
    ) async throws {
        let server = try await RedisServer()
        let configuration: Settings = { try Fixture.configuration("127.0.0.1:\($0)", key: $1, mode: mode) }
        let whole = try await run(server, server.port, FaultProxy.Fault(), key: "whole", configuration)
        let total = inRequests ? whole.bytes.request : whole.bytes.reply
        #expect(total > 50)
        // Every byte but the last: cutting behind it changes nothing for the requests, and the replies' end is idle.
        let cuts = try await cut(at: Array(0..<total), inRequests, server, server.port, configuration, run: run)
        // Client addresses differ in length, so the last few bytes of a run may not exist.
        #expect(cuts >= total - 8)
        print("connection cuts, \(mode), \(inRequests ? "requests" : "replies"): \(cuts) of \(total) bytes")
    }

    @Test(arguments: [PublishMode.append, .once], [true, false])
    func `each signal is in the stream once and in order where a TLS connection is cut`(
        mode: PublishMode, inRequests: Bool
    ) async throws {
        let redis = try await EncryptedRedisServer()
        let configuration: Settings = { try redis.configuration(port: $0, key: $1, mode: mode) }
        let whole = try await run(redis.server, redis.port, FaultProxy.Fault(), key: "whole", configuration)
        let total = inRequests ? whole.bytes.request : whole.bytes.reply
        #expect(total > 1_000)
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        // One byte of each 40th part; handshakes differ by a few bytes, so the last ones may not exist.
        let step = (total - 16) / 40
        let positions = (0..<40).map { Int.random(in: $0 * step..<($0 + 1) * step, using: &random) }
        let cuts = try await cut(at: positions, inRequests, redis.server, redis.port, configuration, run: run)
        #expect(cuts == positions.count)
        print(
            "figure: TLS connection cuts, \(mode), \(inRequests ? "requests" : "replies"): \(cuts) of \(total) bytes,",
            "lost 0, duplicated 0, seed \(seed)")
    }

    /// The process ends with the connection, and another goes on with what was acknowledged until then.
    @Test(arguments: [PublishMode.append, .once], [true, false])
    func `each signal is in the stream once and in order where the process ends as the connection is cut`(
        mode: PublishMode, inRequests: Bool
    ) async throws {
        let server = try await RedisServer()
        let configuration: Settings = {
            var configuration = try Fixture.configuration("127.0.0.1:\($0)", key: $1, mode: mode)
            configuration.unkillableWaitMillis = 200
            return configuration
        }
        let whole = try await runTwice(server, server.port, FaultProxy.Fault(), key: "whole", configuration)
        let total = inRequests ? whole.bytes.request : whole.bytes.reply
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        let step = (total - 8) / 64
        let positions = (0..<64).map { Int.random(in: $0 * step..<($0 + 1) * step, using: &random) }
        let cuts = try await cut(at: positions, inRequests, server, server.port, configuration, run: runTwice)
        #expect(cuts == positions.count)
        print(
            "figure: processes that end with their connection, \(mode), \(inRequests ? "requests" : "replies"):",
            "\(cuts) cuts in \(total) bytes, lost 0, duplicated 0, seed \(seed)")
    }

    /// Three signals in a run that ends at the cut, or when all is acknowledged; one more in a second run.
    private func runTwice(
        _ server: RedisServer, _ target: Int, _ fault: FaultProxy.Fault, key: String, _ configuration: Settings
    ) async throws -> (bytes: (request: Int, reply: Int), cuts: Int) {
        let proxy = FaultProxy(target: target, fault: fault)
        defer { proxy.stop() }
        let probe = try Probe(server.url)
        try probe("XADD", key, "1-1", "signal", "BUY")
        let acknowledgements = Acknowledgements()
        var first = try configuration(proxy.port, key)
        // Once cut it does not come back.
        first.reconnectDelayMillis = 60_000...60_000
        let killed = try Rig(first, acknowledgements: acknowledgements)
        var sink = killed.publisher.makeSink()
        killed.publisher.start()
        for index in 0..<3 {
            _ = sink.publish(Fixture.signal(index))
            sink.flush()
            try await waitUntil("acknowledged or cut") { proxy.cuts > 0 || killed.publisher.pendingSignals == 0 }
        }
        _ = await killed.publisher.drainAndStop(timeout: .zero)
        let next = try Rig(
            try configuration(proxy.port, key), recovered: .fixture(3, acknowledgements),
            acknowledgements: acknowledgements)
        sink = next.publisher.makeSink()
        next.publisher.start()
        _ = sink.publish(Fixture.signal(3))
        sink.flush()
        try await next.drained()
        #expect(await next.publisher.drainAndStop(timeout: .seconds(5)) == 0)
        #expect(try probe.identifiers(key) == ["?"] + (0..<4).map(Fixture.identifier), "cut \(fault)")
        #expect(acknowledgements.ordinals == [1, 2, 3, 4], "cut \(fault)")
        #expect(try probe.agrees(with: acknowledgements, key: key), "cut \(fault)")
        return (proxy.firstConnectionBytes, proxy.cuts)
    }

    /// Runs with a cut at each of `positions`, some at once; the cuts made.
    private func cut(
        at positions: [Int], _ inRequests: Bool, _ server: RedisServer, _ target: Int,
        _ configuration: @escaping Settings, run: @escaping Run
    ) async throws -> Int {
        try await withThrowingTaskGroup(of: Int.self) { group in
            var rest = positions[...]
            func add() {
                guard let bytes = rest.popFirst() else { return }
                var flows = FaultProxy.Fault()
                if inRequests { flows.request.cutAfterBytes = bytes } else { flows.reply.cutAfterBytes = bytes }
                let fault = flows
                group.addTask {
                    try await run(server, target, fault, "cut-\(bytes)", configuration).cuts
                }
            }
            for _ in 0..<Self.parallel { add() }
            var cuts = 0
            while let cut = try await group.next() {
                cuts += cut
                add()
            }
            return cuts
        }
    }

    private func run(
        _ server: RedisServer, _ target: Int, _ fault: FaultProxy.Fault, key: String,
        _ configuration: Settings
    ) async throws -> (bytes: (request: Int, reply: Int), cuts: Int) {
        let proxy = FaultProxy(target: target, fault: fault)
        defer { proxy.stop() }
        // An entry from long ago, so that reading back stops before the stream's start, as it does in a long run.
        let probe = try Probe(server.url)
        try probe("XADD", key, "1-1", "signal", "BUY")
        let acknowledgements = Acknowledgements()
        let rig = try Rig(try configuration(proxy.port, key), acknowledgements: acknowledgements)
        var sink = rig.publisher.makeSink()
        rig.publisher.start()
        // The second is sent by the engine's thread where the cut has left it the socket.
        _ = sink.publish(Fixture.signal(0))
        try await rig.drained()
        _ = sink.publish(Fixture.signal(1))
        _ = sink.publish(Fixture.signal(2))
        sink.flush()
        try await rig.drained()
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(5)) == 0)
        let identifiers = try probe.identifiers(key)
        #expect(identifiers == ["?"] + (0..<3).map(Fixture.identifier), "cut \(fault)")
        #expect(acknowledgements.ordinals == [1, 2, 3], "cut \(fault)")
        #expect(try probe.agrees(with: acknowledgements, key: key), "cut \(fault)")
        #expect(rig.metrics.total("tickline_published_total") == 3, "cut \(fault)")
        #expect(rig.metrics.total("tickline_publish_conflicts_total") == 0)
        #expect(rig.metrics.total("tickline_publish_duplicates_total") == 0)
        return (proxy.firstConnectionBytes, proxy.cuts)
    }
}
