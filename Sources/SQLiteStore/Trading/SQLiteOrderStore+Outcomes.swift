public import TradingModel

extension SQLiteOrderStore {
    /// In one transaction.
    ///
    /// - Throws: `refused` for an outcome that no row can hold.
    public mutating func record(_ outcome: SignalOutcome) throws(TradeStoreError) -> Bool {
        var row = TradingRow(of: outcome.id)
        row.add(outcome.id)
        row.add(outcome.key)
        row.add(outcome.result.rawValue)
        row.add(outcome.isApplied)
        row.add(outcome.reason)
        row.add(outcome.tickID, "tick id")
        row.add(outcome.isAfterGap)
        row.add(outcome.target)
        row.add(outcome.token, "token")
        row.add(outcome.time)
        if let refusal = row.refusal { throw refusal }
        return try writing { connection throws(SQLiteFailure) in
            try row.insert(into: "signal_outcomes", in: connection, or: "OR IGNORE")
            return connection.changes == 1
        }
    }

    /// By its key.
    public mutating func outcome(id: String) throws(TradeStoreError) -> SignalOutcome? {
        try reading { connection throws(SQLiteFailure) in
            let select = try connection.prepare(TradingSchema.outcomeByID)
            select.bind(id)
            return try select.rows(Self.outcome).first
        }
    }

    /// From one key to the next by the index.
    public mutating func lastApplied() throws(TradeStoreError) -> [SignalOutcome] {
        try reading { connection throws(SQLiteFailure) in
            let select = try connection.prepare(TradingSchema.appliedBehind)
            var found: [SignalOutcome] = []
            select.bind("", "", "")
            while let next = try select.rows(Self.outcome).first {
                found.append(next)
                guard let key = next.key else { break }
                select.bind(key.instrument.exchange.rawValue, key.instrument.symbol, key.strategy)
            }
            return found
        }
    }

    private static func outcome(_ row: borrowing SQLiteStatement) throws(SQLiteFailure) -> SignalOutcome {
        var reader = TradingRowReader()
        let id = try reader.text(row)
        var key: StrategyKey?
        if row.isNull(1) {
            for _ in 0..<3 { reader.skip() }
        } else {
            key = try reader.strategyKey(row)
        }
        let result: SignalOutcome.Result = try reader.choice(row)
        reader.skip()
        let reason = try reader.text(row)
        let tickID = try reader.counter(row)
        let isAfterGap = try reader.number(row) != 0
        let target = try reader.optionalDecimal(row)
        let token = try reader.counter(row)
        return SignalOutcome(
            id: id, key: key, result: result, reason: reason, tickID: tickID, isAfterGap: isAfterGap, target: target,
            token: token, time: try reader.time(row))
    }
}
