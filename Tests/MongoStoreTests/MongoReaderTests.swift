import TestSupport
import Testing
import ThreadExecutor
import TradingModel

@testable import MongoStore

@Suite(.serialized, .enabled(if: MongoServer.shouldRun, "run scripts/fetch-mongod for a mongod"))
struct MongoReaderTests {
    private func withServer(_ body: (MongoServer) async throws -> Void) async throws {
        let server = try MongoServer()
        defer { server.remove() }
        try await server.start()
        try await body(server)
    }

    private func store(_ server: MongoServer) throws -> MongoStore {
        var store = try MongoStore(
            settings: MongoStoreSettings(uri: server.uri), catalog: SampleMarket.catalog,
            wallClock: { MonotonicClock.wallClock() })
        try store.prepare()
        return store
    }

    @Test func `keeps the reader's contract, beside documents of the earlier services and an operator's`() async throws
    {
        try await withServer { server in
            var store = try store(server)
            let receipt = try store.write(TradeReaderContract.records)
            #expect(receipt.refused == 0 && receipt.duplicates == 0)
            try server.run(
                #"{"insert": "trade_signals", "documents": [{"signal": "BUY", "shortSMA": 1.5, "longSMA": 1.25}]}"#)
            try server.run(#"{"insert": "depth", "documents": [{"data": {"symbol": "BTCUSDT"}, "timestamp": null}]}"#)
            try server.run(#"{"insert": "ticks", "documents": [{"exchange": 5, "symbol": ["x"], "kind": null}]}"#)
            var reader = try MongoReader(settings: MongoStoreSettings(uri: server.uri))
            try TradeReaderContract.check(&reader)
        }
    }

    @Test func `every search is answered by its index alone`() async throws {
        try await withServer { server in
            var store = try store(server)
            _ = try store.write(SampleMarket.batch(first: 1, ticks: 5_000))
            try server.run(#"{"setParameter": 1, "notablescan": true}"#, database: "admin")
            var reader = try MongoReader(settings: MongoStoreSettings(uri: server.uri))
            #expect(try reader.instruments().map(\.description) == ["binance:BTCUSDT"])
            let series = try reader.series(of: .ticks, instrument: reader.instruments()[0])
            var range = RecordRange()
            range.keys = 2_500...5_000
            range.most = 10
            #expect(try reader.records(of: series[0], in: range).map(\.position.key) == Array(2_500...2_509))
        }
    }

    @Test func `a collection without the index is refused with the remedy, not scanned`() async throws {
        try await withServer { server in
            var store = try store(server)
            _ = try store.write(SampleMarket.batch(first: 1, ticks: 5))
            try server.run(#"{"dropIndexes": "ticks", "index": "exchange_1_symbol_1_kind_1_tickId_1"}"#)
            var reader = try MongoReader(settings: MongoStoreSettings(uri: server.uri))
            let error = try #require(throws: TradeStoreError.self) { _ = try reader.instruments() }
            #expect("\(error)".contains("btc_data.ticks has no index over exchange, symbol, kind, tickId"), "\(error)")
        }
    }

    @Test func `an empty database has nothing`() async throws {
        try await withServer { server in
            var reader = try MongoReader(settings: MongoStoreSettings(uri: server.uri))
            #expect(try reader.instruments() == [])
        }
    }

    @Test func `a decimal has the text that was stored, whatever its bits`() {
        let cases: [(Int64, Int, String)] = [
            (0, 8, "0"), (1, 12, "0.000000000001"), (-1, 8, "-0.00000001"), (6_182_650, 2, "61826.5"),
            (Int64.max, 0, "9223372036854775807"), (Int64.min, 12, "-9223372.036854775808"), (100, 0, "100"),
        ]
        for (value, decimals, text) in cases {
            #expect(Decimal128(fixedPoint: value, decimals: decimals).text == text)
        }
        // 1E+3 as another program may write it; NaN and infinity; the largest exponent.
        #expect(Decimal128(low: 1, high: UInt64(6_179) << 49).text == "1000")
        #expect(Decimal128(low: 0, high: 0x7C00_0000_0000_0000).text == nil)
        #expect(Decimal128(low: 0, high: 0x7800_0000_0000_0000).text == nil)
        #expect(Decimal128(low: 1, high: UInt64(12_287) << 49).text == nil)
    }

    @Test func `an exact decimal keeps its 34 digits and 34 decimals`() throws {
        let nines = String(repeating: "9", count: 34)
        let small = "0." + String(repeating: "0", count: 33) + "1"
        for text in ["0", "-0.5", "61826.57", "100", nines, "-" + nines, "0." + nines, small, "-" + small] {
            let value = try #require(ExactDecimal(text))
            #expect(Decimal128(value).exact == value)
            #expect(Decimal128(value).text == text)
        }
        // As other programs write: 1E+3, 2.50, -0, 0E+6000; and what is no exact decimal: 1E+40, 1E-40, NaN.
        #expect(Decimal128(low: 1, high: UInt64(6_179) << 49).exact == ExactDecimal(1_000))
        #expect(Decimal128(low: 250, high: UInt64(6_174) << 49).exact == ExactDecimal("2.5"))
        #expect(Decimal128(low: 0, high: 1 << 63 | UInt64(6_176) << 49).exact == .zero)
        #expect(Decimal128(low: 0, high: UInt64(12_176) << 49).exact == .zero)
        #expect(Decimal128(low: 1, high: UInt64(6_216) << 49).exact == nil)
        #expect(Decimal128(low: 1, high: UInt64(6_136) << 49).exact == nil)
        #expect(Decimal128(low: 0, high: 0x7C00_0000_0000_0000).exact == nil)
    }
}
