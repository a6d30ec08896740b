public import TradingModel

extension SQLiteOrderStore {
    /// In one transaction.
    ///
    /// - Throws: `refused` for a record that no row can hold.
    public mutating func append(_ record: PaperRecord, account: String) throws(TradeStoreError) -> PaperAppend {
        var row = TradingRow(of: "\(account):\(record.sequence)")
        row.add(account)
        row.add(record.sequence, "number")
        row.add(record.kind.rawValue)
        row.add(record.token, "token")
        row.add(record.clientOrderID)
        row.add(record.time)
        row.add(record.request?.clientOrderID)
        row.add(record.request?.instrument.exchange.rawValue)
        row.add(record.request?.instrument.symbol)
        row.add(record.request?.side.rawValue)
        row.add(record.request?.quantity)
        row.add(record.request?.type)
        row.add(record.request?.referencePrice)
        row.add(record.fill)
        if let refusal = row.refusal { throw refusal }
        return try writing { connection throws(SQLiteFailure) in
            // A record that breaks both rules is the number's: whoever is behind must read before anything else.
            let select = try connection.prepare("SELECT 1 FROM paper_log WHERE account = ? AND sequence = ?")
            select.bind(account)
            select.bind(Int64(record.sequence), at: 1)
            guard try select.firstNumber() == nil else { return .isBehind }
            try row.insert(into: "paper_log", in: connection, or: "OR IGNORE")
            return connection.changes == 1 ? .appended : .isKnown
        }
    }

    /// By the key, from `sequence` on.
    public mutating func records(
        behind sequence: UInt64, account: String, most: Int
    ) throws(TradeStoreError) -> [PaperRecord] {
        try reading { connection throws(SQLiteFailure) in
            let select = try connection.prepare(TradingSchema.paperBehind)
            select.bind(account)
            select.bind(Int64(clamping: sequence), at: 1)
            select.bind(Int64(most), at: 2)
            return try select.rows(Self.record)
        }
    }

    /// By an index.
    public mutating func records(
        of clientOrderID: String, account: String
    ) throws(TradeStoreError) -> [PaperRecord] {
        try reading { connection throws(SQLiteFailure) in
            let select = try connection.prepare(TradingSchema.paperOfOrder)
            select.bind(account, clientOrderID)
            return try select.rows(Self.record)
        }
    }

    private static func record(_ row: borrowing SQLiteStatement) throws(SQLiteFailure) -> PaperRecord {
        var reader = TradingRowReader(at: 1)
        let sequence = try reader.counter(row)
        let kind: PaperRecord.Kind = try reader.choice(row)
        let token = try reader.counter(row)
        let clientOrderID = try reader.text(row)
        let time = try reader.time(row)
        let hasRequest = !row.isNull(7)
        var request: OrderRequest?
        if hasRequest {
            let id = try reader.text(row)
            let exchange: Exchange = try reader.choice(row)
            let symbol = try reader.text(row)
            let side: OrderSide = try reader.choice(row)
            let quantity = try reader.decimal(row)
            let type = try reader.orderType(row)
            request = OrderRequest(
                clientOrderID: id, instrument: Instrument(exchange: exchange, symbol: symbol), side: side,
                quantity: quantity, type: type, referencePrice: try reader.decimal(row))
        }
        var fillReader = TradingRowReader(at: 16)
        return PaperRecord(
            sequence: sequence, kind: kind, token: token, clientOrderID: clientOrderID, request: request,
            fill: row.isNull(16) ? nil : try fillReader.fill(row), time: time)
    }
}
