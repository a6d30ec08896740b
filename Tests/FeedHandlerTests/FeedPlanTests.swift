import FeedHandler
import Testing
import TradingModel

@Suite struct FeedPlanTests {
    @Test func `understands the default address`() throws {
        let plan = try FeedPlan(parsing: "wss://data-stream.binance.vision/stream?streams=btcusdt@trade")
        #expect(plan.exchange == .binance && plan.host == "data-stream.binance.vision" && plan.port == 443)
        #expect(plan.isTLS && plan.addressing == .combined && plan.addedStreams.isEmpty)
        #expect(plan.requestTarget == "/stream?streams=btcusdt@trade")
        #expect(plan.streams.map(\.symbol) == ["BTCUSDT"])
    }

    @Test(arguments: [
        ("ws://127.0.0.1:9001/ws/BTCUSDT@trade/ethusdt@aggTrade/btcusdt@trade", "/ws/btcusdt@trade/ethusdt@aggTrade"),
        (
            "wss://stream.binance.com:9443/stream?timeUnit=MICROSECOND&streams=btcusdt@trade",
            "/stream?streams=btcusdt@trade&timeUnit=MICROSECOND"
        ),
        ("wss://x/ws/btcusdt%40trade?timeUnit=microsecond", "/ws/btcusdt@trade?timeUnit=microsecond"),
        ("wss://fstream.binance.com/market/ws/btcusdt@aggTrade", "/market/ws/btcusdt@aggTrade"),
        ("ws://x/ws/btcusdt_240927@aggTrade", "/ws/btcusdt_240927@aggTrade"),
        ("ws://x/ws/btcusdt@bookTicker", "/ws/btcusdt@bookTicker/btcusdt@trade"),
        (
            "ws://x/stream?streams=btcusdt@depth@100ms/ethusdt@kline_1m@+08:00/ethusdt@aggTrade/solusdt@depth20",
            "/stream?streams=btcusdt@depth@100ms/ethusdt@kline_1m@+08:00/ethusdt@aggTrade/solusdt@depth20/btcusdt@trade/solusdt@trade"
        ),
    ])
    func `asks for its streams and for the trades it leaves out`(address: String, target: String) throws {
        #expect(try FeedPlan(parsing: address).requestTarget == target)
    }

    @Test(arguments: [
        ("wss://stream.binance.com/ws/a@trade", Exchange.binance),
        ("wss://fstream.binance.com/ws/a@trade", .binanceUSDM),
        ("wss://stream.binancefuture.com/ws/a@trade", .binanceUSDM), ("ws://127.0.0.1/ws/a@trade", .binance),
        ("binance-usdm=ws://127.0.0.1/ws/a@trade", .binanceUSDM),
        ("simulator=ws://[::1]:80/stream?streams=a@trade", .simulator),
    ])
    func `knows whose market it is`(text: String, exchange: Exchange) throws {
        #expect(try FeedPlan(parsing: text).exchange == exchange)
    }

    @Test(
        arguments: [
            ("", .notAnAddress("")), ("btcusdt@trade", .notAnAddress("btcusdt@trade")),
            ("http://x/ws/a@trade", .unknownScheme("http")),
            ("wss://user:secret@x/ws/a@trade", .credentials),
            ("wss://user:secret x@y z/ws/a@trade", .notAnAddress("wss://***@y z/ws/a@trade")),
            ("wss://x/", .unknownPath("/")),
            ("wss://x/foo", .unknownPath("/foo")), ("wss://x/stream/foo", .unknownPath("/stream/foo")),
            ("wss://x/ws", .noStream), ("wss://x/ws/", .noStream), ("wss://x/stream", .noStream),
            ("wss://x/stream?streams=", .noStream), ("wss://x/stream?timeUnit=MICROSECOND", .noStream),
            ("wss://x/ws/btcusdt", .malformedStream("btcusdt")),
            ("wss://x/ws/!bookTicker", .malformedStream("!bookTicker")),
            ("wss://x/ws/@trade", .malformedStream("@trade")),
            ("wss://x/ws/a%20b@trade", .malformedStream("a%20b@trade")),
            ("wss://x/ws/a@ticker", .unknownStreamType("a@ticker")),
            ("wss://x/ws/a@trade@1s", .unknownStreamType("a@trade@1s")),
            ("wss://x/ws/a@kline_", .unknownStreamType("a@kline_")),
            ("wss://x/ws/a@aggtrade", .unknownStreamType("a@aggtrade")),
            ("nyse=wss://x/ws/a@trade", .unknownExchange("nyse")),
            ("okx=wss://x/ws/a@trade", .unsupportedExchange("okx")),
            ("wss://x/ws/" + (0...1_024).map { "s\($0)@trade" }.joined(separator: "/"), .tooManyStreams(1_025)),
        ] as [(String, FeedPlanError)])
    func `refuses a bad address in one line`(text: String, error: FeedPlanError) {
        #expect(throws: error) { try FeedPlan(parsing: text) }
        #expect(!error.description.contains("\n") && !error.description.contains("secret"))
    }

    @Test func `adds no trades that another feed has, and no second time`() throws {
        let plans = try FeedPlan.plans(parsing: [
            "wss://fstream.binance.com/public/ws/btcusdt@bookTicker",
            "wss://fstream.binance.com/market/ws/btcusdt@aggTrade", "ws://x/ws/btcusdt@depth",
            "ws://x/ws/btcusdt@bookTicker",
        ])
        #expect(plans.map { $0.addedStreams.map(\.description) } == [[], [], ["btcusdt@trade"], []])
    }

    @Test func `averages are over trades, else over aggregate trades`() throws {
        let plans = try FeedPlan.plans(parsing: [
            "ws://x/stream?streams=btcusdt@aggTrade/ethusdt@aggTrade", "ws://x/ws/solusdt@depth/btcusdt@trade",
            "binance-usdm=ws://x/ws/btcusdt@aggTrade",
        ])
        #expect(
            FeedPlan.specifications(of: plans).map { "\($0.instrument) \($0.averageSource.name)" } == [
                "binance:BTCUSDT trade", "binance:ETHUSDT aggTrade", "binance:SOLUSDT trade",
                "binance-usdm:BTCUSDT aggTrade",
            ])
    }
}
