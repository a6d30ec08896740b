import Foundation
import SQLiteStore
import Synchronization
import TestSupport
import Testing
import TradingModel

@Suite struct SQLiteStoreTests {
    private let folder = try! TemporaryFolder()
    private var path: String { folder.url.appendingPathComponent("tickline.sqlite").path }
    private static let now = UnixNanos(rawValue: SampleMarket.startNanos + 60_000_000_000)

    private func store(
        retentionSeconds: Int = 86_400, clock: @escaping @Sendable () -> UnixNanos = { Self.now }
    ) throws -> SQLiteStore {
        try SQLiteStore(
            path: path, retentionSeconds: retentionSeconds, catalog: SampleMarket.catalog, wallClock: clock)
    }

    /// Rows as another program sees them.
    private func rows(_ query: String) throws -> [[String: String]] { try SQLiteReader.rows(query, of: path) }

    @Test func `keeps the store's contract`() throws {
        defer { folder.remove() }
        var store = try store()
        try TradeStoreContract.check(&store)
        store.close()
        #expect(try rows("SELECT count(*) AS n FROM ticks") == [["n": "20"]])
        #expect(try rows("SELECT count(*) AS n FROM depth") == [["n": "6"]])
        #expect(try rows("SELECT count(*) AS n FROM klines") == [["n": "5"]])
    }

    @Test func `shows another program the fields of the documents, while it writes`() throws {
        defer { folder.remove() }
        var store = try store()
        try store.prepare()
        var batch = SampleMarket.batch(first: 1_000, ticks: 1)
        batch.ticks.append(SampleMarket.stored(1_001, kind: .aggregateTrade))
        batch.ticks.append(SampleMarket.stored(1_002, kind: .quote))
        batch.ticks += [SampleMarket.refilled(2_000), SampleMarket.refilled(2_001, fromAggregate: true)]
        batch.gaps.append(batch.gaps[0])
        batch.gaps[1].gap.lastID += 1
        batch.gaps[1].gap.refilledFrom = .trades
        batch.books = [
            SampleMarket.book(77, first: 70),
            SampleMarket.book(78, first: 71, previous: 69, bids: 0, asks: 0, instrument: 1),
            SampleMarket.book(77, kind: .partialDepth),
        ]
        batch.klines = [SampleMarket.stored(SampleMarket.kline(0)), SampleMarket.stored(SampleMarket.kline(1))]
        let receipt = try store.write(batch)
        #expect(
            receipt.inserted == ["ticks": 5, "trade_signals": 1, "gaps": 2, "depth": 3, "klines": 2]
                && receipt.refused == 0)

        let ticks = try rows("SELECT * FROM ticks ORDER BY tickId")
        #expect(ticks[0]["_id"] == "binance:BTCUSDT:trade:1000" && ticks[0]["price"] == "61836.5")
        #expect(ticks[0]["quantity"] == "1.5" && ticks[0]["buyerIsMaker"] == "1" && ticks[0]["bidPrice"] == "None")
        #expect(ticks[0]["eventTime"] == "2024-08-08T23:54:13.124Z")
        #expect(ticks[0]["eventTimeNanos"] == "1723161253124456789")
        #expect(ticks[1]["firstTradeId"] == "2002" && ticks[1]["lastTradeId"] == "2003")
        #expect(ticks[2]["askPrice"] == "61827" && ticks[2]["askQuantity"] == "0.00007" && ticks[2]["price"] == "None")
        let decision = try rows("SELECT * FROM trade_signals")[0]
        #expect(decision["_id"] == "binance:BTCUSDT:sma-50-200:1000" && decision["signal"] == "BUY")
        #expect(decision["shortSMA"] == "61826.5002" && decision["longSMA"] == "61826.50015")
        #expect(decision["timestamp"] == "2024-08-08T23:54:13.123Z" && decision["isSignal"] == "1")
        #expect(ticks[0]["refilled"] == "None" && ticks[3]["refilled"] == "1" && ticks[3]["quantity"] == "0.0015")
        #expect(ticks[3]["aggregateQuantity"] == "None" && ticks[3]["firstTradeId"] == "None")
        #expect(ticks[4]["quantity"] == "None" && ticks[4]["aggregateQuantity"] == "0.0015")
        #expect(ticks[4]["firstTradeId"] == "1998" && ticks[4]["lastTradeId"] == "2001")
        let gaps = try rows("SELECT * FROM gaps ORDER BY toId")
        #expect(gaps[0]["_id"] == "binance:BTCUSDT:trade:gap:1000-1002" && gaps[0]["missing"] == "3")
        #expect(gaps.map { $0["refilled"] } == ["0", "1"] && gaps.map { $0["refilledFrom"] } == ["None", "trades"])
        try checkBooksAndKlines()
    }

    private func checkBooksAndKlines() throws {
        let books = try rows("SELECT * FROM depth ORDER BY exchange DESC, _id")
        #expect(
            books.map { $0["_id"] } == [
                "binance-usdm:BTCUSDT:depth:78", "binance:BTCUSDT:depth:77", "binance:BTCUSDT:partialDepth:77",
            ])
        #expect(
            books[1] == [
                "_id": "binance:BTCUSDT:depth:77", "exchange": "binance", "symbol": "BTCUSDT", "kind": "depth",
                "eventtype": "depthUpdate", "eventtime": "1723161253123", "firstupdateid": "70",
                "finalupdateid": "77", "previousupdateid": "None",
                "bidupdates": #"[["61826.50000000","0"],["61826.49000000","0.01"]]"#,
                "askupdates": #"[["61826.51000000","0"]]"#, "eventTimestamp": "2024-08-08T23:54:13.123Z",
                "eventTimeNanos": "1723161253123533789", "transactionTimeNanos": "None",
                "receiveTime": "2024-08-08T23:54:13.123Z", "receiveTimeNanos": "1723161253123534289",
                "created_at": "2024-08-08T23:55:13.123Z",
            ])
        #expect(books[0]["previousupdateid"] == "69" && books[0]["bidupdates"] == "[]")
        #expect(books[0]["transactionTimeNanos"] == "1723161253123534389")
        #expect(books[2]["eventtype"] == "None" && books[2]["eventtime"] == "None")
        let klines = try rows("SELECT * FROM klines ORDER BY openTimeNanos")
        #expect(
            klines[0] == [
                "_id": "binance:BTCUSDT:kline_1m:1723161240000", "exchange": "binance", "symbol": "BTCUSDT",
                "interval": "1m", "openTime": "2024-08-08T23:54:00.000Z", "openTimeNanos": "1723161240000000000",
                "closeTime": "2024-08-08T23:54:59.999Z", "closeTimeNanos": "1723161299999000000", "open": "61826.5",
                "high": "61827", "low": "61826", "close": "61826.1", "volume": "0", "trades": "0",
                "firstTradeId": "None", "lastTradeId": "None", "eventTime": "2024-08-08T23:55:00.007Z",
                "eventTimeNanos": "1723161300007000000", "receiveTime": "2024-08-08T23:55:00.007Z",
                "receiveTimeNanos": "1723161300007000900", "created_at": "2024-08-08T23:55:13.123Z",
            ])
        #expect(klines[1]["volume"] == "1.5" && klines[1]["lastTradeId"] == "111")
    }

    @Test func `a reader holding its transaction open neither blocks the writer nor sees its rows`() throws {
        defer { folder.remove() }
        var store = try store()
        try store.prepare()
        _ = try store.write(SampleMarket.batch(first: 1, ticks: 5))
        let script = """
            import sqlite3, sys
            c = sqlite3.connect("file:" + sys.argv[1] + "?mode=ro", uri=True, isolation_level=None)
            c.execute("BEGIN")
            print(c.execute("SELECT count(*) FROM ticks").fetchone()[0], flush=True)
            sys.stdin.readline()
            print(c.execute("SELECT count(*) FROM ticks").fetchone()[0], flush=True)
            """
        let (process, input, output) = (Process(), Pipe(), Pipe())
        process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        process.arguments = ["-c", script, path]
        process.standardInput = input
        process.standardOutput = output
        try process.runUnmasked()
        var seen = output.fileHandleForReading.availableData
        for first in stride(from: UInt64(100), to: 2_000, by: 100) {
            #expect(try store.write(SampleMarket.batch(first: first, ticks: 100)).inserted["ticks"] == 100)
        }
        input.fileHandleForWriting.write(Data("go\n".utf8))
        process.waitUntilExit()
        seen += output.fileHandleForReading.readDataToEndOfFile()
        #expect(String(decoding: seen, as: UTF8.self) == "5\n5\n")
    }

    @Test func `removes what has expired in bounded slices, and only ticks and book updates`() throws {
        defer { folder.remove() }
        let time = Mutex(Self.now)
        var store = try store(retentionSeconds: 3_600) { time.withLock { $0 } }
        try store.prepare()
        var first = SampleMarket.batch(first: 1, ticks: 1_000)
        first.books = [SampleMarket.book(1), SampleMarket.book(2)]
        first.klines = [SampleMarket.stored(SampleMarket.kline(1))]
        _ = try store.write(first)
        time.withLock { $0 = UnixNanos(rawValue: $0.rawValue + 3_600_000_000_000) }
        _ = try store.write(SampleMarket.batch(first: 2_000, ticks: 1))
        #expect(try rows("SELECT count(*) AS n FROM ticks") == [["n": "1001"]], "exactly the retention is kept")
        time.withLock { $0 = UnixNanos(rawValue: $0.rawValue + 1_000_000) }
        _ = try store.write(StoreBatch())
        #expect(try rows("SELECT count(*) AS n FROM ticks") == [["n": "901"]], "a slice of 100 behind an empty batch")
        for _ in 0..<10 { _ = try store.write(StoreBatch()) }
        #expect(try rows("SELECT count(*) AS n FROM ticks") == [["n": "1"]])
        #expect(try rows("SELECT count(*) AS n FROM trade_signals") == [["n": "2"]])
        #expect(try rows("SELECT count(*) AS n FROM depth") == [["n": "0"]])
        #expect(try rows("SELECT count(*) AS n FROM klines") == [["n": "1"]])
    }

    @Test func `keeps every number of a tick to its last digit, whatever the batch's size`() throws {
        defer { folder.remove() }
        var store = try store()
        try store.prepare()
        for count in [1, 999, 1_000, 5_003] {
            var batch = StoreBatch()
            for number in 0..<UInt64(count) {
                var stored = SampleMarket.stored(number, instrument: 1)
                stored.tick.id = UInt64(count) << 40 | number
                stored.tick.price = Int64.max - Int64(number)
                stored.tick.quantity = Int64(number)
                batch.ticks.append(stored)
            }
            batch.ticks.append(batch.ticks[0])
            let receipt = try store.write(batch)
            #expect(receipt.inserted == ["ticks": count] && receipt.duplicates == 1 && receipt.refused == 0)
        }
        let sum = [1, 999, 1_000, 5_003].map { $0 * ($0 - 1) / 2 }.reduce(0, +)
        let found = try rows(
            "SELECT count(*) AS n, sum(CAST(round(quantity * 100000000) AS INTEGER)) AS q, min(price) AS p FROM ticks")
        #expect(found == [["n": "7003", "q": "\(sum)", "p": "92233720368.54770805"]])
    }

    @Test func `refuses ids beyond 63 bits alone`() throws {
        defer { folder.remove() }
        var store = try store()
        try store.prepare()
        var batch = StoreBatch()
        batch.ticks = [SampleMarket.stored(1), SampleMarket.stored(2)]
        batch.ticks[0].tick.id = 1 << 63
        let receipt = try store.write(batch)
        #expect(receipt.refused == 1 && receipt.inserted == ["ticks": 1])
    }

    @Test func `refuses damaged, foreign, newer and older files and leaves the folder as it was`() throws {
        defer { folder.remove() }
        var whole = try store()
        try whole.prepare()
        _ = try whole.write(SampleMarket.batch(first: 1, ticks: 3_000))
        whole.close()
        let good = try Data(contentsOf: URL(fileURLWithPath: path))
        var newer = good
        newer.replaceSubrange(60..<64, with: [0, 0, 0, 4])
        var older = good
        older.replaceSubrange(60..<64, with: [0, 0, 0, 1])
        var foreign = good
        foreign.replaceSubrange(68..<72, with: [0, 0, 0, 7])
        var page = good
        page.replaceSubrange(8_192..<12_288, with: [UInt8](repeating: 0xA5, count: 4_096))
        let cases: [(String, Data, String)] = [
            ("newer", newer, "has format 4"), ("older", older, "has format 1 of an unreleased version"),
            ("foreign", foreign, "is not a Tickline database"),
            ("page", page, "is damaged"), ("cut", good.prefix(good.count / 2), "is damaged"),
            ("text", Data(repeating: 0x61, count: 5_000), "is not a Tickline database"),
        ]
        for (name, data, words) in cases {
            try data.write(to: URL(fileURLWithPath: path))
            let error = try #require(throws: SQLiteStoreError.self, "\(name)") { _ = try store() }
            #expect("\(error)".contains(words) && !"\(error)".contains("\n"), "\(name): \(error)")
            #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == data)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == ["tickline.sqlite"])
        }
        try good.write(to: URL(fileURLWithPath: path))
        var again = try store()
        try again.prepare()
        #expect(try again.write(SampleMarket.batch(first: 1, ticks: 3_000)).duplicates == 3_002)
    }

    @Test func `a folder that is not there yet is waited for`() throws {
        defer { folder.remove() }
        let absent = folder.url.appendingPathComponent("absent")
        var store = try SQLiteStore(
            path: absent.appendingPathComponent("tickline.sqlite").path, retentionSeconds: 60,
            catalog: SampleMarket.catalog, wallClock: { Self.now })
        #expect(throws: TradeStoreError.self) { try store.prepare() }
        #expect(throws: TradeStoreError.self) { _ = try store.write(StoreBatch()) }
        try FileManager.default.createDirectory(at: absent, withIntermediateDirectories: false)
        try store.prepare()
        #expect(try store.write(SampleMarket.batch(first: 1, ticks: 10)).inserted["ticks"] == 10)
    }
}
