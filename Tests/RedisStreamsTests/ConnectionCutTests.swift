import Telemetry
import TestSupport
import Testing
import TradingModel

@testable import RedisStreams

/// A connection cut at every byte of what goes to Redis and of what comes back, login and read-back included.
@Suite(.serialized) struct ConnectionCutTests {
    /// Cuts running at once; each has a proxy, a publisher and a stream of its own.
    private static let parallel = 8

    @Test(arguments: [PublishMode.append, .once], [true, false])
    func `each signal is in the stream once and in order wherever the connection is cut`(
        mode: PublishMode, inRequests: Bool
    ) async throws {
        let server = try await RedisServer()
        let whole = try await run(server, mode, FaultProxy.Fault(), key: "whole")
        let total = inRequests ? whole.bytes.request : whole.bytes.reply
        #expect(total > 50)
        // Every byte but the last: cutting behind it changes nothing for the requests, and the replies' end is idle.
        var next = 0
        try await withThrowingTaskGroup(of: Int.self) { group in
            func add() {
                let bytes = next
                next += 1
                let fault = FaultProxy.Fault(
                    cutAfterRequestBytes: inRequests ? bytes : nil, cutAfterReplyBytes: inRequests ? nil : bytes)
                group.addTask { try await self.run(server, mode, fault, key: "cut-\(bytes)").cuts }
            }
            while next < min(Self.parallel, total) { add() }
            var cuts = 0
            while let cut = try await group.next() {
                cuts += cut
                if next < total { add() }
            }
            // Client addresses differ in length, so the last few bytes of a run may not exist.
            #expect(cuts >= total - 8)
            print("connection cuts, \(mode), \(inRequests ? "requests" : "replies"): \(cuts) of \(total) bytes")
        }
    }

    private func run(
        _ server: RedisServer, _ mode: PublishMode, _ fault: FaultProxy.Fault, key: String
    ) async throws -> (bytes: (request: Int, reply: Int), cuts: Int) {
        let proxy = FaultProxy(target: server.port, fault: fault)
        defer { proxy.stop() }
        // An entry from long ago, so that reading back stops before the stream's start, as it does in a long run.
        let probe = try Probe(server.url)
        try probe("XADD", key, "1-1", "signal", "BUY")
        let rig = try Rig(try Fixture.configuration("127.0.0.1:\(proxy.port)", key: key, mode: mode))
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
        #expect(identifiers == ["?"] + (0..<3).map(Fixture.identifier), "\(mode) cut \(fault)")
        #expect(rig.metrics.total("tickline_published_total") == 3, "\(mode) cut \(fault)")
        #expect(rig.metrics.total("tickline_publish_conflicts_total") == 0)
        #expect(rig.metrics.total("tickline_publish_duplicates_total") == 0)
        return (proxy.firstConnectionBytes, proxy.cuts)
    }
}
