import Foundation
import Telemetry
import TestSupport
import Testing
import TradingModel

@testable import RedisStreams

/// A consumer group's reader against a real server: what is handed out, to whom, how often, and in which order.
@Suite(.serialized, .timeLimit(.minutes(3))) struct ConsumerGroupTests {
    let metrics = MetricsRegistry()

    private func reader(_ server: RedisServer, _ consumer: String = "one", streams: [String] = ["signals"]) throws
        -> ConsumerGroupReader
    {
        ConsumerGroupReader(
            SignalConsumerConfiguration(
                endpoint: try RedisEndpoint(url: server.url), streamKeys: streams, consumer: consumer), metrics: metrics
        )
    }

    /// Adds entries numbered from `first`, with the number as entry id.
    private func add(_ numbers: ClosedRange<Int>, to key: String = "signals", _ probe: Probe) throws {
        for number in numbers { try probe("XADD", key, "\(number)-1", "id", "signal \(number)", "time", "t\(number)") }
    }

    private func positions(_ entries: [SignalEntry]) -> [String] { entries.map(\.position) }

    @Test func `every entry of a batch is handed out in order, and once acknowledged to nobody again`() async throws {
        let server = try await RedisServer()
        let probe = try Probe(server.url)
        try add(1...25, probe)
        var one = try reader(server)
        try one.takeOver()
        var seen: [String] = []
        while case let batch = try one.next(most: 10, waitMillis: 1), !batch.isEmpty {
            #expect(batch.allSatisfy { $0.deliveries == 1 && $0.stream == "signals" })
            seen += positions(batch)
            try one.acknowledge(batch)
        }
        #expect(seen == (1...25).map { "\($0)-1" })
        #expect(try one.backlog() == SourceBacklog(lag: 0, pending: 0, missed: 0))
        var two = try reader(server, "two")
        try two.takeOver()
        #expect(try two.next(most: 10, waitMillis: 1).isEmpty)
        // As the earlier Go trader wrote them.
        let processed = try #require(try probe("XRANGE", "processed_signals", "-", "+", "COUNT", "1").elements?.first)
        #expect(
            StreamEntry(processed)?.fields == [
                "original_id": "1-1", "original_data": #"{"id":"1-1","time":"t1"}"#, "processed": "1",
                "processed_at": "t1",
            ])
        #expect(try probe("XLEN", "processed_signals").integer == 25)
    }

    @Test func `a dead reader's entries come first, before new ones, each with how often it was handed out`()
        async throws
    {
        let server = try await RedisServer()
        let probe = try Probe(server.url)
        try add(1...6, probe)
        var one = try reader(server)
        try one.takeOver()
        #expect(try positions(one.next(most: 4, waitMillis: 1)) == ["1-1", "2-1", "3-1", "4-1"])
        var two = try reader(server, "two")
        try two.takeOver()
        let taken = try two.next(most: 2, waitMillis: 1)
        #expect(positions(taken) == ["1-1", "2-1"] && taken.map(\.deliveries) == [2, 2])
        try two.acknowledge([taken[0]])
        try add(7...7, probe)
        // Its own again: what it had not acknowledged, then the rest, then what is new.
        try two.takeOver()
        let rest = try two.next(most: 10, waitMillis: 1)
        #expect(positions(rest) == ["2-1", "3-1", "4-1"] && rest.map(\.deliveries) == [3, 2, 2])
        let new = try two.next(most: 10, waitMillis: 1)
        #expect(positions(new) == ["5-1", "6-1", "7-1"] && new.map(\.deliveries) == [1, 1, 1])
        #expect(try two.backlog() == SourceBacklog(lag: 0, pending: 6, missed: 0))
        #expect(try probe("XPENDING", "signals", "signal_group", "-", "+", "10", "one").elements?.isEmpty == true)
    }

    @Test func `what a stalled reader was handed behind a takeover comes before what is newer`() async throws {
        let server = try await RedisServer()
        let probe = try Probe(server.url)
        try add(1...2, probe)
        var stalled = try reader(server)
        var heir = try reader(server, "two")
        try stalled.takeOver()
        try stalled.acknowledge(try stalled.next(most: 10, waitMillis: 1))
        try heir.takeOver()
        try add(3...8, probe)
        let held = try heir.next(most: 2, waitMillis: 1)
        #expect(positions(held) == ["3-1", "4-1"])
        // It wakes up just behind its last look at the lease, and is handed two.
        #expect(throws: SignalSourceError.self) { _ = try stalled.next(most: 2, waitMillis: 1) }
        try heir.acknowledge(held)
        #expect(throws: SignalSourceError.self) { _ = try heir.next(most: 10, waitMillis: 1) }
        try heir.takeOver()
        let rest = try heir.next(most: 10, waitMillis: 1)
        #expect(positions(rest) == ["5-1", "6-1", "7-1", "8-1"])
        try heir.acknowledge(rest)
        #expect(try heir.backlog() == SourceBacklog(lag: 0, pending: 0, missed: 0))
    }

    @Test(arguments: [["XGROUP", "DESTROY", "signals", "signal_group"], ["DEL", "signals"], ["FLUSHALL"]])
    func `a group that is gone is made again at the beginning, also while a read is blocked`(command: [String])
        async throws
    {
        let server = try await RedisServer()
        let probe = try Probe(server.url)
        try add(1...3, probe)
        var one = try reader(server)
        try one.takeOver()
        try one.acknowledge(try one.next(most: 10, waitMillis: 1))
        let url = server.url
        let deletion = Task.detached {
            let other = try Probe(url)
            try await waitUntil("a blocked read") {
                try other("CLIENT", "LIST").text?.contains("cmd=xreadgroup") == true
            }
            try other.call(command)
        }
        #expect(try one.next(most: 10, waitMillis: 5_000).isEmpty)
        try await deletion.value
        if command[0] != "XGROUP" { try add(4...5, probe) }
        let expected = command[0] == "XGROUP" ? ["1-1", "2-1", "3-1"] : ["4-1", "5-1"]
        // A group that goes while a read of it is blocked ends the read; one that went before is told by the next.
        var again = try one.next(most: 10, waitMillis: 1)
        if again.isEmpty { again = try one.next(most: 10, waitMillis: 1) }
        #expect(positions(again) == expected)
        #expect(metrics.total("tickline_trader_groups_recreated_total") == 1)
    }

    @Test func `what can't be handled is set aside with its fields and the reason, and pending no more`() async throws {
        let server = try await RedisServer()
        let probe = try Probe(server.url)
        try add(1...2, probe)
        var one = try reader(server)
        try one.takeOver()
        let batch = try one.next(most: 10, waitMillis: 1)
        try one.setAside(batch[0], reason: "no price")
        let dead = try (probe("XRANGE", "dead_signals", "-", "+").elements ?? []).compactMap { StreamEntry($0) }
        #expect(
            dead.map(\.fields) == [
                [
                    "original_stream": "signals", "original_id": "1-1", "dead_reason": "no price", "id": "signal 1",
                    "time": "t1",
                ]
            ])
        #expect(try one.backlog().pending == 1)
        #expect(try probe("EXISTS", "processed_signals").integer == 0)
    }

    @Test func `entries that were removed are counted, handed out or not`() async throws {
        let server = try await RedisServer()
        let probe = try Probe(server.url)
        try add(1...10, probe)
        var one = try reader(server)
        try one.takeOver()
        let batch = try one.next(most: 4, waitMillis: 1)
        try one.acknowledge(Array(batch[..<2]))
        #expect(try one.backlog().missed == 0)
        // 3 and 4 are pending, 5 to 7 were handed to nobody.
        try probe("XTRIM", "signals", "MINID", "8")
        #expect(try positions(one.next(most: 10, waitMillis: 1)) == ["8-1", "9-1", "10-1"])
        #expect(try one.backlog().missed == 3)
        #expect(try one.backlog().missed == 0)
        #expect(metrics.total("tickline_trader_entries_missed_total") == 3)
        var two = try reader(server, "two")
        try two.takeOver()
        #expect(try positions(two.next(most: 10, waitMillis: 1)) == ["8-1", "9-1", "10-1"])
        #expect(metrics.total("tickline_trader_pending_removed_total") == 2)
        #expect(try two.backlog().pending == 3)
    }

    @Test func `several streams are read by one reader, each in its order`() async throws {
        let server = try await RedisServer()
        let probe = try Probe(server.url)
        try add(1...3, to: "a", probe)
        try add(1...3, to: "b", probe)
        var one = try reader(server, streams: ["a", "b"])
        try one.takeOver()
        _ = try one.next(most: 2, waitMillis: 1)
        var two = try reader(server, "two", streams: ["a", "b"])
        try two.takeOver()
        var seen: [SignalEntry] = []
        while case let batch = try two.next(most: 2, waitMillis: 1), !batch.isEmpty {
            seen += batch
            try two.acknowledge(batch)
        }
        for key in ["a", "b"] { #expect(positions(seen.filter { $0.stream == key }) == ["1-1", "2-1", "3-1"]) }
        #expect(try two.backlog() == SourceBacklog(lag: 0, pending: 0, missed: 0))
    }

    @Test func `a lost connection is said, and what was not acknowledged comes again`() async throws {
        let server = try await RedisServer(appendOnly: true)
        let probe = try Probe(server.url)
        try add(1...3, probe)
        var one = try reader(server)
        try one.takeOver()
        let batch = try one.next(most: 10, waitMillis: 1)
        server.kill()
        let error = #expect(throws: SignalSourceError.self) { try one.acknowledge(batch) }
        guard case .unavailable = error else { throw ExpectationFailure("\(String(describing: error))") }
        #expect(throws: SignalSourceError.self) { try one.takeOver() }
        try await server.restart()
        // Nothing goes on by itself: another reader may have taken over meanwhile.
        #expect(throws: SignalSourceError.self) { try one.next(most: 10, waitMillis: 1) }
        try one.takeOver()
        let again = try one.next(most: 10, waitMillis: 1)
        #expect(positions(again) == positions(batch) && again.allSatisfy { $0.deliveries == 2 })
    }

    @Test func `a key of another type and a missing right are refusals with their remedy`() async throws {
        let server = try await RedisServer()
        let probe = try Probe(server.url)
        try probe("SET", "signals", "text")
        var one = try reader(server)
        let error = #expect(throws: SignalSourceError.self) { try one.takeOver() }
        guard case .refused(let reason) = error else { throw ExpectationFailure("\(String(describing: error))") }
        #expect(reason.contains("WRONGTYPE") && reason.contains("--signal-stream"))
    }
}

private struct ExpectationFailure: Error {
    let words: String
    init(_ words: String) { self.words = words }
}
