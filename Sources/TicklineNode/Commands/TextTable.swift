import Foundation

/// Rows of text under named columns: as wide as their longest cell, or as JSON objects.
struct TextTable {
    private let columns: [String]
    private var rows: [[String]] = []

    init(_ columns: [String]) { self.columns = columns }

    /// Adds a row, a cell for each column.
    mutating func add(_ cells: [String]) {
        precondition(cells.count == columns.count, "a cell for each column")
        rows.append(cells)
    }

    /// The columns' names and the rows, padded.
    var lines: [String] {
        let widths = columns.indices.map { index in ([columns] + rows).map { $0[index].count }.max() ?? 0 }
        return ([columns] + rows).map { cells in
            var line = zip(cells, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
                .joined(separator: "  ")
            while line.last == " " { line.removeLast() }
            return line
        }
    }

    /// An object for each row; all values are text, since numbers are exact decimals.
    var jsonLines: [String] {
        rows.map { cells in
            let object = Dictionary(uniqueKeysWithValues: zip(columns, cells))
            // Texts alone are always encodable.
            let data = try? JSONSerialization.data(
                withJSONObject: object, options: [.sortedKeys, .withoutEscapingSlashes])
            return String(decoding: data ?? Data(), as: UTF8.self)
        }
    }
}
