import FeedHandler
import Foundation
import Journal
import RingBuffer
import Synchronization
import TestSupport
import Testing
import ThreadExecutor
import TradingModel

/// The fetcher over real sockets, against servers whose answers are written out.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct RefillFetcherTests {
    @Test func `refills a thousand missing trades, and then another hole over the same connection`() async throws {
        let server = HistoryServer { _, target in HistoryServer.trades(target, upTo: 10_000) }
        defer { server.stop() }
        let refill = try RefillUnderTest(port: server.port)
        refill.start()
        defer { refill.stop() }
        let noticed = MonotonicClock.now()
        #expect(try await refill.refill(RefillSample.request(101...1_100, ordinal: 7, noticed: noticed)) == .complete)
        let seconds = Double(MonotonicClock.now().nanos(since: noticed)) / 1e9
        #expect(refill.ticks.map(\.id) == Array(101...1_100))
        #expect(refill.ticks.allSatisfy { $0.flags == 9 && $0.receiveMonotonicNanos == 0 && $0.quantity == 25_000_000 })
        let end = try #require(refill.ends.first)
        #expect(end.ordinal == 7 && end.instrument == 0 && end.kind == .trade && end.monotonic > noticed)
        // The end is behind all ticks.
        #expect(refill.slots.last == end.slot)

        #expect(try await refill.refill(RefillSample.request(1_201...3_300, ordinal: 8)) == .complete)
        #expect(refill.ticks.map(\.id) == Array(101...1_100) + Array(1_201...3_300))
        #expect(
            server.targets.map { HistoryServer.item("fromId", $0) + "+" + HistoryServer.item("limit", $0) } == [
                "101+1000", "1201+1000", "2201+1000", "3201+100",
            ])
        #expect(refill.metric(#"tickline_refills_total{outcome="complete"}"#) == 2)
        #expect(refill.metric("tickline_refilled_ticks_total") == 3_100)
        #expect(refill.requestCount("2xx") == 4)
        #expect(refill.metric("tickline_refill_seconds_count") == 2)
        #expect(goal("D5 1,000 trades refilled, from the hole's notice to the last tick", seconds, atMost: 3, "s"))
    }

    @Test func `hands each body over before its ticks are on the ring, and they can be made of it again`() async throws
    {
        let server = HistoryServer { _, target in HistoryServer.trades(target, upTo: 10_000) }
        defer { server.stop() }
        let refill = try RefillUnderTest(port: server.port)
        refill.start()
        defer { refill.stop() }
        refill.ask(RefillSample.request(101...1_300))
        // Nothing is taken off the ring until the end is on it.
        try await waitUntil("the end") { refill.metric(#"tickline_refills_total{outcome="complete"}"#) == 1 }
        let entries = try refill.journaled()
        #expect(entries.map(\.entry.kind).filter { $0 == HistoryEntryKind.body }.count == 2)
        #expect(entries.first?.entry.kind == HistoryEntryKind.body)
        #expect(entries.map(\.entry.word2).filter { $0 > 0 } == [101, 1_101])
        try await waitUntil("the end's slot") { refill.ends.count == 1 }
        // The bodies give the ticks again; the slots are what the engine was given, its end with them.
        let bodies = entries.filter { $0.entry.kind == HistoryEntryKind.body }
        let again = try bodies.flatMap { entry, segment in
            try RefillSample.decode(
                Array(segment.bytes(of: entry)), of: #require(RefillEndpoint(rawValue: entry.detail)),
                for: RefillSample.request(entry.word2...entry.word3)
            ).get().ticks
        }
        #expect(refill.ticks == again && again.count == 1_200)
        #expect(entries.compactMap { HistoryReplay.slots(of: $0.entry, in: $0.segment) }.flatMap { $0 } == refill.slots)
    }

    @Test(arguments: [401, 403, 404, 400])
    func `takes aggregates where trades are refused`(status: Int) async throws {
        let server = HistoryServer { _, target in
            if target.contains("historicalTrades") {
                return HistoryServer.answer("{}", status: "\(status) No")
            }
            if HistoryServer.item("fromId", target).isEmpty {
                return HistoryServer.answer(RefillSample.body([RefillSample.aggregate(50, 98...103)]))
            }
            return HistoryServer.answer(RefillSample.body([RefillSample.aggregate(51, 104...120)]))
        }
        defer { server.stop() }
        let refill = try RefillUnderTest(port: server.port)
        refill.start()
        defer { refill.stop() }
        #expect(try await refill.refill(RefillSample.request(101...110)) == .complete)
        #expect(refill.ticks.map(\.id) == Array(101...110))
        #expect(refill.ticks.allSatisfy { $0.flags == 24 && $0.kind == RecordKind.trade.rawValue })
        #expect(refill.ticks.map(\.secondaryPrice) == [98, 98, 98] + Array(repeating: 104, count: 7))
        #expect(
            server.targets.map { String($0.prefix { $0 != "?" }) } == [
                "/api/v3/historicalTrades", "/api/v3/aggTrades", "/api/v3/aggTrades",
            ])
        #expect(refill.requestCount("4xx") == 1 && refill.requestCount("2xx") == 2)
    }

    @Test func `asks for aggregate trades and for USD-M`() async throws {
        let server = HistoryServer { _, target in
            let rows = (60...80 as ClosedRange<UInt64>).map { RefillSample.aggregate($0, 2 * $0...2 * $0 + 1) }
            return HistoryServer.answer(
                RefillSample.body(target.hasPrefix("/fapi") ? rows : Array(rows[5...10])))
        }
        defer { server.stop() }
        let refill = try RefillUnderTest(port: server.port)
        refill.start()
        defer { refill.stop() }
        #expect(try await refill.refill(RefillSample.request(65...70, kind: .aggregateTrade)) == .complete)
        #expect(refill.ticks.map(\.id) == Array(65...70))
        #expect(refill.ticks.allSatisfy { $0.kind == RecordKind.aggregateTrade.rawValue && $0.flags == 8 })
        #expect(try await refill.refill(RefillSample.request(131...140, instrument: 1)) == .complete)
        #expect(refill.ticks.dropFirst(6).map(\.id) == Array(131...140))
        #expect(refill.ticks.dropFirst(6).allSatisfy { $0.flags == 24 && $0.instrument == 1 })
        #expect(refill.ends.map(\.kind) == [.aggregateTrade, .trade])
    }

    @Test func `ends refused, where nothing is given`() async throws {
        let server = HistoryServer { _, _ in HistoryServer.answer("{}", status: "404 Not Found") }
        defer { server.stop() }
        let refill = try RefillUnderTest(port: server.port)
        refill.start()
        defer { refill.stop() }
        #expect(try await refill.refill(RefillSample.request(101...110)) == .refused)
        #expect(server.targets.count == 2 && refill.ticks.isEmpty)
        #expect(refill.metric(#"tickline_refills_total{outcome="refused"}"#) == 1)
        #expect(refill.log.lines.count == 1 && refill.log.lines[0].contains("status 404"))
    }

    @Test func `bears one failure of the network, the server or a cut body, not two`() async throws {
        let failures: [String] = [
            "", HistoryServer.answer("", status: "503 Busy"), HistoryServer.answer("[]", status: "500 Broken"),
        ]
        for failure in failures {
            let server = HistoryServer { number, target in
                number == 0 || number >= 2 ? failure : HistoryServer.trades(target, upTo: 10_000)
            }
            defer { server.stop() }
            let refill = try RefillUnderTest(port: server.port)
            refill.start()
            defer { refill.stop() }
            #expect(try await refill.refill(RefillSample.request(101...110)) == .complete)
            #expect(try await refill.refill(RefillSample.request(111...120)) == .failed)
            #expect(refill.ticks.map(\.id) == Array(101...110))
            #expect(refill.requestCount("none") + refill.requestCount("5xx") == 3)
        }
    }

    @Test func `a connection that died in silence costs one question's time`() async throws {
        let server = HistoryServer { number, target in
            number == 1 ? nil : HistoryServer.trades(target, upTo: 10_000)
        }
        defer { server.stop() }
        let refill = try RefillUnderTest(port: server.port)
        refill.start()
        defer { refill.stop() }
        #expect(try await refill.refill(RefillSample.request(101...110)) == .complete)
        let noticed = MonotonicClock.now()
        #expect(try await refill.refill(RefillSample.request(111...120, noticed: noticed)) == .complete)
        let seconds = Double(MonotonicClock.now().nanos(since: noticed)) / 1e9
        print("figure: D5 refill behind a connection dead in silence: \(seconds) s (3 s allowed)")
        #expect(seconds > 1.2 && seconds < 3)
    }

    @Test func `gives up in time on an exchange that never answers, and on one that is not there`() async throws {
        let server = HistoryServer { _, _ in nil }
        defer { server.stop() }
        for port in [server.port, freePort()] {
            let refill = try RefillUnderTest(port: port)
            refill.start()
            defer { refill.stop() }
            let noticed = MonotonicClock.now()
            #expect(try await refill.refill(RefillSample.request(101...110, noticed: noticed)) == .failed)
            let seconds = Double(MonotonicClock.now().nanos(since: noticed)) / 1e9
            print("figure: a refill that fails for want of an answer ends after \(seconds) s (3 s allowed)")
            #expect(seconds < 3)
            #expect(refill.requestCount("none") == 2)
        }
    }

    @Test(arguments: [
        "[", "{}", #"[{"id":101}]"#, RefillSample.trades([102, 101]), RefillSample.trades(1...105),
        String(repeating: " ", count: (1 << 20) + 1),
    ])
    func `delivers nothing of an answer that can't be read or begins elsewhere`(body: String) async throws {
        let server = HistoryServer { _, _ in HistoryServer.answer(body) }
        defer { server.stop() }
        let refill = try RefillUnderTest(port: server.port)
        refill.start()
        defer { refill.stop() }
        #expect(try await refill.refill(RefillSample.request(101...110)) == .failed)
        #expect(try refill.ticks.isEmpty && refill.journaled().count == 1)
        #expect(refill.metric(#"tickline_refills_total{outcome="failed"}"#) == 1)
    }
}

/// Request limits, stopping, and what may hold the fetcher up.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct RefillBoundsTests {
    @Test func `obeys a Retry-After that fits the time`() async throws {
        let server = HistoryServer { number, target in
            number == 0
                ? HistoryServer.answer("", status: "429 Slow", headers: ["Retry-After: 1"])
                : HistoryServer.trades(target, upTo: 10_000)
        }
        defer { server.stop() }
        let refill = try RefillUnderTest(port: server.port)
        refill.start()
        defer { refill.stop() }
        let start = MonotonicClock.now()
        #expect(try await refill.refill(RefillSample.request(101...110)) == .complete)
        #expect(MonotonicClock.now().nanos(since: start) >= 1_000_000_000)
        #expect(server.targets.count == 2 && refill.ticks.count == 10)
    }

    @Test(
        arguments: [
            ("429 Slow", ["Retry-After: 30"], 30), ("418 Banned", ["Retry-After: 120"], 120), ("429 Slow", [], 60),
            (
                "429 Slow", ["Date: Sun, 06 Nov 1994 08:49:37 GMT", "Retry-After: Sun, 06 Nov 1994 08:50:17 GMT"], 40
            ),
        ] as [(String, [String], UInt64)])
    func `one that does not fit ends the refill and holds for all who ask that host`(
        status: String, headers: [String], seconds: UInt64
    ) async throws {
        let server = HistoryServer { _, _ in HistoryServer.answer("", status: status, headers: headers) }
        defer { server.stop() }
        let limiter = RequestLimiter()
        let first = try RefillUnderTest(port: server.port, limiter: limiter)
        let second = try RefillUnderTest(port: server.port, limiter: limiter)
        first.start()
        second.start()
        defer {
            first.stop()
            second.stop()
        }
        let start = MonotonicClock.now()
        #expect(try await first.refill(RefillSample.request(101...110)) == .rateLimited)
        for refill in [first, second] {
            #expect(try await refill.refill(RefillSample.request(111...120)) == .rateLimited)
        }
        #expect(server.targets.count == 1)
        let held = try #require(limiter.heldUntil("127.0.0.1", at: start))
        #expect((seconds * 1_000_000_000...(seconds + 10) * 1_000_000_000).contains(held.nanos(since: start)))
        #expect(first.metric(#"tickline_refills_total{outcome="rateLimited"}"#) == 2)
    }

    @Test func `asks no further page at four fifths of the exchange's weight`() async throws {
        let server = HistoryServer { number, target in
            let (first, last) = (number * 1_000 + 101, number * 1_000 + 1_100)
            return HistoryServer.answer(
                RefillSample.trades((first...last).map { UInt64($0) }),
                headers: ["X-MBX-USED-WEIGHT-1M: \(number == 0 ? 4_799 : 4_800)"])
        }
        defer { server.stop() }
        let limiter = RequestLimiter()
        let refill = try RefillUnderTest(port: server.port, limiter: limiter)
        refill.start()
        defer { refill.stop() }
        #expect(try await refill.refill(RefillSample.request(101...5_000)) == .rateLimited)
        // What came is delivered.
        #expect(refill.ticks.map(\.id) == Array(101...2_100) && server.targets.count == 2)
        #expect(limiter.heldUntil("127.0.0.1", at: MonotonicClock.now()) != nil)
    }

    @Test func `waits for room on a full ring and loses nothing`() async throws {
        let server = HistoryServer { _, target in HistoryServer.trades(target, upTo: 10_000) }
        defer { server.stop() }
        let refill = try RefillUnderTest(port: server.port, capacitySlots: 16)
        refill.start()
        defer { refill.stop() }
        refill.ask(RefillSample.request(101...600))
        try await waitUntil("a full ring") { refill.metric("tickline_refilled_ticks_total") == 16 }
        #expect(refill.metric(#"tickline_refills_total{outcome="complete"}"#) == 0)
        for taken in stride(from: 7, through: 490, by: 7) {
            refill.drain(most: taken)
            try await waitUntil("\(taken + 16) ticks") {
                refill.metric("tickline_refilled_ticks_total") == min(taken + 16, 500)
            }
        }
        try await waitUntil("the end") { refill.ends.count == 1 }
        #expect(refill.ticks.map(\.id) == Array(101...600))
    }

    @Test func `wakes the reader of the answers`() async throws {
        let server = HistoryServer { _, target in HistoryServer.trades(target, upTo: 10_000) }
        defer { server.stop() }
        let refill = try RefillUnderTest(port: server.port)
        refill.start()
        defer { refill.stop() }
        let parker = refill.engineParker
        let woken = Mutex(false)
        parker.prepare()
        let sleeper = DedicatedThread(name: "reader") {
            parker.wait(timeoutNanos: 60_000_000_000)
            woken.withLock { $0 = true }
        }
        refill.ask(RefillSample.request(101...110))
        try await waitUntil("the reader's waking") { woken.withLock { $0 } }
        sleeper.join()
    }

    @Test func `stops in the middle of a question, of a pause, of a full ring and of nothing`() async throws {
        let server = HistoryServer { _, target in
            switch HistoryServer.item("fromId", target) {
            case "1": nil
            case "2": HistoryServer.answer("", status: "429 Slow", headers: ["Retry-After: 2"])
            default: HistoryServer.trades(target, upTo: 10_000)
            }
        }
        defer { server.stop() }
        for first in [1, 2, 3, 0] as [UInt64] {
            let refill = try RefillUnderTest(port: server.port, capacitySlots: 16)
            refill.start()
            let asked = server.targets.count
            if first > 0 {
                refill.ask(RefillSample.request(first...first + 100))
                try await waitUntil("the question") { server.targets.count > asked }
            }
            if first == 3 {
                try await waitUntil("a full ring") { refill.metric("tickline_refilled_ticks_total") == 16 }
            }
            let start = MonotonicClock.now()
            try await onThread { refill.stop() }
            let seconds = Double(MonotonicClock.now().nanos(since: start)) / 1e9
            print(
                "figure: stopped after \(seconds) s (\(["idle", "in a question", "in a pause", "full ring"][Int(first)]))"
            )
            #expect(seconds < 2)
            #expect(refill.ends.isEmpty)
        }
    }

    @Test func `refuses an exchange of an unknown authority, and takes a known one`() async throws {
        let authority = try TestAuthority()
        defer { authority.remove() }
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let server = HistoryServer { _, target in HistoryServer.trades(target, upTo: 10_000) }
        defer { server.stop() }
        for (certificate, outcome) in [("good", .complete), ("stranger", .failed)] as [(String, RefillOutcome)] {
            let front = try await TLSFront(authority, certificate: certificate, target: server.port, folder: folder.url)
            defer { front.stop() }
            let refill = try RefillUnderTest(port: front.port, isTLS: true, caFile: authority.caFile)
            refill.start()
            defer { refill.stop() }
            #expect(try await refill.refill(RefillSample.request(101...110)) == outcome)
        }
        #expect(server.targets.count == 1)
    }

    @Test func `writes few lines, and no password`() async throws {
        let refill = try RefillUnderTest(port: 1, proxyURL: "http://user:canary@127.0.0.1:\(freePort())")
        refill.start()
        defer { refill.stop() }
        for number in 1...3 as ClosedRange<UInt64> {
            #expect(try await refill.refill(RefillSample.request(101...110, ordinal: number)) == .failed)
        }
        #expect(refill.ends.map(\.ordinal) == [1, 2, 3])
        #expect(refill.log.lines.count == 1)
        let line = try #require(refill.log.lines.first)
        #expect(line.contains("refill ended") && line.contains("101-110") && line.contains("failed"))
        #expect(!line.contains("canary") && !line.contains("user"))
    }
}
