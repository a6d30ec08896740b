import Foundation
import TestSupport
import Testing

/// What a wrong command line or setting says, and the exit status it ends with.
@Suite struct CommandLineTests {
    struct Refusal: CustomTestStringConvertible, Sendable {
        var arguments: [String]
        var environment: [String: String] = [:]
        let status: Int32
        let says: [String]
        var testDescription: String { arguments.joined(separator: " ") + environment.keys.joined() }
    }

    static let refusals = [
        Refusal(arguments: ["run", "--shrt", "5"], status: 64, says: ["--shrt", "--short"]),
        Refusal(arguments: ["trade"], status: 64, says: ["trade"]),
        Refusal(arguments: ["run", "--duration", "soon"], status: 64, says: ["--duration"]),
        Refusal(arguments: ["run", "--short", "200", "--long", "50"], status: 78, says: ["below", "--short 50"]),
        Refusal(arguments: ["run", "--short", "50", "--long", "50"], status: 78, says: ["below"]),
        Refusal(arguments: ["run", "--short", "0"], status: 78, says: ["--short", "'0'", "from 1"]),
        Refusal(arguments: ["run", "--long", "many"], status: 78, says: ["--long", "'many'"]),
        Refusal(arguments: ["run", "--long", "2000000"], status: 78, says: ["2000000", "1048576"]),
        Refusal(arguments: ["run"], environment: ["SHORT_PERIOD": "x"], status: 78, says: ["SHORT_PERIOD", "'x'"]),
        Refusal(
            arguments: ["run"], environment: ["TICKLINE_REDDIS": "x"], status: 78,
            says: ["TICKLINE_REDDIS", "TICKLINE_REDIS"]),
        Refusal(
            arguments: ["run"], environment: ["TICKLINE_REDIS_FIEL": "x"], status: 78, says: ["TICKLINE_REDIS_FILE?"]),
        Refusal(arguments: ["run"], environment: ["TICKLINE_CONFG": "x"], status: 78, says: ["TICKLINE_CONFIG?"]),
        Refusal(arguments: ["run", "--config", "/no/such.yaml"], status: 78, says: ["/no/such.yaml", "No such file"]),
        Refusal(
            arguments: ["config"], environment: ["TICKLINE_CONFIG": "/no/such.yaml"], status: 78,
            says: ["/no/such.yaml", "TICKLINE_CONFIG names it"]),
        Refusal(arguments: ["config", "--shema"], status: 64, says: ["--shema", "--schema"]),
        Refusal(arguments: ["config", "--duration", "5s"], status: 64, says: ["--duration"]),
        Refusal(arguments: ["config", "--redis", "http://localhost"], status: 78, says: ["http", "redis://"]),
        Refusal(arguments: ["demo", "--feed", "ws://localhost/ws/a@trade"], status: 64, says: ["--feed"]),
        Refusal(arguments: ["run", "--feed", "http://localhost/ws/a@trade"], status: 78, says: ["http"]),
        Refusal(arguments: ["run", "--feed", "ws://localhost:1/ws"], status: 78, says: ["stream"]),
        Refusal(
            arguments: [
                "config", "--feed", "ws://localhost:1/ws/a@trade", "--redundant-feed", "ws://localhost:1/ws/a@trade",
            ], status: 78, says: ["--feed, --redundant-feed: ", "localhost:1", "another host or port"]),
        Refusal(
            arguments: ["run", "--redundant-feed", "ws://localhost:1/ws/a@trade"], status: 78,
            says: ["--redundant-feed: no feed of binance", "a@trade", "name streams of one feed"]),
        Refusal(
            arguments: ["run", "--feed", "nyse=ws://localhost:1/ws/a@trade"], status: 78, says: ["nyse", "binance"]),
        Refusal(arguments: ["run", "--redis", "http://localhost"], status: 78, says: ["http", "redis://"]),
        Refusal(arguments: ["run"], environment: ["REDIS_ADDR": "h:x"], status: 78, says: ["REDIS_ADDR: ", "port"]),
        Refusal(
            arguments: ["run", "--long", "5"], environment: ["SHORT_PERIOD": "50"], status: 78,
            says: ["SHORT_PERIOD, --long: ", "below"]),
        Refusal(arguments: ["run", "--mongo", "localhost"], status: 78, says: ["mongodb://"]),
        Refusal(arguments: ["run", "--stream-max-age-days", "99999999"], status: 78, says: ["36500"]),
        Refusal(arguments: ["run", "--tick-retention-days", "24856"], status: 78, says: ["24855"]),
        Refusal(arguments: ["run", "--proxy", "foo"], status: 78, says: ["--proxy", "http://host:port"]),
        Refusal(arguments: ["run", "--summary-json", "/no/x"], status: 78, says: ["/no/x", "--summary-json"]),
        Refusal(
            arguments: ["trader", "--redis", "redis://127.0.0.1:1", "--data", "{data}"], status: 78,
            says: ["--mongo", "--single-trader"]),
        Refusal(
            arguments: ["run", "--trader", "--redis", "redis://127.0.0.1:1", "--data", "{data}"], status: 78,
            says: ["--mongo", "--single-trader"]),
        Refusal(
            arguments: ["run", "--trader", "--journal", "off", "--data", "{data}"], status: 78,
            says: ["--redis", "--journal"]),
        Refusal(arguments: ["trader", "--trade-size", "2"], status: 78, says: ["--trade-size", "quantity:N"]),
        Refusal(arguments: ["trader", "--max-order=-1"], status: 78, says: ["--max-order", "not below 0"]),
        Refusal(arguments: ["trader", "--sell-target", "long"], status: 78, says: ["--sell-target", "flat, short"]),
        Refusal(
            arguments: ["trader", "--trading-rules", "/no/rules"], status: 78, says: ["/no/rules", "--trading-rules"]),
        Refusal(
            arguments: ["trader", "--trading-rules", "/dev/null", "--data", "{data}"], status: 78,
            says: ["--trading-rules", "/dev/null"]),
        Refusal(arguments: ["orders", "--data", "{data}"], status: 78, says: ["{data}", "--mongo"]),
        Refusal(
            arguments: ["positions", "--mongo", "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=300"], status: 1,
            says: ["--mongo"]),
        Refusal(arguments: ["trading", "off", "--data", "{data}"], status: 78, says: ["off", "reduce-only"]),
        Refusal(arguments: ["simulate", "--fault", "fragment,bytes=0"], status: 64, says: ["at least 1"]),
        Refusal(arguments: ["run", "--store", "mongo"], status: 78, says: ["--mongo"]),
        Refusal(arguments: ["run", "--store", "files"], status: 78, says: ["files", "none, sqlite, mongo"]),
        Refusal(arguments: ["run", "--ca-file", "/no/such.pem"], status: 78, says: ["/no/such.pem", "No such file"]),
        Refusal(arguments: ["run", "--collector-http", "localhost:http"], status: 78, says: ["--collector-http"]),
        Refusal(arguments: ["run", "--scale", "BTCUSDT=13"], status: 78, says: ["0 to 12"]),
        Refusal(arguments: ["run", "--scale", "ETHUSDT=2"], status: 78, says: ["ETHUSDT", "binance:BTCUSDT"]),
        Refusal(arguments: ["run", "--price-band", "0"], status: 78, says: ["--price-band", "1 to 10000"]),
        Refusal(arguments: ["simulate", "/no/such.ndjson"], status: 78, says: ["/no/such.ndjson"]),
        Refusal(arguments: ["simulate", "--speed", "-1"], status: 64, says: ["--speed"]),
        Refusal(arguments: ["simulate", "--fault", "cut:melt,after=5"], status: 64, says: ["close, reset"]),
    ]

    @Test(arguments: refusals) func `one clear line and the right exit status`(refusal: Refusal) throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let data = folder.path
        func filled(_ texts: [String]) -> [String] { texts.map { $0.replacing("{data}", with: data) } }
        let result = try Tickline.run(filled(refusal.arguments), environment: refusal.environment)
        #expect(result.status == refusal.status, "\(result.error)")
        for text in filled(refusal.says) { #expect(result.error.contains(text), "\(result.error)") }
        if refusal.status == 78 { #expect(result.error.split(separator: "\n").count == 1, "\(result.error)") }
        #expect(result.output.isEmpty)
    }

    @Test func `a taken port names the port and the flag`() async throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let first = try RunningTickline(["--feed", "ws://127.0.0.1:1/ws/a@trade"], folder: folder.url)
        try await waitUntil("listens") { await first.get("/livez").status == 200 }
        let port = try #require(first.collectorPort)
        let result = try Tickline.run(["run", "--collector-http", "127.0.0.1:\(port)"])
        #expect(result.status == 1 && result.error.contains("\(port)"))
        #expect(result.error.contains("--collector-http"))
        #expect(first.process.stop() == 0)
    }

    @Test(arguments: [
        ["--help"], ["config", "--help"], ["run", "--help"], ["query", "--help"], ["simulate", "--help"],
        ["demo", "--help"], ["replay", "--help"], ["explain", "--help"], ["verify", "--help"],
        ["trader", "--help"], ["orders", "--help"], ["positions", "--help"], ["pnl", "--help"], ["trading", "--help"],
    ])
    func `help has examples`(arguments: [String]) throws {
        let result = try Tickline.run(arguments)
        #expect(result.status == 0 && result.output.contains("Examples:"))
    }
}
