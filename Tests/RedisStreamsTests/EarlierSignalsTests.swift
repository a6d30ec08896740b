import Synchronization
import Telemetry
import TestSupport
import Testing
import TradingModel

@testable import RedisStreams

/// Signals of earlier runs that a publisher takes over page by page.
@Suite(.serialized, .timeLimit(.minutes(3))) struct EarlierSignalsTests {
    private static let pageSignals = 64

    private final class SeenPages: Sendable {
        private let pages = Mutex<Set<Int>>([])
        func isNew(_ page: Int) -> Bool { pages.withLock { $0.insert(page).inserted } }
    }

    /// Pages behind `first` signals of the fixture; `onPage` is told the number of each page that is read, on the
    /// publisher's thread.
    private func earlier(
        _ numbers: Range<Int>, onPage: @escaping @Sendable (Int) -> Void = { _ in }
    ) -> EarlierSignals {
        EarlierSignals(
            waiting: UInt64(numbers.lowerBound + 1)..<UInt64(numbers.upperBound + 1), pageSignals: Self.pageSignals,
            catalogs: [Fixture.catalog]
        ) { ordinals throws(RedisStreamsError) in
            onPage((Int(ordinals.lowerBound) - 1) / Self.pageSignals)
            return EarlierSignals.Page(
                firstOrdinal: ordinals.lowerBound,
                parts: [
                    RecoveredSignals.Part(
                        catalog: Fixture.catalog, signals: ordinals.map { Fixture.signal(Int($0) - 1) })
                ])
        }
    }

    private func configuration(_ url: String, _ mode: PublishMode) throws -> SignalPublisherConfiguration {
        var configuration = try Fixture.configuration(url, mode: mode)
        (configuration.outboxCapacity, configuration.unkillableWaitMillis) = (Self.pageSignals, 1)
        return configuration
    }

    /// Publishes ten pages and a few signals behind them.
    private func publish(_ rig: Rig) async throws {
        var sink = rig.publisher.makeSink()
        rig.publisher.start()
        try await waitUntil("all is taken over", timeout: .seconds(60)) { rig.publisher.waitingSignals == 0 }
        try await rig.drained()
        try await waitForRoom(sink)
        for index in 640..<650 { _ = sink.publish(Fixture.signal(index)) }
        sink.flush()
        try await rig.drained()
    }

    @Test(arguments: [PublishMode.append, .once])
    func `pages are published in order, each once, and the stream is read back for those that it may hold`(
        mode: PublishMode
    ) async throws {
        let server = try await RedisServer()
        let probe = try Probe(server.url)
        let configuration = try configuration(server.url, mode)
        // The killed run had sent two pages and a half without an acknowledgement, and others have written since.
        let before = Acknowledgements()
        let old = try Rig(try Fixture.configuration(server.url, mode: mode), acknowledgements: before)
        var sink = old.publisher.makeSink()
        old.publisher.start()
        for index in 0..<160 { _ = sink.publish(Fixture.signal(index)) }
        sink.flush()
        try await old.drained()
        _ = await old.publisher.drainAndStop(timeout: .seconds(5))
        for _ in 0..<3_000 { try probe("XADD", "signals", "*", "note", "no signal") }
        try probe("CONFIG", "RESETSTAT")

        var first = RecoveredSignals()
        first.parts = [.init(catalog: Fixture.catalog, signals: (0..<64).map { Fixture.signal($0) })]
        let told = Acknowledgements()
        let rig = try Rig(configuration, recovered: first, earlier: earlier(64..<640), acknowledgements: told)
        try await publish(rig)
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(5)) == 0)
        #expect(try probe.identifiers().filter { $0 != "?" } == (0..<650).map(Fixture.identifier))
        #expect(told.ordinals == Array(1...650))
        #expect(try probe.agrees(with: told))
        let statistics = try probe("INFO", "commandstats").text ?? ""
        let calls = statistics.split(whereSeparator: \.isNewline).first { $0.hasPrefix("cmdstat_xrevrange") } ?? ""
        let count = try #require(Int(calls.drop { $0 != "=" }.dropFirst().prefix { $0.isNumber }))
        // Some 3,000 entries: by the first three pages, which the stream held or may have held, and as the tail.
        #expect(count <= 4 * 4)
        print("figure: ten pages with a stream of 3,160 entries, \(mode): \(count) reads of 1,000")
    }

    @Test(arguments: [PublishMode.append, .once])
    func `pages that a promoted replica lacks are put back in front of what follows`(mode: PublishMode) async throws {
        let servers = try await ReplicatedServers()
        let (seen, master, proxy) = (SeenPages(), servers.master, servers.proxy)
        let earlier = earlier(64..<640) { page in
            guard seen.isNew(page) else { return }
            // Pages 4 to 6 never reach the replica that becomes the master.
            if page == 4 { proxy.stall(connection: 1) }
            if page == 7 { master.kill() }
        }
        var first = RecoveredSignals()
        first.parts = [.init(catalog: Fixture.catalog, signals: (0..<64).map { Fixture.signal($0) })]
        let told = Acknowledgements()
        let rig = try Rig(
            try configuration(servers.sentinels.url(), mode), recovered: first, earlier: earlier, acknowledgements: told
        )
        try await publish(rig)
        let probe = try Probe(servers.replicas[0].url)
        #expect(try probe.identifiers() == (0..<650).map(Fixture.identifier))
        #expect(try probe.agrees(with: told))
        let again = rig.metrics.total("tickline_published_again_total")
        #expect(again >= 3 * 64 && again <= 5 * 64)
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(5)) == 0)
        print("figure: a failover within ten pages, \(mode): \(Int(again)) signals put back, 0 lost, 0 doubled")
    }

    @Test func `what the journal has recycled and the server has lost holds up nothing, and is counted`() async throws {
        let server = try await RedisServer()
        let isRecycled = Atomic<Bool>(false)
        let whole = earlier(64..<640)
        let recycled = EarlierSignals(waiting: whole.waiting, pageSignals: whole.pageSignals, catalogs: whole.catalogs)
        {
            ordinals throws(RedisStreamsError) in
            // What is given up stands in front of the last page.
            guard !isRecycled.load(ordering: .acquiring) || ordinals.lowerBound > 576 else {
                throw .earlierSignals("segment 3 was recycled")
            }
            return try whole.read(ordinals)
        }
        var first = RecoveredSignals()
        first.parts = [.init(catalog: Fixture.catalog, signals: (0..<64).map { Fixture.signal($0) })]
        let rig = try Rig(try configuration(server.url, .append), recovered: first, earlier: recycled)
        var sink = rig.publisher.makeSink()
        rig.publisher.start()
        try await waitUntil("all is taken over", timeout: .seconds(60)) { rig.publisher.waitingSignals == 0 }
        try await rig.drained()
        isRecycled.store(true, ordering: .releasing)
        server.kill()
        try await server.restart()
        let probe = try Probe(server.url)
        try await waitForRoom(sink)
        for index in 640..<650 { _ = sink.publish(Fixture.signal(index)) }
        sink.flush()
        try await rig.drained()
        let there = try probe.identifiers()
        #expect(there.suffix(10) == (640..<650).map(Fixture.identifier) && Set(there).count == there.count)
        let dropped = rig.metrics.total("tickline_outbox_retained_dropped_total")
        #expect(dropped > 0 && Int(dropped) + there.count >= 650)
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(5)) == 0)
    }

    @Test func `what can't be read is named and nothing is left out`() async throws {
        let server = try await RedisServer()
        let broken = EarlierSignals(waiting: 65..<129, pageSignals: 64, catalogs: [Fixture.catalog]) {
            _ throws(RedisStreamsError) in throw .earlierSignals("the journal is damaged")
        }
        var first = RecoveredSignals()
        first.parts = [.init(catalog: Fixture.catalog, signals: (0..<64).map { Fixture.signal($0) })]
        let rig = try Rig(try configuration(server.url, .append), recovered: first, earlier: broken)
        rig.publisher.start()
        try await waitUntil("it says so") { rig.publisher.trouble == "the journal is damaged" }
        #expect(rig.publisher.waitingSignals == 64 && rig.publisher.takenSignals == (128, 64))
        #expect(rig.errors("EARLIERSIGNALS") >= 1)
        _ = await rig.publisher.drainAndStop(timeout: .zero)
    }
}
