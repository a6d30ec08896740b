import Foundation
import Journal
import RecordQuery
import Replay
import TradingModel

/// How `tickline journal ls` prints.
enum JournalListFormat: String, CaseIterable {
    case table
    case json
}

/// `tickline journal ls`: the segments of a journal.
public enum JournalListCommand {
    /// Prints one line for each segment and one for each chain. Returns the exit status.
    ///
    /// - Parameters:
    ///   - path: a data folder or the journal folder in it.
    ///   - format: `table` or `json`; nil for a table on a terminal and JSON lines otherwise.
    public static func run(path: String, format: String?) async -> Int32 {
        await exitStatus {
            let chosen: JournalListFormat =
                try format.map { try QueryOptions.choice($0, flag: "--format") }
                ?? (isatty(STDOUT_FILENO) == 1 ? .table : .json)
            let folder = try JournalFolder(userPath: path)
            let clock = JournalClock(folder)
            var rows: [JournalListRow] = []
            for chain in Set(folder.chains.keys).union(folder.emptyFiles.keys).sorted() {
                var total = JournalListTotal()
                var segments: [(number: UInt64, row: JournalListRow)] = []
                for file in folder.chains[chain] ?? [] {
                    guard let segment = try file.reader() else { continue }
                    let summary = segment.summary()
                    total.add(summary)
                    segments.append(
                        (file.segment, JournalListRow(summary, times: clock.times(of: summary, in: segment))))
                }
                for file in folder.emptyFiles[chain] ?? [] {
                    segments.append((file.segment, JournalListRow(empty: file, of: chain)))
                }
                rows += segments.sorted { $0.number < $1.number }.map(\.row) + [total.row(of: chain)]
            }
            var output = QueryOutput()
            switch chosen {
            case .table: JournalListRow.append(table: rows, to: &output.bytes)
            case .json: for row in rows { row.append(jsonTo: &output.bytes) }
            }
            try output.flush()
        }
    }
}

/// The sums of a chain.
private struct JournalListTotal {
    private var segments = 0
    private var entries = 0
    private var capacity = 0
    private var usedBytes = 0
    private var bytes = 0

    mutating func add(_ summary: SegmentSummary) {
        segments += 1
        entries += summary.entries
        capacity += summary.identity.tableEntries
        usedBytes += summary.usedBytes
        bytes += summary.identity.segmentBytes
    }

    func row(of chain: JournalChain) -> JournalListRow {
        JournalListRow(
            cells: [
                "\(chain)", "\(segments) segments", "", "", "", "", "\(entries)/\(capacity)", "\(usedBytes)/\(bytes)",
                "",
            ],
            fields: [
                ("chain", .text("\(chain)")), ("segments", .integer(Int64(segments))),
                ("entries", .integer(Int64(entries))), ("capacity", .integer(Int64(capacity))),
                ("usedBytes", .integer(Int64(usedBytes))), ("bytes", .integer(Int64(bytes))),
            ])
    }
}

/// One line of the list: the table's cells, and the fields of the JSON object.
private struct JournalListRow {
    private static let titles = [
        "CHAIN", "SEGMENT", "RUN", "CREATED", "FIRST ENTRY", "LAST ENTRY", "ENTRIES", "BYTES", "STATE",
    ]
    var cells: [String]
    var fields: [(String, StoredValue)]

    init(cells: [String], fields: [(String, StoredValue)]) {
        self.cells = cells
        self.fields = fields
    }

    /// Of a file without a byte.
    init(empty file: JournalFolder.File, of chain: JournalChain) {
        cells = ["\(chain)", "\(file.segment)", "", "", "", "", "0/0", "0/0", "empty"]
        fields = [
            ("chain", .text("\(chain)")), ("segment", .integer(Int64(bitPattern: file.segment))),
            ("entries", .integer(0)), ("capacity", .integer(0)), ("usedBytes", .integer(0)), ("bytes", .integer(0)),
            ("state", .text("empty")),
        ]
    }

    init(_ summary: SegmentSummary, times: ClosedRange<UnixNanos>?) {
        func text(_ time: UnixNanos) -> String { TextCursor.text { $0.append(rfc3339: time) } }
        let identity = summary.identity
        let run = text(UnixNanos(rawValue: Int64(bitPattern: identity.run)))
        let created = text(UnixNanos(rawValue: identity.createdNanos))
        fields = [
            ("chain", .text("\(identity.chain)")), ("segment", .integer(Int64(bitPattern: identity.segment))),
            ("run", .text(run)), ("created", .text(created)),
        ]
        if let times {
            fields += [("first", .text(text(times.lowerBound))), ("last", .text(text(times.upperBound)))]
        }
        fields += [
            ("entries", .integer(Int64(summary.entries))), ("capacity", .integer(Int64(identity.tableEntries))),
            ("usedBytes", .integer(Int64(summary.usedBytes))), ("bytes", .integer(Int64(identity.segmentBytes))),
        ]
        let state: String
        switch summary.state {
        case .sealed: (state, fields) = ("sealed", fields + [("state", .text("sealed"))])
        case .open: (state, fields) = ("open", fields + [("state", .text("open"))])
        case .torn(let committed):
            state = "torn, \(summary.entries) whole of \(committed)"
            fields += [("state", .text("torn")), ("committedEntries", .integer(Int64(committed)))]
        }
        cells = [
            "\(identity.chain)", "\(identity.segment)", run, created, times.map { text($0.lowerBound) } ?? "",
            times.map { text($0.upperBound) } ?? "", "\(summary.entries)/\(identity.tableEntries)",
            "\(summary.usedBytes)/\(identity.segmentBytes)", state,
        ]
    }

    func append(jsonTo output: inout [UInt8]) { JSONLine.append(fields, to: &output) }

    /// Aligned columns under a header.
    static func append(table rows: [JournalListRow], to output: inout [UInt8]) {
        let lines = [titles] + rows.map(\.cells)
        let widths = titles.indices.map { column in lines.map { $0[column].utf8.count }.max() ?? 0 }
        for line in lines {
            for (cell, width) in zip(line, widths) {
                output += cell.utf8
                output += repeatElement(UInt8(ascii: " "), count: width - cell.utf8.count + 2)
            }
            while output.last == UInt8(ascii: " ") { output.removeLast() }
            output.append(UInt8(ascii: "\n"))
        }
    }
}

/// A JSON object on a line; integers are numbers.
enum JSONLine {
    static func append(_ fields: [(String, StoredValue)], to output: inout [UInt8]) {
        output.append(UInt8(ascii: "{"))
        for (index, (name, value)) in fields.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            output += "\"\(name)\":".utf8
            switch value {
            case .none: output += "null".utf8
            case .text(let text): FieldText.append(json: text.utf8, to: &output)
            case .integer(let number): output += "\(number)".utf8
            case .boolean(let flag): output += (flag ? "true" : "false").utf8
            }
        }
        output += "}\n".utf8
    }
}
