import Foundation
import SQLiteStore
import TestSupport
import Testing
import TradingModel

@Suite struct SQLiteReaderTests {
    private let folder = try! TemporaryFolder()
    private var path: String { folder.url.appendingPathComponent("tickline.sqlite").path }

    private func store() throws -> SQLiteStore {
        var store = try SQLiteStore(
            path: path, retentionSeconds: 3_600, catalog: SampleMarket.catalog,
            wallClock: { UnixNanos(rawValue: SampleMarket.startNanos) })
        try store.prepare()
        return store
    }

    @Test func `keeps the reader's contract, beside the writer and after it`() throws {
        defer { folder.remove() }
        var store = try store()
        let receipt = try store.write(TradeReaderContract.records)
        #expect(receipt.refused == 0 && receipt.duplicates == 0)
        var reader = try SQLiteReader(path: path)
        try TradeReaderContract.check(&reader)
        store.close()
        try TradeReaderContract.check(&reader)
        var later = try SQLiteReader(path: path)
        try TradeReaderContract.check(&later)
    }

    @Test func `sees what was written since its last call, and keeps no transaction open`() throws {
        defer { folder.remove() }
        var store = try store()
        _ = try store.write(SampleMarket.batch(first: 1, ticks: 10))
        var reader = try SQLiteReader(path: path)
        let trades = RecordSeries(
            table: .ticks, instrument: StoredInstrument(exchange: "binance", symbol: "BTCUSDT"), name: "trade")
        var range = RecordRange()
        range.most = 100_000
        #expect(try reader.records(of: trades, in: range).count == 10)
        // Far more than one round of the log: it could not begin anew beside an open transaction.
        for first in stride(from: UInt64(1_000), to: 1_000_000, by: 5_000) {
            _ = try store.write(SampleMarket.batch(first: first, ticks: 5_000))
        }
        #expect(try reader.records(of: trades, in: range).count == 100_000)
        let log = try FileManager.default.attributesOfItem(atPath: path + "-wal")[.size] as? Int ?? 0
        print("figure: the log is \(log >> 20) MiB beside a paused reader, after 1,000,000 ticks")
        #expect(log < 40 << 20)
    }

    @Test func `reads the log that a killed writer left beside the file`() throws {
        defer { folder.remove() }
        let copy = folder.url.appendingPathComponent("copy")
        try FileManager.default.createDirectory(at: copy, withIntermediateDirectories: false)
        var store = try store()
        _ = try store.write(TradeReaderContract.records)
        // As a kill leaves it: the records are in the log only.
        for suffix in ["", "-wal"] {
            try FileManager.default.copyItem(
                atPath: path + suffix, toPath: copy.appendingPathComponent("tickline.sqlite\(suffix)").path)
        }
        store.close()
        var reader = try SQLiteReader(path: copy.appendingPathComponent("tickline.sqlite").path)
        try TradeReaderContract.check(&reader)
    }

    @Test func `refuses absent, foreign, newer and damaged files`() throws {
        defer { folder.remove() }
        func refusal() throws -> String {
            let error = try #require(throws: SQLiteStoreError.self) { _ = try SQLiteReader(path: path) }
            return "\(error)"
        }
        #expect(try refusal().contains("there is no \(path)"))
        let file = URL(fileURLWithPath: path)
        try Data().write(to: file)
        #expect(try refusal().contains("there is no \(path)"))
        try Data("notes of someone else, longer than a header\n".utf8).write(to: file)
        #expect(try refusal().contains("is not a Tickline database"))
        try FileManager.default.removeItem(at: file)
        var whole = try store()
        _ = try whole.write(SampleMarket.batch(first: 1, ticks: 3_000))
        whole.close()
        let good = try Data(contentsOf: file)
        var newer = good
        newer.replaceSubrange(60..<64, with: [0, 0, 0, 4])
        try newer.write(to: file)
        #expect(try refusal().contains("has format 4"))
        var damaged = good
        damaged.replaceSubrange(100..<4_096, with: [UInt8](repeating: 0xA5, count: 3_996))
        try damaged.write(to: file)
        #expect(try refusal().contains("is damaged (database disk image is malformed)"))
        // Not in what tells the format: met when it is read.
        damaged = good
        let half = good.count / 2
        damaged.replaceSubrange(half..., with: [UInt8](repeating: 0xA5, count: good.count - half))
        try damaged.write(to: file)
        var reader = try SQLiteReader(path: path)
        let trades = RecordSeries(table: .ticks, instrument: try reader.instruments()[0], name: "trade")
        var range = RecordRange()
        range.most = 3_000
        let error = try #require(throws: TradeStoreError.self) { _ = try reader.records(of: trades, in: range) }
        #expect("\(error)".contains("malformed"), "\(error)")
        #expect(try Data(contentsOf: file) == damaged)
    }

    @Test func `a decision without the exchange's time is kept like any other`() throws {
        defer { folder.remove() }
        var store = try store()
        var batch = StoreBatch()
        batch.decisions = [SampleMarket.decision(1)]
        batch.decisions[0].exchangeTime = UnixNanos(rawValue: 0)
        #expect(try store.write(batch).inserted == ["trade_signals": 1])
        var reader = try SQLiteReader(path: path)
        let series = RecordSeries(
            table: .decisions, instrument: StoredInstrument(exchange: "binance", symbol: "BTCUSDT"), name: "sma-50-200")
        #expect(try reader.records(of: series, in: RecordRange()).first?.timeNanos == 0)
    }
}
