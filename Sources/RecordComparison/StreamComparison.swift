/// Compares the signals of a journal with the entries of a stream. Memory is bounded: of more than `mostSignals` the newest
/// are compared.
public struct StreamComparison: Sendable {
    /// About 64 MiB.
    public static let mostSignals = 1 << 18

    /// A signal that the stream must have.
    private struct Expected {
        let number: UInt64
        let fields: [String]
        var isSeen = false
    }

    private var expected: [String: Expected] = [:]
    private var order: [String] = []
    private var dropped = 0
    /// By `exchange:symbol:strategy:` the first and last ticks of what the journal covers.
    private var covered: [String: [ClosedRange<UInt64>]] = [:]
    /// By the same the last signal that found no room.
    private var droppedThrough: [String: UInt64] = [:]
    private let ignored: Set<String>
    /// What was found so far.
    public private(set) var counts = ComparisonCounts()
    /// Signals to be compared.
    public var signalCount: Int { expected.count }

    /// Begins with nothing expected.
    public init(comparesReceiveTimes: Bool) { ignored = comparesReceiveTimes ? [] : ["receiveTime"] }

    /// The journal has the ticks from the first to the last one that a pair's averages are taken over, without a part that it
    /// can't tell; before any entry.
    public mutating func cover(_ pairPrefix: String, tickIDs: ClosedRange<UInt64>) {
        covered[pairPrefix, default: []].append(tickIDs)
    }

    /// The journal has a signal with these fields, in the order of `fieldNames`.
    public mutating func expect(_ id: String, number: UInt64, fields: [(name: String, value: String)]) {
        names = fields.map(\.name)
        guard expected.updateValue(Expected(number: number, fields: fields.map(\.value)), forKey: id) == nil else {
            return
        }
        order.append(id)
        guard expected.count > Self.mostSignals else { return }
        let oldest = order[dropped]
        dropped += 1
        expected[oldest] = nil
        if let (prefix, tickID) = Self.parts(oldest) { droppedThrough[prefix] = tickID }
    }

    private var names: [String] = []

    /// Takes an entry of the stream with all its fields; Redis lets a name be there more than once.
    public mutating func take(
        entry: String, fields: [(name: String, value: String)], _ report: (RecordDifference) throws -> Void
    ) rethrows {
        guard let id = fields.first(where: { $0.name == "id" })?.value, let (prefix, tickID) = Self.parts(id) else {
            counts.outside += 1
            return
        }
        guard let ours = expected[id] else {
            let isKept = droppedThrough[prefix].map { tickID > $0 } ?? true
            let isCovered = isKept && covered[prefix]?.contains { $0.contains(tickID) } == true
            if isCovered { try add(.unknown, id, report) } else { counts.outside += 1 }
            return
        }
        if ours.isSeen { try add(.doubled(entry: entry), id, report) }
        expected[id]?.isSeen = true
        var theirs: [String: [String]] = [:]
        for field in fields { theirs[field.name, default: []].append(field.value) }
        var isEqual = true
        for (name, value) in zip(names, ours.fields) {
            let values = theirs.removeValue(forKey: name) ?? []
            guard values != [value], !ignored.contains(name) || values.count != 1 else { continue }
            isEqual = false
            try add(.altered(field: name, ours: value, theirs: values.joined(separator: ", ")), id, report)
        }
        for (name, values) in theirs.sorted(by: { $0.key < $1.key }) {
            isEqual = false
            try add(.altered(field: name, ours: "", theirs: values.joined(separator: ", ")), id, report)
        }
        if isEqual, !ours.isSeen { counts.equal += 1 }
    }

    /// What the stream does not hold: number and id, in the order of the journal.
    public var absent: [(number: UInt64, id: String)] {
        order[dropped...].compactMap { id in
            guard let signal = expected[id], !signal.isSeen else { return nil }
            return (signal.number, id)
        }
    }

    /// Counts an absent signal for what it is.
    public mutating func settle(
        _ id: String, as reason: Absence, _ report: (RecordDifference) throws -> Void
    ) rethrows {
        switch reason {
        case .pending: counts.pending += 1
        case .trimmed: counts.expired += 1
        case .missing: try add(.missing, id, report)
        }
    }

    /// Why the stream does not hold a signal.
    public enum Absence: Sendable {
        /// Not acknowledged yet.
        case pending
        /// Acknowledged, and older than what the stream is trimmed to, or than what the journal knows of acknowledgements.
        case trimmed
        /// Acknowledged and gone.
        case missing
    }

    private mutating func add(
        _ kind: RecordDifference.Kind, _ id: String, _ report: (RecordDifference) throws -> Void
    ) rethrows {
        counts.differences += 1
        try report(RecordDifference(place: .stream, kind: kind, identifier: id))
    }

    /// `exchange:symbol:strategy:` and the tick of an id; nil where it is none.
    private static func parts(_ id: String) -> (prefix: String, tickID: UInt64)? {
        let base = id.hasSuffix(":gap") ? id.dropLast(4) : id[...]
        guard let colon = base.lastIndex(of: ":"), let tickID = UInt64(base[base.index(after: colon)...]) else {
            return nil
        }
        return (String(base[...colon]), tickID)
    }
}
