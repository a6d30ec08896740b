import Telemetry
import TestSupport
import Testing
import TradingModel

@testable import RedisStreams

@Suite(.serialized) struct StreamTrimmerTests {
    private func rig(_ server: RedisServer, _ trim: StreamTrimSettings, mode: PublishMode = .append) throws -> Rig {
        var configuration = try Fixture.configuration(server.url, mode: mode)
        configuration.trim = trim
        return try Rig(configuration)
    }

    private func publish(_ rig: Rig, _ count: Int) async throws {
        var sink = rig.publisher.makeSink()
        rig.publisher.start()
        for index in 0..<count { _ = sink.publish(Fixture.signal(index)) }
        sink.flush()
        try await rig.drained()
    }

    @Test func `trims by count, exactly`() async throws {
        let server = try await RedisServer()
        let rig = try rig(server, StreamTrimSettings(mostEntries: 50, intervalMillis: 20))
        try await publish(rig, 200)
        let probe = try Probe(server.url)
        try await waitUntil("trimmed") { try probe("XLEN", "signals").integer == 50 }
        #expect(try probe.identifiers() == (150..<200).map(Fixture.identifier))
        try await waitUntil("counted") { rig.metrics.total("tickline_stream_trimmed_total") == 150 }
        #expect(rig.metrics.total("tickline_stream_forced_trims_total") == 0)
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
    }

    @Test func `trims by age`() async throws {
        let server = try await RedisServer()
        let probe = try Probe(server.url)
        try probe("XADD", "signals", "1000-1", "signal", "BUY")
        let rig = try rig(server, StreamTrimSettings(mostAgeSeconds: 3_600, intervalMillis: 20))
        try await publish(rig, 5)
        try await waitUntil("trimmed") { try probe("XLEN", "signals").integer == 5 }
        #expect(try probe.identifiers() == (0..<5).map(Fixture.identifier))
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
    }

    @Test func `keeps what a group has not acknowledged or not been given yet`() async throws {
        let server = try await RedisServer()
        let probe = try Probe(server.url)
        try probe("XGROUP", "CREATE", "signals", "trader", "0", "MKSTREAM")
        let rig = try rig(server, StreamTrimSettings(mostEntries: 10, intervalMillis: 20))
        try await publish(rig, 60)
        try probe("XREADGROUP", "GROUP", "trader", "one", "COUNT", "40", "STREAMS", "signals", ">")
        let ids = try probe.entries().map(\.entryID)
        for id in ids[..<20] { try probe("XACK", "signals", "trader", id) }
        // The 21st is the oldest one pending.
        try await waitUntil("trimmed to the oldest pending") { try probe("XLEN", "signals").integer == 40 }
        for id in ids[20..<40] { try probe("XACK", "signals", "trader", id) }
        try await waitUntil("trimmed to the first undelivered") { try probe("XLEN", "signals").integer == 20 }
        try probe("XREADGROUP", "GROUP", "trader", "one", "NOACK", "STREAMS", "signals", ">")
        try await waitUntil("trimmed to the count") { try probe("XLEN", "signals").integer == 10 }
        #expect(rig.metrics.total("tickline_stream_forced_trims_total") == 0)
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
    }

    @Test(arguments: [[], ["trader"]])
    func `never lets an unread group keep more than ten times the count`(groups: [String]) async throws {
        let server = try await RedisServer()
        let probe = try Probe(server.url)
        // Named groups keep everything even before they exist; where none is named, those that exist count.
        if groups.isEmpty { try probe("XGROUP", "CREATE", "signals", "trader", "0", "MKSTREAM") }
        let rig = try rig(server, StreamTrimSettings(mostEntries: 10, groups: groups, intervalMillis: 20))
        try await publish(rig, 200)
        try await waitUntil("forced") { rig.metrics.total("tickline_stream_forced_trims_total") >= 1 }
        try await waitUntil("at the hard limit") { try probe("XLEN", "signals").integer == 100 }
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
    }

    @Test func `forgets ids an hour old whose entries are gone, and no others`() async throws {
        let server = try await RedisServer()
        let probe = try Probe(server.url)
        try probe("HSET", "{signals}:ids", "old", "1000-1")
        let rig = try rig(server, StreamTrimSettings(mostEntries: 5, intervalMillis: 20), mode: .once)
        try await publish(rig, 10)
        try await waitUntil("forgotten") { rig.metrics.total("tickline_stream_ids_forgotten_total") == 1 }
        try await waitUntil("trimmed") { try probe("XLEN", "signals").integer == 5 }
        // Trimmed but young: still known, so a late writer adds nothing.
        #expect(try probe("HLEN", "{signals}:ids").integer == 10)
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
    }
}
