public import TradingModel

/// The records of a table in time's order over all its series, read page by page: memory does not grow with the result.
///
/// Within a series records come in the order of their keys, which is the exchange's own; of all series the one whose next
/// record is the earliest goes first, of equals the one named first. Any two stores that hold the same records so give them
/// back in the same order. What is written after the scan began is not in it. Not for more than one thread.
public struct RecordScan<Reader: TradeReader & ~Copyable>: ~Copyable {
    private var reader: Reader
    private var sources: [SeriesSource] = []
    private let isDescending: Bool

    /// Finds the series of `instruments` and, in each, the keys of the times.
    ///
    /// - Parameter timesNanos: Unix nanoseconds, the upper end excluded; nil for all.
    /// - Parameter most: records that will be asked for, so that pages are no larger.
    public init(
        _ reader: consuming Reader, table: StoredTable, instruments: [StoredInstrument], timesNanos: Range<Int64>?,
        isDescending: Bool, most: Int
    ) throws(TradeStoreError) {
        self.reader = reader
        self.isDescending = isDescending
        var series: [RecordSeries] = []
        for instrument in instruments { series += try self.reader.series(of: table, instrument: instrument) }
        let page = min(most, Self.pageRecords(table, seriesCount: series.count))
        for series in series {
            guard let keys = try KeySearch.keys(of: series, timesNanos: timesNanos, in: &self.reader) else { continue }
            var range = RecordRange()
            range.keys = keys
            range.timesNanos = timesNanos
            range.isDescending = isDescending
            range.most = page
            sources.append(SeriesSource(series: series, range: range))
        }
        for index in sources.indices { try sources[index].fill(from: &self.reader) }
    }

    /// Records held at once over all series, about: 10 MB. Book updates have up to thousands of levels each.
    private static func pageRecords(_ table: StoredTable, seriesCount: Int) -> Int {
        let most = table == .depth ? 200 : 20_000
        return max(2, min(1_000, most / max(1, seriesCount)))
    }

    /// The next record; nil at the end. O(series), and one read of the store a page.
    public mutating func next() throws(TradeStoreError) -> StoredRecord? {
        var best: (index: Int, timeNanos: Int64)?
        for index in sources.indices {
            guard let time = sources[index].nextTimeNanos else { continue }
            guard let found = best else {
                best = (index, time)
                continue
            }
            if isDescending ? time >= found.timeNanos : time < found.timeNanos { best = (index, time) }
        }
        guard let best else { return nil }
        return try sources[best.index].take(refillingFrom: &reader)
    }
}

/// One series of a scan with the page of it that was read.
private struct SeriesSource {
    let series: RecordSeries
    var range: RecordRange
    /// The page, its next record last.
    private var page: [StoredRecord] = []
    private var isAtEnd = false

    init(series: RecordSeries, range: RecordRange) {
        self.series = series
        self.range = range
    }

    /// nil: there are no more.
    var nextTimeNanos: Int64? { page.last?.timeNanos }

    mutating func fill<Reader: TradeReader & ~Copyable>(from reader: inout Reader) throws(TradeStoreError) {
        page = try reader.records(of: series, in: range)
        isAtEnd = page.count < range.most
        page.reverse()
    }

    mutating func take<Reader: TradeReader & ~Copyable>(
        refillingFrom reader: inout Reader
    ) throws(TradeStoreError) -> StoredRecord? {
        guard let record = page.popLast() else { return nil }
        if page.isEmpty, !isAtEnd {
            range.behind = record.position
            try fill(from: &reader)
        }
        return record
    }
}
