import TradingModel

/// What every `PaperOrderLog` must do, whatever is behind it.
public enum PaperOrderLogContract {
    private typealias Sample = SampleTrading

    /// Checks an empty, reachable log by two handles on it, as two traders' venues have them.
    public static func check<Log: PaperOrderLog & ~Copyable>(_ one: inout Log, _ two: inout Log) throws {
        try one.preparePaper()
        try two.preparePaper()
        try one.preparePaper()
        try Contract.expect(one.records(behind: 0, account: "a", most: 10), [], "an empty log has no records")
        try Contract.expect(one.records(of: "x", account: "a"), [], "an empty log has no order")
        let records = records
        try checkAppends(&one, &two, records)
        try Contract.expect(two.records(behind: 0, account: "a", most: 100), records, "records come in order, exactly")
        for behind in [0, 1, 3, 6, UInt64.max] {
            try Contract.expect(
                two.records(behind: behind, account: "a", most: 2),
                Array(records.filter { $0.sequence > behind }.prefix(2)), "records behind \(behind), two at most")
        }
        try Contract.expect(
            two.records(of: records[1].clientOrderID, account: "a"), [records[1], records[3], records[4]],
            "the records of one order, in order")
        try Contract.expect(two.records(of: records[1].clientOrderID, account: "b").count, 1, "of one account alone")

        var wide = Sample.fence(7, token: .max)
        try expectRefused(&one, wide, "a token beyond 63 bits")
        wide = Sample.fence(.max, token: 1)
        try expectRefused(&one, wide, "a number beyond 63 bits")
        try Contract.expect(two.records(behind: 6, account: "a", most: 1), [], "what was refused is not there")
    }

    /// All kinds, the first six numbers.
    private static var records: [PaperRecord] {
        var limit = Sample.order(2)
        limit.type = .limit(price: Sample.decimal("0." + String(repeating: "9", count: 34)), timeoutMillis: 1)
        limit.clientOrderID = "$'\u{1F600}"
        func record(_ sequence: UInt64, _ kind: PaperRecord.Kind, _ id: String, _ fill: Fill? = nil) -> PaperRecord {
            PaperRecord(
                sequence: sequence, kind: kind, token: 3, clientOrderID: id, request: nil, fill: fill,
                time: UnixNanos(rawValue: -1))
        }
        let market = Sample.order(1)
        return [
            Sample.fence(1, token: 3), Sample.acceptance(2, of: market, token: 3),
            Sample.acceptance(3, of: limit, token: UInt64(Int64.max)),
            record(4, .fill, market.clientOrderID, Sample.fill(4)), record(5, .cancel, market.clientOrderID),
            record(6, .expire, limit.clientOrderID),
        ]
    }

    private static func checkAppends<Log: PaperOrderLog & ~Copyable>(
        _ one: inout Log, _ two: inout Log, _ records: [PaperRecord]
    ) throws {
        for record in records {
            try Contract.expect(one.append(record, account: "a"), .appended, "the next record is appended")
            try Contract.expect(one.append(record, account: "a"), .isBehind, "the same record again is behind")
            try Contract.expect(
                two.append(Sample.fence(record.sequence, token: 9), account: "a"), .isBehind,
                "another record of that number is behind")
        }
        var again = records[1]
        again.sequence = 7
        try Contract.expect(two.append(again, account: "a"), .isKnown, "an order is accepted once")
        again.sequence = 6
        try Contract.expect(two.append(again, account: "a"), .isBehind, "who is behind must read first")
        again.sequence = 1
        try Contract.expect(two.append(again, account: "b"), .appended, "accounts have numbers and orders of their own")
        try Contract.expect(two.append(again, account: "a:1"), .appended, "whatever their names")
    }

    private static func expectRefused<Log: PaperOrderLog & ~Copyable>(
        _ log: inout Log, _ record: PaperRecord, _ rule: String
    ) throws {
        do { _ = try log.append(record, account: "a") } catch {
            if case .refused = error { return }
            throw Contract.Violation(description: "\(rule) is refused: got \(error)")
        }
        throw Contract.Violation(description: "\(rule) is refused: it was taken")
    }
}
