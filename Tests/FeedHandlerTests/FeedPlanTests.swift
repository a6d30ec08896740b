import FeedHandler
import Testing
import TradingModel

@Suite struct FeedPlanTests {
    @Test func `understands the default address`() throws {
        let plan = try FeedPlan(parsing: "wss://data-stream.binance.vision/stream?streams=btcusdt@trade")
        #expect(plan.exchange == .binance && plan.host == "data-stream.binance.vision" && plan.port == 443)
        #expect(plan.isTLS && plan.addressing == .combined && plan.addedStreams.isEmpty)
        #expect(plan.requestTarget == "/stream?streams=btcusdt@trade&timeUnit=MICROSECOND")
        #expect(plan.streams.map(\.symbol) == ["BTCUSDT"])
    }

    @Test(arguments: [
        (
            "ws://127.0.0.1:9001/ws/BTCUSDT@trade/ethusdt@aggTrade/btcusdt@trade?timeUnit=millisecond",
            "/ws/btcusdt@trade/ethusdt@aggTrade?timeUnit=millisecond"
        ),
        (
            "wss://stream.binance.com:9443/stream?timeUnit=MICROSECOND&streams=btcusdt@trade",
            "/stream?streams=btcusdt@trade&timeUnit=MICROSECOND"
        ),
        ("wss://x/ws/btcusdt%40trade?timeUnit=microsecond", "/ws/btcusdt@trade?timeUnit=microsecond"),
        ("wss://fstream.binance.com/market/ws/btcusdt@aggTrade", "/market/ws/btcusdt@aggTrade"),
        ("simulator=ws://x/ws/btcusdt_240927@aggTrade", "/ws/btcusdt_240927@aggTrade?timeUnit=MICROSECOND"),
        ("ws://x/ws/btcusdt@bookTicker", "/ws/btcusdt@bookTicker/btcusdt@trade?timeUnit=MICROSECOND"),
        (
            "ws://x/stream?streams=btcusdt@depth@100ms/ethusdt@kline_1m@+08:00/ethusdt@aggTrade/solusdt@depth20",
            "/stream?streams=btcusdt@depth@100ms/ethusdt@kline_1m@+08:00/ethusdt@aggTrade/solusdt@depth20/btcusdt@trade/solusdt@trade"
                + "&timeUnit=MICROSECOND"
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

    @Test func `a long list stays short in the address`() throws {
        let names = (0..<1_024).map { "symbol\($0)@trade" }
        for address in [
            "wss://x/ws/" + names.joined(separator: "/"), "wss://x/stream?streams=" + names.joined(separator: "/"),
        ] {
            let plan = try FeedPlan(parsing: address)
            let target = plan.requestTarget
            #expect(target.utf8.count <= 2_048 && target.utf8.count > 2_048 - 32, "\(target.utf8.count) bytes")
            #expect(target.contains(names[..<plan.streamsInAddress].joined(separator: "/")))
            #expect(!target.contains(names[plan.streamsInAddress]) && target.hasSuffix("timeUnit=MICROSECOND"))
        }
        #expect(try FeedPlan(parsing: "wss://x/ws/a@trade/b@trade").streamsInAddress == 2)
    }

    @Test func `a feed of more streams than a connection takes becomes several, each stream on one of them`() throws {
        let symbols = (0..<200).map { "s\($0)" }
        let names = ["aggTrade", "bookTicker", "depth@100ms", "depth20", "kline_1m"].flatMap { type in
            symbols.map { "\($0)@\(type)" }
        }
        let plans = try FeedPlan.plans(parsing: [
            "wss://x/stream?streams=" + (names + symbols.map { "\($0)@kline_5m" }).joined(separator: "/"),
            "wss://y/ws/" + symbols.map { "z\($0)@bookTicker" }.joined(separator: "/"),
        ])
        #expect(plans.map(\.streams.count) == [600, 600, 400])
        #expect(plans.map(\.host) == ["x", "x", "y"])
        let all = plans.flatMap(\.streams)
        #expect(Set(all).count == all.count)
        // Added trade streams are still told apart, on the connection that carries them.
        #expect(plans.map(\.addedStreams.count) == [0, 0, 200])
        #expect(plans[2].addedStreams.allSatisfy { plans[2].streams.contains($0) })
        let full = try FeedPlan.plans(parsing: [
            "wss://x/ws/" + (0..<1_024).map { "s\($0)@trade" }.joined(separator: "/")
        ])
        #expect(full.map(\.streams.count) == [1_024])
    }

    @Test func `a redundant feed subscribes all streams of the feed it doubles, at its own address`() throws {
        let plans = try FeedPlan.plans(
            parsing: ["ws://x/ws/ethusdt@trade", "ws://x/stream?streams=btcusdt@depth@100ms/btcusdt@bookTicker"],
            doubledBy: ["wss://y:9443/a/ws/btcusdt@bookTicker?timeUnit=millisecond", "ws://x:81/ws/ETHUSDT@trade"])
        #expect(
            plans.map(\.address) == [
                "ws://x:80/ws/ethusdt@trade?timeUnit=MICROSECOND",
                "ws://x:80/stream?streams=btcusdt@depth@100ms/btcusdt@bookTicker/btcusdt@trade&timeUnit=MICROSECOND",
                "wss://y:9443/a/ws/btcusdt@depth@100ms/btcusdt@bookTicker/btcusdt@trade?timeUnit=millisecond",
                "ws://x:81/ws/ethusdt@trade?timeUnit=MICROSECOND",
            ])
        #expect(plans.map { $0.addedStreams.map(\.description) } == [[], ["btcusdt@trade"], [], []])
        // Two feeds of the same streams: each has its own.
        let two = try FeedPlan.plans(
            parsing: ["ws://x/ws/a@trade", "ws://y/ws/a@trade"], doubledBy: ["ws://z/ws/a@trade", "ws://x/ws/a@trade"])
        #expect(two.map(\.host) == ["x", "y", "z", "x"])
        let names = (0..<1_500).map { "s\($0)@trade" }.joined(separator: "/")
        let many = try FeedPlan.plans(parsing: ["ws://x/ws/\(names)"], doubledBy: ["ws://y/ws/s7@trade"])
        #expect(many.map(\.host) == ["x", "x", "y", "y"] && many[0].streams == many[2].streams)
        #expect(many[1].streams == many[3].streams && many.map(\.streams.count) == [750, 750, 750, 750])
    }

    @Test(
        arguments: [
            (["ws://y/ws/c@trade"], .nothingToDouble("ws://y:80/ws/c@trade?timeUnit=MICROSECOND", .binance)),
            (
                ["ws://y/ws/a@trade/c@trade"],
                .nothingToDouble("ws://y:80/ws/a@trade/c@trade?timeUnit=MICROSECOND", .binance)
            ),
            (
                ["ws://y/ws/a@trade/b@trade"],
                .nothingToDouble("ws://y:80/ws/a@trade/b@trade?timeUnit=MICROSECOND", .binance)
            ),
            (
                ["simulator=ws://y/ws/a@trade"],
                .nothingToDouble("ws://y:80/ws/a@trade?timeUnit=MICROSECOND", .simulator)
            ),
            (["ws://X:80/ws/a@trade"], .sameEndpoint("X:80")), (["ws://y/ws"], .noStream),
            (["ws://y/ws/a@trade", "ws://z/ws/a@trade"], .doubledTwice("ws://z:80/ws/a@trade?timeUnit=MICROSECOND")),
            (["ws://user:secret@y/ws/a@trade"], .credentials),
        ] as [([String], FeedPlanError)])
    func `refuses a redundant feed that doubles none, in one line`(texts: [String], error: FeedPlanError) {
        #expect(throws: error) {
            try FeedPlan.plans(parsing: ["ws://x/ws/a@trade", "ws://x/ws/b@trade"], doubledBy: texts)
        }
        #expect(!error.description.contains("\n") && !error.description.contains("secret"))
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
