import TestSupport
import Testing
import TradingModel

@testable import RedisStreams

/// What every `SignalSink` must do, against the fake in memory and against a real server.
@Suite(.serialized) struct SinkContractTests {
    /// Publishes `count` signals into a sink that holds `capacity` and whose far side takes nothing meanwhile.
    private func fill(_ sink: inout some SignalSink & ~Copyable, capacity: Int) {
        for index in 0..<capacity {
            let hasRoom = sink.hasRoom(for: 1)
            #expect(hasRoom)
            let outcome = sink.publish(Fixture.signal(index))
            #expect(outcome != .full)
        }
        sink.flush()
        let hasRoom = sink.hasRoom(for: 1)
        #expect(!hasRoom)
        for _ in 0..<2 {
            let outcome = sink.publish(Fixture.signal(capacity))
            #expect(outcome == .full)
        }
        sink.flush()
    }

    @Test func `the sink in memory keeps what it took, in order, and nothing it refused`() {
        let record = RecordingSink.Record()
        var sink = RecordingSink(record: record, capacity: 16)
        fill(&sink, capacity: 16)
        #expect(record.signals.map(\.tickID) == (0..<16).map { UInt64(1_000 + $0) })
        record.removeAll()
        let hasRoom = sink.hasRoom(for: 1)
        #expect(hasRoom)
    }

    @Test func `the Redis sink keeps what it took, in order, and nothing it refused`() async throws {
        let server = try await RedisServer()
        server.kill()
        var configuration = try Fixture.configuration(server.url)
        configuration.outboxCapacity = 16
        let rig = try Rig(configuration)
        var sink = rig.publisher.makeSink()
        rig.publisher.start()
        fill(&sink, capacity: 16)
        try await server.restart()
        try await rig.drained()
        #expect(try Probe(server.url).identifiers() == (0..<16).map(Fixture.identifier))
        try await waitForRoom(sink)
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
    }
}
