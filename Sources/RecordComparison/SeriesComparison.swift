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
    private let records: [ExpectedRecord]
    /// Those that the store has not given yet.
    private var ours: [String: ExpectedRecord]

    /// Begins with what must be there.
    ///
    /// - Parameters:
    ///   - records: of several with one id the first counts, as in stores.
    ///   - storedSequence: the engine's entry up to which the store has said to have everything.
    ///   - keptFromNanos: what was received before that the store may have deleted, Unix nanoseconds.
    ///   - isShared: another instance may have written first, with its own times and its own ways to fill gaps.
    public init(
        _ records: [ExpectedRecord], of table: StoredTable, storedSequence: UInt64, keptFromNanos: Int64,
        isShared: Bool
    ) {
        columns = table.columns
        ignored = isShared ? Self.ownColumns : ["created_at"]
        self.storedSequence = storedSequence
        self.keptFromNanos = keptFromNanos
        self.records = records
        ours = Dictionary(records.map { ($0.position.identifier, $0) }) { first, _ in first }
    }

    /// What differs from instance to instance.
    private static let ownColumns: Set = [
        "created_at", "receiveTime", "receiveTimeNanos", "noticedTime", "noticedTimeNanos", "cause", "refilled",
        "refilledFrom",
    ]

    /// Takes a page of the store's records of that part, and returns those that the journal does not give.
    public mutating func take(
        _ records: [StoredRecord], counts: inout ComparisonCounts, _ report: (RecordDifference) throws -> Void
    ) rethrows -> [StoredRecord] {
        var unknown: [StoredRecord] = []
        for record in records {
            let identifier = record.position.identifier
            guard let expected = ours.removeValue(forKey: identifier) else {
                if let original = original(of: record) {
                    counts.differences += 1
                    let kind = RecordDifference.Kind.doubled(entry: identifier)
                    try report(RecordDifference(place: .store, kind: kind, identifier: original))
                } else {
                    unknown.append(record)
                }
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
        return unknown
    }

    /// The id of the record that this one, under another id, says the same as. O(records).
    private func original(of record: StoredRecord) -> String? {
        records.first { expected in
            expected.position.key == record.position.key
                && columns.indices.allSatisfy {
                    columns[$0].name == "_id" || ignored.contains(columns[$0].name)
                        || expected.values[$0] == record.values[$0]
                }
        }?.position.identifier
    }

    /// All of the store's records are taken: what is left is missing, or not stored yet, or expired.
    public consuming func finish(
        counts: inout ComparisonCounts, _ report: (RecordDifference) throws -> Void
    ) rethrows {
        for identifier in records.map(\.position.identifier) {
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
