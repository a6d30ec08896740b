import Telemetry
import TestSupport
import Testing
import TradingModel

@testable import RedisStreams

/// `PublishMode.once`: several writers on one stream.
@Suite(.serialized) struct PublishOnceTests {
    @Test func `two concurrent writers leave one entry per signal, in order`() async throws {
        let server = try await RedisServer()
        let count = 2_000
        async let first = write(server, count)
        async let second = write(server, count)
        let (one, two) = try await (first, second)
        #expect(try Probe(server.url).identifiers() == (0..<count).map(Fixture.identifier))
        print("two writers, \(count) signals: duplicates \(one) and \(two)")
        // Every signal came twice: once published, once known (by the script, or by the tail read at the start).
        #expect(one + two == Double(count))
    }

    private func write(_ server: RedisServer, _ count: Int) async throws -> Double {
        let rig = try Rig(try Fixture.configuration(server.url, mode: .once))
        var sink = rig.publisher.makeSink()
        rig.publisher.start()
        for index in 0..<count {
            try await waitForRoom(sink)
            _ = sink.publish(Fixture.signal(index))
            if index % 3 == 0 { sink.flush() }
        }
        sink.flush()
        try await rig.drained()
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
        #expect(rig.metrics.total("tickline_publish_conflicts_total") == 0)
        return rig.metrics.total("tickline_publish_duplicates_total")
            + rig.metrics.total("tickline_published_already_total")
    }

    @Test func `another writer's different content is a conflict`() async throws {
        let server = try await RedisServer()
        // Both have read the empty tail before either writes, so that the script finds it.
        let rigs = try [0, 1].map { _ in try Rig(try Fixture.configuration(server.url, mode: .once)) }
        for rig in rigs {
            rig.publisher.start()
            try await waitUntil("ready") { rig.health.status.isReady }
        }
        for (index, rig) in rigs.enumerated() {
            var sink = rig.publisher.makeSink()
            _ = sink.publish(Fixture.signal(0, price: 6_182_600_000_000 + Int64(index)))
            try await rig.drained()
            #expect(rig.metrics.total("tickline_publish_conflicts_total") == Double(index))
        }
        #expect(try Probe(server.url).identifiers() == [Fixture.identifier(0)])
        for rig in rigs { #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0) }
    }

    @Test func `a flushed script is loaded again and the signals are resent in order`() async throws {
        let server = try await RedisServer()
        let rig = try Rig(try Fixture.configuration(server.url, mode: .once))
        var sink = rig.publisher.makeSink()
        rig.publisher.start()
        try await waitUntil("ready") { rig.health.status.isReady }
        let probe = try Probe(server.url)
        for round in 0..<3 {
            try probe("SCRIPT", "FLUSH")
            for index in 0..<10 { _ = sink.publish(Fixture.signal(round * 10 + index)) }
            sink.flush()
            try await rig.drained()
        }
        #expect(rig.errors("NOSCRIPT") >= 3)
        #expect(try probe.identifiers() == (0..<30).map(Fixture.identifier))
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
    }
}
