import RecordComparison
import TradingModel

/// Compares series of records, given in the order of their keys, with a store; whichever store it is.
protocol StoreChecking: AnyObject {
    var counts: ComparisonCounts { get }
    /// The number under which records of a series are given.
    func index(of series: RecordSeries) -> Int
    /// The journal has all of a series' records at `key`, behind the keys it was told of before.
    func cover(_ series: Int, at key: Int64)
    /// Of what is stored behind the last key that is covered the journal can't tell anything, up to the next one.
    func passOver() throws
    /// Takes the next record of a series.
    func take(_ record: ExpectedRecord, in series: Int) throws
    /// Ends every series at the last key that is covered.
    func finish() throws
}

/// Reads the store page by page beside the replay, so memory does not grow with the journal.
final class StoreVerifier<Reader: TradeReader & ~Copyable>: StoreChecking {
    /// Of those that the journal has not given yet, this many wait for a run that gives them.
    private static var mostUnknown: Int { 10_000 }

    /// The part of a series that is not compared yet.
    private struct Part {
        let series: RecordSeries
        /// The first key that is not compared; nil: the next one that is covered, or `least`.
        var from: Int64?
        /// What is in front of it is compared.
        var least = Int64.min
        /// The last key that the journal covers.
        var through: Int64?
        var records: [ExpectedRecord] = []
        /// Stored, in what was compared, and not given by then: a later run that began without the state of the one before
        /// it may still do so.
        var unknown: [String: StoredRecord] = [:]

        /// A book update can be as large as a message, 1 MiB.
        var pageRecords: Int { series.table == .depth ? 64 : 1_000 }
    }

    private var reader: Reader
    private let storedSequence: UInt64
    private let keptFromNanos: Int64
    private let isShared: Bool
    private let report: (RecordDifference) throws -> Void
    private var indices: [RecordSeries: Int] = [:]
    private var parts: [Part] = []
    private var unknownCount = 0
    private(set) var counts = ComparisonCounts()

    init(
        _ reader: consuming Reader, storedSequence: UInt64, keptFromNanos: Int64, isShared: Bool,
        report: @escaping (RecordDifference) throws -> Void
    ) {
        self.reader = reader
        self.storedSequence = storedSequence
        self.keptFromNanos = keptFromNanos
        self.isShared = isShared
        self.report = report
    }

    func index(of series: RecordSeries) -> Int {
        if let index = indices[series] { return index }
        indices[series] = parts.count
        parts.append(Part(series: series))
        return parts.count - 1
    }

    func cover(_ series: Int, at key: Int64) {
        if parts[series].from == nil { parts[series].from = max(key, parts[series].least) }
        parts[series].through = max(parts[series].through ?? key, key)
    }

    func take(_ record: ExpectedRecord, in series: Int) throws {
        let key = record.position.key
        cover(series, at: key)
        if let from = parts[series].from, key < from {
            // An id that was there before: a later run began without the state of the one before it. Stores keep the first.
            guard let theirs = parts[series].unknown.removeValue(forKey: record.position.identifier) else { return }
            unknownCount -= 1
            var comparison = comparison([record], of: parts[series].series.table)
            _ = try comparison.take([theirs], counts: &counts, report)
            return
        }
        parts[series].records.append(record)
        if parts[series].records.count >= parts[series].pageRecords { try compare(series) }
    }

    func passOver() throws {
        for index in parts.indices {
            try compare(index)
            if let from = parts[index].from { parts[index].least = from }
            (parts[index].from, parts[index].through) = (nil, nil)
        }
    }

    func finish() throws {
        for index in parts.indices {
            try compare(index)
            for (_, record) in parts[index].unknown.sorted(by: { $0.value.position.key < $1.value.position.key }) {
                try reportUnknown(record)
            }
        }
    }

    private func comparison(_ records: [ExpectedRecord], of table: StoredTable) -> SeriesComparison {
        // The others are kept for ever.
        let isExpiring = table == .ticks || table == .depth
        return SeriesComparison(
            records, of: table, storedSequence: storedSequence, keptFromNanos: isExpiring ? keptFromNanos : .min,
            isShared: isShared)
    }

    /// Compares what is covered and not compared.
    private func compare(_ index: Int) throws {
        let part = parts[index]
        guard let from = part.from, let through = part.through, from <= through else { return }
        var comparison = comparison(part.records, of: part.series.table)
        var range = RecordRange()
        range.keys = from...through
        range.most = part.pageRecords
        while true {
            var page = try reader.records(of: part.series, in: range)
            let isLast = page.count < range.most
            if !isLast, let last = page.last?.position.key {
                // Which of several records with one key comes first is for others than us to write, so they are read together.
                page = Array(page.prefix { $0.position.key < last })
                guard !page.isEmpty else {
                    range.most *= 2
                    continue
                }
                range.keys = last...through
                range.most = part.pageRecords
            }
            for record in try comparison.take(page, counts: &counts, report) { try keepUnknown(record, index) }
            if isLast { break }
        }
        try comparison.finish(counts: &counts, report)
        parts[index].from = through + 1
        parts[index].records = []
    }

    private func keepUnknown(_ record: StoredRecord, _ index: Int) throws {
        if isShared, isOwn(record, parts[index].series.table) {
            counts.outside += 1
        } else if unknownCount < Self.mostUnknown, parts[index].series.table != .depth {
            parts[index].unknown[record.position.identifier] = record
            unknownCount += 1
        } else {
            try reportUnknown(record)
        }
    }

    /// Whether only the instance that wrote it can tell: its gaps, and the states it came through because of them.
    private func isOwn(_ record: StoredRecord, _ table: StoredTable) -> Bool {
        guard table == .decisions else { return table == .gaps }
        let column = table.columns.firstIndex { $0.name == "isSignal" }
        return column.map { record.values[$0] } == .boolean(false)
    }

    private func reportUnknown(_ record: StoredRecord) throws {
        counts.differences += 1
        try report(RecordDifference(place: .store, kind: .unknown, identifier: record.position.identifier))
    }
}
