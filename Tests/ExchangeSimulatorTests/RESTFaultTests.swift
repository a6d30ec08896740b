import ExchangeSimulator
import Foundation
import Logging
import TestSupport
import Testing

/// Answers of the trade history that go wrong on command, and the ledger of them.
@Suite(.serialized) struct RESTFaultTests {
    private static let trades = "/api/v3/historicalTrades?symbol=BTCUSDT&limit=10"
    private static let aggregates = "/api/v3/aggTrades?symbol=BTCUSDT&limit=10"

    /// Runs `body` behind a replay of a thousand trades; returns what the ledger says of its requests.
    @discardableResult
    private func withHistory(
        faults: [FaultRule] = [],
        _ body: (_ simulator: ExchangeSimulator, _ port: Int) async throws -> Void
    ) async throws -> [RESTLedgerEntry] {
        var configuration = SimulatorConfiguration.synthetic(1_000)
        configuration.faults = faults
        let ledger = AnswerCollector()
        var logger = Logger(label: "simulator")
        logger.logLevel = .critical
        let simulator = ExchangeSimulator(
            configuration: configuration, logger: logger, restLedger: { ledger.record($0) })
        do {
            let port = try await simulator.start()
            _ = try await WebSocketTestClient(port: port, path: "/ws/btcusdt@trade")
            try await waitUntil("the end") { simulator.statistics.isFinished }
            try await body(simulator, port)
        } catch {
            await simulator.stop()
            throw error
        }
        await simulator.stop()
        return ledger.entries
    }

    @Test func `trades by id are refused, others are answered`() async throws {
        let ledger = try await withHistory(faults: [
            FaultRule(.rest(.refused(status: 401), count: 2)), FaultRule(.rest(.refused(status: 403), count: 1)),
        ]) { _, port in
            #expect(try await ask(port, Self.aggregates).status == 200)
            for _ in 0..<2 {
                let answer = try await ask(port, Self.trades)
                #expect(answer.status == 401 && answer.code == -2014)
            }
            let forbidden = try await ask(port, Self.trades)
            #expect(forbidden.status == 403 && forbidden.headers["content-type"] == "text/html")
            #expect(try await ask(port, Self.trades).ids.count == 10)
        }
        #expect(ledger.map(\.status) == [200, 401, 401, 403, 200])
        #expect(ledger.map { $0.fault?.name } == [nil, "401", "401", "403", nil])
    }

    @Test func `errors and limits come by command, with the time to wait`() async throws {
        let ledger = try await withHistory { simulator, port in
            try await simulator.inject(.rest(.tooManyRequests(retryAfterSeconds: 7), count: 1))
            try await simulator.inject(.rest(.tooManyRequests(retryAfterSeconds: nil), count: 1))
            try await simulator.inject(.rest(.serverError, count: 1))
            let first = try await ask(port, Self.aggregates)
            #expect(first.status == 429 && first.code == -1003 && first.headers["retry-after"] == "7")
            #expect(first.usedWeight != nil)
            let second = try await ask(port, Self.trades)
            #expect(second.status == 429 && second.headers["retry-after"] == nil)
            let third = try await ask(port, Self.trades)
            #expect(third.status == 500 && third.code == -1000)
            #expect(try await ask(port, Self.trades).status == 200)
            #expect(simulator.statistics.restSpoiled == 3 && simulator.statistics.restRefused == 3)
            #expect(simulator.statistics.restRequests == 4)
        }
        #expect(ledger.map(\.status) == [429, 429, 500, 200] && ledger[0].served == nil)
    }

    @Test func `a delayed answer comes no earlier, whole, and holds up no other`() async throws {
        let rule = FaultRule(.rest(.delayed(.milliseconds(400)), count: 1))
        let ledger = try await withHistory(faults: [rule]) { simulator, port in
            let start = ContinuousClock.now
            async let late = ask(port, Self.trades)
            try await waitUntil("the request") { simulator.statistics.restRequests == 1 }
            let prompt = try await ask(port, Self.trades)
            let answer = try await late
            let took = ContinuousClock.now - start
            #expect(took >= .milliseconds(400) && answer.ids == prompt.ids && answer.ids.count == 10)
            print("an answer delayed by 400 ms came after \(took)")
        }
        // In the order in which they left.
        #expect(ledger.map(\.fault) == [nil, .delayed(.milliseconds(400))])
    }

    @Test func `a client that leaves before its delayed answer harms nobody`() async throws {
        let rule = FaultRule(.rest(.delayed(.milliseconds(100)), count: 2))
        let ledger = try await withHistory(faults: [rule]) { simulator, port in
            try await onThread {
                let client = try RawHTTPClient(port: port)
                client.send("GET \(Self.trades) HTTP/1.1\r\nHost: localhost\r\n\r\n")
                client.endSending()
            }
            try await waitUntil("the request") { simulator.statistics.restRequests == 1 }
            // This one's time is over after the other's.
            #expect(try await ask(port, Self.trades).ids.count == 10)
        }
        #expect(ledger.count == 1)
    }

    @Test func `a cut answer announces its length and ends half way`() async throws {
        let ledger = try await withHistory(faults: [FaultRule(.rest(.cut, count: 1))]) { _, port in
            let failure = try await onThread {
                let client = try RawHTTPClient(port: port)
                return #expect(throws: RawHTTPClient.Failure.self) { try client.get(Self.trades) }?.description
            }
            #expect(failure == "closed inside a body")
            #expect(try await ask(port, Self.trades).ids.count == 10)
        }
        #expect(ledger.map(\.fault) == [.cut, nil] && ledger[0].served == ledger[1].served)
    }

    @Test func `the ledger tells what was asked for and which ids were served`() async throws {
        var first: UInt64 = 0
        let entries = try await withHistory { _, port in
            first = try #require(
                try await ask(port, "/api/v3/historicalTrades?symbol=BTCUSDT&fromId=0&limit=1").ids.first)
            _ = try await ask(port, "/api/v3/historicalTrades?symbol=BTCUSDT&fromId=\(first + 5)&limit=20")
            _ = try await ask(port, "/api/v3/historicalTrades?symbol=BTCUSDT&fromId=\(first + 5_000)")
            _ = try await ask(port, "/api/v3/historicalTrades?symbol=\"")
        }
        #expect(
            entries.map(\.served) == [
                ServedIDs(firstID: first, lastID: first, count: 1),
                ServedIDs(firstID: first + 5, lastID: first + 24, count: 20), nil, nil,
            ])
        #expect(entries.map(\.status) == [200, 200, 200, 400])
        let folder = try TemporaryFolder("ledger")
        defer { folder.remove() }
        let file = try LedgerFile(path: "\(folder.path)/ledger")
        for entry in entries { file.record(entry) }
        try file.close()
        let lines = try String(contentsOfFile: "\(folder.path)/ledger", encoding: .utf8).split(separator: "\n")
        #expect(lines.count == 4 && field("firstID", of: lines[1]) == "\(first + 5)")
        #expect(field("lastID", of: lines[1]) == "\(first + 24)" && field("count", of: lines[1]) == "20")
        for (line, entry) in zip(lines, entries) {
            let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            #expect(object["request"] as? String == entry.request && object["treatment"] as? String == "sound")
        }
    }

    @Test func `calm ends what waits, and posted faults are read like those of the command line`() async throws {
        try await withHistory { simulator, port in
            let posted = try await onThread {
                let client = try RawHTTPClient(port: port)
                let body = "rest:500,count=5\nrest:delayed,by=20ms"
                client.send(
                    "POST /faults HTTP/1.1\r\nHost: localhost\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
                return try client.answer().body
            }
            #expect(posted == "2 accepted\n")
            #expect(try await ask(port, Self.trades).status == 500)
            try await simulator.inject(.calm)
            #expect(try await ask(port, Self.trades).status == 200 && simulator.statistics.restSpoiled == 1)
        }
    }

    @Test(arguments: [
        ("rest:401", ExchangeFault.rest(.refused(status: 401), count: 1)),
        ("rest:403,count=9", .rest(.refused(status: 403), count: 9)),
        ("rest:429", .rest(.tooManyRequests(retryAfterSeconds: nil), count: 1)),
        ("rest:429,retry-after=30,count=2", .rest(.tooManyRequests(retryAfterSeconds: 30), count: 2)),
        ("rest:500", .rest(.serverError, count: 1)), ("rest:delayed", .rest(.delayed(.seconds(1)), count: 1)),
        ("rest:delayed,by=250ms,count=4", .rest(.delayed(.milliseconds(250)), count: 4)),
        ("rest:cut", .rest(.cut, count: 1)),
    ])
    func `faults of answers are written like the others`(text: String, fault: ExchangeFault) throws {
        #expect(try FaultRule(parsing: text) == FaultRule(fault))
        #expect(try FaultRule(parsing: "\(text),every=10s").trigger == .every(.seconds(10)...Duration.seconds(10)))
    }

    @Test(arguments: [
        "rest", "rest:404", "rest:500,retry-after=1", "rest:cut,by=1s", "rest:delayed,by=1", "rest:delayed,by=700s",
        "rest:429,retry-after=-1", "rest:401,count=0", "rest:401,stream=btcusdt@trade", "rest:401,status=5",
    ])
    func `faults of answers that make no sense are refused`(text: String) {
        #expect(throws: SimulatorError.self) { try FaultRule(parsing: text) }
    }
}
