import Foundation

/// A database as another program sees it: read-only, by Python's `sqlite3`.
public enum SQLiteReader {
    /// The rows of a query, each column as text, NULL as `None`.
    public static func rows(_ query: String, of path: String) throws -> [[String: String]] {
        let script = """
            import json, sqlite3, sys
            c = sqlite3.connect("file:" + sys.argv[1] + "?mode=ro", uri=True)
            c.row_factory = sqlite3.Row
            print(json.dumps([{k: str(r[k]) for k in r.keys()} for r in c.execute(sys.argv[2])]))
            """
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        process.arguments = ["-c", script, path, query]
        process.standardOutput = output
        try process.runUnmasked()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw RecordingError(description: "\(path) can't be read with \(query)")
        }
        return try JSONDecoder().decode([[String: String]].self, from: data)
    }

    /// The one number of a query.
    public static func number(_ query: String, of path: String) throws -> Int {
        Int(try rows(query, of: path).first?.values.first ?? "") ?? -1
    }
}
