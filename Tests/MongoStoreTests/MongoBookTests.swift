import Foundation
import MongoStore
import TestSupport
import Testing
import ThreadExecutor
import TradingModel

/// Book updates and klines as documents.
@Suite(.serialized, .enabled(if: MongoServer.shouldRun, "run scripts/fetch-mongod for a mongod"))
struct MongoBookTests {
    private func makeStore(_ uri: String) throws -> MongoStore {
        try MongoStore(settings: MongoStoreSettings(uri: uri), catalog: SampleMarket.catalog) {
            MonotonicClock.wallClock()
        }
    }

    @Test func `keeps every field of books and klines, the earlier services' shape among them`() async throws {
        let server = try MongoServer()
        defer { server.remove() }
        try await server.start()
        var store = try makeStore(server.uri)
        try store.prepare()
        var batch = StoreBatch()
        batch.books = [
            SampleMarket.book(9, first: 7), SampleMarket.book(9, kind: .partialDepth, bids: 0, asks: 1),
            SampleMarket.book(10, first: 8, previous: 6, bids: 0, asks: 0, instrument: 1),
        ]
        batch.klines = [
            SampleMarket.stored(SampleMarket.kline(0)),
            SampleMarket.stored(SampleMarket.kline(1, interval: .oneMonth, instrument: 1)),
        ]
        let before = Int64(Date().timeIntervalSince1970 * 1_000)
        let receipt = try store.write(batch)
        let after = Int64(Date().timeIntervalSince1970 * 1_000)
        #expect(receipt.inserted == ["depth": 3, "klines": 2] && receipt.refused == 0)

        func check(_ collection: String, _ id: String, _ expected: String) throws {
            try checkDocument(in: collection, of: server, id, createdWithin: before...after, expected)
        }
        let btc = #""exchange": "binance", "symbol": "BTCUSDT""#
        try check(
            "depth", "binance:BTCUSDT:depth:9",
            """
            {"_id": "binance:BTCUSDT:depth:9",
             "data": {"eventtype": "depthUpdate", \(long("eventtime", "1723161253123")), "symbol": "BTCUSDT",
                      \(long("firstupdateid", "7")), \(long("finalupdateid", "9")),
                      "bidupdates": [["61826.50000000", "0"], ["61826.49000000", "0.01"]],
                      "askupdates": [["61826.51000000", "0"]]},
             "timestamp": {"$date": {"$numberLong": "1723161253123"}}, \(btc), "kind": "depth",
             \(long("firstUpdateId", "7")), \(long("lastUpdateId", "9")),
             \(date("eventTime", "1723161253123465789")), \(date("receiveTime", "1723161253123466289"))}
            """)
        try check(
            "depth", "binance:BTCUSDT:partialDepth:9",
            """
            {"_id": "binance:BTCUSDT:partialDepth:9",
             "data": {"symbol": "BTCUSDT", \(long("firstupdateid", "9")), \(long("finalupdateid", "9")),
                      "bidupdates": [], "askupdates": [["61826.51000000", "0"]]},
             "timestamp": {"$date": {"$numberLong": "1723161253123"}}, \(btc), "kind": "partialDepth",
             \(long("firstUpdateId", "9")), \(long("lastUpdateId", "9")),
             \(date("receiveTime", "1723161253123466289"))}
            """)
        try check(
            "depth", "binance-usdm:BTCUSDT:depth:10",
            """
            {"_id": "binance-usdm:BTCUSDT:depth:10",
             "data": {"eventtype": "depthUpdate", \(long("eventtime", "1723161253123")), "symbol": "BTCUSDT",
                      \(long("firstupdateid", "8")), \(long("finalupdateid", "10")), "bidupdates": [],
                      "askupdates": []},
             "timestamp": {"$date": {"$numberLong": "1723161253123"}}, "exchange": "binance-usdm",
             "symbol": "BTCUSDT", "kind": "depth", \(long("firstUpdateId", "8")), \(long("lastUpdateId", "10")),
             \(long("previousUpdateId", "6")), \(date("eventTime", "1723161253123466789")),
             \(date("transactionTime", "1723161253123466389")), \(date("receiveTime", "1723161253123467289"))}
            """)
        let times = """
            \(date("openTime", "1723161240000000000")), \(date("closeTime", "1723161299999000000")),
            \(date("eventTime", "1723161300007000000")), \(date("receiveTime", "1723161300007000900"))
            """
        try check(
            "klines", "binance:BTCUSDT:kline_1m:1723161240000",
            """
            {"_id": "binance:BTCUSDT:kline_1m:1723161240000", \(btc), "interval": "1m", \(times),
             \(decimal("open", "61826.5")), \(decimal("high", "61827")), \(decimal("low", "61826")),
             \(decimal("close", "61826.1")), \(decimal("volume", "0")), \(long("trades", "0"))}
            """)
        let month = try #require(
            try server.find("klines", #"{"_id": "binance-usdm:BTCUSDT:kline_1M:1723161300000"}"#).first)
        #expect(month["interval"] as? String == "1M")
        #expect(month["lastTradeId"] as? [String: String] == ["$numberLong": "111"])
    }

    @Test func `a book over 16 MiB and one the server refuses are set aside alone, the rest is written`() async throws {
        let server = try MongoServer()
        defer { server.remove() }
        try await server.start()
        var store = try makeStore(server.uri)
        try store.prepare()
        try server.run(#"{"collMod": "depth", "validator": {"lastUpdateId": {"$ne": 5}}}"#)
        var batch = SampleMarket.batch(first: 1, ticks: 2)
        batch.books = (1...10).map { SampleMarket.book($0) }
        // A level takes some 50 bytes.
        batch.books[2] = SampleMarket.book(3, bids: 200_000, asks: 200_000)
        batch.books[6].header.id = 1 << 63
        batch.klines = [SampleMarket.stored(SampleMarket.kline(1))]
        let receipt = try store.write(batch)
        #expect(receipt.refused == 3)
        #expect(receipt.inserted == ["ticks": 2, "trade_signals": 1, "gaps": 1, "depth": 7, "klines": 1])
        print("figure: of 10 books 3 refused, \(try server.count("depth")) of the 7 others stored")
        let again = try store.write(batch)
        #expect(again.refused == 3 && again.duplicates == 12 && again.inserted.values.allSatisfy { $0 == 0 })
        #expect(try server.count("depth") == 7)
    }
}
