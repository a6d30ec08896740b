import Foundation
import Logging
import Synchronization
import Telemetry
import TestSupport
import Testing
import TradingModel

@testable import Monitoring

/// A log writer whose lines end in a file.
private struct LogFixture {
    final class Clock: Sendable {
        let nanos = Atomic<UInt64>(1)
        func advance(_ amount: UInt64) { nanos.wrappingAdd(amount, ordering: .relaxed) }
    }

    let folder: TemporaryFolder
    let metrics = MetricsRegistry()
    let clock = Clock()
    let writer: JSONLogWriter
    private let file: FileHandle

    init() throws {
        folder = try TemporaryFolder("log")
        let url = folder.url.appendingPathComponent("log")
        _ = FileManager.default.createFile(atPath: url.path, contents: nil)
        file = try FileHandle(forWritingTo: url)
        writer = JSONLogWriter(metrics: metrics, descriptor: file.fileDescriptor) { [clock] in
            MonotonicNanos(rawValue: clock.nanos.load(ordering: .relaxed))
        }
    }

    func logger(_ label: String = "test", level: Logger.Level = .info) -> Logger {
        Logger(label: label) { JSONLogHandler(label: $0, writer: writer, level: level) }
    }

    var text: String {
        get throws { try String(contentsOf: folder.url.appendingPathComponent("log"), encoding: .utf8) }
    }

    var lines: [[String: Any]] {
        get throws {
            try text.split(separator: "\n").map { line in
                try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            }
        }
    }
}

@Suite struct JSONLogTests {
    @Test func `a line has its keys in order, metadata sorted`() throws {
        let log = try LogFixture()
        defer { log.folder.remove() }
        log.logger("feed").warning("lost", metadata: ["b": "2", "a": ["y", "x"], "c": ["k": "v"], "level": "mine"])
        let text = try log.text
        #expect(
            text.firstMatch(
                of:
                    #/^{"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z","level":"warning","logger":"feed","message":"lost",/#
            ) != nil)
        #expect(text.hasSuffix("\"a\":[\"y\",\"x\"],\"b\":\"2\",\"c\":{\"k\":\"v\"},\"meta.level\":\"mine\"}\n"))
    }

    @Test func `any text survives as one line of JSON`() throws {
        let log = try LogFixture()
        defer { log.folder.remove() }
        let texts = [
            "", "\"", "\\", "\r\n", "\"\u{301}", "\u{0}\u{1F}\u{7F}\u{85}", "\u{2028}\u{2029}", "😀é", "{\"a\":1}", "\t",
        ]
        for text in texts { log.logger().info("text \(text)", metadata: ["value": "\(text)", "\(text)": "key"]) }
        let lines = try log.lines
        #expect(lines.map { $0["message"] as? String } == texts.map { "text \($0)" })
        #expect(lines.map { $0["value"] as? String } == texts)
        #expect(lines.indices.allSatisfy { lines[$0][texts[$0]] as? String == "key" })
    }

    @Test func `the level filters, and debug lines name their source`() throws {
        let log = try LogFixture()
        defer { log.folder.remove() }
        log.logger().debug("hidden")
        log.logger(level: .debug).debug("shown")
        log.logger().info("plain")
        let lines = try log.lines
        #expect(lines.map { $0["message"] as? String } == ["shown", "plain"])
        #expect(lines[0]["source"] as? String == "MonitoringTests")
        #expect(lines[1]["source"] == nil)
    }

    @Test func `a message that comes too often is counted, then told once`() throws {
        let log = try LogFixture()
        defer { log.folder.remove() }
        for _ in 0..<25 { log.logger().info("again") }
        log.logger().info("other")
        log.logger("second").info("again")
        #expect(try log.lines.count == 12)
        #expect(log.metrics.total("tickline_log_suppressed_total") == 15)
        log.clock.advance(1_000_000_000)
        log.logger().info("later")
        var lines = try log.lines
        #expect(lines[12]["message"] as? String == "suppressed 15 more of: again")
        #expect(lines[12]["suppressed"] as? Int == 15)
        #expect(lines[12]["logger"] as? String == "test")
        for _ in 0..<11 { log.logger().info("again") }
        log.writer.flush()
        log.writer.flush()
        lines = try log.lines
        #expect(lines.count == 25)
        #expect(lines.last?["suppressed"] as? Int == 1)
    }

    @Test func `the table of messages is bounded`() throws {
        let log = try LogFixture()
        defer { log.folder.remove() }
        for index in 0..<(JSONLogWriter.mostMessages + 100) { log.logger().info("message \(index)") }
        #expect(try log.lines.count == JSONLogWriter.mostMessages + JSONLogWriter.mostPerSecond)
        #expect(log.metrics.total("tickline_log_suppressed_total") == 90)
    }

    @Test func `lines of many threads never mix, long ones included`() async throws {
        let log = try LogFixture()
        defer { log.folder.remove() }
        await withTaskGroup(of: Void.self) { group in
            for task in 0..<8 {
                let logger = log.logger("task \(task)")
                group.addTask {
                    for index in 0..<100 {
                        logger.info("line \(index)", metadata: ["fill": "\(String(repeating: "x", count: 3_000))"])
                    }
                }
            }
        }
        let lines = try log.lines
        #expect(Set(lines.map { "\($0["logger"]!) \($0["message"]!)" }).count == 800)
    }

    @Test func `a reader that is gone costs lines, not the process`() throws {
        var ends: [Int32] = [0, 0]
        #expect(pipe(&ends) == 0)
        close(ends[0])
        defer { close(ends[1]) }
        signal(SIGPIPE, SIG_IGN)
        let metrics = MetricsRegistry()
        let writer = JSONLogWriter(metrics: metrics, descriptor: ends[1])
        Logger(label: "test") { JSONLogHandler(label: $0, writer: writer) }.info("lost")
        #expect(metrics.total("tickline_log_dropped_total") == 1)
    }

    @Test func `secrets are masked wherever they stand`() throws {
        let log = try LogFixture()
        defer { log.folder.remove() }
        let canary = "c4n4ry"
        log.logger().info(
            "connecting to redis://user:\(canary)@host:6379/0",
            metadata: [
                "password": "\(canary)", "apiKey": "\(canary)", "X-Api_Key": "\(canary)", "authToken": ["\(canary)"],
                "nested": ["secret": "\(canary)", "uri": "mongodb://u:\(canary)@a:1,b:2/db?x=1"],
                "list": ["https://\(canary)@h/"], "url": "wss://host:9443/ws/btcusdt@trade",
                "cut": "\(String(repeating: "x", count: 4_080)) redis://:\(canary)@h",
            ])
        let text = try log.text
        #expect(!text.contains(canary))
        #expect(text.contains("wss://host:9443/ws/btcusdt@trade"))
        #expect(text.contains("redis://host:6379/0"))
    }

    static let urls: [(String, String)] = [
        ("redis://user:pass@host:6379/0", "redis://host:6379/0"),
        ("redis://:pass@host", "redis://host"),
        ("redis://:1234/5@host", "redis://host"),
        ("redis://user:pa/s?s#w@rd@host/1", "redis://host/1"),
        ("mongodb://u:p@a:27017,b:27018/db?replicaSet=rs", "mongodb://a:27017,b:27018/db?replicaSet=rs"),
        (
            "mongodb://a:27017,b:27018/?tlsCertificateKeyFilePassword=x&w=1",
            "mongodb://a:27017,b:27018/?tlsCertificateKeyFilePassword=***&w=1"
        ),
        (
            "wss://host/stream?streams=btcusdt@trade/ethusdt@trade",
            "wss://host/stream?streams=btcusdt@trade/ethusdt@trade"
        ),
        ("wss://host:9443/ws/btcusdt@trade", "wss://host:9443/ws/btcusdt@trade"),
        ("ws://[::1]:8080/ws/btcusdt@trade", "ws://[::1]:8080/ws/btcusdt@trade"),
        ("https://u:p@[::1]/", "https://[::1]/"),
        ("https://api/x?signature=abc&symbol=A", "https://api/x?signature=***&symbol=A"),
        (
            "cannot reach 'redis://u:p@h' or \"http://x:y@z\": refused",
            "cannot reach 'redis://h' or \"http://z\": refused"
        ),
        ("no address: at 12:30 a@b", "no address: at 12:30 a@b"),
        ("://", "://"), ("", ""), ("a:", "a:"),
    ]

    @Test(arguments: urls) func `a URL is shown without user and password`(url: String, shown: String) {
        #expect(maskedURL(url) == shown)
    }
}

@Suite struct ProcessMetricsTests {
    @Test func `the figures are those of this process`() throws {
        let metrics = MetricsRegistry()
        ProcessMetrics.register(in: metrics, version: "1.2.3")
        #expect(metrics.total("process_resident_memory_bytes") > 1_000_000)
        #expect(metrics.total("process_virtual_memory_bytes") > metrics.total("process_resident_memory_bytes"))
        #expect(metrics.total("process_cpu_seconds_total") > 0)
        #expect(metrics.total("process_threads") >= 1)
        #expect(metrics.total("process_max_fds") >= metrics.total("process_open_fds"))
        let age = Date().timeIntervalSince1970 - metrics.total("process_start_time_seconds")
        #expect(age > -2 && age < 86_400)
        #expect(PrometheusText.render(metrics).contains("tickline_build_info{version=\"1.2.3\"} 1\n"))
        try Promtool.check(PrometheusText.render(metrics))
    }

    @Test func `descriptors are counted as they open`() async throws {
        let metrics = MetricsRegistry()
        ProcessMetrics.register(in: metrics, version: "1")
        let files = try (0..<200).map { _ in try #require(fopen("/dev/null", "r")) }
        #expect(metrics.total("process_open_fds") > 200)
        for file in files { fclose(file) }
    }
}
