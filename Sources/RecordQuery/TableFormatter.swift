internal import TradingModel

/// Aligned columns under a header. A value wider than its column pushes the rest of its line to the right.
struct TableFormatter: RecordFormatter {
    private struct Column: Sendable {
        let title: String
        let width: Int
        let text: @Sendable (Fields) -> String

        init(_ title: String, _ width: Int, _ text: @escaping @Sendable (Fields) -> String) {
            self.title = title
            self.width = width
            self.text = text
        }
    }

    private let columns: [Column]
    /// Index of each field.
    private let indices: [String: Int]

    init(table: StoredTable) {
        columns = Self.columns(of: table)
        indices = Dictionary(
            uniqueKeysWithValues: table.columns.enumerated().map { ($0.element.name, $0.offset) })
    }

    func appendHeader(to output: inout [UInt8]) { append(columns.map(\.title), to: &output) }

    func append(_ record: StoredRecord, to output: inout [UInt8]) {
        let fields = Fields(record: record, indices: indices)
        append(columns.map { $0.text(fields) }, to: &output)
    }

    private func append(_ texts: [String], to output: inout [UInt8]) {
        for (column, text) in zip(columns, texts) {
            output += text.utf8
            guard column.width > 0 else { continue }
            output += repeatElement(UInt8(ascii: " "), count: max(1, column.width - text.utf8.count))
        }
        output.append(UInt8(ascii: "\n"))
    }

    /// A record's fields by name.
    private struct Fields {
        let record: StoredRecord
        let indices: [String: Int]

        /// Empty where the record does not have it.
        subscript(_ name: String) -> String {
            switch indices[name].map({ record.values[$0] }) {
            case nil, .some(.none): ""
            case .text(let text): text
            case .integer(let number): "\(number)"
            case .boolean(let flag): flag ? "yes" : "no"
            }
        }

        var instrument: String { "\(self["exchange"]):\(self["symbol"])" }
        /// The exchange's time, else that of receipt.
        var time: String { self["eventTime"].isEmpty ? self["receiveTime"] : self["eventTime"] }

        /// A trade's, a quote's two, or where it is one of several trades and nobody knows its own, `of` and that of all.
        var quantity: String {
            self["aggregateQuantity"].isEmpty
                ? quoted("quantity", bid: "bidQuantity", ask: "askQuantity") : "of \(self["aggregateQuantity"])"
        }

        /// One value, or two with a slash for a quote's bid and ask.
        func quoted(_ name: String, bid: String, ask: String) -> String {
            self[name].isEmpty ? "\(self[bid])/\(self[ask])" : self[name]
        }

        /// The first level, `price x quantity`, and how many there are.
        func levels(_ name: String) -> String {
            let texts = self[name].split(separator: "\"").filter { $0.first?.isNumber == true }
            guard texts.count > 1 else { return "none" }
            return "\(texts[0]) x \(texts[1]) (\(texts.count / 2))"
        }
    }

    private static func columns(of table: StoredTable) -> [Column] {
        switch table {
        case .ticks:
            [
                Column("TIME", 26) { $0.time }, Column("INSTRUMENT", 22) { $0.instrument },
                Column("KIND", 12) { $0["kind"] },
                Column("PRICE", 24) { $0.quoted("price", bid: "bidPrice", ask: "askPrice") },
                Column("QUANTITY", 24) { $0.quantity }, Column("REFILLED", 10) { $0["refilled"] },
                Column("TICK", 0) { $0["tickId"] },
            ]
        case .decisions, .signals:
            // As the console prints signals.
            [
                Column("TIME", 26) { $0["timestamp"] }, Column("SIGNAL", 8) { $0["signal"] },
                Column("INSTRUMENT", 22) { $0.instrument }, Column("STRATEGY", 17) { $0["strategy"] },
                Column("PRICE", 17) { $0["price"] }, Column("SHORT SMA", 18) { $0["shortSMA"] },
                Column("LONG SMA", 18) { $0["longSMA"] }, Column("REASON", 8) { $0["reason"] },
                Column("TICK", 0) { $0["tickId"] },
            ]
        case .gaps:
            [
                Column("NOTICED", 26) { $0["noticedTime"] }, Column("INSTRUMENT", 22) { $0.instrument },
                Column("KIND", 12) { $0["kind"] }, Column("FROM", 20) { $0["fromId"] }, Column("TO", 20) { $0["toId"] },
                Column("MISSING", 10) { $0["missing"] }, Column("CAUSE", 11) { $0["cause"] },
                Column("REFILLED", 0) { $0["refilledFrom"].isEmpty ? $0["refilled"] : $0["refilledFrom"] },
            ]
        case .depth:
            [
                Column("TIME", 26) { $0.time }, Column("INSTRUMENT", 22) { $0.instrument },
                Column("KIND", 13) { $0["kind"] }, Column("FIRST ID", 16) { $0["firstUpdateId"] },
                Column("LAST ID", 16) { $0["lastUpdateId"] }, Column("BIDS", 34) { $0.levels("bidupdates") },
                Column("ASKS", 0) { $0.levels("askupdates") },
            ]
        case .klines:
            [
                Column("OPENED", 26) { $0["openTime"] }, Column("INSTRUMENT", 22) { $0.instrument },
                Column("INTERVAL", 10) { $0["interval"] }, Column("OPEN", 14) { $0["open"] },
                Column("HIGH", 14) { $0["high"] }, Column("LOW", 14) { $0["low"] }, Column("CLOSE", 14) { $0["close"] },
                Column("VOLUME", 18) { $0["volume"] }, Column("TRADES", 0) { $0["trades"] },
            ]
        }
    }
}
