import ExchangeSimulator
import Foundation
import TestSupport
import Testing

@Suite(.serialized, .enabled(if: SharedData.shouldRun)) struct RecordingReplayTests {
    @Test func `a raw recording arrives byte for byte`() async throws {
        let expected = try recordedLines(tradeFile)
        #expect(expected.count == 9_757)
        try await withSimulator(.recorded(tradeFile)) { simulator, port in
            let client = try await WebSocketTestClient(port: port, path: "/ws/btcusdt@trade")
            try await waitUntil("all trades") { client.messageCount >= 9_757 && simulator.statistics.isFinished }
            #expect(client.state.texts == expected)
            let statistics = simulator.statistics
            #expect(statistics.messagesSent == 9_757 && statistics.sentByKind.trades == 9_757)
            #expect(!client.state.isClosed)
        }
    }

    @Test func `a raw recording is wrapped for a combined connection`() async throws {
        let expected = try recordedLines(tradeFile).map { "{\"stream\":\"btcusdt@trade\",\"data\":\($0)}" }
        try await withSimulator(.recorded(tradeFile)) { _, port in
            let client = try await WebSocketTestClient(port: port, path: "/stream?streams=btcusdt@trade/ethusdt@trade")
            try await waitUntil("all trades") { client.messageCount >= 9_757 }
            #expect(client.state.texts == expected)
        }
    }

    @Test func `a combined recording is filtered, and unwrapped for raw connections`() async throws {
        let lines = try recordedLines(combinedFile)
        try await withSimulator(.recorded(combinedFile)) { simulator, port in
            let all = try await WebSocketTestClient(
                port: port,
                path: "/stream?streams=btcusdt@trade/btcusdt%40bookTicker/btcusdt@depth@100ms&timeUnit=MILLISECOND")
            try await waitUntil("everything") { all.messageCount >= lines.count && simulator.statistics.isFinished }
            #expect(all.state.texts == lines)
            let kinds = simulator.statistics.sentByKind
            #expect(kinds.trades == 9_757 && kinds.quotes == 28_040 && kinds.depths == 3_451)
        }
        try await withSimulator(.recorded(combinedFile)) { _, port in
            let expected = lines.filter { streamName($0) != "btcusdt@bookTicker" }.map(unwrapped)
            let raw = try await WebSocketTestClient(port: port, path: "/ws/btcusdt@trade/btcusdt@depth@100ms")
            try await waitUntil("trades and depth") { raw.messageCount >= expected.count }
            #expect(raw.state.texts == expected)
        }
    }

    @Test func `an update speed the recording does not have is silent`() async throws {
        try await withSimulator(.recorded(combinedFile)) { simulator, port in
            let other = try await WebSocketTestClient(
                port: port, path: "/ws/btcusdt@depth/btcusdt@depth@1000ms/xrpusdt@trade")
            let trades = try await WebSocketTestClient(port: port, path: "/ws/btcusdt@trade")
            try await waitUntil("all trades") { trades.messageCount >= 9_757 && simulator.statistics.isFinished }
            #expect(other.messageCount == 0)
        }
    }

    @Test func `two clients each get every message of their streams`() async throws {
        let lines = try recordedLines(combinedFile)
        try await withSimulator(.recorded(combinedFile)) { simulator, port in
            // The first asks for nothing the recording has until both are there.
            let first = try await WebSocketTestClient(port: port, path: "/stream")
            let second = try await WebSocketTestClient(port: port, path: "/ws/nothing@trade")
            #expect(simulator.statistics.replaysStarted == 0)
            let streams = "\"btcusdt@trade\",\"btcusdt@bookTicker\",\"btcusdt@depth@100ms\""
            try await second.send("{\"method\":\"SUBSCRIBE\",\"params\":[\"btcusdt@unknown\"],\"id\":1}")
            try await waitUntil("the reply") { second.messageCount == 1 }
            #expect(simulator.statistics.replaysStarted == 0)
            try await first.setReading(false)
            try await first.send("{\"method\":\"SUBSCRIBE\",\"params\":[\(streams)],\"id\":1}")
            try await second.send("{\"method\":\"SUBSCRIBE\",\"params\":[\"btcusdt@trade\"],\"id\":2}")
            try await waitUntil("the second's reply") { second.messageCount >= 2 }
            try await first.setReading(true)
            try await waitUntil("all of the first") { first.messageCount >= lines.count + 1 }
            #expect(first.state.texts == ["{\"result\":null,\"id\":1}"] + lines)
            // The first holds the replay up, so only what its unread buffers took can have passed the second by.
            let trades = lines.filter { streamName($0) == "btcusdt@trade" }.map(unwrapped)
            try await waitUntil("the end of the second") { second.state.texts.last == trades.last }
            let got = Array(second.state.texts.dropFirst(2))
            #expect(got == Array(trades.suffix(got.count)) && !got.isEmpty)
            print("second client: \(got.count) of \(trades.count) trades after its subscription")
        }
    }

    @Test func `files are merged by arrival time and times come from the messages where no others are`() async throws {
        let names = [
            "binance/four_alts.combined.20211012.ndjson.gz", "binance_usdm/four_alts.combined.20210722.ndjson.gz",
        ]
        let spot = try recordedLines(names[0])
        let futures = try recordedLines(names[1])
        try await withSimulator(.recorded(names[0], names[1])) { _, port in
            let all = Set((spot + futures).map(streamName)).sorted()
            let client = try await WebSocketTestClient(
                port: port, path: "/stream?streams=" + all.joined(separator: "/"))
            try await waitUntil("both files") { client.messageCount >= spot.count + futures.count }
            #expect(client.state.texts == futures + spot)
        }
    }

    @Test func `the replay starts anew once all clients have gone after the end`() async throws {
        try await withSimulator(.recorded(tradeFile)) { simulator, port in
            for round in 1...2 {
                let client = try await WebSocketTestClient(port: port, path: "/ws/btcusdt@trade")
                try await waitUntil("round \(round)") {
                    client.messageCount >= 9_757 && simulator.statistics.isFinished
                }
                let late = try await WebSocketTestClient(port: port, path: "/ws/btcusdt@trade")
                await client.disconnect()
                try await waitUntil("one left") { simulator.statistics.connectionsOpen == 1 }
                #expect(late.messageCount == 0 && simulator.statistics.replaysStarted == round)
                await late.disconnect()
                try await waitUntil("none left") { simulator.statistics.connectionsOpen == 0 }
            }
            #expect(simulator.statistics.messagesSent == 2 * 9_757)
        }
    }

    @Test func `a speed factor keeps order and divides the recorded times`() async throws {
        let ledger = LedgerCollector()
        let name = "binance_usdm/four_alts.combined.20210722.ndjson.gz"
        let lines = try recordedLines(name)
        let arrivals = try recordedLines(name.replacing(".ndjson.gz", with: ".recv_ns.gz")).map { Int64($0)! }
        let streams = Set(lines.map(streamName)).sorted().joined(separator: "/")
        try await withSimulator(.recorded(name, pacing: .speed(30)), ledger: { ledger.record($0) }) { _, port in
            let client = try await WebSocketTestClient(port: port, path: "/stream?streams=" + streams)
            try await waitUntil("all messages", timeout: .seconds(60)) { client.messageCount >= lines.count }
            #expect(client.state.texts == lines)
        }
        let entries = ledger.entries
        #expect(entries.map(\.stream) == lines.map(streamName))
        #expect(entries.map(\.offsetNanos) == arrivals.map { $0 - arrivals[0] })
        let start = try #require(entries.first).intendedNanos
        for entry in entries {
            #expect(entry.intendedNanos - start == Int64(Double(entry.offsetNanos) / 30))
            #expect(entry.sentNanos >= entry.intendedNanos, "nothing leaves before its time")
        }
        let late = entries.map { $0.sentNanos - $0.intendedNanos }.sorted()
        print("lateness of \(late.count) sends: median \(late[late.count / 2]) ns, worst \(late.last ?? 0) ns")
    }
}
