import Telemetry
import TestSupport
import Testing
import TradingModel

@testable import RedisStreams

@Suite(.serialized) struct PublishingTests {
    @Test(arguments: [PublishMode.append, .once])
    func `an entry has the contract's fields in their order`(mode: PublishMode) async throws {
        let server = try await RedisServer()
        let rig = try Rig(try Fixture.configuration(server.url, mode: mode))
        var sink = rig.publisher.makeSink()
        rig.publisher.start()
        #expect(await rig.publisher.waitUntilSynchronised(timeout: .seconds(10)) == [])
        _ = sink.publish(Fixture.signal(0))
        _ = sink.publish(Fixture.signal(1, instrument: 1, reason: .gap))
        try await rig.drained()
        let probe = try Probe(server.url)
        let raw = try probe("XRANGE", "signals", "-", "+").elements?.compactMap { $0.elements?[1].elements } ?? []
        #expect(
            raw.map { $0.compactMap(\.text) } == [
                [
                    "signal", "BUY", "shortSMA", "61826.000000005", "longSMA", "61826", "time",
                    "2024-08-08T00:00:00.123Z", "schema", "1", "id", "binance:BTCUSDT:sma-2-4:1000", "exchange",
                    "binance", "symbol", "BTCUSDT", "strategy", "sma-2-4", "price", "61826", "tickId", "1000",
                    "eventTime", "1723075200123000000", "receiveTime", "1723075200223456789", "reason", "cross",
                ],
                [
                    "signal", "SELL", "shortSMA", "61826.000000005", "longSMA", "61826", "time",
                    "2024-08-08T00:00:00.123Z", "schema", "1", "id", "binance-usdm:ETHUSDT:sma-2-4:1001:gap",
                    "exchange", "binance-usdm", "symbol", "ETHUSDT", "strategy", "sma-2-4", "price", "61826",
                    "tickId", "1001", "eventTime", "1723075200123000000", "receiveTime", "1723075200223456789",
                    "reason", "gap",
                ],
            ])
        #expect(rig.metrics.total("tickline_published_total") == 2)
        #expect(rig.health.status.isReady, "\(rig.health.status.reason)")
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
    }

    @Test func `a granted socket is written by the engine's thread, in order, and bursts are coalesced`() async throws {
        let server = try await RedisServer()
        let rig = try Rig(try Fixture.configuration(server.url))
        var sink = rig.publisher.makeSink()
        rig.publisher.start()
        _ = await rig.publisher.waitUntilSynchronised(timeout: .seconds(10))
        try await waitUntil("ready") { rig.health.status.isReady }
        var outcomes: [PublishOutcome] = []
        for index in 0..<100 { outcomes.append(sink.publish(Fixture.signal(index))) }
        sink.flush()
        try await rig.drained()
        #expect(outcomes.prefix(4).allSatisfy { $0 == .sent })
        #expect(outcomes.dropFirst(4).allSatisfy { $0 == .queued })
        // What was held back is measured by the sink: the engine measures only what is `.sent`.
        #expect(rig.metrics.snapshot("tickline_tick_to_signal_seconds").count == 96)
        #expect(rig.metrics.snapshot("tickline_stage_seconds", labels: [("stage", "redis_reply")]).count == 100)
        #expect(try Probe(server.url).identifiers() == (0..<100).map(Fixture.identifier))
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
    }

    @Test func `a second instance reports the newest signs and sends nothing again`() async throws {
        let server = try await RedisServer()
        let probe = try Probe(server.url)
        try probe("XADD", "signals", "*", "signal", "BUY", "shortSMA", "1", "longSMA", "1", "time", "seed")
        for round in 0..<2 {
            let rig = try Rig(try Fixture.configuration(server.url))
            var sink = rig.publisher.makeSink()
            rig.publisher.start()
            let signs = await rig.publisher.waitUntilSynchronised(timeout: .seconds(10))
            let expected = PublishedSign(instrument: 0, strategy: 0, tickID: 1_002, side: .buy)
            #expect(signs == (round == 0 ? [] : [expected]))
            for index in 0..<3 { _ = sink.publish(Fixture.signal(index)) }
            if round == 1 { _ = sink.publish(Fixture.signal(3)) }
            try await rig.drained()
            #expect(rig.metrics.total("tickline_published_already_total") == (round == 0 ? 0 : 3))
            #expect(rig.metrics.total("tickline_stream_foreign_entries_total") == 1)
            #expect(rig.metrics.total("tickline_publish_conflicts_total") == 0)
            #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
        }
        #expect(try probe.identifiers() == ["?"] + (0..<4).map(Fixture.identifier))
    }

    @Test func `another content under a known id is a conflict and not sent`() async throws {
        let server = try await RedisServer()
        for price: Int64 in [6_182_600_000_000, 6_182_700_000_000] {
            let rig = try Rig(try Fixture.configuration(server.url))
            var sink = rig.publisher.makeSink()
            rig.publisher.start()
            _ = await rig.publisher.waitUntilSynchronised(timeout: .seconds(10))
            _ = sink.publish(Fixture.signal(0, price: price))
            try await rig.drained()
            #expect(
                rig.metrics.total("tickline_publish_conflicts_total") == (price == 6_182_600_000_000 ? 0 : 1))
            #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
        }
        #expect(try Probe(server.url).identifiers() == [Fixture.identifier(0)])
    }

    @Test func `publishes over a Unix socket, with a password, into a database`() async throws {
        let server = try await RedisServer(password: "se:cr@t")
        for url in [
            "unix://\(server.socketPath)?db=3&password=se:cr%40t", "redis://:se%3Acr%40t@127.0.0.1:\(server.port)/3",
        ] {
            let rig = try Rig(try Fixture.configuration(url, key: url.hasPrefix("unix") ? "a" : "b"))
            var sink = rig.publisher.makeSink()
            rig.publisher.start()
            _ = sink.publish(Fixture.signal(0))
            try await rig.drained()
            #expect(!rig.health.status.reason.contains("cr@t"))
            #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
        }
        let probe = try Probe("redis://:se%3Acr%40t@127.0.0.1:\(server.port)/3")
        #expect(try probe.identifiers("a") == [Fixture.identifier(0)])
        #expect(try probe.identifiers("b") == [Fixture.identifier(0)])
    }
}
