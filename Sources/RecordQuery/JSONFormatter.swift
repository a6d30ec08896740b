internal import TradingModel

/// One JSON object a line (RFC 8259).
///
/// Integers are texts, as in the stream entry: many readers of JSON make doubles of numbers, which have not the digits of a
/// time in nanoseconds. Price levels are arrays of texts.
struct JSONFormatter: RecordFormatter {
    let table: StoredTable
    /// `"name":` of each column.
    private let keys: [[UInt8]]
    private let isJSON: [Bool]

    init(table: StoredTable) {
        self.table = table
        keys = table.columns.map { Array("\"\($0.name)\":".utf8) }
        isJSON = table.columns.map { $0.form == .levels }
    }

    func appendHeader(to output: inout [UInt8]) {}

    func append(_ record: StoredRecord, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "{"))
        var isFirst = true
        for (index, value) in record.values.enumerated() where value != .none {
            if !isFirst { output.append(UInt8(ascii: ",")) }
            isFirst = false
            output += keys[index]
            switch value {
            case .none: break
            case .text(let text) where isJSON[index]: output += text.utf8
            case .text(let text): FieldText.append(json: text.utf8, to: &output)
            case .integer(let number): FieldText.append(json: "\(number)".utf8, to: &output)
            case .boolean(let flag): output += (flag ? "true" : "false").utf8
            }
        }
        output += "}\n".utf8
    }
}
