import Testing
import TradingModel

@testable import TicklineNode

@Suite struct SettingsResolverTests {
    private func resolve(
        _ flags: [String: [String]] = [:], _ environment: [String: String] = [:]
    ) throws -> Settings {
        var resolver = SettingsResolver(flags: flags, environment: environment)
        return try resolver.resolve()
    }

    @Test func `without flags and variables the defaults hold`() throws {
        let settings = try resolve()
        #expect(settings.feeds == Settings().feeds)
        #expect(settings.shortPeriod == 50 && settings.longPeriod == 200)
        #expect(settings.redis == nil && settings.store == .sqlite)
        #expect(settings.signalStream == "trade_signals_stream" && settings.mongoDatabase == "btc_data")
        #expect("\(settings.traderHTTP)" == "127.0.0.1:8082")
    }

    @Test func `a flag wins over a variable`() throws {
        let settings = try resolve(["short": ["5"], "long": ["20"]], ["SHORT_PERIOD": "7", "LONG_PERIOD": "30"])
        #expect(settings.shortPeriod == 5 && settings.longPeriod == 20)
    }

    @Test func `the earlier services' variables are understood`() throws {
        let settings = try resolve(
            [:],
            [
                "BINANCE_WS_URL": "wss://stream.binance.com:9443/ws/btcusdt@depth", "MONGO_URI": "mongodb://db",
                "DATABASE_NAME": "d", "COLLECTION_NAME": "c", "SIGNALS_COL_NAME": "s", "REDIS_ADDR": "redis:6379",
                "REDIS_STREAM": "k", "SHORT_PERIOD": "10", "LONG_PERIOD": "30", "SERVER_PORT": ":8082",
                "APP_PORT": "8090",
            ])
        #expect(settings.feeds == ["wss://stream.binance.com:9443/ws/btcusdt@depth"])
        #expect(settings.redis == "redis:6379" && settings.mongo == "mongodb://db" && settings.store == .mongo)
        #expect(settings.mongoDatabase == "d" && settings.depthCollection == "c" && settings.signalsCollection == "s")
        #expect("\(settings.processorHTTP)" == "0.0.0.0:8082" && "\(settings.traderHTTP)" == "127.0.0.1:8090")
    }

    @Test func `the trader moves to 8083 where the processor has taken 8082`() throws {
        #expect("\(try resolve([:], ["SERVER_PORT": ":8082"]).traderHTTP)" == "127.0.0.1:8083")
    }

    @Test func `replaced variables are read with a warning`() throws {
        var resolver = SettingsResolver(flags: [:], environment: ["MAX_CONNECTION_RETRY": "5", "RETRY_DELAY": "5s"])
        _ = try resolver.resolve()
        #expect(resolver.warnings.count == 2 && resolver.warnings[0].contains("without a limit"))
    }

    @Test(arguments: ["8082", ":8082", "[::1]:8082", "host:0"]) func `listen addresses`(text: String) throws {
        let expected = [
            "8082": "127.0.0.1:8082", ":8082": "0.0.0.0:8082", "[::1]:8082": "[::1]:8082", "host:0": "host:0",
        ]
        #expect(ListenAddress(parsing: text).map { "\($0)" } == expected[text])
    }

    @Test func `scales are per instrument and checked against the feeds`() throws {
        let plan = try NodePlan(
            settings: try resolve([
                "feed": ["ws://h/stream?streams=btcusdt@trade/ethusdt@trade"], "scale": ["ETHUSDT=2,5"],
            ]))
        #expect(plan.catalog.instruments.map(\.priceDecimals) == [8, 2])
        #expect(plan.catalog.instruments.map(\.quantityDecimals) == [8, 5])
    }

    @Test func `the nearest name is the one with the fewest edits`() {
        #expect(nearest(to: "TICKLINE_REDDIS", in: ["TICKLINE_DATA", "TICKLINE_REDIS"]) == "TICKLINE_REDIS")
        #expect(nearest(to: "x", in: []) == nil)
    }
}
