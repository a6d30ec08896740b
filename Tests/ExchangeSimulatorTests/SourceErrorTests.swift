import ExchangeSimulator
import Foundation
import Logging
import TestSupport
import Testing

@Suite struct SourceErrorTests {
    /// The one-line error of a start with these files.
    private func failure(
        _ files: [(name: String, content: Data)], start: String, pacing: ReplayPacing = .asFastAsPossible,
        limitBytes: Int = 1 << 20
    ) async throws -> String {
        let folder = try TemporaryFolder("simulator")
        defer { folder.remove() }
        for file in files { try file.content.write(to: folder.url.appendingPathComponent(file.name)) }
        var configuration = SimulatorConfiguration(
            source: .recordings([folder.url.appendingPathComponent(start).path]), pacing: pacing)
        configuration.maximumRecordingBytes = limitBytes
        return try await failure(configuration)
    }

    private func failure(_ configuration: SimulatorConfiguration) async throws -> String {
        let simulator = ExchangeSimulator(configuration: configuration, logger: Logger(label: "simulator"))
        let error = await #expect(throws: SimulatorError.self) { _ = try await simulator.start() }
        await simulator.stop()
        let text = try #require(error).description
        #expect(!text.contains("\n"))
        return text
    }

    private static let trade =
        #"{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":1,"p":"1.0","q":"1.0","T":1723161255342}"#
    private static let quote = #"{"u":1,"s":"BTCUSDT","b":"1.0","B":"1.0","a":"2.0","A":"1.0"}"#

    private func gzip(_ text: String) throws -> Data {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["gzip", "-c"]
        let (input, output) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        try input.fileHandleForWriting.write(contentsOf: Data(text.utf8))
        try input.fileHandleForWriting.close()
        let data = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return data
    }

    @Test func `a missing file and a folder are named with the reason`() async throws {
        #expect(try await failure([], start: "none.ndjson.gz").contains("none.ndjson.gz: No such file"))
        #expect(try await failure(.init(source: .recordings(["/tmp"]))).contains("/tmp: Is a directory"))
        #expect(try await failure(.init(source: .recordings([]))).contains("no stream message"))
    }

    @Test func `a file that is not gzip, cut short or damaged is refused`() async throws {
        let lines = String(repeating: Self.trade + "\n", count: 2_000)
        let sound = try gzip(lines)
        var damaged = sound
        damaged[damaged.count - 6] ^= 0x55
        let name = "a.ndjson.gz"
        #expect(
            try await failure([(name, Data(lines.utf8))], start: name).contains(
                "not a sound gzip file (no gzip header)"))
        #expect(try await failure([(name, sound.dropLast(20))], start: name).contains("ends too early"))
        #expect(try await failure([(name, damaged)], start: name).contains("not a sound gzip file"))
        #expect(try await failure([(name, sound)], start: name, limitBytes: 1_000).contains("over 1000 bytes"))
    }

    @Test(arguments: [
        "nonsense", "{\"e\":\"trade\"", "{\"e\":}", "{\"a\":[1}}", "[]", "{} {}", "{\"e\":\"x", "{,}", "{\"a\":1,}",
        "{\"stream\":\"a@b\",\"data\":[]}",
        String(repeating: "{\"a\":", count: 40) + "1" + String(repeating: "}", count: 40),
    ])
    func `a line that is no JSON object is named by its number`(line: String) async throws {
        let content = Data("\(Self.trade)\n\n\(line)\n".utf8)
        #expect(try await failure([("a.ndjson", content)], start: "a.ndjson").contains("a.ndjson line 3 is not a JSON"))
    }

    @Test func `arrival times must fit their recording`() async throws {
        let lines = Data("\(Self.trade)\n\(Self.trade)\n".utf8)
        for (times, reason) in [
            ("1\n", "ends after 1"), ("1\n2\n3\n", "more lines"), ("1\nx\n", "line 2 is not a time"),
        ] {
            let files = [("a.ndjson", lines), ("a.recv_ns", Data(times.utf8))]
            #expect(try await failure(files, start: "a.ndjson").contains(reason))
        }
    }

    @Test func `a timed replay needs times, and a recording a stream`() async throws {
        let quotes = Data("\(Self.quote)\n".utf8)
        #expect(
            try await failure([("q.ndjson", quotes)], start: "q.ndjson", pacing: .recorded).contains("has no times"))
        let replies = Data("{\"result\":null,\"id\":1}\n".utf8)
        #expect(try await failure([("r.ndjson", replies)], start: "r.ndjson").contains("no stream message"))
    }

    @Test func `a port in use is named with the remedy`() async throws {
        try await withSimulator(.synthetic(1)) { _, port in
            var configuration = SimulatorConfiguration.synthetic(1)
            configuration.port = port
            let text = try await failure(configuration)
            #expect(text.contains("127.0.0.1:\(port) is in use") && text.contains("another port"))
        }
        var elsewhere = SimulatorConfiguration.synthetic(1)
        elsewhere.host = "192.0.2.1"
        #expect(try await failure(elsewhere).contains("cannot listen on 192.0.2.1"))
    }

    @Test func `senseless settings are refused`() async throws {
        for pacing in [ReplayPacing.speed(0), .speed(-1), .speed(.nan), .speed(.infinity)] {
            #expect(try await failure(.synthetic(1, pacing: pacing)).contains("speed factor"))
        }
        var configuration = SimulatorConfiguration.synthetic(1)
        configuration.faults = [FaultRule(.gap(count: 1), on: "none@trade")]
        #expect(try await failure(configuration).contains("no stream none@trade"))
        configuration.faults = [FaultRule(.cut(.close(code: 999)), .afterMessages(1))]
        #expect(try await failure(configuration).contains("no close code 999"))
        configuration.faults = [FaultRule(.fragment(maximumBytes: 0))]
        #expect(try await failure(configuration).contains("at least 1"))
        configuration = .synthetic(1)
        configuration.port = 70_000
        #expect(try await failure(configuration).contains("no port 70000"))
    }

    @Test func `a simulator starts once`() async throws {
        try await withSimulator(.synthetic(1)) { simulator, _ in
            await #expect(throws: SimulatorError.alreadyStarted) { _ = try await simulator.start() }
        }
    }

    @Test func `raw books of unknown speed serve every speed, and the file's name decides where it tells`() async throws
    {
        let folder = try TemporaryFolder("simulator")
        defer { folder.remove() }
        let book = #"{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":1,"u":2,"b":[],"a":[]}"#
        let partial = #"{"lastUpdateId":160,"bids":[["1","2"]],"asks":[]}"#
        for (file, content, streams, expected) in [
            ("x.ndjson", book, "btcusdt@depth@100ms", 1), ("x.ndjson", book, "btcusdt@depth", 1),
            ("x.ndjson", book, "btcusdt@depth5", 0), ("btcusdt@depth@100ms.1.ndjson", book, "btcusdt@depth", 0),
            ("btcusdt@depth@100ms.1.ndjson", book, "btcusdt@depth@100ms", 1),
            ("btcusdt@depth5.ndjson", partial, "btcusdt@depth5", 1),
        ] {
            let url = folder.url.appendingPathComponent(file)
            try Data("\(content)\n\(Self.trade)\n".utf8).write(to: url)
            let configuration = SimulatorConfiguration(source: .recordings([url.path]), pacing: .asFastAsPossible)
            try await withSimulator(configuration) { simulator, port in
                let client = try await WebSocketTestClient(port: port, path: "/ws/btcusdt@trade/\(streams)")
                try await waitUntil("the end") {
                    simulator.statistics.isFinished && client.messageCount >= expected + 1
                }
                #expect(client.messageCount == expected + 1, "\(file) \(streams)")
            }
            try FileManager.default.removeItem(at: url)
        }
    }
}
