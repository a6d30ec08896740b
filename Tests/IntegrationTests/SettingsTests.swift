import Foundation
import TestSupport
import Testing

/// Settings as the product takes them: from the environment alone, from a file, and how it shows them.
@Suite(.serialized) struct SettingsTests {
    private let folder = try! TemporaryFolder()

    private func file(_ name: String, _ text: String) throws -> String {
        let url = folder.url.appendingPathComponent(name)
        try Data(text.utf8).write(to: url)
        return url.path
    }

    @Test(.enabled(if: SharedData.shouldRun && MongoServer.shouldRun))
    func `the earlier services' environment alone starts a run that finds the 37 signals`() async throws {
        defer { folder.remove() }
        let redis = try await RedisServer()
        let mongo = try MongoServer()
        try await mongo.start()
        defer { mongo.remove() }
        let simulator = try await RunningSimulator(
            [SharedData.path("binance/btcusdt.combined.20240808.ndjson.gz"), "--speed", "max"], folder: folder.url)
        let (processorPort, traderPort) = (freePort(), freePort())
        let run = try RunningTickline(
            environment: [
                "BINANCE_WS_URL": "ws://127.0.0.1:\(simulator.port)/ws/btcusdt@depth@100ms",
                "MONGO_URI": mongo.uri, "DATABASE_NAME": "algo", "COLLECTION_NAME": "book",
                "SIGNALS_COL_NAME": "decisions", "REDIS_ADDR": "127.0.0.1:\(redis.port)",
                "REDIS_STREAM": "signals_of_old", "SHORT_PERIOD": "50", "LONG_PERIOD": "200",
                "SERVER_PORT": ":\(processorPort)", "APP_PORT": "\(traderPort)", "MAX_CONNECTION_RETRY": "5",
                "RETRY_DELAY": "5s",
                // The earlier services' collector had a fixed port, which a test must not take.
                "TICKLINE_COLLECTOR_HTTP": "127.0.0.1:0",
            ], folder: folder.url)
        try await waitUntil("all trades taken", timeout: .seconds(60)) {
            await run.metric("tickline_ticks_total", labels: "kind=\"trade\"") == 9_757
        }
        for port in [processorPort, traderPort] { #expect(await run.get("/healthcheck", port: port).status == 200) }
        #expect(run.process.stop() == 0)
        simulator.process.stop()
        #expect(try redis.entries(of: "signals_of_old").count == 37)
        let reply = try mongo.run(#"{"count": "decisions", "query": {"reason": "cross"}}"#, database: "algo")
        #expect((reply["n"] as? [String: String])?["$numberInt"] == "37")
        for name in ["MAX_CONNECTION_RETRY", "RETRY_DELAY"] {
            #expect(run.process.output.contains("\(name) is no longer used: feeds reconnect without a limit"))
        }
    }

    @Test func `a file with several feeds and instruments runs, flags and variables win over it`() async throws {
        defer { folder.remove() }
        let one = try await RunningSimulator(["--symbols", "2"], folder: folder.url, name: "one")
        let two = try await RunningSimulator(["--symbols", "1"], folder: folder.url, name: "two")
        let path = try file(
            "tickline.yaml",
            """
            feeds:
              - simulator=ws://127.0.0.1:\(one.port)/stream?streams=btcusdt@trade/ethusdt@trade
              - {url: "ws://127.0.0.1:\(two.port)/ws/btcusdt@trade", exchange: binance}
            instruments:
              BTCUSDT: {priceDecimals: 3}
              "simulator:BTCUSDT": {priceDecimals: 2, quantityDecimals: 5}
            strategy: {short: 5, long: 20}
            store: {kind: none}
            http: {collector: 0, processor: 0, trader: 0}
            """)
        let run = try RunningTickline(environment: ["TICKLINE_CONFIG": path], folder: folder.url)
        try await waitUntil("both feeds deliver") {
            let first = await run.metric("tickline_ticks_total", labels: "exchange=\"simulator\"")
            return await run.metric("tickline_ticks_total", labels: "exchange=\"binance\"") > 100 && first > 100
        }
        #expect(run.process.stop() == 0)
        #expect(run.process.output.contains("sma-5-20"))
        one.process.stop()
        two.process.stop()

        let (status, output, _) = try Tickline.run(
            ["config", "--config", path, "--short", "7"], environment: ["LONG_PERIOD": "30", "SHORT_PERIOD": "8"])
        #expect(status == 0)
        for line in [
            "  short: 7  # --short", "  long: 30  # LONG_PERIOD", "  kind: none  # \(path):8:15",
            "  idle: park  # default", "feeds:  # \(path):2:3",
        ] { #expect(output.contains(line + "\n"), "\(output)") }
        // What was printed is a file that gives the same settings.
        let again = try Tickline.run(["config", "--config", try file("again.yaml", output)])
        let values = [output, again.output].map { text in
            text.split(separator: "\n").filter { !$0.trimmingCharacters(in: .whitespaces).hasPrefix("#") }
                .map { $0.prefix(upTo: $0.firstRange(of: "  # ")?.lowerBound ?? $0.endIndex) }
        }
        #expect(values[0] == values[1])
    }

    @Test func `config without anything prints the example file, and the schema with --schema`() throws {
        defer { folder.remove() }
        let example = try String(
            contentsOf: Repository.root.appendingPathComponent("tickline.example.yaml"), encoding: .utf8)
        #expect(try Tickline.run(["config"]).output == example)
        let schema = try Tickline.run(["config", "--schema"]).output
        let object = try JSONSerialization.jsonObject(with: Data(schema.utf8)) as? [String: Any]
        #expect(object?["$schema"] as? String == "https://json-schema.org/draft/2020-12/schema")
        #expect((object?["properties"] as? [String: Any])?["feeds"] != nil)
    }
}
