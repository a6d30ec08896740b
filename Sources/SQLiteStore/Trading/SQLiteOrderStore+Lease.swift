public import TradingModel

extension SQLiteOrderStore {
    /// By the clock given to the store, which is this machine's: a file has one machine.
    public mutating func lease(
        _ name: String, holder: String, millis: Int
    ) throws(TradeStoreError) -> LeaseAttempt {
        let now = now
        return try writing { connection throws(SQLiteFailure) in
            let select = try connection.prepare("SELECT holder, token, untilNanos FROM leases WHERE _id = ?")
            select.bind(name)
            var (token, until): (UInt64, UnixNanos) = (0, now)
            var other: String?
            if try select.step() {
                var reader = TradingRowReader()
                let holds = try reader.text(select)
                token = try reader.counter(select)
                // One without an end was given back.
                if !select.isNull(2) { until = UnixNanos(rawValue: select.number(2)) }
                if until > now, holds != holder { other = holds }
            }
            select.reset()
            if let other { return .heldByOther(other) }
            if until <= now { token += 1 }
            let (nanos, isOver) = now.rawValue.addingReportingOverflow(Int64(millis) * 1_000_000)
            // What was promised before, for longer, stays promised.
            until = max(until, UnixNanos(rawValue: isOver ? .max : nanos))
            var row = TradingRow(of: name)
            row.add(name)
            row.add(holder)
            row.add(token, "token")
            row.add(until)
            try row.insert(into: "leases", in: connection, or: "OR REPLACE")
            return .held(TradingLease(name: name, holder: holder, token: token))
        }
    }

    /// Takes the end off the lease, which is then free; the row stays, since tokens never fall.
    public mutating func release(_ lease: TradingLease) throws(TradeStoreError) {
        try writing { connection throws(SQLiteFailure) in
            let update = try connection.prepare(
                "UPDATE leases SET until = NULL, untilNanos = NULL WHERE _id = ? AND holder = ? AND token = ?")
            update.bind(lease.name, lease.holder)
            update.bind(Int64(clamping: lease.token), at: 2)
            try update.run()
        }
    }
}
