import Foundation
import TestSupport
import Testing
import TradingModel

/// A running `tickline trader` on a free port, with its data in a folder of its own.
final class RunningTrader {
    let process: ServerProcess
    private let data: String

    /// Starts it with `arguments`; output goes to `folder/name.log`, data to `folder/data`. `launcher` is a command that runs
    /// the rest of its arguments.
    init(
        _ arguments: [String], folder: URL, name: String = "trader", data: String = "data-trader",
        launcher: [String] = []
    ) throws {
        self.data = folder.appendingPathComponent(data).path
        let command = launcher + [Tickline.executable]
        process = try ServerProcess(
            command[0],
            command.dropFirst() + ["trader", "--trader-http", "127.0.0.1:0", "--data", self.data] + arguments,
            folder: folder, name: name)
    }

    /// Its listener's port, once it listens.
    var port: Int? {
        let line = process.output.split(separator: "\n").first { $0.contains("\"role\":\"trader\"") }
        guard let line, let start = line.range(of: "\"port\":\"") else { return nil }
        return Int(line[start.upperBound...].prefix { $0.isNumber })
    }

    /// The answer to a request without a body; status 0 where nobody answers yet.
    func request(_ method: String, _ target: String, token: String? = nil) -> (status: Int, body: String) {
        guard let port, let client = try? RawHTTPClient(port: port) else { return (0, "") }
        let authorization = token.map { "Authorization: Bearer \($0)\r\n" } ?? ""
        client.send("\(method) \(target) HTTP/1.1\r\nHost: trader\r\n\(authorization)\r\n")
        guard let answer = try? client.answer() else { return (0, "") }
        return (answer.status, answer.body)
    }

    /// The sum of a metric's series whose labels contain `labels`; nil where there is none, or nobody answers.
    func metric(_ name: String, labels: String = "") -> Double? {
        let lines = request("GET", "/metrics").body.split(separator: "\n")
        let values = lines.filter { $0.hasPrefix(name + "{") || $0.hasPrefix(name + " ") }
            .filter { labels.isEmpty || $0.contains(labels) }
            .compactMap { $0.split(separator: " ").last.flatMap { Double($0) } }
        return values.isEmpty ? nil : values.reduce(0, +)
    }
}

/// Crossings of one key as an engine writes them, and what a plain reading of the policy makes of them.
struct SampleSignals {
    var symbol = "BTCUSDT"
    var stream = "trade_signals_stream"
    var key: String { "binance:\(symbol):sma-50-200" }
    /// Whether each is a BUY; their ticks are numbered from 1.
    let sides: [Bool]

    func fields(_ index: Int) -> [(String, String)] {
        let isBuy = sides[index]
        // 2026-01-01T00:00:00Z, a second for each.
        let seconds = 1_767_225_600 + index
        let time = TextCursor.text { $0.append(rfc3339: UnixNanos(rawValue: Int64(seconds) * 1_000_000_000)) }
        return [
            ("signal", isBuy ? "BUY" : "SELL"), ("shortSMA", isBuy ? "2" : "1"), ("longSMA", isBuy ? "1" : "2"),
            ("time", time), ("schema", "1"), ("id", "\(key):\(index + 1)"), ("exchange", "binance"),
            ("symbol", symbol), ("strategy", "sma-50-200"), ("price", "\(60_000 + index % 97)"),
            ("tickId", "\(index + 1)"), ("eventTime", "\(seconds)000000000"), ("receiveTime", "\(seconds)000000000"),
            ("reason", "cross"),
        ]
    }

    /// Adds those of a range to the stream.
    func publish(_ range: Range<Int>, to redis: RedisServer) throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).redis")
        defer { try? FileManager.default.removeItem(at: file) }  // in the tests' own folder, which goes as a whole
        let lines = range.map { index in
            "XADD \(stream) * " + fields(index).map { "\($0) \($1)" }.joined(separator: " ")
        }
        try Data(lines.joined(separator: "\n").appending("\n").utf8).write(to: file)
        try Command.run(["sh", "-c", "redis-cli -p \(redis.port) < \(file.path) > /dev/null"])
    }

    /// Ids of the orders that they come to with a short target, and what is held then in sizes.
    var reference: (orders: [String], held: Int) {
        var (orders, held) = ([String](), 0)
        for (index, isBuy) in sides.enumerated() where held != (isBuy ? 1 : -1) {
            if held != 0 { orders.append("\(key):\(index + 1)-00") }
            orders.append("\(key):\(index + 1)-01")
            held = isBuy ? 1 : -1
        }
        return (orders, held)
    }
}
