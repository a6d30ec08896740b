import RecordComparison
import TradingModel

/// Compares series of records, given in the order of their keys, with a store; whichever store it is.
protocol StoreChecking: AnyObject {
    var counts: ComparisonCounts { get }
    /// A series' records from `key` on are covered by what will be given.
    func cover(_ series: Int, from key: Int64)
    /// The number under which records of a series are given.
    func index(of series: RecordSeries) -> Int
    /// Takes the next record of a series.
    func take(_ record: ExpectedRecord, in series: Int) throws
    /// Ends a series at `key`.
    func finish(_ series: Int, at key: Int64) throws
    /// Ends every series that is not ended at the last record given.
    func finish() throws
}

/// Reads the store page by page beside the replay, so memory does not grow with the journal.
final class StoreVerifier<Reader: TradeReader & ~Copyable>: StoreChecking {
    private static var pageRecords: Int { 1_000 }

    /// The part of a series that is not compared yet.
    private struct Part {
        let series: RecordSeries
        /// The first key that is not compared; nil: that of the first record.
        var from: Int64?
        var records: [ExpectedRecord] = []
    }

    private var reader: Reader
    private let storedSequence: UInt64
    private let keptFromNanos: Int64
    private let comparesReceiveTimes: Bool
    private let report: (RecordDifference) throws -> Void
    private var indices: [RecordSeries: Int] = [:]
    private var parts: [Part] = []
    private(set) var counts = ComparisonCounts()

    init(
        _ reader: consuming Reader, storedSequence: UInt64, keptFromNanos: Int64, comparesReceiveTimes: Bool,
        report: @escaping (RecordDifference) throws -> Void
    ) {
        self.reader = reader
        self.storedSequence = storedSequence
        self.keptFromNanos = keptFromNanos
        self.comparesReceiveTimes = comparesReceiveTimes
        self.report = report
    }

    func index(of series: RecordSeries) -> Int {
        if let index = indices[series] { return index }
        indices[series] = parts.count
        parts.append(Part(series: series))
        return parts.count - 1
    }

    func cover(_ series: Int, from key: Int64) { if parts[series].from == nil { parts[series].from = key } }

    func take(_ record: ExpectedRecord, in series: Int) throws {
        // An id that was there before: a later run began without the state of the one before it. Stores keep the first.
        let last = parts[series].records.last?.position.key ?? parts[series].from.map { $0 - 1 }
        if let last, record.position.key <= last { return }
        parts[series].records.append(record)
        if parts[series].records.count == Self.pageRecords { try compare(series, to: record.position.key) }
    }

    func finish(_ series: Int, at key: Int64) throws { try compare(series, to: key) }

    func finish() throws {
        for index in parts.indices {
            if let last = parts[index].records.last { try compare(index, to: last.position.key) }
        }
    }

    private func compare(_ index: Int, to key: Int64) throws {
        let part = parts[index]
        guard let from = part.from ?? part.records.first?.position.key, from <= key else { return }
        var isKept = keptFromNanos
        // Signals are kept for ever.
        if part.series.table == .signals { isKept = .min }
        var comparison = SeriesComparison(
            part.records, of: part.series.table, storedSequence: storedSequence, keptFromNanos: isKept,
            comparesReceiveTimes: comparesReceiveTimes)
        var range = RecordRange()
        range.keys = from...key
        range.most = Self.pageRecords
        var page: [StoredRecord]
        repeat {
            page = try reader.records(of: part.series, in: range)
            try comparison.take(page, counts: &counts, report)
            range.behind = page.last?.position
        } while page.count == range.most
        try comparison.finish(counts: &counts, report)
        parts[index].from = key + 1
        parts[index].records = []
    }
}
