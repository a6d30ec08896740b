import Foundation
import TestSupport

/// One entry of a Redis stream as `redis-cli` shows it.
struct StreamEntry {
    let id: String
    let fields: [String: String]
}

extension RedisServer {
    /// All entries of a stream, by an independent client.
    func entries(of stream: String) throws -> [StreamEntry] {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["redis-cli", "-p", "\(port)", "--json", "XRANGE", stream, "-", "+"]
        process.standardOutput = pipe
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        let rows = try JSONSerialization.jsonObject(with: data) as? [[Any]] ?? []
        return rows.compactMap { row in
            guard row.count == 2, let id = row[0] as? String, let words = row[1] as? [String] else { return nil }
            let pairs = stride(from: 0, to: words.count - 1, by: 2).map { (words[$0], words[$0 + 1]) }
            return StreamEntry(id: id, fields: Dictionary(pairs) { first, _ in first })
        }
    }
}
