internal import CSQLite
internal import TradingModel

/// The values of a row that is to be written, in the order of its table's columns.
///
/// What no row can hold is remembered and refused when the row is written: numbers above 2⁶³ − 1, and texts above 16 MiB, as
/// in MongoDB.
struct TradingRow {
    private static let mostTextBytes = 16 << 20

    private enum Value {
        case text(String?)
        case number(Int64?)
    }

    /// Which record it is, for a refusal.
    let id: String
    private var values: [Value] = []
    private(set) var refusal: TradeStoreError?

    init(of id: String) { self.id = id }

    mutating func add(_ text: String?) {
        if let text, text.utf8.count > Self.mostTextBytes {
            refusal = .refused("\(id) has a text of \(text.utf8.count) bytes, above \(Self.mostTextBytes)")
        }
        values.append(.text(text))
    }

    mutating func add(_ number: Int64?) { values.append(.number(number)) }

    mutating func add(_ flag: Bool) { add(flag ? Int64(1) : 0) }

    mutating func add(_ decimal: ExactDecimal?) { add(decimal?.description) }

    mutating func add(_ count: UInt64, _ what: String) {
        guard let number = Int64(exactly: count) else {
            refusal = .refused("\(id) has the \(what) \(count), which is above 2^63 - 1")
            return
        }
        add(number)
    }

    /// A date and the nanoseconds.
    mutating func add(_ time: UnixNanos?) {
        add(time.map(Self.dateText))
        add(time?.rawValue)
    }

    mutating func add(_ key: StrategyKey?) {
        add(key?.instrument.exchange.rawValue)
        add(key?.instrument.symbol)
        add(key?.strategy)
    }

    mutating func add(_ type: OrderType?) {
        switch type {
        case nil:
            for _ in 0..<2 { add(nil as String?) }
            add(nil as Int64?)
        case .market?:
            add("MARKET")
            add(nil as String?)
            add(nil as Int64?)
        case .limit(let price, let timeoutMillis)?:
            add("LIMIT")
            add(price)
            add(Int64(timeoutMillis))
        }
    }

    mutating func add(_ fill: Fill?) {
        add(fill?.tradeID)
        add(fill?.price)
        add(fill?.quantity)
        add(fill?.fee)
        add(fill?.feeAsset)
        add(fill?.time)
    }

    /// RFC 3339 in milliseconds, rounded down.
    private static func dateText(_ time: UnixNanos) -> String {
        let (nanos, isOver) = time.millis.multipliedReportingOverflow(by: 1_000_000)
        return TextCursor.text { $0.append(rfc3339: isOver ? time : UnixNanos(rawValue: nanos)) }
    }

    /// Inserts the row; a conflict is the statement's failure.
    func insert(into table: String, in connection: borrowing SQLiteConnection, or: String = "") throws(SQLiteFailure) {
        let marks = Array(repeating: "?", count: values.count).joined(separator: ",")
        let statement = try connection.prepare("INSERT \(or) INTO \(table) VALUES (\(marks))")
        for (index, value) in values.enumerated() {
            switch value {
            case .number(let number?): statement.bind(number, at: Int32(index))
            case .text(let text): statement.bind(text, at: Int32(index))
            case .number(nil): statement.bind(nil, at: Int32(index))
            }
        }
        try statement.run()
    }
}

/// Reads the columns of a row one after the other, exactly as they were written.
///
/// What is not as it was written is a failure that refuses by name: an order that were passed over would be a position that
/// nobody knows of.
struct TradingRowReader: ~Copyable {
    private var column: Int32 = 0

    init(at column: Int32 = 0) { self.column = column }

    mutating func skip() { column += 1 }

    mutating func text(_ row: borrowing SQLiteStatement) throws(SQLiteFailure) -> String {
        try need(row, optionalText(row))
    }

    mutating func optionalText(_ row: borrowing SQLiteStatement) -> String? {
        defer { column += 1 }
        return row.text(column)
    }

    mutating func number(_ row: borrowing SQLiteStatement) throws(SQLiteFailure) -> Int64 {
        defer { column += 1 }
        guard row.isInteger(column) else { return try need(row, nil, column) }
        return row.number(column)
    }

    mutating func counter(_ row: borrowing SQLiteStatement) throws(SQLiteFailure) -> UInt64 {
        try need(row, UInt64(exactly: try number(row)))
    }

    mutating func decimal(_ row: borrowing SQLiteStatement) throws(SQLiteFailure) -> ExactDecimal {
        try need(row, ExactDecimal(try text(row)))
    }

    mutating func optionalDecimal(_ row: borrowing SQLiteStatement) throws(SQLiteFailure) -> ExactDecimal? {
        guard row.isNull(column) else { return try decimal(row) }
        skip()
        return nil
    }

    mutating func choice<Value: RawRepresentable<String>>(
        _ row: borrowing SQLiteStatement
    ) throws(SQLiteFailure) -> Value {
        try need(row, Value(rawValue: try text(row)))
    }

    mutating func time(_ row: borrowing SQLiteStatement) throws(SQLiteFailure) -> UnixNanos {
        skip()
        return UnixNanos(rawValue: try number(row))
    }

    mutating func strategyKey(_ row: borrowing SQLiteStatement) throws(SQLiteFailure) -> StrategyKey {
        let exchange: Exchange = try choice(row)
        let symbol = try text(row)
        return StrategyKey(
            instrument: Instrument(exchange: exchange, symbol: symbol), strategy: try text(row))
    }

    mutating func orderType(_ row: borrowing SQLiteStatement) throws(SQLiteFailure) -> OrderType {
        switch try text(row) {
        case "MARKET":
            column += 2
            return .market
        case "LIMIT":
            let price = try decimal(row)
            return .limit(price: price, timeoutMillis: Int(try number(row)))
        default: return try need(row, nil)
        }
    }

    mutating func fill(_ row: borrowing SQLiteStatement) throws(SQLiteFailure) -> Fill {
        let tradeID = try text(row)
        let (price, quantity, fee) = (try decimal(row), try decimal(row), try decimal(row))
        let feeAsset = try text(row)
        return Fill(
            tradeID: tradeID, price: price, quantity: quantity, fee: fee, feeAsset: feeAsset, time: try time(row))
    }

    private func need<Value>(
        _ row: borrowing SQLiteStatement, _ value: Value?, _ column: Int32? = nil
    ) throws(SQLiteFailure) -> Value {
        if let value { return value }
        throw SQLiteFailure(
            code: SQLITE_CORRUPT,
            message: "the row of \(row.text(0) ?? "") is not as it was written: \(row.name(column ?? self.column - 1))")
    }
}

extension SQLiteStatement {
    /// The values of the parameters, in their order.
    func bind(_ texts: String...) { for (index, text) in texts.enumerated() { bind(text, at: Int32(index)) } }
}
