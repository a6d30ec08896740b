public import TradingModel

extension SQLiteOrderStore {
    /// The row of `trader_state` with the trading mode.
    private static let modeID = "mode"

    private static func positionID(_ name: String) -> String { "position:\(name)" }

    /// By its key.
    public mutating func tradingState() throws(TradeStoreError) -> TradingState? {
        try reading { connection throws(SQLiteFailure) in
            let select = try connection.prepare("SELECT mode, reason, time, timeNanos FROM trader_state WHERE _id = ?")
            select.bind(Self.modeID)
            return try select.rows { row throws(SQLiteFailure) in
                var reader = TradingRowReader()
                let mode: TradingMode = try reader.choice(row)
                let reason = try reader.text(row)
                return TradingState(mode: mode, reason: reason, time: try reader.time(row))
            }.first
        }
    }

    /// Replaces the row.
    public mutating func set(_ state: TradingState) throws(TradeStoreError) {
        var row = TradingRow(of: Self.modeID)
        row.add(Self.modeID)
        row.add(state.mode.rawValue)
        row.add(state.reason)
        row.add(state.time)
        row.add(nil as Int64?)
        try put(row, into: "trader_state")
    }

    /// By its key.
    public mutating func sourcePosition(of name: String) throws(TradeStoreError) -> UInt64? {
        try reading { connection throws(SQLiteFailure) in
            let select = try connection.prepare("SELECT position FROM trader_state WHERE _id = ?")
            select.bind(Self.positionID(name))
            return try select.rows { row throws(SQLiteFailure) in
                var reader = TradingRowReader()
                return try reader.counter(row)
            }.first
        }
    }

    /// Replaces the row.
    public mutating func setSourcePosition(_ position: UInt64, of name: String) throws(TradeStoreError) {
        var row = TradingRow(of: name)
        row.add(Self.positionID(name))
        for _ in 0..<2 { row.add(nil as String?) }
        row.add(nil as UnixNanos?)
        row.add(position, "position")
        try put(row, into: "trader_state")
    }

    private func put(_ row: TradingRow, into table: String) throws(TradeStoreError) {
        if let refusal = row.refusal { throw refusal }
        try writing { connection throws(SQLiteFailure) in
            try row.insert(into: table, in: connection, or: "OR REPLACE")
        }
    }

    /// In one transaction.
    public mutating func write(_ positions: [Position]) throws(TradeStoreError) {
        guard !positions.isEmpty else { return }
        try writing { connection throws(SQLiteFailure) in
            for position in positions { try Self.write(position, in: connection) }
        }
    }

    private static func write(
        _ position: Position, in connection: borrowing SQLiteConnection
    ) throws(SQLiteFailure) {
        let id = position.key.description
        var row = TradingRow(of: id)
        row.add(id)
        row.add(position.key)
        row.add(position.quantity)
        row.add(position.cost)
        row.add(position.realisedProfit)
        row.add(position.quoteAsset)
        row.add(Int64(position.fillCount))
        row.add(position.lastFillTime)
        try row.insert(into: "positions", in: connection, or: "OR REPLACE")
        let delete = try connection.prepare("DELETE FROM position_fees WHERE positionId = ?")
        delete.bind(id)
        try delete.run()
        for (asset, amount) in position.fees {
            var row = TradingRow(of: id)
            row.add(id)
            row.add(asset)
            row.add(amount)
            try row.insert(into: "position_fees", in: connection)
        }
    }
}
