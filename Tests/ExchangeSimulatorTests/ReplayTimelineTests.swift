import Foundation
import TestSupport
import Testing

@testable import ExchangeSimulator

@Suite struct ReplayTimelineTests {
    @Test(arguments: [(ReplayPacing.recorded, 1.0), (.speed(10), 10), (.speed(0.5), 0.5)])
    func `intended times follow from the start and the offset alone, so a stall shifts nothing`(
        pacing: ReplayPacing, factor: Double
    ) {
        var timeline = ReplayTimeline(pacing: pacing)
        timeline.start(nowNanos: 1_000)
        let due = 1_000 + Int64(500 / factor)
        #expect(timeline.action(offsetNanos: 500, nowNanos: due - 1, isReady: true) == .wait(untilNanos: due))
        #expect(timeline.action(offsetNanos: 500, nowNanos: due, isReady: false) == .send)
        // A stall of a second: what came due is sent at once, what is to come keeps its time.
        let late = due + 1_000_000_000
        #expect(timeline.action(offsetNanos: 600, nowNanos: late, isReady: true) == .send)
        let next = 1_000 + Int64(40_000_000_000 / factor)
        #expect(timeline.action(offsetNanos: 40_000_000_000, nowNanos: late, isReady: true) == .wait(untilNanos: next))
    }

    @Test func `as fast as possible only readiness counts`() {
        var timeline = ReplayTimeline(pacing: .asFastAsPossible)
        timeline.start(nowNanos: 0)
        #expect(timeline.action(offsetNanos: .max, nowNanos: 0, isReady: true) == .send)
        #expect(timeline.action(offsetNanos: 0, nowNanos: .max, isReady: false) == .hold)
    }

    @Test func `a factor too slow for the clock makes a message never due`() {
        var timeline = ReplayTimeline(pacing: .speed(1e-300))
        timeline.start(nowNanos: 5)
        #expect(timeline.action(offsetNanos: 1, nowNanos: .max - 1, isReady: true) == .wait(untilNanos: .max))
    }

    @Test func `a finished replay starts anew only when told`() {
        var timeline = ReplayTimeline(pacing: .recorded)
        timeline.start(nowNanos: 0)
        timeline.finish()
        let (isFinished, isRunning) = (timeline.isFinished, timeline.isRunning)
        #expect(isFinished && !isRunning)
        timeline.rewind()
        let isIdle = timeline.isIdle
        #expect(isIdle)
    }
}

@Suite(.serialized) struct LedgerFileTests {
    @Test func `the file has one line per message, sent or withheld`() async throws {
        let folder = try TemporaryFolder("ledger")
        defer { folder.remove() }
        let path = folder.url.appendingPathComponent("ledger.ndjson").path
        let file = try LedgerFile(path: path)
        var configuration = SimulatorConfiguration.synthetic(2_000)
        configuration.faults = [FaultRule(.gap(count: 1), .afterMessages(100))]
        try await withSimulator(configuration, ledger: { file.record($0) }) { _, port in
            let client = try await WebSocketTestClient(port: port, path: "/stream?streams=btcusdt@trade")
            try await waitUntil("something") { client.messageCount > 500 }
        }
        try file.close()
        try file.close()
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        #expect(lines.count > 500)
        for line in lines {
            let entry = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            let keys = ["connection", "stream", "firstID", "offsetNanos", "intendedNanos", "sentNanos", "treatment"]
            try #require(Set(entry.keys) == Set(keys))
            #expect(entry["connection"] as? Int == 1 && (entry["firstID"] as? Int ?? 0) > 0)
        }
        #expect(lines[100].contains("\"treatment\":\"withheld\"") && lines[101].contains("\"treatment\":\"sound\""))
        #expect(throws: SimulatorError.self) { _ = try LedgerFile(path: folder.path) }
    }
}
