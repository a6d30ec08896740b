import RecordQuery
import TestSupport
import Testing
import TradingModel

/// Records in memory, with the reads counted.
private struct ScriptedReader: TradeReader, ~Copyable {
    final class Contents {
        var records: [RecordSeries: [StoredRecord]] = [:]
        var reads = 0
        var largestPage = 0
    }

    let contents: Contents

    mutating func instruments() -> [StoredInstrument] { Set(contents.records.keys.map(\.instrument)).sorted() }

    mutating func series(of table: StoredTable, instrument: StoredInstrument) -> [RecordSeries] {
        contents.records.keys.filter { $0.table == table && $0.instrument == instrument }.sorted { $0.name < $1.name }
    }

    mutating func records(of series: RecordSeries, in range: RecordRange) -> [StoredRecord] {
        contents.reads += 1
        let all = contents.records[series] ?? []
        var rest = (range.isDescending ? all.reversed() : all)[...]
        if let behind = range.behind, let index = rest.firstIndex(where: { $0.position == behind }) {
            rest = rest[(index + 1)...]
        }
        let page = rest.filter {
            range.keys.contains($0.position.key) && range.timesNanos?.contains($0.timeNanos) != false
        }.prefix(range.most)
        contents.largestPage = max(contents.largestPage, page.count)
        return Array(page)
    }
}

@Suite struct RecordScanTests {
    private let minute: Int64 = 60_000_000_000

    private func instrument(_ symbol: String) -> StoredInstrument {
        StoredInstrument(exchange: "binance", symbol: symbol)
    }

    private func record(_ key: Int64, at timeNanos: Int64, hasFirstTime: Bool = true) -> StoredRecord {
        StoredRecord(
            values: [], position: RecordPosition(key: key, identifier: "\(key)"), timeNanos: timeNanos,
            hasFirstTime: hasFirstTime)
    }

    private func series(_ symbol: String, _ table: StoredTable = .ticks) -> RecordSeries {
        RecordSeries(table: table, instrument: instrument(symbol), name: "trade")
    }

    private func keys(
        _ contents: ScriptedReader.Contents, table: StoredTable = .ticks, symbols: [String], times: Range<Int64>? = nil,
        isDescending: Bool = false, most: Int = .max
    ) throws -> [Int64] {
        var scan = try RecordScan(
            ScriptedReader(contents: contents), table: table, instruments: symbols.map(instrument), timesNanos: times,
            isDescending: isDescending, most: most)
        var keys: [Int64] = []
        while keys.count < most, let record = try scan.next() { keys.append(record.position.key) }
        return keys
    }

    @Test func `merges series by time, equals by name, and the other way round`() throws {
        let contents = ScriptedReader.Contents()
        contents.records[series("A")] = [record(1, at: 10), record(2, at: 20), record(3, at: 20), record(4, at: 50)]
        contents.records[series("B")] = [record(11, at: 5), record(12, at: 20), record(13, at: 60)]
        contents.records[series("C")] = []
        let forward: [Int64] = [11, 1, 2, 3, 12, 4, 13]
        #expect(try keys(contents, symbols: ["A", "B", "C"]) == forward)
        #expect(try keys(contents, symbols: ["A", "B", "C"], isDescending: true) == forward.reversed())
        #expect(try keys(contents, symbols: ["B"]) == [11, 12, 13])
        #expect(try keys(contents, symbols: ["A", "B"], most: 2) == [11, 1])
    }

    @Test func `gives back every record once over many pages, of which none is large`() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("seed \(seed)")
        var random = SeededRandom(seed: seed)
        let contents = ScriptedReader.Contents()
        var count = 0
        for symbol in (0..<40).map({ "S\($0)" }) {
            var time: Int64 = 0
            contents.records[series(symbol)] = (1...Int64(1_500)).map { key in
                time += Int64.random(in: 0...3, using: &random)
                return record(key, at: time)
            }
            count += 1_500
        }
        var scan = try RecordScan(
            ScriptedReader(contents: contents), table: .ticks, instruments: (0..<40).map { instrument("S\($0)") },
            timesNanos: nil, isDescending: false, most: .max)
        var (found, last) = (0, Int64.min)
        while let record = try scan.next() {
            #expect(record.timeNanos >= last)
            last = record.timeNanos
            found += 1
        }
        #expect(found == count)
        #expect(contents.largestPage == 500, "20,000 records over 40 series")
    }

    @Test func `finds a time range with a few reads`() throws {
        let contents = ScriptedReader.Contents()
        let count: Int64 = 20_000
        contents.records[series("A")] = (0..<count).map { record(5 + 3 * $0, at: $0 * minute) }
        let middle = 10_000 * minute
        let found = try keys(contents, symbols: ["A"], times: middle..<middle + 3 * minute)
        #expect(found == [30_005, 30_008, 30_011])
        print("figure: \(contents.reads) reads to find 3 of \(count) records by time")
        #expect(contents.reads < 50)
        let lastTime = (count - 1) * minute
        #expect(try keys(contents, symbols: ["A"], times: Int64.min..<minute) == [5])
        #expect(try keys(contents, symbols: ["A"], times: lastTime..<Int64.max) == [5 + 3 * (count - 1)])
        #expect(try keys(contents, symbols: ["A"], times: -5 * minute..<0) == [])
    }

    @Test func `finds records whose time is up to a minute from where their id has it`() throws {
        let contents = ScriptedReader.Contents()
        let second: Int64 = 1_000_000_000
        contents.records[series("A")] = (0..<Int64(10_000)).map { (key: Int64) -> StoredRecord in
            let offset: Int64 = key % 97 == 0 ? -59 : key % 89 == 0 ? 59 : 0
            return record(key, at: (key + offset) * second)
        }
        for from in stride(from: Int64(0), to: 10_000, by: 501) {
            let times = from * second..<(from + 100) * second
            let all: [StoredRecord] = contents.records[series("A")] ?? []
            let expected: [Int64] = all.filter { times.contains($0.timeNanos) }.map(\.position.key)
            #expect(try keys(contents, symbols: ["A"], times: times) == expected)
        }
    }

    @Test func `reads series without the exchange's time, and gaps, whole`() throws {
        let contents = ScriptedReader.Contents()
        // Recordings replayed in another order than they were made: ids and times of receipt have nothing in common.
        let times: [Int64] = [900, 1, 901, 2, 902, 3].map { $0 * minute }
        contents.records[series("A")] = times.enumerated().map { record(Int64($0), at: $1, hasFirstTime: false) }
        contents.records[series("A", .gaps)] = times.enumerated().map { record(Int64($0), at: $1) }
        for table in [StoredTable.ticks, .gaps] {
            let range = 900 * minute..<902 * minute
            #expect(try keys(contents, table: table, symbols: ["A"], times: range) == [0, 2])
        }
    }

    @Test func `what is written after the scan began is not in it`() throws {
        let contents = ScriptedReader.Contents()
        contents.records[series("A")] = (0..<Int64(2_000)).map { record($0, at: $0) }
        var scan = try RecordScan(
            ScriptedReader(contents: contents), table: .ticks, instruments: [instrument("A")], timesNanos: nil,
            isDescending: false, most: .max)
        var count = 0
        while try scan.next() != nil {
            count += 1
            contents.records[series("A")]!.append(record(Int64(1_999 + count), at: Int64(1_999 + count)))
        }
        #expect(count == 2_000)
    }
}
