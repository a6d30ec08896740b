import Foundation
import TestSupport
import Testing
import ThreadExecutor
import TradingModel

@testable import MongoStore

@Suite(.serialized, .enabled(if: MongoServer.shouldRun, "run scripts/fetch-mongod for a mongod"))
struct MongoStoreTests {
    /// Runs `body` against a fresh server, which is removed afterwards.
    private func withServer(
        replicaSet: Bool = true, arguments: [String] = [], _ body: (MongoServer) async throws -> Void
    ) async throws {
        let server = try MongoServer(replicaSet: replicaSet, arguments: arguments)
        defer { server.remove() }
        try await server.start()
        try await body(server)
    }

    private func makeStore(
        _ uri: String, catalog: MarketCatalog = SampleMarket.catalog,
        _ change: (inout MongoStoreSettings) -> Void = { _ in }
    ) throws -> MongoStore {
        var settings = MongoStoreSettings(uri: uri)
        change(&settings)
        return try MongoStore(settings: settings, catalog: catalog) { MonotonicClock.wallClock() }
    }

    @Test func `fulfils the store contract`() async throws {
        try await withServer { server in
            var store = try makeStore(server.uri)
            try TradeStoreContract.check(&store)
            #expect(try server.count("ticks") == 20)
            #expect(try server.count("trade_signals") == 4)
            #expect(try server.count("gaps") == 5)
            #expect(try server.count("depth") == 6)
            #expect(try server.count("klines") == 5)
        }
    }

    @Test func `fulfils the store contract on a standalone server`() async throws {
        try await withServer(replicaSet: false) { server in
            var store = try makeStore(server.uri)
            try TradeStoreContract.check(&store)
        }
    }

    @Test func `keeps every field of every kind of document`() async throws {
        try await withServer { server in
            var store = try makeStore(server.uri)
            try store.prepare()
            var batch = StoreBatch()
            batch.ticks = [
                SampleMarket.stored(7), SampleMarket.stored(8, kind: .aggregateTrade),
                SampleMarket.stored(9, kind: .quote),
            ]
            var unpriced = SampleMarket.stored(10, instrument: 1)
            unpriced.tick.flags = TickFlags.noPrice.rawValue
            unpriced.tick.exchangeTimeNanos = 0
            batch.ticks.append(unpriced)
            batch.ticks += [SampleMarket.refilled(12), SampleMarket.refilled(13, fromAggregate: true)]
            batch.decisions = [
                SampleMarket.decision(7), SampleMarket.decision(8, reason: .warming, side: .neutral),
            ]
            batch.gaps = [
                StoredGap(
                    gap: SampleMarket.gap(11), noticedTime: UnixNanos(rawValue: SampleMarket.startNanos + 10_000_000)),
                StoredGap(gap: SampleMarket.gap(21), noticedTime: UnixNanos(rawValue: SampleMarket.startNanos)),
            ]
            batch.gaps[1].gap.refilledFrom = .aggregates
            let before = Int64(Date().timeIntervalSince1970 * 1_000)
            _ = try store.write(batch)
            let after = Int64(Date().timeIntervalSince1970 * 1_000)

            func check(_ collection: String, _ id: String, _ expected: String) throws {
                try checkDocument(in: collection, of: server, id, createdWithin: before...after, expected)
            }
            let btc = #""exchange": "binance", "symbol": "BTCUSDT""#

            try check(
                "ticks", "binance:BTCUSDT:trade:7",
                """
                {"_id": "binance:BTCUSDT:trade:7", \(btc), "kind": "trade", \(long("tickId", "7")),
                 \(decimal("price", "61826.57")), \(decimal("quantity", "1.5")), "buyerIsMaker": false,
                 \(date("eventTime", "1723161253123463789")), \(date("receiveTime", "1723161253123464289"))}
                """)
            try check(
                "ticks", "binance:BTCUSDT:aggTrade:8",
                """
                {"_id": "binance:BTCUSDT:aggTrade:8", \(btc), "kind": "aggTrade", \(long("tickId", "8")),
                 \(decimal("price", "61826.58")), \(decimal("quantity", "1.5")), "buyerIsMaker": true,
                 \(long("firstTradeId", "16")), \(long("lastTradeId", "17")),
                 \(date("eventTime", "1723161253123464789")), \(date("receiveTime", "1723161253123465289"))}
                """)
            try check(
                "ticks", "binance:BTCUSDT:bookTicker:9",
                """
                {"_id": "binance:BTCUSDT:bookTicker:9", \(btc), "kind": "bookTicker", \(long("tickId", "9")),
                 \(decimal("bidPrice", "61826.59")), \(decimal("bidQuantity", "1.5")),
                 \(decimal("askPrice", "61827")), \(decimal("askQuantity", "0.00007")),
                 \(date("eventTime", "1723161253123465789")), \(date("receiveTime", "1723161253123466289"))}
                """)
            try check(
                "ticks", "binance-usdm:BTCUSDT:trade:10",
                """
                {"_id": "binance-usdm:BTCUSDT:trade:10", "exchange": "binance-usdm", "symbol": "BTCUSDT", "kind": "trade",
                 \(long("tickId", "10")), \(decimal("price", "0.0618266")), \(decimal("quantity", "0.0015")),
                 "buyerIsMaker": false, "isMarketPrice": false, \(date("receiveTime", "1723161253123467289"))}
                """)
            try check(
                "ticks", "binance-usdm:BTCUSDT:trade:12",
                """
                {"_id": "binance-usdm:BTCUSDT:trade:12", "exchange": "binance-usdm", "symbol": "BTCUSDT", "kind": "trade",
                 \(long("tickId", "12")), \(decimal("price", "1E-8")), \(decimal("quantity", "0.0015")),
                 "buyerIsMaker": false, "refilled": true, \(date("eventTime", "1723161253123468789")),
                 \(date("receiveTime", "1723161253123469289"))}
                """)
            try check(
                "ticks", "binance-usdm:BTCUSDT:trade:13",
                """
                {"_id": "binance-usdm:BTCUSDT:trade:13", "exchange": "binance-usdm", "symbol": "BTCUSDT", "kind": "trade",
                 \(long("tickId", "13")), \(decimal("price", "1E-8")), "quantity": null,
                 \(decimal("aggregateQuantity", "0.0015")), "buyerIsMaker": false, \(long("firstTradeId", "10")),
                 \(long("lastTradeId", "13")), "refilled": true, \(date("eventTime", "1723161253123469789")),
                 \(date("receiveTime", "1723161253123470289"))}
                """)
            let decisionTimes = """
                "timestamp": {"$date": {"$numberLong": "1723161253123"}}, \(date("eventTime", "1723161253123456789")),
                \(date("receiveTime", "1723161253123457566"))
                """
            try check(
                "trade_signals", "binance:BTCUSDT:sma-50-200:7",
                """
                {"_id": "binance:BTCUSDT:sma-50-200:7", "id": "binance:BTCUSDT:sma-50-200:7", \(btc),
                 "strategy": "sma-50-200", "signal": "BUY", "isSignal": true, "reason": "cross",
                 \(decimal("shortSMA", "61826.5002")), \(decimal("longSMA", "61826.50015")),
                 \(decimal("price", "61826.5")), \(long("tickId", "7")), \(decisionTimes)}
                """)
            try check(
                "trade_signals", "binance:BTCUSDT:sma-50-200:8:warming",
                """
                {"_id": "binance:BTCUSDT:sma-50-200:8:warming", "id": "binance:BTCUSDT:sma-50-200:8:warming", \(btc),
                 "strategy": "sma-50-200", "signal": "NEUTRAL", "isSignal": false, "reason": "warming",
                 "shortSMA": null, "longSMA": null, \(decimal("price", "61826.5")), \(long("tickId", "8")),
                 \(decisionTimes)}
                """)
            try check(
                "gaps", "binance:BTCUSDT:trade:gap:11-13",
                """
                {"_id": "binance:BTCUSDT:trade:gap:11-13", \(btc), "kind": "trade", \(long("fromId", "11")),
                 \(long("toId", "13")), \(long("missing", "3")), "cause": "reconnect",
                 \(date("beforeTime", "1723161253123456789")), \(date("afterTime", "1723161253132456789")),
                 \(date("noticedTime", "1723161253133456789")), "refilled": false}
                """)
            try check(
                "gaps", "binance:BTCUSDT:trade:gap:21-23",
                """
                {"_id": "binance:BTCUSDT:trade:gap:21-23", \(btc), "kind": "trade", \(long("fromId", "21")),
                 \(long("toId", "23")), \(long("missing", "3")), "cause": "reconnect",
                 \(date("beforeTime", "1723161253123456789")), \(date("afterTime", "1723161253132456789")),
                 \(date("noticedTime", "1723161253123456789")), "refilled": true, "refilledFrom": "aggregates"}
                """)
        }
    }

    @Test func `ticks and books expire after their retention, and a changed retention is applied`() async throws {
        try await withServer { server in
            var store = try makeStore(server.uri)
            try store.prepare()
            var batch = SampleMarket.batch(first: 1, ticks: 50)
            batch.books = [SampleMarket.book(1), SampleMarket.book(1, kind: .partialDepth)]
            batch.klines = [SampleMarket.stored(SampleMarket.kline(1))]
            _ = try store.write(batch)
            try server.run(
                #"{"insert": "depth", "documents": [{"_id": "old", "data": {}, "created_at": {"$date": "2020-01-01T00:00:00Z"}}]}"#
            )
            #expect(try server.count("ticks") == 50 && server.count("depth") == 3)
            store = try makeStore(server.uri) { $0.tickRetentionSeconds = 1 }
            try store.prepare()
            try await waitUntil("the ticks are gone", timeout: .seconds(60)) { try server.count("ticks") == 0 }
            let ours = #"{"kind": {"$exists": true}}"#
            try await waitUntil("the books are gone", timeout: .seconds(60)) { try server.find("depth", ours).isEmpty }
            #expect(try server.count("depth") == 1, "what the earlier services left stays")
            #expect(try server.count("trade_signals") == 1)
            #expect(try server.count("gaps") == 1)
            #expect(try server.count("klines") == 1)
        }
    }

    @Test func `makes the indexes it promises`() async throws {
        try await withServer { server in
            var store = try makeStore(server.uri)
            try store.prepare()
            var names: [String: [String]] = [:]
            for collection in ["ticks", "depth", "klines", "trade_signals", "gaps"] {
                let reply = try server.run(#"{"listIndexes": "\#(collection)"}"#)
                let indexes = (reply["cursor"] as? [String: Any])?["firstBatch"] as? [[String: Any]] ?? []
                names[collection] = indexes.compactMap { $0["name"] as? String }.sorted()
            }
            #expect(
                names == [
                    "ticks": [
                        "_id_", "created_at_1", "exchange_1_symbol_1_kind_1_tickId_1", "symbol_1_eventTime_1",
                    ],
                    "depth": [
                        "_id_", "created_at_1", "exchange_1_symbol_1_kind_1_lastUpdateId_1", "symbol_1_timestamp_1",
                    ],
                    "klines": [
                        "_id_", "exchange_1_symbol_1_interval_1_openTimeNanos_1", "symbol_1_interval_1_openTime_1",
                    ],
                    "trade_signals": [
                        "_id_", "exchange_1_symbol_1_strategy_1_tickId_1__id_1", "symbol_1_strategy_1_timestamp_1",
                        "timestamp_1",
                    ],
                    "gaps": ["_id_", "exchange_1_symbol_1_kind_1_fromId_1__id_1", "symbol_1_noticedTime_1"],
                ])
        }
    }

    @Test func `a document the server refuses does not stop the others`() async throws {
        try await withServer { server in
            var store = try makeStore(server.uri)
            try store.prepare()
            try server.run(#"{"collMod": "ticks", "validator": {"tickId": {"$ne": 5}}}"#)
            let receipt = try store.write(SampleMarket.batch(first: 1, ticks: 10))
            #expect(receipt.refused == 1)
            #expect(receipt.inserted == ["ticks": 9, "trade_signals": 1, "gaps": 1])
            let again = try store.write(SampleMarket.batch(first: 1, ticks: 10))
            #expect(again.refused == 1)
            #expect(again.duplicates == 11)
            // A replayed batch with news among it.
            var batch = StoreBatch()
            batch.ticks = (1...1_000).map { SampleMarket.stored($0) }
            let more = try store.write(batch)
            #expect(more.inserted["ticks"] == 990 && more.duplicates == 9 && more.refused == 1)
            let count = try server.count("ticks")
            #expect(count == 999)
            print("figure: M5 and M6 of 1,000 in a batch 9 known, 1 refused (121), others lost \(999 - count)")
        }
    }

    @Test func `refuses an id beyond 63 bits and a document over 16 MiB, alone`() async throws {
        let huge = String(repeating: "X", count: 9 << 20)  // twice in a document: as the symbol and in its id
        let catalog = MarketCatalog(
            instruments: SampleMarket.catalog.instruments + [
                InstrumentSpecification(instrument: Instrument(exchange: .binance, symbol: huge))
            ], strategies: SampleMarket.catalog.strategies)
        try await withServer { server in
            var store = try makeStore(server.uri, catalog: catalog)
            try store.prepare()
            var batch = SampleMarket.batch(first: 1, ticks: 3)
            batch.ticks.insert(SampleMarket.stored(2, instrument: 2), at: 1)
            batch.ticks[0].tick.id = 1 << 63
            let receipt = try store.write(batch)
            #expect(receipt.refused == 2)
            #expect(receipt.inserted["ticks"] == 2)
            print(
                "figure: M6 an id and a document out of range set aside, others lost \(2 - (try server.count("ticks")))"
            )
        }
    }

    @Test func `a duplicate in an operator's own unique index is refused, not taken for a retry`() async throws {
        try await withServer { server in
            var store = try makeStore(server.uri)
            try store.prepare()
            try server.run(
                #"{"createIndexes": "ticks", "indexes": [{"key": {"kind": 1}, "name": "own", "unique": true}]}"#)
            let receipt = try store.write(SampleMarket.batch(first: 1, ticks: 3))
            #expect(receipt.inserted["ticks"] == 1)
            #expect(receipt.refused == 2)
            #expect(receipt.duplicates == 0)
        }
    }

    @Test(arguments: [
        #""closeConnection": true"#, #""errorCode": 10107, "errorLabels": ["RetryableWriteError"]"#,
        #""writeConcernError": {"code": 91, "errmsg": "shutdown"}, "errorLabels": ["RetryableWriteError"]"#,
    ])
    func `one failed command is retried unnoticed, two make the batch unavailable`(failure: String) async throws {
        try await withServer { server in
            var store = try makeStore(server.uri)
            try store.prepare()
            func fail(times: Int) throws {
                try server.run(
                    #"""
                    {"configureFailPoint": "failCommand", "mode": {"times": \#(times)},
                     "data": {"failCommands": ["insert"], \#(failure)}}
                    """#, database: "admin")
            }
            var batch = StoreBatch()
            batch.ticks = (1...10).map { SampleMarket.stored($0) }
            try fail(times: 1)
            let receipt = try store.write(batch)
            #expect(receipt.inserted["ticks"] == 10)
            #expect(receipt.duplicates == 0)

            batch.ticks = (11...20).map { SampleMarket.stored($0) }
            try fail(times: 2)
            do {
                _ = try store.write(batch)
                Issue.record("two failures went unnoticed")
            } catch TradeStoreError.unavailable(_) {
                // as it should be
            }
            var written = 0
            try await waitUntil("the batch is written") {
                do {
                    let receipt = try store.write(batch)
                    written = receipt.inserted["ticks", default: 0] + receipt.duplicates
                    return true
                } catch let error as TradeStoreError {
                    guard case .unavailable = error else { throw error }
                    return false
                }
            }
            #expect(written == 10)
            let count = try server.count("ticks")
            #expect(count == 20)
            print(
                "figure: M4 \(failure.prefix(24))…: once and twice in 20 inserts of documents, lost \(20 - count), duplicated 0"
            )
        }
    }

    @Test func `an absent server is unavailable within the time limits`() throws {
        var store = try makeStore("mongodb://user:s3cr3t@127.0.0.1:\(freePort())/")
        do {
            try store.prepare()
            Issue.record("prepared without a server")
        } catch {
            guard case .unavailable(let reason) = error else {
                Issue.record("refused: \(error)")
                return
            }
            #expect(!reason.isEmpty)
            #expect(!reason.contains("s3cr3t"))
        }
    }

    @Test func `a wrong password is refused and not shown`() async throws {
        try await withServer(replicaSet: false, arguments: ["--auth"]) { server in
            // Without a user the server lets local clients make one, with roles of the admin database only.
            try server.run(#"{"createUser": "root", "pwd": "root", "roles": ["root"]}"#, database: "admin")
            let administrator = try MongoConnection(uri: "mongodb://root:root@127.0.0.1:\(server.port)/")
            _ = try administrator.run(
                #"{"createUser": "tick", "pwd": "right", "roles": [{"role": "readWrite", "db": "btc_data"}]}"#,
                database: "admin")
            var wrong = try makeStore("mongodb://tick:s3cr3t@127.0.0.1:\(server.port)/?authSource=admin")
            do {
                try wrong.prepare()
                Issue.record("a wrong password was taken")
            } catch let error as TradeStoreError {
                guard case .refused(let reason) = error else {
                    Issue.record("not refused: \(error)")
                    return
                }
                #expect(!reason.contains("s3cr3t"))
            }
            var right = try makeStore("mongodb://tick:right@127.0.0.1:\(server.port)/?authSource=admin")
            try right.prepare()
            #expect(try right.write(SampleMarket.batch(first: 1, ticks: 1)).inserted["ticks"] == 1)
            var elsewhere = try makeStore("mongodb://tick:right@127.0.0.1:\(server.port)/?authSource=admin") {
                $0.database = "other"
            }
            do {
                try elsewhere.prepare()
                Issue.record("a database without permission was taken")
            } catch TradeStoreError.refused(_) {
                // as it should be
            }
        }
    }
}
