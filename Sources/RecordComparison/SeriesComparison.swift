public import TradingModel

/// What a comparison has found, by number.
public struct ComparisonCounts: Sendable, Equatable {
    /// Equal in both.
    public var equal = 0
    /// Not there yet, and neither acknowledged nor noted as stored.
    public var pending = 0
    /// Not there any more: older than what the place keeps.
    public var expired = 0
    /// There, outside of what the journal covers.
    public var outside = 0
    /// Differences.
    public var differences = 0

    /// Nothing yet.
    public init() {}
}

/// Compares a part of a series, as the journal gives it, with the same part as a store gives it. O(records); no I/O.
public struct SeriesComparison: Sendable {
    private let columns: [StoredColumn]
    private let ignored: Set<String>
    private let storedSequence: UInt64
    private let keptFromNanos: Int64
    private var ours: [String: ExpectedRecord]
    private let order: [String]

    /// Begins with what must be there.
    ///
    /// - Parameters:
    ///   - storedSequence: the engine's entry up to which the store has said to have everything.
    ///   - keptFromNanos: what was received before that the store may have deleted, Unix nanoseconds.
    ///   - comparesReceiveTimes: false where another instance may have written first.
    public init(
        _ records: [ExpectedRecord], of table: StoredTable, storedSequence: UInt64, keptFromNanos: Int64,
        comparesReceiveTimes: Bool
    ) {
        columns = table.columns
        ignored = comparesReceiveTimes ? ["created_at"] : ["created_at", "receiveTime", "receiveTimeNanos"]
        self.storedSequence = storedSequence
        self.keptFromNanos = keptFromNanos
        order = records.map(\.position.identifier)
        ours = Dictionary(records.map { ($0.position.identifier, $0) }) { first, _ in first }
    }

    /// Takes a page of the store's records of that part.
    public mutating func take(
        _ records: [StoredRecord], counts: inout ComparisonCounts, _ report: (RecordDifference) throws -> Void
    ) rethrows {
        for record in records {
            let identifier = record.position.identifier
            guard let expected = ours.removeValue(forKey: identifier) else {
                counts.differences += 1
                try report(RecordDifference(place: .store, kind: .unknown, identifier: identifier))
                continue
            }
            var isEqual = true
            for (index, column) in columns.enumerated() where !ignored.contains(column.name) {
                let (mine, theirs) = (expected.values[index], record.values[index])
                guard mine != theirs else { continue }
                isEqual = false
                counts.differences += 1
                try report(
                    RecordDifference(
                        place: .store, kind: .altered(field: column.name, ours: mine.text, theirs: theirs.text),
                        identifier: identifier))
            }
            if isEqual { counts.equal += 1 }
        }
    }

    /// All of the store's records are taken: what is left is missing, or not stored yet, or expired.
    public consuming func finish(
        counts: inout ComparisonCounts, _ report: (RecordDifference) throws -> Void
    ) rethrows {
        for identifier in order {
            guard let left = ours.removeValue(forKey: identifier) else { continue }
            if left.sequence > storedSequence {
                counts.pending += 1
            } else if left.receiveTimeNanos < keptFromNanos {
                counts.expired += 1
            } else {
                counts.differences += 1
                try report(RecordDifference(place: .store, kind: .missing, identifier: identifier))
            }
        }
    }
}
