/// A kind of record that stores keep, as `tickline query` names it.
public enum StoredTable: String, Sendable, CaseIterable {
    /// Trades, aggregate trades and quotes.
    case ticks
    /// What strategies decided, signals among them.
    case decisions
    /// Decisions that are signals.
    case signals
    /// Runs of ids that never arrived, or were refilled.
    case gaps
    /// Changes and tops of order books.
    case depth
    /// Closed klines.
    case klines

    /// The fields, in the order they are printed; they have the names of the documents' fields. What a record does not have
    /// is absent.
    public var columns: [StoredColumn] {
        switch self {
        case .ticks:
            named("kind") + [
                StoredColumn("tickId", .integer), StoredColumn("price", .decimal), StoredColumn("quantity", .decimal),
                StoredColumn("aggregateQuantity", .decimal), StoredColumn("buyerIsMaker", .boolean),
                StoredColumn("isMarketPrice", .boolean), StoredColumn("refilled", .boolean),
                StoredColumn("firstTradeId", .integer), StoredColumn("lastTradeId", .integer),
                StoredColumn("bidPrice", .decimal), StoredColumn("bidQuantity", .decimal),
                StoredColumn("askPrice", .decimal), StoredColumn("askQuantity", .decimal),
            ] + time("eventTime") + time("receiveTime") + [created]
        case .decisions, .signals:
            named("strategy") + [
                StoredColumn("signal", .text), StoredColumn("isSignal", .boolean), StoredColumn("reason", .text),
                StoredColumn("shortSMA", .decimal), StoredColumn("longSMA", .decimal), StoredColumn("price", .decimal),
                StoredColumn("tickId", .integer), StoredColumn("timestamp", .time),
                StoredColumn("eventTimeNanos", .integer),
            ] + time("receiveTime") + [created]
        case .gaps:
            named("kind") + [
                StoredColumn("fromId", .integer), StoredColumn("toId", .integer), StoredColumn("missing", .integer),
                StoredColumn("cause", .text),
            ] + time("beforeTime") + time("afterTime") + time("noticedTime") + [
                StoredColumn("refilled", .boolean), StoredColumn("refilledFrom", .text), created,
            ]
        case .depth:
            named("kind") + [
                StoredColumn("firstUpdateId", .integer), StoredColumn("lastUpdateId", .integer),
                StoredColumn("previousUpdateId", .integer), StoredColumn("bidupdates", .levels),
                StoredColumn("askupdates", .levels),
            ] + time("eventTime") + [StoredColumn("transactionTimeNanos", .integer)] + time("receiveTime") + [created]
        case .klines:
            named("interval") + time("openTime") + time("closeTime") + [
                StoredColumn("open", .decimal), StoredColumn("high", .decimal), StoredColumn("low", .decimal),
                StoredColumn("close", .decimal), StoredColumn("volume", .decimal), StoredColumn("trades", .integer),
                StoredColumn("firstTradeId", .integer), StoredColumn("lastTradeId", .integer),
            ] + time("eventTime") + time("receiveTime") + [created]
        }
    }

    /// The column that, with exchange and symbol, names a series.
    public var seriesColumn: String {
        switch self {
        case .ticks, .gaps, .depth: "kind"
        case .decisions, .signals: "strategy"
        case .klines: "interval"
        }
    }

    /// The column, an integer, that orders a series.
    public var keyColumn: String {
        switch self {
        case .ticks, .decisions, .signals: "tickId"
        case .gaps: "fromId"
        case .depth: "lastUpdateId"
        case .klines: "openTimeNanos"
        }
    }

    /// The columns that give a record's time in Unix nanoseconds: the first that the record has.
    public var timeColumns: [String] {
        switch self {
        case .ticks, .depth: ["eventTimeNanos", "receiveTimeNanos"]
        case .decisions, .signals: ["eventTimeNanos"]
        case .gaps: ["noticedTimeNanos"]
        case .klines: ["openTimeNanos"]
        }
    }

    private func named(_ series: String) -> [StoredColumn] {
        ["_id", "exchange", "symbol", series].map { StoredColumn($0, .text) }
    }

    private func time(_ name: String) -> [StoredColumn] {
        [StoredColumn(name, .time), StoredColumn(name + "Nanos", .integer)]
    }

    private var created: StoredColumn { StoredColumn("created_at", .time) }
}

/// A field of a table.
public struct StoredColumn: Sendable, Equatable {
    /// What its values are.
    public enum Form: Sendable {
        /// Text.
        case text
        /// A 64-bit integer.
        case integer
        /// A decimal number as text, exactly as computed.
        case decimal
        /// True or false.
        case boolean
        /// RFC 3339 in milliseconds, UTC.
        case time
        /// Price levels as JSON, `[["61500.10","0.5"],…]`, in the exchange's own text.
        case levels
    }

    /// Its name.
    public let name: String
    /// What its values are.
    public let form: Form

    /// Creates a column.
    public init(_ name: String, _ form: Form) {
        self.name = name
        self.form = form
    }
}
