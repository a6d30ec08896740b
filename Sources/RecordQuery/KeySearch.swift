internal import TradingModel

/// Finds the part of a series that can hold records of a time range, without reading what is in front of it.
///
/// An exchange numbers its events in the order of their times, so the first key of a time is found by halving. Stamps of
/// single events may disagree with their ids a little; records up to `slackNanos` off are still found, since what is between
/// the keys is compared with the times one by one. Series without the exchange's time (Spot quotes), and gaps, which are
/// noticed in any order, are read whole.
enum KeySearch {
    /// How far a record's time may be from where its key has it: a minute.
    static let slackNanos: Int64 = 60_000_000_000

    /// nil: the series is empty.
    static func keys<Reader: TradeReader & ~Copyable>(
        of series: RecordSeries, timesNanos: Range<Int64>?, in reader: inout Reader
    ) throws(TradeStoreError) -> ClosedRange<Int64>? {
        var range = RecordRange()
        guard let first = try reader.records(of: series, in: range).first else { return nil }
        range.isDescending = true
        // A series can be emptied by its retention between the two reads.
        guard let last = try reader.records(of: series, in: range).first, last.position.key >= first.position.key else {
            return nil
        }
        let keys = first.position.key...last.position.key
        guard let timesNanos, series.table != .gaps, first.hasFirstTime, last.hasFirstTime else { return keys }
        let from = timesNanos.lowerBound.subtractingReportingOverflow(slackNanos)
        let to = timesNanos.upperBound.addingReportingOverflow(slackNanos)
        let lower =
            from.overflow
            ? keys.lowerBound : try firstKey(at: from.partialValue, of: series, within: keys, in: &reader)
        let upper =
            to.overflow ? keys.upperBound : try firstKey(at: to.partialValue, of: series, within: keys, in: &reader)
        return lower...max(lower, upper)
    }

    /// The lowest key whose record, or the next one, is at `timeNanos` or later; the highest key where there is none.
    private static func firstKey<Reader: TradeReader & ~Copyable>(
        at timeNanos: Int64, of series: RecordSeries, within keys: ClosedRange<Int64>, in reader: inout Reader
    ) throws(TradeStoreError) -> Int64 {
        var (low, high) = (keys.lowerBound, keys.upperBound)
        while low < high {
            // Half of the distance, which may need 64 bits without a sign.
            let middle = low &+ Int64(UInt64(bitPattern: high &- low) / 2)
            var range = RecordRange()
            range.keys = middle...keys.upperBound
            guard let record = try reader.records(of: series, in: range).first, record.timeNanos < timeNanos else {
                high = middle
                continue
            }
            low = record.position.key < high ? record.position.key + 1 : high
        }
        return low
    }
}
