import Foundation
import Synchronization
import TestSupport
import Testing
import TradingModel

@testable import SQLiteStore

@Suite struct SQLiteOrderStoreTests {
    private let folder = try! TemporaryFolder()
    private var path: String { folder.url.appendingPathComponent("trading.sqlite").path }

    private func store(
        clock: @escaping @Sendable () -> UnixNanos = { UnixNanos(rawValue: Int64(Date().timeIntervalSince1970 * 1e9)) }
    ) throws -> SQLiteOrderStore { try SQLiteOrderStore(path: path, wallClock: clock) }

    /// Rows as another program sees them.
    private func rows(_ query: String) throws -> [[String: String]] {
        try TestSupport.SQLiteReader.rows(query, of: path)
    }

    @Test func `keeps the order store's contract`() throws {
        defer { folder.remove() }
        var one = try store()
        var two = try store()
        try OrderStoreContract.check(&one, &two)
    }

    @Test func `keeps the paper log's contract`() throws {
        defer { folder.remove() }
        var one = try store()
        var two = try store()
        try PaperOrderLogContract.check(&one, &two)
    }

    @Test func `every call is synced before it returns, and all is there in a store opened anew`() throws {
        defer { folder.remove() }
        let order = SampleTrading.order(1)
        var store = try store()
        try store.prepareTrading()
        let synchronous = try store.reading { connection throws(SQLiteFailure) in
            try connection.number("PRAGMA synchronous")
        }
        #expect(synchronous == 2, "FULL")
        #expect(try store.insert(order) == .inserted)
        _ = try store.lease("s", holder: "a", millis: 1)
        store.close()
        #expect(throws: TradeStoreError.unavailable("the database is not open")) { _ = try store.order(id: "x") }
        var again = try self.store()
        try again.prepareTrading()
        #expect(try again.openOrders() == [order])
        try waitForLapse(&again)
    }

    /// The token of a lease that lapsed while the store was closed rises.
    private func waitForLapse(_ store: inout SQLiteOrderStore) throws {
        while true {
            guard case .held(let lease) = try store.lease("s", holder: "b", millis: 1_000) else { continue }
            #expect(lease.token == 2)
            return
        }
    }

    @Test func `every search is answered by an index alone`() throws {
        defer { folder.remove() }
        var store = try store()
        try store.prepareTrading()
        for search in TradingSchema.searches {
            let plan = try store.reading { connection throws(SQLiteFailure) in
                try connection.prepare("EXPLAIN QUERY PLAN \(search)").rows { $0.text(3) ?? "" }
            }
            #expect(plan.count == 1, "\(search): \(plan)")
            let isOpen = search == TradingSchema.openOrders
            #expect(plan[0].hasPrefix(isOpen ? "SCAN orders USING INDEX orders_open" : "SEARCH "), "\(search): \(plan)")
        }
    }

    @Test func `a lease ends by the clock given, and one that would last for ever is no overflow`() throws {
        defer { folder.remove() }
        let nanos = Mutex(Int64(0))
        var store = try store { UnixNanos(rawValue: nanos.withLock { $0 }) }
        try store.prepareTrading()
        _ = try store.lease("s", holder: "a", millis: 2_000)
        nanos.withLock { $0 = 1_999_999_999 }
        #expect(try store.lease("s", holder: "b", millis: 2_000) == .heldByOther("a"))
        nanos.withLock { $0 = 2_000_000_000 }
        #expect(
            try store.lease("s", holder: "b", millis: 2_000)
                == .held(TradingLease(name: "s", holder: "b", token: 2)))
        nanos.withLock { $0 = .max - 1 }
        #expect(
            try store.lease("s", holder: "a", millis: 2_000)
                == .held(TradingLease(name: "s", holder: "a", token: 3)))
    }

    @Test func `shows another program the fields of the documents, while it writes`() throws {
        defer { folder.remove() }
        var store = try store { UnixNanos(rawValue: SampleMarket.startNanos) }
        try store.prepareTrading()
        var order = SampleTrading.order(7)
        order.type = .limit(price: SampleTrading.decimal("61826.5"), timeoutMillis: 5_000)
        _ = try store.insert(order)
        var filled = SampleTrading.next(order, .filled, reason: "done")
        filled.fills = [SampleTrading.fill(1), SampleTrading.fill(2), SampleTrading.fill(3)]
        filled.venueOrderID = "paper-1"
        #expect(try store.update(filled))
        let found = try rows("SELECT * FROM orders")
        #expect(
            found == [
                [
                    "_id": "binance:BTCUSDT:sma-50-200:7-01", "clientOrderId": "tlBTCUSDT7-01",
                    "signalId": "binance:BTCUSDT:sma-50-200:7", "stream": "signals", "exchange": "binance",
                    "symbol": "BTCUSDT",
                    "strategy": "sma-50-200", "tickId": "7", "signalReceiveTime": "2024-08-08T23:54:13.123Z",
                    "signalReceiveTimeNanos": "1723161253123456790", "leg": "1", "side": "BUY", "quantity": "0.015",
                    "type": "LIMIT", "limitPrice": "61826.5", "timeoutMillis": "5000", "referencePrice": "61826.57",
                    "quoteAsset": "USDT", "token": "1", "revision": "1", "venueOrderId": "paper-1", "state": "filled",
                    "isOpen": "0", "filledQuantity": "0.015", "createdTime": "2024-08-08T23:54:20.123Z",
                    "createdTimeNanos": "1723161260123456789",
                ]
            ])
        #expect(
            try rows("SELECT state, timeNanos, reason FROM order_events ORDER BY number") == [
                ["state": "new", "timeNanos": "1723161260123456789", "reason": ""],
                ["state": "filled", "timeNanos": "1723161260123456790", "reason": "done"],
            ])
        let fills = try rows("SELECT tradeId, price, quantity, fee, feeAsset FROM order_fills WHERE number = 2")
        #expect(
            fills == [
                [
                    "tradeId": "paper-3", "price": "61826.58", "quantity": "0.005", "fee": "-0.00000001",
                    "feeAsset": "BNB",
                ]
            ])
        var position = Position(key: SampleTrading.key(), quoteAsset: "USDT")
        position.fees = ["BNB": SampleTrading.decimal("0.1"), "USDT": SampleTrading.decimal("2")]
        try store.write([position])
        position.fees["USDT"] = nil
        try store.write([position])
        #expect(
            try rows("SELECT * FROM position_fees") == [
                ["positionId": "binance:BTCUSDT:sma-50-200", "asset": "BNB", "amount": "0.1"]
            ])
    }

    @Test func `a row that was changed by hand is refused by name, not passed over`() throws {
        defer { folder.remove() }
        var store = try store()
        try store.prepareTrading()
        _ = try store.insert(SampleTrading.order(1))
        for (column, value) in [("quantity", "'1E5'"), ("state", "'lost'"), ("token", "'x'"), ("exchange", "'mars'")] {
            let former = try store.writing { connection throws(SQLiteFailure) in
                let former = try connection.text("SELECT \(column) FROM orders") ?? ""
                try connection.execute("UPDATE orders SET \(column) = \(value)")
                return former
            }
            let error = try #require(throws: TradeStoreError.self) { _ = try store.openOrders() }
            #expect(
                "\(error)".contains("binance:BTCUSDT:sma-50-200:1-01 is not as it was written: \(column)"), "\(error)")
            guard case .refused = error else { throw error }
            try store.writing { connection throws(SQLiteFailure) in
                try connection.execute("UPDATE orders SET \(column) = '\(former)'")
            }
        }
        #expect(try store.openOrders() == [SampleTrading.order(1)])
    }

    @Test func `an order over 16 MiB is refused, and another program's file as well`() throws {
        defer { folder.remove() }
        var store = try store()
        try store.prepareTrading()
        var order = SampleTrading.order(1)
        order.events[0].reason = String(repeating: "x", count: 16 << 20 | 1)
        let error = try #require(throws: TradeStoreError.self) { _ = try store.insert(order) }
        #expect("\(error)".contains("\(order.id) has a text of 16777217 bytes"), "\(error)")
        store.close()
        #expect(throws: SQLiteStoreError.notOurs(path: path)) {
            _ = try SQLiteStore(
                path: path, retentionSeconds: 60, catalog: SampleMarket.catalog, wallClock: { UnixNanos(rawValue: 0) })
        }
        let other = folder.url.appendingPathComponent("other.sqlite").path
        try Data("no database at all, but long enough to be looked at".utf8).write(to: URL(fileURLWithPath: other))
        #expect(throws: SQLiteStoreError.notOurs(path: other)) {
            _ = try SQLiteOrderStore(path: other, wallClock: { UnixNanos(rawValue: 0) })
        }
    }

    @Test func `a call that another program's lock holds up is unavailable, and succeeds when repeated`() throws {
        defer { folder.remove() }
        var store = try store()
        try store.prepareTrading()
        let other = try SQLiteConnection(path: path, mode: .readWrite, busyMillis: 0)
        try other.execute("BEGIN IMMEDIATE")
        let error = try #require(throws: TradeStoreError.self) { _ = try store.insert(SampleTrading.order(1)) }
        guard case .unavailable = error else { throw error }
        #expect(try store.order(id: SampleTrading.order(1).id) == nil, "readers are not held up")
        try other.execute("ROLLBACK")
        #expect(try store.insert(SampleTrading.order(1)) == .inserted)
    }
}
