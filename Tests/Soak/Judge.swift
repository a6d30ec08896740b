import Foundation
import TestSupport

/// Writes `report` where `oracle`, a script beside this file, reads it; returns the oracle's exit status.
func judge(_ report: some Encodable, by oracle: String, in folder: URL) throws -> Int32 {
    let file = folder.appendingPathComponent("report.json")
    try JSONEncoder().encode(report).write(to: file)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["python3", Repository.root.appendingPathComponent("Tests/Soak/\(oracle)").path, file.path]
    try process.runUnmasked()
    process.waitUntilExit()
    return process.terminationStatus
}

/// The counts of the summary that the engine left in `folder`.
func engineCounts(in folder: URL) throws -> [String: UInt64] {
    struct Summary: Decodable { var counts: [String: UInt64] }
    let data = try Data(contentsOf: folder.appendingPathComponent("run.json"))
    return try JSONDecoder().decode(Summary.self, from: data).counts
}
