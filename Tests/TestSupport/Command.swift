import Foundation

/// Programs that tests run to their end.
public enum Command {
    /// What a program printed that did not exit with 0.
    public struct Failure: Error, CustomStringConvertible {
        /// Its words.
        public let description: String
    }

    /// Runs a program of the PATH with its arguments and returns what it printed.
    ///
    /// - Throws: `Failure` where it does not exit with 0.
    @discardableResult
    public static func run(_ command: [String]) throws -> String {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command
        process.standardOutput = output
        process.standardError = output
        try process.runUnmasked()
        let said = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failure(description: "\(command): \(said)") }
        return said
    }
}
