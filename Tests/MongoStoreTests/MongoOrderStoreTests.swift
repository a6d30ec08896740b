import Foundation
import TestSupport
import Testing
import TradingModel

@testable import MongoStore

@Suite(.serialized, .enabled(if: MongoServer.shouldRun, "run scripts/fetch-mongod for a mongod"))
struct MongoOrderStoreTests {
    private func withServer(replicaSet: Bool = true, _ body: (MongoServer) async throws -> Void) async throws {
        let server = try MongoServer(replicaSet: replicaSet)
        defer { server.remove() }
        try await server.start()
        try await body(server)
    }

    private func store(_ server: MongoServer) throws -> MongoOrderStore {
        try MongoOrderStore(settings: MongoStoreSettings(uri: server.uri))
    }

    @Test(arguments: [true, false])
    func `keeps both contracts, searching by indexes alone`(replicaSet: Bool) async throws {
        try await withServer(replicaSet: replicaSet) { server in
            try server.run(#"{"setParameter": 1, "notablescan": true}"#, database: "admin")
            var one = try store(server)
            var two = try store(server)
            try OrderStoreContract.check(&one, &two)
            try PaperOrderLogContract.check(&one, &two)
        }
    }

    @Test func `keeps every field of every kind of document`() async throws {
        try await withServer { server in
            var store = try store(server)
            try store.prepareTrading()
            try store.preparePaper()
            try checkOrders(&store, server)
            try checkPaperLog(&store, server)
            var position = Position(key: SampleTrading.key(), quoteAsset: "USDT")
            position.fees = ["USDT": SampleTrading.decimal("2"), "BNB": SampleTrading.decimal("0.1")]
            position.lastFillTime = UnixNanos(rawValue: SampleMarket.startNanos)
            try store.write([position])
            try check(
                server, "positions", "binance:BTCUSDT:sma-50-200",
                """
                \(key), \(decimal("quantity", "0")), \(decimal("cost", "0")), \(decimal("realisedProfit", "0")),
                "quoteAsset": "USDT", "fees": [{"asset": "BNB", \(decimal("amount", "0.1"))},
                {"asset": "USDT", \(decimal("amount", "2"))}], \(long("fillCount", "0")),
                \(date("lastFillTime", "1723161253123456789"))
                """)
            _ = try store.lease("signals", holder: "a", millis: 60_000)
            let lease = try #require(server.find("leases").first)
            #expect(lease["_id"] as? String == "signals" && lease["holder"] as? String == "a")
            #expect(lease["token"] as? [String: String] == ["$numberLong": "1"])
            #expect((lease["until"] as? [String: Any])?["$date"] != nil && lease.count == 4)
        }
    }

    private var key: String { #""exchange": "binance", "symbol": "BTCUSDT", "strategy": "sma-50-200""# }

    private func check(_ server: MongoServer, _ collection: String, _ id: String, _ expected: String) throws {
        let document = try #require(server.find(collection, #"{"_id": "\#(id)"}"#).first)
        let wanted = try JSONSerialization.jsonObject(with: Data(#"{"_id": "\#(id)", \#(expected)}"#.utf8))
        #expect(document as NSDictionary == wanted as? NSDictionary)
    }

    private func checkOrders(_ store: inout MongoOrderStore, _ server: MongoServer) throws {
        var order = SampleTrading.order(7)
        order.type = .limit(price: SampleTrading.decimal("61826.5"), timeoutMillis: 5_000)
        _ = try store.insert(order)
        var filled = SampleTrading.next(order, .filled, reason: "done")
        filled.fills = [SampleTrading.fill(1)]
        filled.venueOrderID = "paper-1"
        #expect(try store.update(filled))
        try check(
            server, "orders", "binance:BTCUSDT:sma-50-200:7-01",
            """
            "clientOrderId": "tlBTCUSDT7-01", "signalId": "binance:BTCUSDT:sma-50-200:7", "stream": "signals",
            \(key), \(long("tickId", "7")),
            \(date("signalReceiveTime", "1723161253123456790")), \(long("leg", "1")), "side": "BUY",
            \(decimal("quantity", "0.015")), "type": "LIMIT", \(decimal("limitPrice", "61826.5")),
            \(long("timeoutMillis", "5000")), \(decimal("referencePrice", "61826.57")), "quoteAsset": "USDT",
            \(long("token", "1")), \(long("revision", "1")), "venueOrderId": "paper-1", "state": "filled",
            "isOpen": false, "events": [
                {"state": "new", \(date("time", "1723161260123456789")), "reason": ""},
                {"state": "filled", \(date("time", "1723161260123456790")), "reason": "done"}],
            "fills": [{"tradeId": "paper-1", \(decimal("price", "61826.58")), \(decimal("quantity", "0.005")),
                \(decimal("fee", "-1E-8")), "feeAsset": "BNB", \(date("time", "1723161253123456788"))}],
            \(decimal("filledQuantity", "0.005")), \(date("createdTime", "1723161260123456789"))
            """)
        _ = try store.record(SampleTrading.outcome(7))
        try check(
            server, "signal_outcomes", "binance:BTCUSDT:sma-50-200:7",
            """
            \(key), "result": "ordered", "isApplied": true, "reason": "", \(long("tickId", "7")), "isAfterGap": false,
            \(decimal("target", "-0.015")), \(long("token", "1")), \(date("time", "1723161253123456791"))
            """)
    }

    private func checkPaperLog(_ store: inout MongoOrderStore, _ server: MongoServer) throws {
        _ = try store.append(SampleTrading.acceptance(1, of: SampleTrading.order(7)), account: "main")
        try check(
            server, "paper_log", "main:1",
            """
            "account": "main", \(long("sequence", "1")), "kind": "accept", \(long("token", "1")),
            "clientOrderId": "tlBTCUSDT7-01", "request": {"clientOrderId": "tlBTCUSDT7-01", "exchange": "binance",
            "symbol": "BTCUSDT", "side": "BUY", \(decimal("quantity", "0.015")), "type": "MARKET",
            \(decimal("referencePrice", "61826.57"))}, \(date("time", "1723161253123456792"))
            """)
    }

    @Test func `an index that stands in the way, or is not there, is named`() async throws {
        try await withServer { server in
            var store = try store(server)
            // Two orders of one client order id, as no trader stores them.
            try server.run(
                #"{"insert": "orders", "documents": [{"_id": 1, "clientOrderId": "x"}, {"_id": 2, "clientOrderId": "x"}]}"#
            )
            let blocked = try #require(throws: TradeStoreError.self) { try store.prepareTrading() }
            guard case .refused = blocked else { throw blocked }
            #expect("\(blocked)".contains("btc_data.orders can't have the index clientOrderId_1"), "\(blocked)")
            try server.run(#"{"delete": "orders", "deletes": [{"q": {"_id": {"$type": "int"}}, "limit": 0}]}"#)
            try store.prepareTrading()
            try server.run(#"{"dropIndexes": "orders", "index": "createdTimeNanos_1__id_1_of_isOpen"}"#)
            let missing = try #require(throws: TradeStoreError.self) { _ = try store.openOrders() }
            #expect(
                "\(missing)".contains("btc_data.orders has no index createdTimeNanos_1__id_1_of_isOpen"), "\(missing)")
        }
    }

    @Test func `what the server or a document can't hold is refused clearly`() async throws {
        try await withServer { server in
            var store = try store(server)
            try store.prepareTrading()
            var order = SampleTrading.order(1)
            order.events[0].reason = String(repeating: "x", count: 1 << 20)
            #expect(try store.insert(order) == .inserted)
            var longer = SampleTrading.next(order, .rejected)
            longer.events[1].reason = String(repeating: "y", count: 15 << 20)
            let oversized = try #require(throws: TradeStoreError.self) { _ = try store.update(longer) }
            guard case .refused = oversized else { throw oversized }
            #expect("\(oversized)".contains("for orders is above MongoDB's 16777216"), "\(oversized)")
            #expect(try store.order(id: order.id)?.revision == 0)
            try server.run(#"{"collMod": "orders", "validator": {"quoteAsset": "EUR"}}"#)
            let invalid = try #require(throws: TradeStoreError.self) { _ = try store.insert(SampleTrading.order(2)) }
            guard case .refused = invalid else { throw invalid }
            #expect("\(invalid)".contains("failed validation"), "\(invalid)")
        }
    }

    @Test func `a document that was changed by hand is refused by name, not passed over`() async throws {
        try await withServer { server in
            var store = try store(server)
            try store.prepareTrading()
            _ = try store.insert(SampleTrading.order(1))
            for (field, value) in [
                ("quantity", #""1""#), ("state", #""lost""#), ("token", #""x""#), ("exchange", #""mars""#),
                ("events", #"[5]"#), ("fills", "7"), ("fills", #"[{"tradeId": "x"}]"#),
            ] {
                let former = try #require(server.find("orders").first)
                try server.run(
                    #"{"update": "orders", "updates": [{"q": {}, "u": {"$set": {"\#(field)": \#(value)}}}]}"#)
                let error = try #require(throws: TradeStoreError.self) { _ = try store.openOrders() }
                guard case .refused = error else { throw error }
                let named = value.contains("tradeId") ? "price" : field
                #expect("\(error)".contains("no readable \(named)"), "\(error)")
                let document = String(decoding: try JSONSerialization.data(withJSONObject: former), as: UTF8.self)
                try server.run(#"{"update": "orders", "updates": [{"q": {}, "u": \#(document)}]}"#)
            }
            #expect(try store.openOrders() == [SampleTrading.order(1)])
        }
    }

    @Test func `market data can't be kept in a collection of the trader`() {
        var settings = MongoStoreSettings(uri: "mongodb://127.0.0.1/")
        settings.gapsCollection = "orders"
        let error = #expect(throws: MongoStoreError.self) { _ = try MongoOrderStore(settings: settings) }
        #expect("\(error!)".contains(#"both "orders""#))
    }
}
