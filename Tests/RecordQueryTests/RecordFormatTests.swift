import RecordQuery
import Testing
import TradingModel

@Suite struct RecordFormatTests {
    /// A record of `table` with the named fields, all else absent.
    private func record(_ table: StoredTable, _ fields: [String: StoredValue]) -> StoredRecord {
        StoredRecord(
            values: table.columns.map { fields[$0.name] ?? .none }, position: RecordPosition(key: 1, identifier: "1"),
            timeNanos: 0, hasFirstTime: true)
    }

    private func text(_ format: RecordFormat, _ table: StoredTable, _ fields: [[String: StoredValue]]) -> String {
        let formatter = format.formatter(of: table)
        var bytes: [UInt8] = []
        formatter.appendHeader(to: &bytes)
        for fields in fields { formatter.append(record(table, fields), to: &bytes) }
        return String(decoding: bytes, as: UTF8.self)
    }

    private let trade: [String: StoredValue] = [
        "_id": .text("binance:BTCUSDT:trade:7"), "exchange": .text("binance"), "symbol": .text("BTCUSDT"),
        "kind": .text("trade"), "tickId": .integer(9_223_372_036_854_775_807), "price": .text("61826.5"),
        "quantity": .text("0.00000001"), "buyerIsMaker": .boolean(true),
        "eventTime": .text("2024-08-08T23:54:13.123Z"), "eventTimeNanos": .integer(1_723_161_253_123_456_789),
    ]

    @Test func `JSON has the fields there are, numbers as texts`() {
        #expect(
            text(.json, .ticks, [trade, [:]]) == """
                {"_id":"binance:BTCUSDT:trade:7","exchange":"binance","symbol":"BTCUSDT","kind":"trade",\
                "tickId":"9223372036854775807","price":"61826.5","quantity":"0.00000001","buyerIsMaker":true,\
                "eventTime":"2024-08-08T23:54:13.123Z","eventTimeNanos":"1723161253123456789"}
                {}

                """)
    }

    @Test func `JSON escapes what it must and leaves levels as they are`() {
        let line = text(
            .json, .depth,
            [["symbol": .text("a\"b\\c\u{1}\u{1F}\né"), "bidupdates": .text(#"[["61500.10","0.5"]]"#)]])
        #expect(line == #"{"symbol":"a\"b\\c\u0001\u001f\u000aé","bidupdates":[["61500.10","0.5"]]}"# + "\n")
    }

    @Test func `CSV has every field, quoted where RFC 4180 asks for it`() {
        let lines = text(
            .csv, .gaps,
            [["_id": .text("a,b"), "exchange": .text("say \"hi\""), "symbol": .text("x\r\ny"), "missing": .integer(3)]])
        #expect(
            lines == "_id,exchange,symbol,kind,fromId,toId,missing,cause,beforeTime,beforeTimeNanos,afterTime,"
                + "afterTimeNanos,noticedTime,noticedTimeNanos,refilled,refilledFrom,created_at\r\n"
                + "\"a,b\",\"say \"\"hi\"\"\",\"x\r\ny\",,,,3,,,,,,,,,,\r\n")
        #expect(text(.csv, .depth, [["askupdates": .text(#"[["1.0","2"]]"#)]]).contains(#""[[""1.0"",""2""]]""#))
    }

    @Test func `a table is aligned and keeps long values whole`() {
        let quote: [String: StoredValue] = [
            "exchange": .text("binance"), "symbol": .text("A-SYMBOL-LONGER-THAN-ITS-COLUMN"),
            "kind": .text("bookTicker"), "tickId": .integer(8), "bidPrice": .text("1.5"), "bidQuantity": .text("2"),
            "askPrice": .text("1.6"), "askQuantity": .text("3"), "receiveTime": .text("2024-08-08T23:54:13.124Z"),
        ]
        let refilled: [String: StoredValue] = [
            "exchange": .text("binance"), "symbol": .text("BTCUSDT"), "kind": .text("trade"), "tickId": .integer(9),
            "price": .text("1.5"), "aggregateQuantity": .text("7"), "refilled": .boolean(true),
            "eventTime": .text("2024-08-08T23:54:13.125Z"),
        ]
        #expect(
            text(.table, .ticks, [trade, quote, refilled]) == """
                TIME                      INSTRUMENT            KIND        PRICE                   QUANTITY                REFILLED  TICK
                2024-08-08T23:54:13.123Z  binance:BTCUSDT       trade       61826.5                 0.00000001                        9223372036854775807
                2024-08-08T23:54:13.124Z  binance:A-SYMBOL-LONGER-THAN-ITS-COLUMN bookTicker  1.5/1.6                 2/3                               8
                2024-08-08T23:54:13.125Z  binance:BTCUSDT       trade       1.5                     of 7                    yes       9

                """)
        let book = text(
            .table, .depth,
            [["bidupdates": .text(#"[["61500.10","0.5"],["61500.00","1"]]"#), "askupdates": .text("[]")]])
        #expect(book.contains("61500.10 x 0.5 (2)") && book.hasSuffix("none\n"))
    }

    @Test(arguments: StoredTable.allCases) func `every table has its columns once, and a table of its own`(
        table: StoredTable
    ) {
        let names = table.columns.map(\.name)
        #expect(Set(names).count == names.count)
        #expect(Set(names).isSuperset(of: ["_id", "exchange", "symbol", table.seriesColumn, table.keyColumn]))
        #expect(Set(names).isSuperset(of: table.timeColumns))
        #expect(text(.table, table, []).split(separator: "\n").count == 1)
    }
}
