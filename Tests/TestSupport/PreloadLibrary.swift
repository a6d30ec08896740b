import Foundation

/// A library that changes what a process under test gets from the system, compiled from a C file beside the tests.
public struct PreloadLibrary: Sendable {
    /// What the compiler said.
    public struct Failure: Error, CustomStringConvertible {
        /// Its words.
        public let description: String
    }

    /// For `LD_PRELOAD`.
    public let path: String

    /// Compiles `source`, a path below the repository's root, into `folder`.
    public init(_ source: String, folder: URL) throws {
        path = folder.appendingPathComponent("preload.so").path
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "clang", "-O2", "-shared", "-fPIC", "-o", path, Repository.root.appendingPathComponent(source).path,
        ]
        process.standardError = output
        try process.run()
        let said = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failure(description: String(decoding: said, as: UTF8.self)) }
    }
}
