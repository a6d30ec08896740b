internal import TradingModel

/// Comma-separated values (RFC 4180): lines end in CR LF; a field with a comma, a quote or a line end is quoted, its quotes
/// doubled.
struct CSVFormatter: RecordFormatter {
    let table: StoredTable

    func appendHeader(to output: inout [UInt8]) {
        output += table.columns.map(\.name).joined(separator: ",").utf8
        output += "\r\n".utf8
    }

    func append(_ record: StoredRecord, to output: inout [UInt8]) {
        for (index, value) in record.values.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            switch value {
            case .none: break
            case .text(let text): FieldText.append(csv: text.utf8, to: &output)
            case .integer(let number): output += "\(number)".utf8
            case .boolean(let flag): output += (flag ? "true" : "false").utf8
            }
        }
        output += "\r\n".utf8
    }
}
