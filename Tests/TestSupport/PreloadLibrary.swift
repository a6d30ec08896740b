import Foundation

/// A library that changes what a process under test gets from the system, compiled from a C file beside the tests.
public struct PreloadLibrary: Sendable {
    /// For `LD_PRELOAD`.
    public let path: String

    /// Compiles `source`, a path below the repository's root, into `folder`.
    public init(_ source: String, folder: URL) throws {
        path = folder.appendingPathComponent("preload.so").path
        try Command.run([
            "clang", "-O2", "-shared", "-fPIC", "-o", path, Repository.root.appendingPathComponent(source).path,
        ])
    }
}
