import Foundation
import TestSupport
import Testing

/// `tickline replay` on recorded files: the true crossings, the same bytes on every run, and what a live run publishes.
@Suite(.serialized, .enabled(if: SharedData.shouldRun)) struct FileReplayTests {
    private let files = RecordedFiles()

    struct Crossings: CustomTestStringConvertible, Sendable {
        let file: String
        let series: String
        let exchange: String
        let periods: (short: Int, long: Int)
        let count: Int
        var testDescription: String { "\(file) \(periods.short)/\(periods.long)" }

        /// Direction, id and averages of each crossing.
        func rows() throws -> [[Substring]] {
            try SharedData.rows(csv: "series/\(series).sma\(periods.short)_\(periods.long).expected.csv")
                .filter { $0.last == "cross" }
        }
    }

    static let crossings = [
        (RecordedFiles.spotTrades, "binance_btcusdt_trade_20240808", "binance", [37, 221]),
        (RecordedFiles.futuresTrades, "binance_usdm_btcusdt_trade_20240808", "binance-usdm", [97, 605]),
        (RecordedFiles.spot, "binance_btcusdt_trade_20240808", "binance", [37, 221]),
        (RecordedFiles.futures, "binance_usdm_btcusdt_trade_20240808", "binance-usdm", [97, 605]),
    ].flatMap { file, series, exchange, counts in
        zip([(50, 200), (5, 20)], counts).map {
            Crossings(file: file, series: series, exchange: exchange, periods: $0, count: $1)
        }
    }

    @Test(arguments: crossings) func `each true crossing comes out, by id, side and averages`(_ expected: Crossings)
        throws
    {
        defer { files.folder.remove() }
        let (short, long) = expected.periods
        let arguments = [SharedData.path(expected.file), "--short", "\(short)", "--long", "\(long)"]
        let output = try RecordedFiles.replay(arguments).output
        let signals = try PrintedSignal.list(output)
        let rows = try expected.rows()
        #expect(rows.count == expected.count)
        #expect(
            signals.map(\.id) == rows.map { "\(expected.exchange):BTCUSDT:sma-\(short)-\(long):\($0[1])" })
        for (signal, row) in zip(signals, rows) {
            #expect(signal.fields["signal"] == String(row[3]) && signal.fields["reason"] == "cross")
            #expect(signal.fields["shortSMA"] == String(row[5]) && signal.fields["longSMA"] == String(row[6]))
            #expect(signal.fields["eventTime"] == "\(row[2])000000")
        }
        #expect(try RecordedFiles.replay(arguments + ["--quiet"]) == (output, ""))
    }

    @Test(arguments: [("btcusdt_1d", 17), ("btc_perp_1m", 296), ("btcusdt_1m_20250805", 7)])
    func `bars written as trades cross where their series do`(series: String, count: Int) throws {
        defer { files.folder.remove() }
        let (output, error) = try RecordedFiles.replay([try files.write(bars: series)])
        let rows = try SharedData.rows(csv: "series/\(series).sma50_200.expected.csv").filter { $0.last == "cross" }
        let signals = try PrintedSignal.list(output)
        #expect(rows.count == count, "\(error)")
        #expect(signals.map { $0.fields["tickId"] } == rows.map { "\(Int($0[0])! + 1)" })
        #expect(signals.map { $0.fields["signal"] } == rows.map { String($0[2]) })
        #expect(signals.map { $0.fields["shortSMA"] } == rows.map { String($0[4]) })
    }

    @Test func `two files are merged by the times beside them, which are the signals' receive times`() throws {
        defer { files.folder.remove() }
        let both = [RecordedFiles.spot, RecordedFiles.futures]
        let periods = ["--short", "5", "--long", "20"]
        let (output, error) = try RecordedFiles.replay(both.map { SharedData.path($0) } + periods)
        #expect(error.contains("replayed 135201 messages, 135201 ticks, 826 signals"))
        var expected: [(nanos: Int64, id: String)] = []
        for (file, exchange) in zip(both, ["binance", "binance-usdm"]) {
            let times = try SharedData.lines(gzip: file.replacing(".ndjson.", with: ".recv_ns."))
            let lines = try SharedData.lines(gzip: file)
            var received: [Substring: Int64] = [:]
            for (line, time) in zip(lines, times) where line.contains("@trade\"") {
                received[field("t", of: line)!] = Int64(time)!
            }
            let crossings = Self.crossings.first { $0.file == file && $0.periods == (5, 20) }!
            expected += try crossings.rows().map { (received[$0[1]]!, "\(exchange):BTCUSDT:sma-5-20:\($0[1])") }
        }
        // Stable, so that of equal times the first file's comes first.
        let order = expected.indices.sorted { (expected[$0].nanos, $0) < (expected[$1].nanos, $1) }
        let signals = try PrintedSignal.list(output)
        #expect(signals.map(\.id) == order.map { expected[$0].id })
        #expect(signals.map(\.receiveNanos) == order.map { expected[$0].nanos })
    }

    @Test func `overlapping parts of a recording are the whole, in either order`() throws {
        defer { files.folder.remove() }
        let lines = try SharedData.lines(gzip: RecordedFiles.spotTrades)
        let parts = [
            try files.write(lines[..<6_000], as: "early.ndjson"), try files.write(lines[4_000...], as: "late.ndjson"),
        ]
        let whole = try RecordedFiles.replay([SharedData.path(RecordedFiles.spotTrades)]).output
        for paths in [parts, parts.reversed()] {
            let (output, error) = try RecordedFiles.replay(paths)
            #expect(output == whole)
            #expect(error.contains("replayed 11757 messages, 9757 ticks, 37 signals"))
        }
    }

    @Test func `a late trade closes the hole it left, and a missing one is a gap`() throws {
        defer { files.folder.remove() }
        var lines = try SharedData.lines(gzip: RecordedFiles.spotTrades)
        let whole = try PrintedSignal.list(RecordedFiles.replay([SharedData.path(RecordedFiles.spotTrades)]).output)
        for index in stride(from: 300, to: 9_000, by: 500) { lines.swapAt(index, index + 2) }
        let late = try RecordedFiles.replay([try files.write(lines, as: "late.ndjson")])
        #expect(try PrintedSignal.list(late.output).map(\.market) == whole.map(\.market))
        #expect(late.error.contains("9757 ticks") && !late.error.contains("gaps"))
        let atOnce = try RecordedFiles.replay([try files.write(lines, as: "late.ndjson"), "--refill", "0"])
        #expect(atOnce.error.contains("gaps with"))
        lines.removeSubrange(5_000..<5_005)
        let holed = try RecordedFiles.replay([try files.write(lines, as: "holed.ndjson")])
        #expect(holed.error.contains("1 gap with 5 ids"))
    }

    @Test func `what one file lacks another one has, whichever is first: the true crossings, also with --refill 0`()
        throws
    {
        defer { files.folder.remove() }
        let lines = try SharedData.lines(gzip: RecordedFiles.spotTrades)
        let times = lines.map { Int64(field("E", of: $0)!)! * 1_000_000 }
        // As two connections of which the second is 50 ms behind: one in 500 trades is missing on each, one on both.
        var paths: [String] = []
        for (index, name) in ["a", "b"].enumerated() {
            let kept = lines.indices.filter { ($0 + 250 * index) % 500 != 7 && $0 != 5_000 }
            paths.append(try files.write(kept.map { lines[$0] }, as: "\(name).ndjson"))
            _ = try files.write(kept.map { "\(times[$0] + Int64(index) * 50_000_000)" }, as: "\(name).recv_ns")
        }
        let whole = lines.indices.filter { $0 != 5_000 }.map { lines[$0] }
        let expected = try PrintedSignal.list(RecordedFiles.replay([try files.write(whole, as: "whole.ndjson")]).output)
        #expect(expected.count > 30)
        for refill in ["0", "1000"] {
            for order in [paths, paths.reversed()] {
                let (output, error) = try RecordedFiles.replay(order + ["--refill", refill])
                #expect(try PrintedSignal.list(output).map(\.market) == expected.map(\.market))
                #expect(error.contains("\(whole.count) ticks, 1 gap with 1 id"), "\(error)")
            }
        }
        print("figure: \(expected.count) signals of two files with holes, differences from the whole 0")
    }

    @Test func `as many files as an engine has feeds are replayed`() throws {
        defer { files.folder.remove() }
        let bars = try files.write(bars: "btcusdt_1m_20250805")
        let lines = try String(contentsOfFile: bars, encoding: .utf8).split(separator: "\n")[..<200]
        let holed = try files.write(lines[..<100] + lines[101...], as: "holed.ndjson")
        let whole = try files.write(lines, as: "whole.ndjson")
        let settings = ["--short", "5", "--long", "20", "--refill", "0"]
        let expected = try PrintedSignal.list(RecordedFiles.replay([whole] + settings).output)
        // The whole one is 1.2 s behind, so what the others lack comes 0.2 s after the trade behind it.
        _ = try files.write(
            lines.indices.map { "\(1_600_000_001_200_000_000 + $0 * 1_000_000_000)" }, as: "whole.recv_ns")
        let (output, error) = try RecordedFiles.replay(Array(repeating: holed, count: 255) + [whole] + settings)
        #expect(try PrintedSignal.list(output).map(\.id) == expected.map(\.id))
        #expect(expected.count > 3 && error.contains("200 ticks, \(expected.count) signals"), "\(error)")
    }

    @Test
    func `what Redis holds of a run against the simulator is what the file gives, missing and late trades included`()
        async throws
    {
        defer { files.folder.remove() }
        var lines = try SharedData.lines(gzip: RecordedFiles.spotTrades)
        lines.swapAt(2_000, 2_001)
        lines.removeSubrange(5_000..<5_005)
        let path = try files.write(lines, as: "btcusdt@trade.holed.ndjson")
        let redis = try await RedisServer()
        let simulator = try await RunningSimulator([path, "--speed", "max"], folder: files.folder.url)
        let periods = ["--short", "5", "--long", "20"]
        let run = try RunningTickline(
            ["--feed", "ws://127.0.0.1:\(simulator.port)/ws/btcusdt@trade", "--store", "none", "--redis", redis.url]
                + ["--history-url", "http://127.0.0.1:\(simulator.port)"] + periods, folder: files.folder.url)
        try await waitUntil("all ticks taken") { await run.metric("tickline_ticks_total") == 9_752 }
        #expect(run.process.stop() == 0)
        simulator.process.stop()
        let live = try redis.entries(of: "trade_signals_stream").map { PrintedSignal(fields: $0.fields) }
        let replayed = try PrintedSignal.list(RecordedFiles.replay([path] + periods).output)
        #expect(live.count > 200 && live.contains { $0.fields["reason"] == "cross" })
        #expect(replayed.map(\.market) == live.map(\.market))
        print("figure: \(live.count) signals published live, differences from the file's replay 0")
    }

    @Test func `a run's messages exported as a recording give its signals again byte for byte`() async throws {
        defer { files.folder.remove() }
        let path = SharedData.path(RecordedFiles.futures)
        let simulator = try await RunningSimulator([path, "--speed", "max"], folder: files.folder.url)
        let streams = "btcusdt@trade/btcusdt@bookTicker/btcusdt@depth@0ms"
        let periods = ["--short", "5", "--long", "20"]
        let run = try RunningTickline(
            ["--feed", "binance-usdm=ws://127.0.0.1:\(simulator.port)/stream?streams=\(streams)"] + periods
                + ["--store", "none", "--journal-budget", "256"], folder: files.folder.url)
        try await waitUntil("all ticks taken", timeout: .seconds(60)) {
            await run.metric("tickline_ticks_total") >= 93_953
        }
        #expect(run.process.stop() == 0)
        simulator.process.stop()
        let live = run.process.output.split(separator: "\n").filter { $0.hasPrefix("{\"signal\"") }
        let data = files.folder.url.appendingPathComponent("data").path
        let name = files.folder.url.appendingPathComponent("run").path
        let export = try Tickline.run(["journal", "export", data, "--chain", "feed-0", "--recording", name])
        #expect(export.status == 0, "\(export.error)")
        #expect(live.count == 605)
        #expect(try RecordedFiles.replay(["\(name).ndjson"] + periods).output.split(separator: "\n") == live)
        #expect(try RecordedFiles.replay([data]).output.split(separator: "\n") == live)
    }

    @Test func `an exchange in front of a file wins over what its messages look like`() throws {
        defer { files.folder.remove() }
        let path = try files.write(bars: "btcusdt_1m_20250805")
        let ids = try PrintedSignal.list(RecordedFiles.replay(["simulator=\(path)"]).output).map(\.id)
        #expect(ids.count == 7 && ids.allSatisfy { $0.hasPrefix("simulator:BTCUSDT:") })
    }
}
