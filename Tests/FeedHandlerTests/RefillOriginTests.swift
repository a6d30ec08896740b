import FeedHandler
import Testing
import TradingModel

@Suite struct RefillOriginTests {
    @Test(arguments: [
        ("wss://data-stream.binance.vision/ws/btcusdt@trade", "https://data-api.binance.vision:443"),
        ("wss://stream.binance.com:9443/ws/btcusdt@trade", "https://api.binance.com:443"),
        ("wss://STREAM.binance.com/ws/btcusdt@trade", "https://api.binance.com:443"),
        ("wss://stream.testnet.binance.vision/ws/btcusdt@trade", "https://testnet.binance.vision:443"),
        ("wss://demo-stream.binance.com/ws/btcusdt@trade", "https://demo-api.binance.com:443"),
        ("wss://fstream.binance.com/market/ws/btcusdt@aggTrade", "https://fapi.binance.com:443"),
        ("wss://fstream.binancefuture.com/ws/btcusdt@aggTrade", "https://testnet.binancefuture.com:443"),
        ("wss://demo-fstream.binance.com/ws/btcusdt@aggTrade", "https://demo-fapi.binance.com:443"),
        ("simulator=ws://127.0.0.1:9001/ws/btcusdt@trade", "http://127.0.0.1:9001"),
        ("simulator=wss://exchange.example:9443/ws/btcusdt@trade", "https://exchange.example:9443"),
        ("ws://[::1]:9001/ws/btcusdt@trade", "http://[::1]:9001"),
    ])
    func `knows where each feed's history is`(feed: String, address: String) throws {
        let plan = try FeedPlan(parsing: feed)
        #expect(RefillOrigin(of: plan).address == address)
        #expect(RefillSource(FeedConfiguration(plan: plan, feed: 0)).origin.address == address)
    }

    @Test func `goes the feed's way, to another place where asked`() throws {
        var configuration = FeedConfiguration(plan: try FeedPlan(parsing: "ws://a.example/ws/btcusdt@trade"), feed: 0)
        (configuration.caFile, configuration.proxyURL) = ("/ca.pem", "http://proxy.example:1")
        let origin = RefillOrigin(host: "b.example", port: 8_443, isTLS: true)
        let source = RefillSource(configuration, origin: origin)
        #expect(source.origin == origin)
        #expect(source.caFile == "/ca.pem" && source.proxyURL == "http://proxy.example:1")
    }
}

@Suite struct RequestLimiterTests {
    private static func at(_ millis: UInt64) -> MonotonicNanos { MonotonicNanos(rawValue: millis * 1_000_000) }

    @Test func `a pause that one is told of holds for all who ask that host`() {
        let limiter = RequestLimiter()
        limiter.close("host", until: Self.at(60_000))
        limiter.close("HOST", until: Self.at(30_000))
        #expect(limiter.heldUntil("Host", at: Self.at(59_999)) == Self.at(60_000))
        #expect(limiter.heldUntil("host", at: Self.at(60_000)) == nil)
        #expect(limiter.heldUntil("other", at: Self.at(0)) == nil)
    }

    @Test func `stops at four fifths of the exchange's request weight`() {
        for (exchange, most) in [(.binance, 4_800), (.simulator, 4_800), (.binanceUSDM, 1_920)] as [(Exchange, Int)] {
            #expect(!RequestLimiter.isNearLimit(usedWeight: most - 1, of: exchange))
            #expect(RequestLimiter.isNearLimit(usedWeight: most, of: exchange))
        }
    }
}
