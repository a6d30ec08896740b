import Foundation

/// Prometheus' own checker of metrics text (package `prometheus`).
public enum Promtool {
    /// What the checker complained about.
    public struct Complaint: Error, CustomStringConvertible {
        /// Its words.
        public let description: String
    }

    /// Runs `promtool check metrics` over `text`.
    ///
    /// - Throws: `Complaint` where it finds a syntax error or a breach of the naming rules, or is not installed.
    public static func check(_ text: String) throws {
        let folder = try TemporaryFolder("promtool")
        defer { folder.remove() }
        let file = folder.url.appendingPathComponent("metrics.txt")
        try Data(text.utf8).write(to: file)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["promtool", "check", "metrics"]
        process.standardInput = try FileHandle(forReadingFrom: file)
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let said = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Complaint(description: "promtool ended with \(process.terminationStatus): \(said)")
        }
    }
}
