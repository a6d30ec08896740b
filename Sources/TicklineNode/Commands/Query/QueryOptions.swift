import RecordQuery
import TradingModel

/// What `tickline query` is asked for, as the command line gives it.
public struct QueryOptions: Sendable {
    /// The table's name.
    public var table = StoredTable.signals.rawValue
    /// First time, included.
    public var from: String?
    /// Last time, excluded.
    public var to: String?
    /// `SYMBOL` or `EXCHANGE:SYMBOL`; none for all.
    public var instruments: [String] = []
    /// Records at most.
    public var limit: Int?
    /// Newest first.
    public var isNewestFirst = false
    /// How to print; nil for a table on a terminal and JSON lines otherwise.
    public var format: String?

    /// Everything of the signals' table, oldest first.
    public init() {}

    /// Checks what can be checked without a store.
    ///
    /// - Throws: `unknown`, `invalidTime`, `emptyRange`, `invalidLimit`.
    func request(now: UnixNanos, isTerminal: Bool) throws(QueryError) -> QueryRequest {
        if let limit, limit < 1 { throw .invalidLimit(limit) }
        return QueryRequest(
            table: try Self.choice(table, flag: "--table"),
            timesNanos: try QueryTime.range(from: from, to: to, now: now),
            instruments: instruments, limit: limit ?? Int.max, isNewestFirst: isNewestFirst,
            format: try format.map { text throws(QueryError) in try Self.choice(text, flag: "--format") }
                ?? (isTerminal ? .table : .json))
    }

    /// The choice that a flag's text names.
    ///
    /// - Throws: `unknown` with the nearest one.
    static func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ text: String, flag: String
    ) throws(QueryError) -> Choice {
        if let choice = Choice(rawValue: text) { return choice }
        let names = Choice.allCases.map(\.rawValue)
        throw .unknown(flag: flag, text, nearest: nearest(to: text, in: names) ?? "", known: names)
    }
}

/// A query that makes sense.
struct QueryRequest: Sendable {
    var table: StoredTable
    /// Unix nanoseconds, the upper end excluded; nil for all.
    var timesNanos: Range<Int64>?
    var instruments: [String]
    var limit: Int
    var isNewestFirst: Bool
    var format: RecordFormat

    /// Those of `known` that were asked for.
    ///
    /// - Throws: `unknown` for a name that none of them has, `noInstruments` where nothing is stored at all.
    func matches(in known: [StoredInstrument]) throws(QueryError) -> [StoredInstrument] {
        guard !instruments.isEmpty else { return known }
        var found: Set<StoredInstrument> = []
        for text in instruments {
            let matches = known.filter { $0.symbol == text || "\($0)" == text }
            guard !matches.isEmpty else {
                // Compared without regard to case: streams are named in lower case.
                let names = known.map { text.contains(":") ? "\($0)" : $0.symbol }
                let closest = nearest(to: text.uppercased(), in: names.map { $0.uppercased() })
                guard let name = names.first(where: { $0.uppercased() == closest }) else {
                    throw .noInstruments(text)
                }
                throw .unknown(flag: "--instrument", text, nearest: name, known: [])
            }
            found.formUnion(matches)
        }
        return found.sorted()
    }
}
